"""Working days of mainland China: State Council holidays and make-up working days.

Source: the yearly notices of the State Council as collected by the package chinesecalendar. Years the
package does not know (before 2004, or before the notice of November is in it) follow the plain
Monday-to-Friday rule; `is_official` tells the two apart so that pages can say so.
`overrides` are days the firm itself declares: True works, False rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache

import chinese_calendar

Overrides = Mapping[date, bool]
_LIMIT = 366 * 30


@cache
def _official_years() -> frozenset[int]:
    return frozenset(day.year for day in chinese_calendar.holidays)


def is_official(year: int) -> bool:
    """Tell whether the State Council's days of this year are known."""
    return year in _official_years()


def is_working_day(day: date, *, overrides: Overrides | None = None) -> bool:
    """Tell whether people work on this day (a date-time counts as its day)."""
    day = _plain(day)
    if overrides and day in overrides:
        return overrides[day]
    if is_official(day.year):
        if day in chinese_calendar.workdays:
            return True
        return day.weekday() < 5 and day not in chinese_calendar.holidays
    return day.weekday() < 5


def holiday_name(day: date) -> str | None:
    """Name the public holiday of a day that is off for it in English, for example "Spring Festival"."""
    holiday = chinese_calendar.holidays.get(_plain(day))
    return str(holiday) if holiday else None


def add_working_days(day: date, count: int, *, overrides: Overrides | None = None) -> date:
    """Return the working day `count` working days after `day` (before it when negative).

    Zero gives the day itself, or the next working day when it is off. Raises OverflowError when
    no such day lies within thirty years (overrides that let nobody work).
    """
    day = _plain(day)
    step = timedelta(days=-1 if count < 0 else 1)
    left = abs(count)
    for _ in range(_LIMIT + abs(count) * 3):
        if left == 0 and is_working_day(day, overrides=overrides):
            return day
        day += step
        if left and is_working_day(day, overrides=overrides):
            left -= 1
    raise OverflowError("no working day within reach")


def working_days_between(start: date, end: date, *, overrides: Overrides | None = None) -> int:
    """Count the working days after `start` up to and including `end` (negative when end is earlier)."""
    start, end = _plain(start), _plain(end)
    if end < start:
        return -working_days_between(end, start, overrides=overrides)
    days = (start + timedelta(days=i) for i in range(1, (end - start).days + 1))
    return sum(is_working_day(day, overrides=overrides) for day in days)


def working_days_in(year: int, *, overrides: Overrides | None = None) -> int:
    """Count the working days of a calendar year."""
    return working_days_between(date(year - 1, 12, 31), date(year, 12, 31), overrides=overrides)


def _plain(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day
