"""Working days of mainland China."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from zhike.base import calendar_cn as calendar


@pytest.mark.parametrize(("year", "days"), [(2023, 249), (2024, 251), (2025, 248)])
def test_working_days_of_a_year(year: int, days: int) -> None:
    assert calendar.working_days_in(year) == days
    assert calendar.is_official(year)


def test_day_by_day_against_the_notices(shared: Callable[[str], Path]) -> None:
    years = json.loads(shared("chinese/holidays/holidayAPI.json").read_text("utf-8"))["Years"]
    for year, festivals in years.items():
        off: set[str] = set()
        made_up: set[str] = set()
        for festival in festivals:
            start, end = date.fromisoformat(festival["StartDate"]), date.fromisoformat(festival["EndDate"])
            off |= {str(start + timedelta(days=n)) for n in range((end - start).days + 1)}
            made_up |= set(festival["CompDays"])
        day = date(int(year), 1, 1)
        while day.year == int(year):
            expected = str(day) in made_up or (day.weekday() < 5 and str(day) not in off)
            assert calendar.is_working_day(day) == expected, day
            day += timedelta(days=1)


def test_make_up_day_and_holiday() -> None:
    assert calendar.is_working_day(date(2025, 1, 26))  # a Sunday worked for Spring Festival
    assert not calendar.is_working_day(date(2025, 1, 28))
    assert not calendar.is_working_day(datetime(2025, 1, 28, 9, 30))  # noqa: DTZ001 - a day is a day
    assert calendar.holiday_name(date(2025, 1, 1)) == "New Year's Day"
    assert calendar.holiday_name(date(2025, 1, 2)) is None


def test_unknown_years_follow_the_week() -> None:
    assert not calendar.is_official(2003)
    assert not calendar.is_official(2060)
    assert calendar.is_working_day(date(2060, 1, 1))  # a Thursday
    assert not calendar.is_working_day(date(2060, 1, 3))


def test_adding_and_counting() -> None:
    eve = date(2025, 1, 27)
    assert calendar.add_working_days(eve, 1) == date(2025, 2, 5)
    assert calendar.add_working_days(date(2025, 2, 5), -1) == eve
    assert calendar.add_working_days(date(2025, 1, 28), 0) == date(2025, 2, 5)
    assert calendar.add_working_days(eve, 0) == eve
    assert calendar.working_days_between(eve, date(2025, 2, 5)) == 1
    assert calendar.working_days_between(date(2025, 2, 5), eve) == -1
    assert calendar.working_days_between(eve, eve) == 0


@pytest.mark.parametrize("count", [1, 3, 10, 40])
def test_adding_is_the_inverse_of_counting(count: int) -> None:
    start = date(2024, 9, 2)
    assert calendar.working_days_between(start, calendar.add_working_days(start, count)) == count


def test_own_days_of_the_firm() -> None:
    founded = date(2025, 3, 14)
    assert not calendar.is_working_day(founded, overrides={founded: False})
    assert calendar.add_working_days(date(2025, 3, 13), 1, overrides={founded: False}) == date(2025, 3, 17)
    assert calendar.working_days_in(2025, overrides={founded: False}) == 247
