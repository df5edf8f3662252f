"""Named periods: days from and to, counted from today in the firm's time zone and fiscal year."""

from __future__ import annotations

import datetime as dt
import re

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Policy
from zhike.engine.errors import Wrong

Days = tuple[dt.date | None, dt.date | None]
SHIFTS = {"last": -1, "this": 0, "next": 1}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
_NAMED = re.compile(r"(last|this|next)_(?:(week|month|quarter|year)|fiscal_(quarter|year))")
_SPAN = re.compile(r"(last|next|before|after)_(\d{1,4})(?:_(days|weeks|months))?")
_FIXED = re.compile(r"([12]\d{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")


def moment(day: dt.date) -> dt.datetime:
    """The first moment of a day in the firm's time zone; a moment stays as it is."""
    return day if isinstance(day, dt.datetime) else timezone.make_aware(dt.datetime.combine(day, dt.time()))


def period(word: str, today: dt.date | None = None, *, fiscal: int | None = None) -> Days:
    """First and last day of a named period, either of them None for open; Wrong for an unknown name.

    today, yesterday, tomorrow, overdue, future; (last|this|next)_(week|month|quarter|year|fiscal_quarter|fiscal_year);
    (last|next)_N_(days|weeks|months), which N alone says of days, and before_N, after_N: longer ago or hence than that;
    2026, 2026-Q1, 2026-03. `fiscal` is the first month of the fiscal year, by default as the firm has set it.
    """
    day = today or timezone.localdate()
    try:
        if (found := _around(word, day) or _spanned(word, day) or _fixed(word)) is not None:
            return found
        if named := _NAMED.fullmatch(word):
            shift = SHIFTS[named[1]]
            if named[2] == "week":
                monday = day - dt.timedelta(days=day.weekday() - 7 * shift)
                return monday, monday + dt.timedelta(days=6)
            first = 1 if named[2] else fiscal or fiscal_month()
            return _block(day, MONTHS[named[2] or named[3]], shift, first)
    except (OverflowError, ValueError):
        pass  # days that no calendar has
    raise Wrong(_("“%(word)s” is not a period.") % {"word": word[:40]})


def fiscal_month() -> int:
    """The month in which the firm's fiscal year begins."""
    return Policy.current().fiscal_month


def plus_months(day: dt.date, months: int) -> dt.date:
    """The same day some months later, the last of the month where it has no such day."""
    count = day.year * 12 + day.month - 1 + months
    first = dt.date(count // 12, count % 12 + 1, 1)
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _block(day: dt.date, months: int, shift: int, first: int) -> Days:
    """The month, quarter or year around a day, or one before or after, where years begin with the month `first`."""
    into = (day.month - first) % 12 % months
    begin = plus_months(day.replace(day=1), months * shift - into)
    return begin, plus_months(begin, months) - dt.timedelta(days=1)


def _around(word: str, day: dt.date) -> Days | None:
    one = dt.timedelta(days=1)
    named: dict[str, Days] = {
        "today": (day, day),
        "yesterday": (day - one, day - one),
        "tomorrow": (day + one, day + one),
        "overdue": (None, day - one),
        "future": (day + one, None),
    }
    return named.get(word)


def _spanned(word: str, day: dt.date) -> Days | None:
    if not (found := _SPAN.fullmatch(word)):
        return None
    kind, number, unit = found[1], int(found[2]), found[3] or "days"

    def away(sign: int) -> dt.date:
        if unit == "months":
            return plus_months(day, sign * number)
        return day + dt.timedelta(days=sign * number * (7 if unit == "weeks" else 1))

    spans: dict[str, tuple[int, bool]] = {"last": (-1, True), "next": (1, True), "before": (-1, False)}
    sign, bounded = spans.get(kind, (1, False))
    end = away(sign)
    if sign < 0:
        return (end, day) if bounded else (None, end)
    return (day, end) if bounded else (end, None)


def _fixed(word: str) -> Days | None:
    if not (found := _FIXED.fullmatch(word)):
        return None
    year, quarter, month = int(found[1]), found[2], found[3]
    if month:
        begin, months = dt.date(year, int(month), 1), 1
    elif quarter:
        begin, months = dt.date(year, int(quarter) * 3 - 2, 1), 3
    else:
        begin, months = dt.date(year, 1, 1), 12
    return begin, plus_months(begin, months) - dt.timedelta(days=1)
