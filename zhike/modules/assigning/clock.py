"""Minutes of work: within the hours of a rule, on the working days of the firm's calendar.

Holidays rest and make-up working days (调休) work as the State Council has it, unless the firm says otherwise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.utils import timezone

from zhike.base import calendar_cn
from zhike.base.calendar_cn import Overrides

from .document import Span

LONGEST = 366 * 30


def works(at: dt.datetime, spans: Sequence[Span], off: Overrides) -> bool:
    """Whether a moment lies in the hours of a working day; the end of a span does not."""
    local = timezone.localtime(at)
    return calendar_cn.is_working_day(local.date(), overrides=off) and any(a <= f"{local:%H:%M}" < b for a, b in spans)


def after(start: dt.datetime, minutes: int, spans: Sequence[Span], off: Overrides) -> dt.datetime:
    """The moment when so many minutes of work have passed; with 0 the first moment of work from `start` on.

    Raises OverflowError where nobody works within thirty years.
    """
    left = dt.timedelta(minutes=minutes)
    for opens, end in _spans(start, spans, off):
        begin = max(opens, start)
        if begin < end and end - begin >= left:
            return begin + left
        left -= max(end - begin, dt.timedelta())
    raise OverflowError("no working time within reach")


def _spans(start: dt.datetime, spans: Sequence[Span], off: Overrides) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    first = timezone.localdate(start)
    for n in range(LONGEST):
        day = first + dt.timedelta(days=n)
        if calendar_cn.is_working_day(day, overrides=off):
            for begin, end in spans:
                yield _at(day, begin), _at(day, end)


def _at(day: dt.date, time: str) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.fromisoformat(time)))
