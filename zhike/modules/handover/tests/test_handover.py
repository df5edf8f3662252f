"""Handing over: who may, who gets what, that nothing stays or goes twice, what successors say, the account closed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from zhike.base.models import Role, User
from zhike.engine import leaving, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Notice, Operation, OwnerPeriod
from zhike.modules.activities import recurring
from zhike.modules.activities.models import Activity
from zhike.modules.handover import accepting, letter, running, services, splitting, watching
from zhike.modules.handover.models import Handover, HandoverItem
from zhike.modules.promises.models import Promise
from zhike.modules.tests.helpers import Firm, act, create, person, refused, reload, update

Item, State = HandoverItem.State, Handover.State


def book(firm: Firm, count: int = 3, **values: Any) -> list[Any]:
    """Customers of the seller, the first with everything that can hang on one."""
    made = [create(firm.seller, "account", name=f"客户{n}", **values) for n in range(count)]
    account = made[0].pk
    deal = create(firm.seller, "deal", name="项目", account=account, amount="120000")
    create(firm.seller, "contact", name="张总", account=account, is_key_decider=True, phone="13900000001")
    create(firm.seller, "activity", kind="meeting", subject="下周见面", account=account, due_at="2030-01-01 10:00")
    create(firm.seller, "activity", kind="task", subject="报价", deal=deal.pk, due_at="2030-01-02")
    create(firm.seller, "promise", text="寄样品", account=account, due_on=timezone.localdate() + dt.timedelta(days=3))
    lead = create(firm.seller, "lead", name="线索")
    create(firm.seller, "activity", kind="call", subject="打给线索", lead=lead.pk, due_at="2030-01-02")
    return made


def plan(firm: Firm, by: Actor | None = None, **share: Any) -> Handover:
    """A plan for the seller; by default all to the colleague."""
    made = services.create(by or firm.manager, firm.seller.user)
    said = {"way": "one", "people": [firm.colleague.user.pk], **share}
    services.add_share(by or firm.manager, made.pk, **said)
    return made


def run(made: Handover, by: Actor) -> Handover:
    running.begin(by, made.pk)
    running.perform(made.pk)
    return Handover.objects.get(pk=made.pk)


def left(who: Actor) -> dict[str, int]:
    return leaving.counts(who.user.pk)


def test_an_account_is_not_closed_while_its_person_has_open_records(firm: Firm) -> None:
    book(firm)
    seller = firm.seller.user
    assert refused(update, firm.admin, "user", seller.pk, is_active=False) == {"is_active": ["handover"]}
    assert refused(records.delete_many, firm.admin, get("user"), [seller.pk]) == {"": ["handover"]}
    with pytest.raises(Invalid) as caught:
        records.update_many(firm.admin, get("user"), {seller.pk: {"is_active": False}}, bulk=True)
    assert "3" in caught.value.first["is_active"][0].text
    run(plan(firm), firm.manager)
    assert not update(firm.admin, "user", seller.pk, is_active=False).is_active


def test_everything_goes_with_its_customer_and_the_rest_to_the_manager(firm: Firm) -> None:
    made = book(firm)
    done = create(firm.seller, "activity", kind="call", body="谈过", status="done", account=made[0].pk)
    handed = run(plan(firm), firm.manager)
    assert not left(firm.seller)
    assert (handed.state, handed.watch_until) == (State.HANDED, timezone.localdate() + dt.timedelta(days=90))
    theirs = left(firm.colleague)
    assert theirs == {"account": 3, "contact": 1, "deal": 1, "promise": 1, "activity": 2 + 1}, theirs  # one introduces
    assert left(firm.manager) == {"lead": 1, "activity": 1}
    assert reload("activity", done.pk).owner_id == firm.seller.user.pk, "what was done stays with who did it"
    period = OwnerPeriod.objects.get(record=made[0].pk, to_at=None)
    assert (period.owner_id, period.by_id) == (firm.colleague.user.pk, firm.manager.user.pk)
    assert firm.seller.user.name in period.reason
    promise = Promise._base_manager.get()
    assert (promise.made_by_id, promise.counts_for_id) == (firm.seller.user.pk, firm.colleague.user.pk)


def test_what_they_were_asked_to_confirm_their_manager_is_asked(firm: Firm) -> None:
    book(firm)
    values = {"due_on": timezone.localdate() + dt.timedelta(days=3), "asked_of": firm.seller.user.pk}
    for by, account in ((firm.colleague, "甲"), (firm.manager, "乙")):
        theirs = create(by, "account", name=account)
        create(by, "promise", text=account, account=theirs.pk, **values)
    answered = create(firm.manager, "promise", text="答过", account=theirs.pk, **values)
    act(firm.seller, "promise", answered.pk, "confirm")
    run(plan(firm), firm.manager)
    asked = dict(Promise._base_manager.values_list("text", "asked_of"))
    boss, seller = firm.manager.user.pk, firm.seller.user.pk
    assert asked == {"寄样品": None, "甲": boss, "乙": None, "答过": seller}, "nobody confirms their own promise"


def test_each_successor_is_told_once_and_the_planner_too(firm: Firm) -> None:
    book(firm)
    handed = run(plan(firm), firm.manager)
    told = Notice.objects.filter(kind="handover").values_list("user", "params")
    assert sorted(str(user) for user, _params in told) == sorted(
        [str(firm.colleague.user.pk), str(firm.manager.user.pk)]
    )
    running.perform(handed.pk)
    assert Notice.objects.filter(kind="handover").count() == 2


def test_an_important_customer_is_introduced_once(firm: Firm) -> None:
    made = book(firm, tier="B")
    update(firm.seller, "account", made[1].pk, tier="S")
    handed = run(plan(firm), firm.manager)
    rows = Activity._base_manager.filter(kind="visit", owner=firm.colleague.user.pk)
    assert set(rows.values_list("account", flat=True)) == {made[0].pk, made[1].pk}  # with a deal, and of tier S
    accepting.introduce(handed)
    assert rows.count() == 2


def test_rules_are_asked_in_their_order(firm: Firm) -> None:
    made = book(firm)
    update(firm.seller, "account", made[1].pk, tier="A")
    found = services.create(firm.manager, firm.seller.user)
    services.add_share(firm.manager, found.pk, way="one", people=[firm.stranger.user.pk], where="tier__in=A")
    services.add_share(firm.manager, found.pk, way="one", people=[firm.colleague.user.pk], ids=[made[0].pk])
    split = splitting.work_out(found).of("account")
    assert [split[m.pk].to for m in made] == [
        firm.colleague.user.pk, firm.stranger.user.pk, firm.manager.user.pk,
    ]  # fmt: skip
    assert left(firm.seller)["account"] == 3, "nothing is written by looking"


def test_evenly_is_even_to_within_one(firm: Firm) -> None:
    for n in range(2):
        create(firm.stranger, "account", name=f"旧{n}")
    book(firm, 7)
    run(plan(firm, way="even", people=[firm.colleague.user.pk, firm.stranger.user.pk]), firm.manager)
    mine, other = left(firm.colleague)["account"], left(firm.stranger)["account"]
    assert mine + other == 9
    assert abs(mine - other) <= 1


def test_who_knew_the_customer_before_gets_it_back(firm: Firm) -> None:
    known = create(firm.stranger, "account", name="老客户")
    update(person("总监", "administrator", firm.east), "account", known.pk, owner=firm.seller.user.pk)
    book(firm, 1)
    run(plan(firm, way="former", people=[]), firm.manager)
    assert reload("account", known.pk).owner_id == firm.stranger.user.pk
    assert left(firm.manager)["account"] == 1


def test_by_hand_goes_before_rules_with_what_hangs_on_it(firm: Firm) -> None:
    made = book(firm)
    found = plan(firm)
    splitting.sync(found)
    item = found.items.get(record=made[0].pk)
    assert services.give(firm.manager, found.pk, [item.pk], firm.stranger.user.pk) > 4
    run(found, firm.manager)
    assert left(firm.stranger)["deal"] == left(firm.stranger)["promise"] == left(firm.stranger)["account"] == 1
    assert left(firm.colleague)["account"] == 2


def test_what_they_get_while_it_runs_goes_too(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    book(firm)
    found = plan(firm)
    running.begin(firm.manager, found.pk)
    running.batch(found.pk)
    late = create(firm.seller, "account", name="刚刚谈来的")
    running.perform(found.pk)
    assert reload("account", late.pk).owner_id == firm.colleague.user.pk
    assert not left(firm.seller)


@pytest.mark.parametrize("at", range(6))
def test_a_worker_killed_between_or_within_batches_is_followed_by_another(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    book(firm, 5)
    monkeypatch.setattr(running, "BATCH", 2)
    found = plan(firm)
    running.begin(firm.manager, found.pk)
    for _n in range(at):
        running.batch(found.pk)
    with monkeypatch.context() as killed:
        killed.setattr(HandoverItem.objects, "bulk_update", lambda *_a, **_k: 1 / 0)  # records are written by now
        with pytest.raises(ZeroDivisionError):
            running.perform(found.pk)
    Handover.objects.filter(pk=found.pk).update(updated_at=timezone.now() - dt.timedelta(minutes=2))
    assert running.abandoned() == [found.pk]
    assert running.abandoned() == []
    running.perform(found.pk)
    assert not left(firm.seller)
    assert OwnerPeriod.objects.filter(entity="account").count() == 5 * 2, "each went once"
    assert not found.items.exclude(state=Item.HANDED).exists()


def test_what_repeats_goes_on_with_the_successor(firm: Firm) -> None:
    account = create(firm.seller, "account", name="例行拜访")
    due = timezone.now() + dt.timedelta(days=1)
    create(firm.seller, "activity", kind="task", subject="周报", account=account.pk, due_at=due, repeat="week")
    run(plan(firm), firm.manager)
    (task,) = Activity._base_manager.filter(repeat="week")
    assert task.owner_id == firm.colleague.user.pk
    act(firm.colleague, "activity", task.pk, "complete")
    recurring.go_on()
    following = Activity._base_manager.get(repeat="week", status="planned")
    assert following.owner_id == firm.colleague.user.pk


@pytest.mark.parametrize("who", ["colleague", "stranger", "executive"])
def test_who_may_not_plan_is_refused_and_sees_nothing(firm: Firm, who: str) -> None:
    book(firm)
    found = plan(firm)
    actor = getattr(firm, who)
    if who != "executive":
        with pytest.raises(Refused):
            services.create(actor, firm.manager.user)
        with pytest.raises(Missing):
            services.find(actor, found.pk)
        with pytest.raises((Missing, Refused)):
            running.begin(actor, found.pk)


def test_who_plans_by_an_office_alone_names_anybody_but_themselves(firm: Firm) -> None:
    role = Role.objects.create(key="people-only", name="人事系统", office="system")
    clerk = Actor(User.objects.create_user("clerk", name="人事", department=firm.east, roles=[role.pk]))
    made = services.create(clerk, firm.seller.user)
    with pytest.raises(Invalid):
        services.add_share(clerk, made.pk, way="one", people=[clerk.user.pk])
    services.add_share(clerk, made.pk, way="one", people=[firm.colleague.user.pk])
    services.add_share(firm.manager, made.pk, way="one", people=[firm.manager.user.pk])


def test_the_leaver_reads_and_writes_words_but_does_not_run_it(firm: Firm) -> None:
    made = book(firm)
    found = plan(firm)
    splitting.sync(found)
    item = found.items.get(record=made[0].pk)
    services.write_words(firm.seller, item, "老板爱喝普洱")
    assert services.find(firm.seller, found.pk) == found
    with pytest.raises(Refused):
        running.begin(firm.seller, found.pk)
    with pytest.raises(Refused):
        services.write_words(firm.stranger, item, "不该写")
    assert HandoverItem.objects.get(pk=item.pk).words == "老板爱喝普洱"


def test_a_locked_out_insider_is_closed_at_once(firm: Firm) -> None:
    book(firm)
    User.objects.filter(pk=firm.seller.user.pk).update(manager=firm.manager.user)
    firm.seller.user.refresh_from_db()
    found = running.emergency(firm.admin, firm.seller.user, "涉嫌泄密")
    closed = User.objects.get(pk=firm.seller.user.pk)
    assert not closed.is_active
    assert found.state == State.RUNNING
    assert not query.visible(Actor(closed), get("account")).exists()
    running.perform(found.pk)
    assert not left(firm.seller)
    assert left(firm.manager)["account"] == 3
    with pytest.raises(Refused):
        running.emergency(firm.manager, firm.colleague.user)  # who may not close accounts


def test_a_limit_of_a_pool_is_told_and_does_not_lose_anything(firm: Firm) -> None:
    from tests.pools.house import pool

    limits = {"holding": [{"who": str(firm.colleague.user.pk), "most": 2, "together": False}]}
    book(firm, 3)
    north = type("F", (), {"north": firm.east, "manager": firm.manager.user})()
    pool(north, limits=limits, rules=[])
    handed = run(plan(firm), firm.manager)
    assert left(firm.colleague)["account"] == 2
    assert left(firm.seller)["account"] == 1
    (failed,) = handed.items.filter(state=Item.FAILED, entity="account")
    assert "2" in failed.text
    services.give(firm.manager, handed.pk, [failed.pk], firm.stranger.user.pk)
    running.perform(handed.pk)
    assert not left(firm.seller)
    assert left(firm.stranger)["account"] == 1


def test_the_successor_accepts_asks_or_declines(firm: Firm) -> None:
    made = book(firm)
    handed = run(plan(firm), firm.manager)
    items = {i.record: i.pk for i in handed.items.filter(entity="account")}
    with pytest.raises(Missing):
        accepting.answer(firm.stranger, [items[made[0].pk]], Item.ACCEPTED)
    assert refused(accepting.answer, firm.colleague, [items[made[0].pk]], Item.DECLINED) == {"note": ["required"]}
    accepting.answer(firm.colleague, [items[made[0].pk]], Item.DECLINED, "竞品亲戚")
    assert accepting.answer(firm.colleague, [items[m.pk] for m in made[1:]], Item.ACCEPTED) == 2
    assert Notice.objects.filter(user=firm.manager.user, params__by=firm.colleague.user.name).count() == 1
    services.give(firm.manager, handed.pk, [items[made[0].pk]], firm.stranger.user.pk)
    running.perform(handed.pk)
    assert left(firm.stranger)["deal"] == 1, "what hangs on it goes along"
    accepting.answer(firm.stranger, [items[made[0].pk]], Item.ACCEPTED)
    assert Handover.objects.get(pk=handed.pk).state == State.ACCEPTED


def test_it_can_be_taken_back(firm: Firm) -> None:
    book(firm)
    before = left(firm.seller)
    handed = run(plan(firm), firm.manager)
    assert Operation.objects.filter(user=firm.manager.user).count() == len(handed.operations)
    assert running.take_back(firm.manager, handed.pk) == 0
    assert left(firm.seller) == before
    again = run(Handover.objects.get(pk=handed.pk), firm.manager)
    assert again.state == State.HANDED
    assert not left(firm.seller)


def test_closed_deals_go_only_where_the_plan_says_so(firm: Firm) -> None:
    made = book(firm)
    deal = create(firm.seller, "deal", name="已赢", account=made[0].pk, amount="100")
    act(firm.seller, "deal", deal.pk, "win", won_reason="price")
    found = plan(firm)
    assert deal.pk not in splitting.work_out(found).of("deal")
    services.change(firm.manager, found.pk, {"with_closed": True})
    run(Handover.objects.get(pk=found.pk), firm.manager)
    assert reload("deal", deal.pk).owner_id == firm.colleague.user.pk
    page = query.page(firm.manager, get("deal"), query.parse(f"won_by__eq={firm.seller.user.pk}"))
    assert page.total == 1, "it counts for who won it"


def test_the_letter_tells_no_more_than_its_reader_may_see(firm: Firm) -> None:
    made = book(firm)
    told = letter.write(firm.seller, made[0].pk)
    assert [t.title for t in told.matters]
    assert told.people
    assert len(told.people.rows) == 1
    assert any("一个人" in risk for risk in told.risks), told.risks
    assert "13900000001" not in str(told.people.rows) or "phone" not in str(told)
    with pytest.raises(Missing):
        letter.write(firm.stranger, made[0].pk)
    run(plan(firm), firm.manager)
    assert letter.write(firm.colleague, made[0].pk).matters


def test_the_watch_sees_who_was_spoken_to_and_alarms_once(firm: Firm) -> None:
    made = book(firm)
    handed = run(plan(firm), firm.manager)
    ago = timezone.now() - dt.timedelta(days=20)
    handed.items.update(handed_at=ago)
    create(firm.colleague, "activity", kind="call", body="你好", status="done", account=made[0].pk)
    deal = create(firm.colleague, "deal", name="新单", account=made[1].pk, amount="5000")
    act(firm.colleague, "deal", deal.pk, "win", won_reason="price")
    rows = {w.item.record: w for w in watching.watched(firm.manager, watching.items(firm.manager))}
    assert [rows[m.pk].is_silent for m in made] == [False, True, True]
    assert (rows[made[1].pk].won, rows[made[1].pk].since) == (1, Decimal(5000))
    assert watching.alarm() == 2
    assert watching.alarm() == 0
    assert Notice.objects.filter(user=firm.manager.user, params__days="14").count() == 1
    assert watching.watched(firm.stranger, watching.items(firm.stranger)) == []
    over = watching.retention(list(rows.values()), timezone.localdate() + dt.timedelta(days=80))
    assert (over.n, over.kept) == (3, 1)
