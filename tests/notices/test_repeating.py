"""What repeats: the next one when one is done or past, once; month ends, working days, an end."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from zhike.engine import guard, records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.modules.activities import recurring
from zhike.modules.activities.models import Activity, Occurrence

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def task(firm: Any, due: str, repeat: str, **values: Any) -> Any:
    given = {"subject": "月报", "due_at": at(due), "repeat": repeat, **values}
    return records.create(firm.actor("seller"), get("activity"), given)


def dues() -> list[str]:
    rows = guard.rows(Activity, "a test looks").filter(deleted_at=None).order_by("due_at")
    return [f"{one.due_at.astimezone(SHANGHAI):%m-%d %H:%M}" for one in rows]


def done_times(firm: Any, count: int) -> None:
    """Tick off the last one, again and again."""
    for _n in range(count):
        last = guard.rows(Activity, "a test looks").filter(status="planned").get()
        records.act(firm.actor("seller"), get("activity"), last.pk, "complete", {})
        recurring.go_on(last.due_at - DAY)


@pytest.mark.parametrize(
    ("due", "values", "expected"),
    [
        ("2027-01-31T09:00", {"repeat": "month"}, ["01-31 09:00", "02-28 09:00", "03-31 09:00", "04-30 09:00"]),
        (
            "2026-11-23T09:00", {"repeat": "day", "repeat_every": 2},
            ["11-23 09:00", "11-25 09:00", "11-27 09:00", "11-29 09:00"],
        ),
        ("2026-11-20T09:00", {"repeat": "workday"}, ["11-20 09:00", "11-23 09:00", "11-24 09:00", "11-25 09:00"]),
        ("2026-02-13T09:00", {"repeat": "workday"}, ["02-13 09:00", "02-14 09:00", "02-24 09:00", "02-25 09:00"]),
        ("2026-11-23T09:00", {"repeat": "week", "repeat_every": 2}, ["11-23 09:00", "12-07 09:00", "12-21 09:00"]),
        (
            "2026-11-14T09:00", {"repeat": "week", "repeat_working": True},
            ["11-14 09:00", "11-23 09:00", "11-30 09:00", "12-07 09:00"],  # Saturdays, moved to Mondays
        ),
        ("2026-11-23T09:00", {"repeat": "week", "repeat_until": "2026-12-01"}, ["11-23 09:00", "11-30 09:00"]),
    ],
)  # fmt: skip
def test_the_days_of_a_series(firm: Any, due: str, values: dict[str, Any], expected: list[str]) -> None:
    task(firm, due, **values)
    if "repeat_until" in values:
        done_times(firm, 2)
    else:
        done_times(firm, len(expected) - 1)
    assert dues() == expected


def test_one_that_is_past_is_followed_by_the_next_to_come_once(firm: Any) -> None:
    task(firm, "2026-11-23T09:00", "day")
    assert recurring.go_on(at("2026-11-23T08:59")) == 0
    assert [recurring.go_on(at("2026-11-23T09:01")) for _twice in range(2)] == [1, 0]
    assert dues() == ["11-23 09:00", "11-24 09:00"]
    assert recurring.go_on(at("2026-11-27T12:00")) == 1  # the worker stood still for three days
    assert dues() == ["11-23 09:00", "11-24 09:00", "11-27 09:00"]
    records.act(firm.actor("seller"), get("activity"), Occurrence.objects.get(number=0).activity_id, "complete", {})
    assert recurring.go_on(at("2026-11-27T08:00")) == 0


def test_another_rule_begins_another_series_and_an_empty_one_ends_it(firm: Any) -> None:
    actor, first = firm.actor("seller"), task(firm, "2026-11-23T09:00", "day")
    assert recurring.go_on(at("2026-11-23T10:00")) == 1
    second = guard.rows(Activity, "a test looks").exclude(pk=first.pk).get()
    records.update(actor, get("activity"), second.pk, {"repeat": "month"})
    assert recurring.go_on(at("2026-11-24T10:00")) == 1
    assert dues() == ["11-23 09:00", "11-24 09:00", "12-24 09:00"]
    third = guard.rows(Activity, "a test looks").exclude(pk__in=[first.pk, second.pk]).get()
    records.update(actor, get("activity"), third.pk, {"repeat": ""})
    assert recurring.go_on(at("2026-12-25T10:00")) == 0


def test_what_cannot_repeat_is_refused(firm: Any) -> None:
    wrong: list[dict[str, Any]] = [
        {"due_at": None}, {"repeat_every": 367}, {"repeat_until": "2026-11-22"}, {"repeat": "year"},
    ]  # fmt: skip
    for values in wrong:
        with pytest.raises(Invalid):
            records.create(
                firm.actor("seller"), get("activity"),
                {"subject": "x", "due_at": at("2026-11-23T09:00"), "repeat": "day", **values},
            )  # fmt: skip


def test_nobody_who_has_left_gets_another(firm: Any) -> None:
    task(firm, "2026-11-23T09:00", "day")
    firm.seller.is_active = False
    firm.seller.save()
    assert recurring.go_on(at("2026-11-23T10:00")) == 0
    assert Occurrence.objects.get().continued
