"""One operation and back: values, owners, stages, deletions, creations; by the rights of now."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.base.models import Grant
from zhike.engine import access, guard, operations, records, stages, undo
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import History, Operation, OwnerPeriod, StageEvent

pytestmark = pytest.mark.django_db
ACCOUNT, CONTACT, DEAL, LEAD = get("account"), get("contact"), get("deal"), get("lead")


def fresh(firm: Any, who: str = "seller") -> Actor:
    return Actor(type(firm.seller).objects.get(pk=getattr(firm, who).pk), "web")


def account(firm: Any, who: str = "seller", **values: Any) -> Any:
    return records.create(fresh(firm, who), ACCOUNT, {"name": "上海华为精密仪器有限公司", **values})


def deal(firm: Any, **values: Any) -> Any:
    return records.create(
        fresh(firm), DEAL, {"name": "产线改造", "account": account(firm).pk, "amount": "120000.50", **values}
    )


def row(entity: Any, pk: Any) -> dict[str, Any]:
    """Every column but those that move with each write."""
    found = guard.rows(entity.model, "test").filter(pk=pk).values().get()
    return {k: v for k, v in found.items() if k not in ("version", "updated_at")}


def edit(firm: Any, entity: Any, pk: Any, who: str = "seller", **values: Any) -> Operation:
    with operations.recording(fresh(firm, who), entity, "update", keys=values, record=pk) as tally:
        records.update(fresh(firm, who), entity, pk, values)
    assert tally.operation
    return tally.operation


def test_a_change_goes_back_and_forth(firm: Any) -> None:
    made = account(firm, tier="A", remark="老客户", registered_capital="123456789012345.67")
    before = row(ACCOUNT, made.pk)
    done = edit(firm, ACCOUNT, made.pk, tier="B", remark="", registered_capital="1.10")
    after = row(ACCOUNT, made.pk)
    assert (after["tier"], after["remark"]) == ("B", "")
    back = undo.undo(fresh(firm), done.pk)
    assert row(ACCOUNT, made.pk) == before
    assert (back.rows, back.skipped, back.action, back.right) == (1, {}, "undo", "update")
    assert Operation.objects.get(pk=done.pk).state == "undone"
    assert History.objects.filter(record=made.pk).order_by("-id").values_list("action", flat=True)[0] == "undo"
    again = undo.undo(fresh(firm), back.pk)
    assert row(ACCOUNT, made.pk) == after
    assert Operation.objects.get(pk=done.pk).state == "done"
    undo.undo(fresh(firm), again.pk)
    assert row(ACCOUNT, made.pk) == before


def test_nothing_is_taken_back_twice_or_by_others(firm: Any) -> None:
    made = account(firm)
    done = edit(firm, ACCOUNT, made.pk, tier="B")
    for who in ("colleague", "manager", "admin"):
        with pytest.raises(Missing):
            undo.undo(fresh(firm, who), done.pk)
    undo.undo(fresh(firm), done.pk)
    with pytest.raises(Invalid):
        undo.undo(fresh(firm), done.pk)


def test_what_others_have_changed_since_stays(firm: Any) -> None:
    made = account(firm, tier="A")
    done = edit(firm, ACCOUNT, made.pk, tier="B", remark="甲")
    records.update(fresh(firm, "admin"), ACCOUNT, made.pk, {"short_name": "华为"})
    records.update(fresh(firm, "admin"), ACCOUNT, made.pk, {"remark": "乙"})
    back = undo.undo(fresh(firm), done.pk)
    assert (back.rows, back.skipped) == (0, {"conflict": 1})
    assert row(ACCOUNT, made.pk)["tier"] == "B"
    assert Operation.objects.get(pk=done.pk).state == "partly"
    records.update(fresh(firm, "admin"), ACCOUNT, made.pk, {"remark": "甲"})
    undo.undo(fresh(firm), done.pk)
    assert (row(ACCOUNT, made.pk)["tier"], row(ACCOUNT, made.pk)["short_name"]) == ("A", "华为")


def test_deleting_and_restoring_go_back(firm: Any) -> None:
    made = account(firm)
    before = row(ACCOUNT, made.pk)
    with operations.recording(fresh(firm), ACCOUNT, "delete") as tally:
        records.delete_many(fresh(firm), ACCOUNT, [made.pk])
    assert tally.operation
    back = undo.undo(fresh(firm), tally.operation.pk)
    assert row(ACCOUNT, made.pk) == before
    again = undo.undo(fresh(firm), back.pk)
    assert row(ACCOUNT, made.pk)["deleted_at"] is not None
    undo.undo(fresh(firm), again.pk)
    assert row(ACCOUNT, made.pk) == before


def test_what_was_made_goes_to_the_bin_unless_somebody_works_on_it(firm: Any) -> None:
    with operations.recording(fresh(firm), ACCOUNT, "create", rows=2) as tally:
        one, two = records.create_many(fresh(firm), ACCOUNT, [{"name": "甲有限公司"}, {"name": "乙有限公司"}])
    assert tally.operation
    records.update(fresh(firm), ACCOUNT, two.pk, {"tier": "A"})
    actor = fresh(firm, "seller")
    assert access.may(actor, ACCOUNT, "delete") is True
    back = undo.undo(actor, tally.operation.pk)
    assert (back.rows, back.skipped) == (1, {"conflict": 1})
    assert (row(ACCOUNT, one.pk)["deleted_at"] is None, row(ACCOUNT, two.pk)["deleted_at"] is None) == (False, True)


def test_a_hand_over_goes_back_with_its_periods(firm: Any) -> None:
    made = account(firm)
    before = row(ACCOUNT, made.pk)
    with operations.recording(fresh(firm, "manager"), ACCOUNT, "transfer", keys=["owner"]) as tally:
        records.update_many(fresh(firm, "manager"), ACCOUNT, {made.pk: {"owner": firm.colleague.pk}}, action="transfer")
    assert tally.operation
    undo.undo(fresh(firm, "manager"), tally.operation.pk)
    assert row(ACCOUNT, made.pk) == before
    periods = OwnerPeriod.objects.filter(record=made.pk).order_by("from_at", "id")
    assert [p.owner_id for p in periods] == [firm.seller.pk, firm.colleague.pk, firm.seller.pk]
    assert [p.to_at is None for p in periods] == [False, False, True]
    assert periods[1].to_at == periods[2].from_at


def test_a_won_deal_goes_back_to_its_stage(firm: Any) -> None:
    made = deal(firm)
    customer = row(ACCOUNT, made.account_id)
    before = row(DEAL, made.pk)
    with operations.recording(fresh(firm), DEAL, "win", record=made.pk) as tally:
        records.act(fresh(firm), DEAL, made.pk, "win", {"amount": "99.00"})
    assert tally.operation
    assert row(DEAL, made.pk)["status"] == "won"
    undo.undo(fresh(firm), tally.operation.pk)
    assert row(DEAL, made.pk) == before
    assert row(ACCOUNT, made.account_id)["first_won_on"] == customer["first_won_on"]
    steps = StageEvent.objects.filter(record=made.pk).order_by("at", "id")
    assert [s.to_stage_id for s in steps][-1] == before["stage_id"]
    assert 0 <= (steps[len(steps) - 1].seconds or 0) < 60


def test_a_move_over_several_stages_goes_back(firm: Any) -> None:
    made = deal(firm)
    before = row(DEAL, made.pk)
    last = next(s for s in stages.of(made.pipeline_id) if s.status == "lost")
    done = edit(firm, DEAL, made.pk, stage=str(last.pk), lost_reason="price")
    undo.undo(fresh(firm), done.pk)
    assert row(DEAL, made.pk) == before


def test_phone_numbers_go_back_with_their_owner(firm: Any) -> None:
    made = account(firm, phone="13800138000")
    point = get("contactpoint")
    rows = guard.rows(point.model, "test").filter(account=made.pk, deleted_at=None)
    before = row(ACCOUNT, made.pk), sorted(rows.values_list("value", "is_primary", "is_valid"))
    done = edit(firm, ACCOUNT, made.pk, phone="13900139000")
    assert rows.count() == 2
    back = undo.undo(fresh(firm), done.pk)
    assert (row(ACCOUNT, made.pk), sorted(rows.values_list("value", "is_primary", "is_valid"))) == before
    undo.undo(fresh(firm), back.pk)
    assert rows.count() == 2
    assert row(ACCOUNT, made.pk)["phone"] == "+8613900139000"


def test_relations_go_back_with_their_contact(firm: Any) -> None:
    one, two = account(firm), account(firm, name="乙有限公司")
    made = records.create(fresh(firm), CONTACT, {"name": "张伟", "account": one.pk})
    ties = guard.rows(get("affiliation").model, "test").filter(contact=made.pk, deleted_at=None)
    before = sorted(ties.values_list("account", "to_on"))
    done = edit(firm, CONTACT, made.pk, account=str(two.pk))
    assert ties.count() == 2
    undo.undo(fresh(firm), done.pk)
    assert sorted(ties.values_list("account", "to_on")) == before


def test_a_converted_lead_goes_back_and_so_does_what_it_made(firm: Any) -> None:
    made = records.create(fresh(firm), LEAD, {"name": "李四", "company": "丙科技有限公司", "phone": "13700137000"})
    before = row(LEAD, made.pk)
    with operations.recording(fresh(firm), LEAD, "convert", record=made.pk) as tally:
        records.act(fresh(firm), LEAD, made.pk, "convert")
    assert tally.operation
    after = row(LEAD, made.pk)
    undo.undo(fresh(firm), tally.operation.pk)
    assert row(LEAD, made.pk) == before
    assert row(ACCOUNT, after["account_id"])["deleted_at"] is not None
    assert row(CONTACT, after["contact_id"])["deleted_at"] is not None


def test_rights_of_now_count(firm: Any) -> None:
    made = account(firm, tier="A")
    done = edit(firm, ACCOUNT, made.pk, tier="B")
    records.update_many(fresh(firm, "admin"), ACCOUNT, {made.pk: {"owner": firm.colleague.pk}}, action="transfer")
    with pytest.raises(Missing):
        undo.undo(fresh(firm), done.pk)
    assert Operation.objects.filter(action="undo").count() == 0
    assert row(ACCOUNT, made.pk)["tier"] == "B"
    Grant.objects.filter(role__key="seller", entity__in=("account", "*")).delete()
    with pytest.raises(Refused):
        undo.undo(fresh(firm), done.pk)


def test_what_was_erased_does_not_come_back(firm: Any) -> None:
    from zhike.engine import history

    made = account(firm, remark="身份证 110101")
    done = edit(firm, ACCOUNT, made.pk, remark="")
    history.redact("account", made.pk, ["remark"], None, "test")
    back = undo.undo(fresh(firm), done.pk)
    assert (back.rows, back.skipped) == (0, {"invalid": 1})
    assert row(ACCOUNT, made.pk)["remark"] == ""


def test_erasing_leaves_no_way_back(firm: Any) -> None:
    made = account(firm)
    with operations.recording(fresh(firm), ACCOUNT, "erase") as tally:
        records.update(fresh(firm), ACCOUNT, made.pk, {"tier": "A"})
    assert tally.operation is None
    with operations.recording(fresh(firm), ACCOUNT, "update") as tally:
        pass
    assert tally.operation is None


def test_a_deletion_can_be_undone_after_a_restore_that_was_undone(firm: Any) -> None:
    made = account(firm)
    before = row(ACCOUNT, made.pk)
    done = []
    for action, write in (("delete", records.delete_many), ("restore", records.restore_many)):
        with operations.recording(fresh(firm), ACCOUNT, action) as tally:
            write(fresh(firm), ACCOUNT, [made.pk])
        assert tally.operation
        done.append(tally.operation.pk)
    for pk in reversed(done):
        assert undo.undo(fresh(firm), pk).skipped == {}
    assert row(ACCOUNT, made.pk) == before
