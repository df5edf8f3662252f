"""Reminders: told once, to whom the work belongs, and void when it is moved or done; what was missed, once upwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from zhike.base.models import CalendarDay
from zhike.engine import guard, notices, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Notice, NoticeSettings, PushSubscription, Sending
from zhike.modules.activities import reminders
from zhike.modules.activities.models import Activity, Reminder

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = dt.datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def plan(actor: Any, due: dt.datetime, *, made: dt.datetime = MONDAY - 30 * DAY, **values: Any) -> Any:
    """Something planned, entered a while ago."""
    found = records.create(actor, get("activity"), {"subject": "打电话", "due_at": due, **values})
    guard.rows(Activity, "a test enters it earlier").filter(pk=found.pk).update(created_at=made)
    return found


def told(user: Any) -> list[tuple[str, str]]:
    """Cause (kind and stage) and subject of what somebody has unread."""
    rows = notices.inbox(user.pk, MONDAY + 400 * DAY).filter(read_at=None).order_by("at", "cause")
    return [(one.kind, one.text) for one in notices.said(Actor(user), rows)]


def walk(start: dt.datetime, end: dt.datetime, step: dt.timedelta = MINUTE) -> Iterator[dt.datetime]:
    while start <= end:
        yield start
        start += step


def test_each_is_told_before_and_at_its_time_and_no_more(firm: Any) -> None:
    plan(firm.actor("seller"), MONDAY, subject="报价")
    counts = [reminders.remind(now) for now in walk(MONDAY - 20 * MINUTE, MONDAY + 5 * MINUTE)]
    assert [n for n, count in enumerate(counts) if count] == [5, 20]
    assert told(firm.seller) == [("reminder", "报价")] * 2
    assert told(firm.manager) == []


@pytest.mark.parametrize(
    ("own", "of_it", "at"), [(None, None, 15), (30, None, 30), (30, 5, 5), (0, None, 0), (15, 0, 0), (15, 1440, 1440)]
)
def test_how_long_before_is_the_persons_choice_and_the_activitys(
    firm: Any, own: int | None, of_it: int | None, at: int
) -> None:
    if own is not None:
        NoticeSettings.objects.create(user=firm.seller, before_minutes=own)
    plan(firm.actor("seller"), MONDAY, remind_minutes=of_it)
    assert reminders.remind(MONDAY - (at + 1) * MINUTE) == 0
    assert reminders.remind(MONDAY - at * MINUTE) == 1
    assert Reminder.objects.get().stage == (Reminder.Stage.BEFORE if at else Reminder.Stage.AT)


def test_more_than_a_day_before_is_refused(firm: Any) -> None:
    with pytest.raises(Exception, match="remind_minutes"):
        plan(firm.actor("seller"), MONDAY, remind_minutes=1_441)


def test_what_has_a_day_and_no_time_stands_in_the_brief_alone(firm: Any) -> None:
    plan(firm.actor("seller"), MONDAY.replace(hour=0))
    assert sum(reminders.remind(now) for now in walk(MONDAY - 26 * HOUR, MONDAY + 14 * HOUR, HOUR)) == 0


@pytest.mark.parametrize("change", ["moved", "done", "cancelled", "deleted", "given"])
def test_what_is_moved_or_done_takes_its_reminders_back(firm: Any, change: str) -> None:
    actor = firm.actor("seller")
    found = plan(actor, MONDAY)
    assert reminders.remind(MONDAY - 10 * MINUTE) == 1
    if change == "moved":
        records.update(actor, get("activity"), found.pk, {"due_at": MONDAY + HOUR})
    elif change == "given":
        records.update(firm.actor("manager"), get("activity"), found.pk, {"owner": firm.colleague.pk})
    elif change == "deleted":
        records.delete_many(actor, get("activity"), [found.pk])
    else:
        records.act(actor, get("activity"), found.pk, "complete" if change == "done" else "cancel", {})
    assert told(firm.seller) == []
    counts = [reminders.remind(now) for now in walk(MONDAY, MONDAY + HOUR)]
    expected = {"moved": [45, 60], "given": [0]}.get(change, [])
    assert [n for n, count in enumerate(counts) if count] == expected
    assert len(told(firm.colleague)) == (1 if change == "given" else 0)


def test_who_enters_it_afterwards_or_imports_the_past_is_not_reminded(firm: Any) -> None:
    actor = firm.actor("seller")
    plan(actor, MONDAY - HOUR, made=MONDAY)
    plan(actor, MONDAY + 5 * MINUTE, made=MONDAY)  # for "before" it is too late, at its time it is not
    assert reminders.remind(MONDAY) == 0
    assert reminders.remind(MONDAY + 5 * MINUTE) == 1


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_an_hour_loses_and_doubles_nothing(firm: Any, jump: dt.timedelta) -> None:
    actor = firm.actor("seller")
    for n in range(-90, 91, 15):
        plan(actor, MONDAY + n * MINUTE, subject=f"{n}")
    for now in walk(MONDAY - 2 * HOUR, MONDAY, 5 * MINUTE):
        reminders.remind(now)
    for now in walk(MONDAY + jump, MONDAY + 3 * HOUR, 5 * MINUTE):
        reminders.remind(now)
    at = Reminder.objects.filter(stage=Reminder.Stage.AT)
    assert at.count() == at.values("activity").distinct().count() == 13
    assert Notice.objects.count() == Reminder.objects.count()


def test_in_the_hour_that_clocks_repeat_each_time_is_one(firm: Any, settings: Any) -> None:
    """01:30 comes twice in New York on 1 November 2026; what is due is a moment, not a reading of the clock."""
    zone = ZoneInfo("America/New_York")
    for fold in (0, 1):
        plan(firm.actor("seller"), dt.datetime(2026, 11, 1, 1, 30, tzinfo=zone, fold=fold))
    start = dt.datetime(2026, 11, 1, 4, 0, tzinfo=dt.UTC)
    counts = [reminders.remind(now) for now in walk(start, start + 4 * HOUR)]
    assert [n for n, count in enumerate(counts) if count] == [75, 90, 135, 150]


def test_batches_tell_all(firm: Any) -> None:
    for n in range(7):
        plan(firm.actor("seller"), MONDAY, subject=f"{n}")
    assert reminders.remind(MONDAY, most=3) == 7
    assert reminders.remind(MONDAY, most=3) == 0


def test_nobody_who_has_left_is_reminded(firm: Any) -> None:
    plan(firm.actor("seller"), MONDAY)
    firm.seller.is_active = False
    firm.seller.save()
    assert reminders.remind(MONDAY) == 0


def test_channels_are_those_that_are_on_and_reach_the_person(firm: Any) -> None:
    for one in (firm.seller, firm.colleague):
        one.email = f"{one.username}@example.com"
        one.save()
    PushSubscription.objects.create(user=firm.seller, endpoint="https://push.example/1", p256dh="-", auth="-")
    switches = {"reminder": {"mail": True, "page": False}}
    NoticeSettings.objects.create(user=firm.colleague, switches=switches)
    for name in ("seller", "colleague"):
        plan(firm.actor(name), MONDAY)
    assert reminders.remind(MONDAY) == 2
    sent = set(Sending.objects.values_list("user__username", "channel"))
    assert sent == {("seller", "push"), ("colleague", "mail")}
    assert (len(told(firm.seller)), len(told(firm.colleague))) == (1, 0)


def test_a_reminder_says_with_whom_and_nothing_that_its_reader_may_not_see(firm: Any) -> None:
    actor = firm.actor("seller")
    account = records.create(actor, get("account"), {"name": "宝钢集团"})
    plan(actor, MONDAY, account=account.pk)
    reminders.remind(MONDAY)
    [one] = notices.said(actor, list(Notice.objects.all()))
    assert "宝钢集团" in one.meta
    assert one.stands
    for name in ("account", "activity"):
        get(name).rows("a test gives it away").update(owner=firm.stranger, department=None, ancestors=[])
    [one] = notices.said(firm.actor("seller"), list(Notice.objects.all()))
    assert (one.text, one.meta, one.url, one.stands) == ("…", "", "", False)


# ---- missed


def lead(firm: Any) -> None:
    """manager heads the north."""
    firm.north.head = firm.manager
    firm.north.save()


def test_what_was_missed_is_told_once_to_who_leads_the_team(firm: Any) -> None:
    lead(firm)
    for n in range(3):
        plan(firm.actor("seller"), MONDAY - 3 * DAY - n * HOUR)  # Friday
    plan(firm.actor("stranger"), MONDAY - 3 * DAY)  # nobody leads the south
    plan(firm.actor("seller"), MONDAY)
    hours = [reminders.missed(now) for now in walk(MONDAY - 3 * DAY, MONDAY + 13 * HOUR, 10 * MINUTE)]
    assert [n for n, count in enumerate(hours) if count] == [(70 * 6)]  # Monday, eight
    assert told(firm.manager) == [("missed", "团队错过的跟进：3条")]
    assert reminders.missed(MONDAY + DAY) == 1
    assert [text for _kind, text in told(firm.manager)] == ["团队错过的跟进：3条", "团队错过的跟进：1条"]
    assert sum(reminders.missed(MONDAY + n * DAY) for n in range(2, 30)) == 0


def test_days_off_and_days_worked_for_them_are_counted(firm: Any) -> None:
    lead(firm)
    saturday = MONDAY - 2 * DAY
    plan(firm.actor("seller"), saturday)
    assert reminders.missed(MONDAY) == 0  # no working day has gone by
    assert reminders.missed(MONDAY + DAY) == 1
    plan(firm.actor("seller"), saturday + 7 * DAY)
    CalendarDay.objects.create(day=(saturday + 7 * DAY).date(), is_working=True, name="盘点")
    assert reminders.missed(MONDAY + 7 * DAY) == 1
    plan(firm.actor("seller"), dt.datetime(2026, 2, 14, 10, tzinfo=SHANGHAI))  # a Saturday that was worked
    assert reminders.missed(dt.datetime(2026, 2, 23, 10, tzinfo=SHANGHAI)) == 0  # still Spring Festival
    assert reminders.missed(dt.datetime(2026, 2, 24, 10, tzinfo=SHANGHAI)) == 1


def test_a_head_who_missed_something_is_reported_to_their_own_manager(firm: Any) -> None:
    lead(firm)
    firm.manager.manager = firm.executive
    firm.manager.save()
    plan(firm.actor("manager"), MONDAY - 3 * DAY)
    reminders.missed(MONDAY)
    assert told(firm.manager) == []
    assert len(told(firm.executive)) == 1


def test_what_is_told_is_forgotten_later_and_not_told_again(firm: Any) -> None:
    lead(firm)
    plan(firm.actor("seller"), MONDAY - 3 * DAY)
    reminders.remind(MONDAY - 3 * DAY)
    reminders.missed(MONDAY)
    assert reminders.tidy(MONDAY + 80 * DAY) == 0
    assert reminders.tidy(MONDAY + 90 * DAY) == 2
    assert reminders.missed(MONDAY + 91 * DAY) == 0


def test_one_statement_whatever_their_number(firm: Any, django_assert_num_queries: Any) -> None:
    for n in range(20):
        plan(firm.actor("seller"), MONDAY, subject=f"{n}")
    with django_assert_num_queries(1):
        assert reminders.remind(MONDAY) == 20
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT cause) FROM engine_notice")
        assert cursor.fetchone() == (20,)
