"""Taking, giving, giving back, calling back, and the sweep."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from zhike.engine import operations, query, records, undo
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import OwnerPeriod, PoolMove
from zhike.engine.pools import moving, settling, telling

from .house import fresh, long_ago, lying, make, pool

ACCOUNT = "account"


def why(outcome: Any) -> list[str]:
    return [reason for reason, _text in outcome.skipped.values()]


def test_what_has_no_owner_lies_in_the_pool_and_is_taken_once(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    assert fresh(row).pool_id == made.pk
    assert fresh(row).pooled_at is not None
    outcome = moving.claim(firm.actor("seller"), made.pk, [row.pk])
    assert outcome.done == [row.pk]
    now = fresh(row)
    assert (now.owner_id, now.department_id, now.pooled_at) == (firm.seller.pk, firm.north.pk, None)
    assert now.recycle_at - now.held_since == dt.timedelta(days=10)
    assert why(moving.claim(firm.actor("colleague"), made.pk, [row.pk])) == [moving.TAKEN]
    kinds = PoolMove.objects.filter(record=row.pk).order_by("at").values_list("kind", "user")
    assert list(kinds) == [("enter", None), ("claim", firm.seller.pk)]
    owners = OwnerPeriod.objects.filter(record=row.pk).order_by("from_at").values_list("owner", flat=True)
    assert list(owners) == [None, firm.seller.pk]


def test_only_members_look_and_take(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    for who in ("stranger", "executive"):
        with pytest.raises(Missing):
            moving.claim(firm.actor(who), made.pk, [row.pk])
    with pytest.raises(Refused):
        moving.assign(firm.actor("seller"), made.pk, [row.pk], firm.seller.pk)
    assert fresh(row).owner_id is None


def test_limits_a_day_and_of_what_one_holds(firm: Any) -> None:
    made = pool(firm, limits={"claims": 2, "holding": [{"most": 3}]})
    rows = [r.pk for r in lying(firm, 6)]
    first = moving.claim(firm.actor("seller"), made.pk, rows[:3])
    assert (len(first.done), why(first)) == (2, [moving.LIMIT])
    assert why(moving.claim(firm.actor("seller"), made.pk, rows[3:4])) == [moving.LIMIT]
    with connection.cursor() as cursor:  # nobody changes the ledger: a day has passed
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE engine_poolmove DISABLE TRIGGER append_only")
        cursor.execute("UPDATE engine_poolmove SET at = at - interval '1 day'")
        cursor.execute("ALTER TABLE engine_poolmove ENABLE TRIGGER append_only")
    second = moving.claim(firm.actor("seller"), made.pk, rows[3:5])
    assert (len(second.done), why(second)) == (1, ["invalid"])
    with pytest.raises(Invalid):  # nor by any other way
        make(firm, name="自己录的")
    other = make(firm, "colleague", name="同事的")
    with pytest.raises(Invalid):
        records.update(firm.actor("manager"), get(ACCOUNT), other.pk, {"owner": firm.seller.pk})


def test_what_does_not_count_leaves_room(firm: Any) -> None:
    made = pool(firm, limits={"holding": [{"most": 1}], "uncounted": ["bought"]})
    (row,) = lying(firm, 1)
    mine = make(firm, name="老客户")
    assert why(moving.claim(firm.actor("seller"), made.pk, [row.pk])) == ["invalid"]
    type(mine)._base_manager.filter(pk=mine.pk).update(first_won_on=timezone.localdate())
    assert moving.claim(firm.actor("seller"), made.pk, [row.pk]).done == [row.pk]


def test_a_department_holds_together(firm: Any) -> None:
    made = pool(firm, limits={"holding": [{"most": 2, "who": str(firm.north.pk), "together": True}]})
    rows = [r.pk for r in lying(firm, 3)]
    assert len(moving.claim(firm.actor("seller"), made.pk, rows[:2]).done) == 2
    assert why(moving.claim(firm.actor("colleague"), made.pk, rows[2:])) == ["invalid"]


def test_a_department_holds_together_whoever_gets_what_at_once(firm: Any) -> None:
    pool(firm, limits={"holding": [{"most": 2, "who": str(firm.north.pk), "together": True}]})
    actor, entity = firm.actor("admin"), get(ACCOUNT)
    people = (firm.seller, firm.colleague, firm.manager, firm.stranger)
    with pytest.raises(Invalid) as wrong:
        records.create_many(actor, entity, [{"name": f"同时{p.name}", "owner": p.pk} for p in people])
    assert [sorted(row) for row in wrong.value.rows] == [[], [], ["owner"], []]
    made = records.create_many(actor, entity, [{"name": f"同时{p.name}", "owner": p.pk} for p in people[:2]])
    records.update(actor, entity, made[0].pk, {"owner": firm.manager.pk})  # from one of them to another
    assert type(made[0])._base_manager.get(pk=made[0].pk).owner_id == firm.manager.pk


def test_two_do_not_take_turns_to_keep_a_record(firm: Any) -> None:
    made = pool(firm, limits={"former_days": 7})
    mine = make(firm, name="宝钢")
    records.act(firm.actor("seller"), get(ACCOUNT), mine.pk, "release", note="替我拿着")
    assert moving.claim(firm.actor("colleague"), made.pk, [mine.pk]).done == [mine.pk]
    records.act(firm.actor("colleague"), get(ACCOUNT), mine.pk, "release", note="还给你")
    assert why(moving.claim(firm.actor("seller"), made.pk, [mine.pk])) == [moving.WAIT]
    OwnerPeriod.objects.filter(record=mine.pk, owner=firm.seller).update(to_at=timezone.now() - dt.timedelta(days=7))
    assert moving.claim(firm.actor("seller"), made.pk, [mine.pk]).done == [mine.pk]


def test_neither_undo_nor_the_bin_is_a_way_round_the_limit(firm: Any) -> None:
    made = pool(firm, limits={"holding": [{"most": 2}]})
    actor, entity = firm.actor("seller"), get(ACCOUNT)
    mine, gone = make(firm, name="甲"), make(firm, name="乙")
    with operations.recording(firm.actor("manager"), entity, "transfer", keys=["owner"]) as tally:
        records.update(firm.actor("manager"), entity, mine.pk, {"owner": firm.colleague.pk})
    assert tally.operation is not None
    (other, third) = (row.pk for row in lying(firm, 2))
    assert moving.claim(actor, made.pk, [other]).done == [other]
    back = undo.undo(firm.actor("manager"), tally.operation.pk)
    assert (back.rows, back.skipped) == (0, {"invalid": 1})
    records.delete_many(actor, entity, [gone.pk])
    assert moving.claim(actor, made.pk, [third]).done == [third]
    with pytest.raises(Invalid) as wrong:
        records.restore_many(actor, entity, [gone.pk])
    assert "2" in wrong.value.rows[0]["owner"][0].text
    answer = firm.client("seller").post(f"/account/{gone.pk}/restore")
    assert answer.status_code in (303, 422), answer.content
    held = entity.model._base_manager.filter(owner=firm.seller, deleted_at=None)
    assert {row.pk for row in held} == {other, third}
    records.act(actor, entity, third, "release", note="不合适")
    assert records.restore_many(actor, entity, [gone.pk]) == 1


def test_who_lost_it_waits_and_what_is_new_waits(firm: Any) -> None:
    made = pool(firm, limits={"former_days": 7, "fresh_hours": 24})
    mine = make(firm, name="宝钢")
    records.act(firm.actor("seller"), get(ACCOUNT), mine.pk, "release", note="跟不动了")
    assert why(moving.claim(firm.actor("colleague"), made.pk, [mine.pk])) == [moving.WAIT]
    long_ago(mine, 2)
    assert why(moving.claim(firm.actor("seller"), made.pk, [mine.pk])) == [moving.WAIT]
    assert moving.claim(firm.actor("colleague"), made.pk, [mine.pk]).done == [mine.pk]


def test_giving_back_takes_a_reason_and_a_pool(firm: Any) -> None:
    mine = make(firm, name="宝钢")
    with pytest.raises(Invalid):
        records.act(firm.actor("seller"), get(ACCOUNT), mine.pk, "release", note="没有公海")
    pool(firm)
    with pytest.raises(Invalid):
        records.act(firm.actor("seller"), get(ACCOUNT), mine.pk, "release")
    records.act(firm.actor("seller"), get(ACCOUNT), mine.pk, "release", note="预算取消")
    now = fresh(mine)
    assert (now.owner_id, now.former_owner_id, now.recycle_at) == (None, firm.seller.pk, None)
    assert PoolMove.objects.get(record=mine.pk).reason == "预算取消"
    assert not query.visible(firm.actor("seller"), get(ACCOUNT)).filter(pk=mine.pk).exists()


def test_who_keeps_the_pool_gives_and_calls_back(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    assert moving.assign(firm.actor("manager"), made.pk, [row.pk], firm.colleague.pk, "请你跟进").done == [row.pk]
    assert fresh(row).owner_id == firm.colleague.pk
    beyond = make(firm, "stranger", name="华南的")
    outcome = moving.recall(firm.actor("manager"), made.pk, [row.pk, beyond.pk], "重新分配")
    assert outcome.done == [row.pk]
    assert fresh(row).owner_id is None
    assert fresh(beyond).owner_id == firm.stranger.pk


def test_the_sweep_takes_what_is_due_and_says_why(firm: Any) -> None:
    made = pool(firm)
    due, kept, soon = (make(firm, name=n) for n in ("过期", "保留", "快到"))
    records.act(firm.actor("manager"), get(ACCOUNT), kept.pk, "hold")
    for row, days in ((due, 11), (kept, 100), (soon, 9)):
        long_ago(row, days)
    assert moving.sweep(get(ACCOUNT)) == 1
    assert [fresh(r).owner_id for r in (due, kept, soon)] == [None, firm.seller.pk, firm.seller.pk]
    move = PoolMove.objects.get(record=due.pk)
    assert (move.kind, move.user_id, move.by_id, move.pool_id) == ("recycle", firm.seller.pk, None, made.pk)
    assert "10" in move.reason
    assert moving.sweep(get(ACCOUNT)) == 0


def test_a_date_that_lags_behind_takes_nothing(firm: Any) -> None:
    pool(firm)
    row = make(firm, name="宝钢")
    type(row)._base_manager.filter(pk=row.pk).update(recycle_at=timezone.now() - dt.timedelta(days=1))
    assert moving.sweep(get(ACCOUNT)) == 0
    assert fresh(row).owner_id == firm.seller.pk
    assert fresh(row).recycle_at > timezone.now()


def test_switching_a_rule_off_and_on_changes_no_date(firm: Any) -> None:
    made = pool(firm)
    row = long_ago(make(firm, name="宝钢"), 4)
    before = row.recycle_at
    document = made.document
    rules: Any
    for rules in ([], document["rules"]):
        made.document = {**document, "rules": rules}
        made.save()
        settling.settle(get(ACCOUNT))
        assert fresh(row).recycle_at == (before if rules else None)


def test_it_is_said_when_and_what_keeps_it(firm: Any) -> None:
    pool(firm)
    row = long_ago(make(firm, name="宝钢"), 4)
    told = telling.told(get(ACCOUNT), fresh(row))
    assert told is not None
    assert told.days == 6
    assert "华北公海" in told.text
    assert "3" in told.saves
    assert telling.told(get(ACCOUNT), lying(firm, 1)[0]) is None


def test_a_taken_right_to_a_pool_is_gone_at_once(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    made.document = {**made.document, "members": []}
    made.save()
    with pytest.raises(Missing):
        moving.claim(firm.actor("seller"), made.pk, [row.pk])


def test_who_leads_the_owner_calls_back_and_says_why(firm: Any) -> None:
    made = pool(firm)
    row = make(firm, name="要收回的")
    with pytest.raises(Invalid):
        records.act(firm.actor("manager"), get(ACCOUNT), row.pk, "recall")
    with pytest.raises(Refused):
        records.act(firm.actor("seller"), get(ACCOUNT), row.pk, "recall", note="我自己")
    assert fresh(row).owner_id == firm.seller.pk
    records.act(firm.actor("manager"), get(ACCOUNT), row.pk, "recall", note="久未跟进")
    assert (fresh(row).owner_id, fresh(row).pool_id) == (None, made.pk)
    assert PoolMove.objects.get(record=row.pk, kind="recall").reason == "久未跟进"
