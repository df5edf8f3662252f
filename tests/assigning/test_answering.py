"""Accepting, declining, saying nothing; minutes of work; and leads that nobody answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from zhike.base.models import CalendarDay
from zhike.engine import outbox, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import Notice, Pool
from zhike.modules.activities import services as activities
from zhike.modules.assigning import answered, answering, clock, deciding, handlers
from zhike.modules.assigning.models import Decision, Offer

from .house import SHANGHAI, WORKING, decisions, leads, owner, rule, sheet

DAY = [("09:00", "12:00"), ("13:30", "18:00")]
MINUTE = dt.timedelta(minutes=1)
State = Offer.State


def run(now: dt.datetime = WORKING) -> deciding.Done:
    return deciding.run(get("lead"), now=now)


def asked(pk: Any) -> Offer:
    return Offer.objects.get(record=pk, state=State.WAITING)


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-11-23 10:00", 30, "2026-11-23 10:30"),
        ("2026-11-23 11:50", 30, "2026-11-23 13:50"),  # over noon
        ("2026-11-23 17:50", 30, "2026-11-24 09:20"),
        ("2026-11-21 10:00", 0, "2026-11-23 09:00"),  # a Saturday
        ("2026-09-30 17:50", 30, "2026-10-08 09:20"),  # the National Day holiday
        ("2026-10-09 17:50", 30, "2026-10-10 09:20"),  # to a Saturday that is worked
        ("2026-12-01 17:50", 30, "2026-12-03 09:20"),  # the firm's own day off
        ("2026-11-23 09:00", 450, "2026-11-23 18:00"),
    ],
)
def test_minutes_of_work(db: None, start: str, minutes: int, end: str) -> None:
    moments = [dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (start, end)]
    assert clock.after(moments[0], minutes, DAY, {dt.date(2026, 12, 2): False}) == moments[1]


@pytest.mark.parametrize(
    ("at", "is_on"),
    [("2026-11-23 10:00", True), ("2026-11-23 12:00", False), ("2026-10-01 10:00", False), ("2026-10-10 10:00", True)],
)
def test_who_is_on_duty_rests_on_days_off(at: str, is_on: bool) -> None:
    assert clock.works(dt.datetime.fromisoformat(at).replace(tzinfo=SHANGHAI), DAY, {}) is is_on


def test_who_accepts_keeps_it(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk], accept={"minutes": 30})
    (pk,) = leads(firm, 1)
    run()
    offer = asked(pk)
    assert (offer.due_at, offer.person_id) == (WORKING + 30 * MINUTE, owner(pk))
    other = firm.colleague if offer.person_id == firm.seller.pk else firm.seller
    with pytest.raises(Missing):
        answering.accept(Actor(other), offer.pk)
    answering.accept(Actor(offer.person), offer.pk)
    assert answering.lapse(WORKING + 60 * MINUTE) == 0
    assert owner(pk) == offer.person_id


def test_what_is_declined_goes_on_at_once_and_never_back(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk], accept={"minutes": 30, "rounds": 3})
    (pk,) = leads(firm, 1)
    run()
    first = asked(pk)
    with pytest.raises(Invalid):
        answering.decline(Actor(first.person), first.pk, " ")
    answering.decline(Actor(first.person), first.pk, "不是我的行业", WORKING)
    second = asked(pk)
    assert (second.round, second.chain, second.person_id == first.person_id) == (2, first.chain, False)
    assert owner(pk) == second.person_id
    firm.colleague.manager = firm.seller.manager = firm.manager
    firm.colleague.save()
    firm.seller.save()
    assert answering.lapse(WORKING + 30 * MINUTE) == 1  # nobody is left whom the rule could ask
    assert owner(pk) == firm.manager.pk
    assert [d.outcome for d in decisions(pk)] == ["given", "given", "manager"]
    assert Notice.objects.filter(user=firm.manager, kind="assigned", record=pk).exists()


def test_the_timer_rests_on_a_holiday_and_runs_on_a_day_made_up_for_it(firm: Any) -> None:
    CalendarDay.objects.create(day=dt.date(2026, 11, 24), is_working=False, name="厂庆")
    CalendarDay.objects.create(day=dt.date(2026, 11, 28), is_working=True, name="补班")
    rule(firm, who=[firm.seller.pk], accept={"minutes": 60})
    (pk,) = leads(firm, 1)
    run(WORKING.replace(hour=17, minute=30))
    assert asked(pk).due_at == dt.datetime(2026, 11, 25, 9, 30, tzinfo=SHANGHAI)
    (other,) = leads(firm, 1)
    run(dt.datetime(2026, 11, 27, 17, 30, tzinfo=SHANGHAI))
    assert asked(other).due_at == dt.datetime(2026, 11, 28, 9, 30, tzinfo=SHANGHAI)


def test_who_called_has_taken_it_and_what_went_elsewhere_is_left(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk], accept={"minutes": 30})
    called, moved = leads(firm, 2)
    run()
    by = Actor(asked(called).person)
    activities.log(by, entity="lead", pk=called, kind="call", body="打过了", done_at=WORKING + 5 * MINUTE)
    records.update(firm.actor("admin"), get("lead"), moved, {"owner": firm.stranger.pk})
    answering.lapse(WORKING + 31 * MINUTE)
    states = dict(Offer.objects.values_list("record", "state"))
    assert states == {called: State.ACCEPTED, moved: State.MOVED}
    assert (owner(called), owner(moved)) == (by.user.pk, firm.stranger.pk)


@pytest.mark.parametrize("then", ["pool", "person"])
def test_escalation_to_a_pool_or_a_person(firm: Any, then: str) -> None:
    Pool.objects.create(entity="lead", name="线索公海", document={"members": [str(firm.north.pk)]})
    accept = {"minutes": 30, "rounds": 1, "then": then, "person": str(firm.stranger.pk) if then == "person" else None}
    rule(firm, who=[firm.seller.pk], accept=accept)
    (pk,) = leads(firm, 1)
    run()
    answering.lapse(WORKING + 31 * MINUTE)
    assert owner(pk) == (None if then == "pool" else firm.stranger.pk)
    assert [d.outcome for d in decisions(pk)] == ["given", then]
    assert run(WORKING + 40 * MINUTE).given == 0  # it is not given again by itself


def test_without_anybody_above_it_stays(firm: Any) -> None:
    rule(firm, who=[firm.stranger.pk], accept={"minutes": 30, "rounds": 2})
    (pk,) = leads(firm, 1)
    run()
    answering.lapse(WORKING + 31 * MINUTE)
    assert (owner(pk), decisions(pk)[-1].outcome) == (firm.stranger.pk, Decision.Outcome.STAYS)


def test_the_clock_of_the_first_response(firm: Any) -> None:
    firm.seller.manager = firm.manager
    firm.seller.save()
    rule(firm, who=[firm.seller.pk], respond=60, hours=DAY)
    late, done = leads(firm, 2)
    run(WORKING.replace(hour=11, minute=30))
    due = WORKING.replace(hour=14)
    lead = get("lead").model._base_manager
    assert set(lead.values_list("response_due_at", flat=True)) == {due}
    by = firm.actor("seller")
    for direction, answered_at in (("in", None), ("out", due - 20 * MINUTE)):
        at = due - 20 * MINUTE
        activities.log(by, entity="lead", pk=done, kind="call", body="电话", direction=direction, done_at=at)
        assert lead.get(pk=done).first_response_at == answered_at
    assert answered.remind(due - MINUTE) == 0
    assert answered.remind(due) == 2
    assert answered.remind(due + MINUTE) == 0
    told = Notice.objects.filter(kind="response").values_list("user", "record")
    assert set(told) == {(firm.seller.pk, late), (firm.manager.pk, late)}


def test_the_clock_is_the_customers_and_starts_once(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk], respond=60, accept={"minutes": 30})
    (pk,) = leads(firm, 1)
    run()
    answering.lapse(WORKING + 30 * MINUTE)
    assert get("lead").model._base_manager.get(pk=pk).response_due_at == WORKING + 60 * MINUTE


def test_what_comes_in_need_not_wait_for_the_minute(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk])
    (pk,) = leads(firm, 1)
    handlers._came_in(outbox.Event("lead.create", "lead", (pk,), firm.admin.pk, "api"))
    assert owner(pk) == firm.seller.pk
    sheet(firm.seller, is_receiving=False)
    (other,) = leads(firm, 1)
    handlers._came_in(outbox.Event("lead.create", "lead", (other,), firm.admin.pk, "api"))
    assert owner(other) is None


def test_what_is_loaded_or_was_given_back_is_nothing_that_comes_in(firm: Any) -> None:
    rule(firm, who=[firm.colleague.pk])
    (old,) = leads(firm, 1)
    lead = get("lead")
    lead.model._base_manager.filter(pk=old).update(created_at=timezone.now() - dt.timedelta(days=30))
    back = records.create(firm.actor("seller"), lead, {"name": "放回去的"}).pk
    records.update(firm.actor("admin"), lead, back, {"owner": None})
    handlers._came_in(outbox.Event("lead.create", "lead", (old, back), firm.admin.pk, "import"))
    assert (owner(old), owner(back)) == (None, None)
