"""Quiet hours, days off and putting off: in people's own time zones, over changes of clocks and make-up days."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from zhike.engine.models import NoticeSettings
from zhike.engine.notices import Clock

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def clock(**own: Any) -> Clock:
    return Clock(NoticeSettings(**own))


def at(text: str, zone: ZoneInfo = SHANGHAI) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "free"),
    [
        ("2026-11-23T07:59", "2026-11-23T08:00"),
        ("2026-11-23T08:00", "2026-11-23T08:00"),
        ("2026-11-23T20:59", "2026-11-23T20:59"),
        ("2026-11-23T21:00", "2026-11-24T08:00"),
        ("2026-11-27T21:00", "2026-11-30T08:00"),  # Friday night to Monday
        ("2026-11-28T12:00", "2026-11-30T08:00"),
        ("2026-02-16T12:00", "2026-02-24T08:00"),  # the Spring Festival of 2026 ends on the 23rd
        ("2026-02-14T12:00", "2026-02-14T12:00"),  # a Saturday that is worked to make up for it
    ],
)
def test_who_has_quiet_hours_is_told_when_they_are_over(now: str, free: str) -> None:
    assert clock().free_at(at(now)) == at(free)


def test_what_was_planned_for_a_day_off_comes_on_it_and_not_at_night() -> None:
    assert clock().free_at(at("2026-11-28T12:00"), any_day=True) == at("2026-11-28T12:00")
    assert clock().free_at(at("2026-11-28T23:00"), any_day=True) == at("2026-11-29T08:00")


def test_the_firms_own_days_count() -> None:
    own = Clock(NoticeSettings(), {dt.date(2026, 11, 23): False, dt.date(2026, 11, 28): True})
    assert own.free_at(at("2026-11-23T12:00")) == at("2026-11-24T08:00")
    assert own.free_at(at("2026-11-28T12:00")) == at("2026-11-28T12:00")


def test_quiet_hours_may_lie_in_a_day_or_nowhere() -> None:
    noon = clock(quiet_from=dt.time(12), quiet_to=dt.time(14))
    assert noon.free_at(at("2026-11-23T13:00")) == at("2026-11-23T14:00")
    assert noon.free_at(at("2026-11-23T03:00")) == at("2026-11-23T03:00")
    never = clock(quiet_from=dt.time(8), quiet_to=dt.time(8))
    assert never.free_at(at("2026-11-23T03:00")) == at("2026-11-23T03:00")


@pytest.mark.parametrize(
    ("now", "free"),
    [
        ("2026-03-07T23:00", "2026-03-08T08:00"),  # the night in which clocks go forward: ten hours of it are nine
        ("2026-10-31T23:00", "2026-11-01T08:00"),  # and back: the night is an hour longer
    ],
)
def test_a_change_of_clocks_moves_nothing(now: str, free: str) -> None:
    own = clock(zone="America/New_York", quiet_days_off=False)
    assert own.free_at(at(now, NEW_YORK)) == at(free, NEW_YORK)
    slept = own.free_at(at(now, NEW_YORK)) - at(now, NEW_YORK).astimezone(dt.UTC)
    assert slept == dt.timedelta(hours=8 if now.startswith("2026-03") else 10)


def test_quiet_hours_are_those_of_the_persons_own_zone() -> None:
    assert clock(zone="America/New_York").free_at(at("2026-11-23T21:30")) == at("2026-11-23T08:30", NEW_YORK)
    assert clock(zone="no such place").free_at(at("2026-11-23T21:30")) == at("2026-11-24T08:00")


def test_the_mail_of_the_day_comes_on_working_days() -> None:
    own = clock()
    assert own.mail_at(at("2026-11-23T08:30")) == at("2026-11-23T08:30")
    assert own.mail_at(at("2026-11-23T08:31")) == at("2026-11-24T08:30")
    assert own.mail_at(at("2026-11-27T12:00")) == at("2026-11-30T08:30")


@pytest.mark.parametrize(
    ("choice", "until"),
    [
        ("10m", "2026-11-27T10:10"),
        ("1h", "2026-11-27T11:00"),
        ("afternoon", "2026-11-27T14:00"),
        ("tomorrow", "2026-11-30T09:00"),  # a Friday: the next working day
        ("2026-11-28T09:30", "2026-11-28T09:30"),
        ("2026-11-27T09:59", None),
        ("2099-01-01T00:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_putting_off_counts_working_days(choice: str, until: str | None) -> None:
    assert clock().later(choice, at("2026-11-27T10:00")) == (at(until) if until else None)


def test_in_the_afternoon_this_afternoon_is_that_of_the_next_working_day() -> None:
    assert clock().later("afternoon", at("2026-11-27T14:30")) == at("2026-11-30T14:00")
    assert clock().later("tomorrow", at("2026-02-13T10:00")) == at("2026-02-14T09:00")  # a Saturday that is worked
    assert clock().later("tomorrow", at("2026-02-14T10:00")) == at("2026-02-24T09:00")
