"""Who may do something to many records: what is left out, and what that may tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import deed_jobs, guard, operations, records, undo
from zhike.engine.access import Actor
from zhike.engine.deeds import Chosen, Deed, do
from zhike.engine.entity import get
from zhike.engine.errors import Missing
from zhike.engine.models import Operation

pytestmark = pytest.mark.django_db
ACCOUNT = get("account")


def fresh(firm: Any, who: str) -> Actor:
    return Actor(type(firm.seller).objects.get(pk=getattr(firm, who).pk), "web")


def account(firm: Any, who: str, **values: Any) -> Any:
    return records.create(fresh(firm, who), ACCOUNT, {"name": f"{who}的客户", **values})


def rows(*keys: str) -> list[Any]:
    return list(guard.rows(ACCOUNT.model, "test").order_by("pk").values_list(*keys, flat=len(keys) == 1))


@pytest.fixture
def clerk(firm: Any) -> Any:
    """Changes everything one by one, many at once only of their own."""
    role = Role.objects.create(key="clerk", name="内勤")
    for action, scope in (("list", "all"), ("read", "all"), ("update", "all"), ("create", "all"), ("bulk", "own")):
        Grant.objects.create(role=role, entity="account", action=action, scope=scope)
    firm.colleague.roles = [role.pk]
    firm.colleague.save()
    return firm.colleague


def test_many_at_once_reaches_less_than_one_by_one(firm: Any, clerk: Any) -> None:
    mine, theirs = account(firm, "colleague"), account(firm, "seller")
    actor = fresh(firm, "colleague")
    outcome = do(actor, ACCOUNT, Deed("update", {"tier": "A"}), [mine.pk, theirs.pk], {})
    assert (outcome.done, outcome.counts()) == ([mine.pk], {"right": 1})
    assert rows("tier") == ["A", ""]
    with pytest.raises(Missing):
        records.update_many(actor, ACCOUNT, {theirs.pk: {"tier": "B"}}, bulk=True)
    records.update(actor, ACCOUNT, theirs.pk, {"tier": "B"})
    assert rows("tier") == ["A", "B"]


def test_what_is_seen_in_part_is_not_compared(firm: Any) -> None:
    """Whether a row has a value already would tell what the value is."""
    role = Role.objects.get(key="seller")
    FieldGrant.objects.update_or_create(
        role=role, entity="account", key="remark", when="", defaults={"level": "masked"}
    )
    one, two = account(firm, "seller"), account(firm, "seller")
    records.update_many(fresh(firm, "admin"), ACCOUNT, {one.pk: {"remark": "秘密"}})
    actor = fresh(firm, "seller")
    with operations.recording(actor, ACCOUNT, "update", keys=["remark"], rows=2) as tally:
        outcome = do(actor, ACCOUNT, Deed("update", {"remark": "秘密"}), [one.pk, two.pk], {})
    assert (sorted(outcome.done), outcome.counts()) == (sorted([one.pk, two.pk]), {})
    assert tally.operation
    back = undo.undo(actor, tally.operation.pk)
    assert (back.rows, back.skipped) == (2, {})
    assert rows("remark") == ["秘密", ""]


def test_a_field_that_was_closed_since_stays(firm: Any) -> None:
    made = account(firm, "seller", tier="A")
    with operations.recording(fresh(firm, "seller"), ACCOUNT, "update", keys=["tier"]) as tally:
        records.update(fresh(firm, "seller"), ACCOUNT, made.pk, {"tier": "B"})
    assert tally.operation
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="tier", level="read")
    back = undo.undo(fresh(firm, "seller"), tally.operation.pk)
    assert (back.rows, back.skipped, rows("tier")) == (0, {"invalid": 1}, ["B"])


def test_an_operation_of_many_takes_the_right_to_many_to_take_back(firm: Any, clerk: Any) -> None:
    mine, theirs = account(firm, "colleague"), account(firm, "seller")
    admin = fresh(firm, "admin")
    with operations.recording(admin, ACCOUNT, "update", keys=["tier"], rows=2) as tally:
        records.update_many(admin, ACCOUNT, {pk: {"tier": "A"} for pk in (mine.pk, theirs.pk)})
    assert tally.operation
    Operation.objects.filter(pk=tally.operation.pk).update(user=clerk)
    back = undo.undo(fresh(firm, "colleague"), tally.operation.pk)
    assert (back.rows, back.skipped, rows("tier")) == (1, {"right": 1}, ["", "A"])


def test_a_view_over_what_is_hidden_is_refused(firm: Any) -> None:
    role = Role.objects.get(key="seller")
    FieldGrant.objects.update_or_create(
        role=role, entity="account", key="remark", when="", defaults={"level": "hidden"}
    )
    account(firm, "seller")
    for key, value in (("remark__contains", "x"), ("nothing__eq", "1")):
        data = {"all": f"{key}={value}", "field": "tier", "tier": "A", "how": "set", "sure": "1"}
        answer = firm.client("seller").post("/account/bulk/edit", data)
        assert answer.status_code in (400, 422), answer.status_code
    assert rows("tier") == [""]


def test_whoever_works_for_somebody_sees_their_own_operations_alone(firm: Any) -> None:
    made = account(firm, "seller", tier="A")
    seller, colleague = fresh(firm, "seller"), fresh(firm, "colleague")
    lent = Actor(seller.user, "web", by=colleague.user)
    found = []
    for actor, tier in ((seller, "B"), (lent, "C")):
        with operations.recording(actor, ACCOUNT, "update", keys=["tier"]) as tally:
            records.update(actor, ACCOUNT, made.pk, {"tier": tier})
        assert tally.operation
        found.append(tally.operation)
    assert [o.pk for o in operations.recent(lent)] == [found[1].pk]
    assert {o.pk for o in operations.recent(seller)} == {o.pk for o in found}
    assert operations.recent(colleague) == []


def test_a_loan_that_ended_ends_its_jobs(firm: Any) -> None:
    made = account(firm, "seller", tier="A")
    seller, colleague = fresh(firm, "seller"), fresh(firm, "colleague")
    job = deed_jobs.begin(
        Actor(seller.user, "web", by=colleague.user), ACCOUNT, Deed("update", {"tier": "B"}), Chosen((made.pk,))
    )
    deed_jobs.perform(job.pk, deed_jobs.queue(job, "run"))
    job.refresh_from_db()
    assert (job.state, rows("tier")) == ("failed", ["A"])
    assert json.dumps(job.options).count(str(made.pk)) == 1
