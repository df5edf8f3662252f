"""Named periods: days from and to."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine.errors import Wrong


def moment(day: dt.date) -> dt.datetime:
    """The first moment of a day in the firm's time zone; a moment stays as it is."""
    return day if isinstance(day, dt.datetime) else timezone.make_aware(dt.datetime.combine(day, dt.time()))


def period(word: str, today: dt.date | None = None) -> tuple[dt.date | None, dt.date | None]:
    """First and last day of a named period, either of them None for open; Wrong for an unknown name."""
    day = today or timezone.localdate()
    monday = day - dt.timedelta(days=day.weekday())
    first = day.replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    quarter = dt.date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    named: dict[str, tuple[dt.date | None, dt.date | None]] = {
        "today": (day, day),
        "yesterday": (day - dt.timedelta(days=1),) * 2,
        "tomorrow": (day + dt.timedelta(days=1),) * 2,
        "this_week": (monday, monday + dt.timedelta(days=6)),
        "next_week": (monday + dt.timedelta(days=7), monday + dt.timedelta(days=13)),
        "this_month": (first, following - dt.timedelta(days=1)),
        "last_month": ((first - dt.timedelta(days=1)).replace(day=1), first - dt.timedelta(days=1)),
        "this_quarter": (quarter, (quarter + dt.timedelta(days=95)).replace(day=1) - dt.timedelta(days=1)),
        "this_year": (dt.date(day.year, 1, 1), dt.date(day.year, 12, 31)),
        "overdue": (None, day - dt.timedelta(days=1)),
        "future": (day + dt.timedelta(days=1), None),
    }
    if word in named:
        return named[word]
    kind, _sep, number = word.rpartition("_")
    if number.isdecimal() and len(number) < 5:
        span = dt.timedelta(days=int(number))
        relative = {"last": (day - span, day), "next": (day, day + span), "before": (None, day - span)}
        if kind in relative:
            return relative[kind]
    raise Wrong(_("“%(word)s” is not a period.") % {"word": word[:40]})
