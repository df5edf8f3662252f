"""Roll-ups tell their reader no more than the lists do, and stored ones are never wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.base.models import FieldGrant, Role
from zhike.engine import access, catalog, guard, query, records, rolling, rollup
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import Configuration, History
from zhike.engine.query import Condition, View
from zhike.modules.customers.models import Account
from zhike.modules.sales.models import Deal

pytestmark = pytest.mark.django_db
OPEN = [["status", "eq", "open"]]
LOST = [["lost_note", "eq", "late"]]


def rolled(kind: str, measure: str, field: str = "", **said: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "labels": {"en": f"{measure} {field}"},
        "rollup": {"entity": "deal", "by": "account", "measure": measure, "field": field, **said},
    }


ALL: dict[str, Any] = {"everything": True}
KEPT: dict[str, Any] = {"everything": True, "stored": True}
STORED = {
    "x_count": rolled("integer", "count", **KEPT),
    "x_open": rolled("money", "sum", "amount", where=OPEN, **KEPT),
    "x_mean": rolled("money", "avg", "amount", **KEPT),
    "x_first": rolled("date", "min", "expected_on", **KEPT),
    "x_late": rolled("datetime", "max", "last_contact_at", **KEPT),
    "x_latest": rolled("text", "last", "name", where=LOST, **KEPT),
}
DOCUMENT: dict[str, Any] = {
    "fields": {
        "account": {
            "x_seen": rolled("integer", "count"),
            "x_sum": rolled("money", "sum", "amount", where=OPEN),
            "x_whole": rolled("integer", "count", **ALL),
            "x_value": {"kind": "decimal", "labels": {"en": "v"}, "formula": "x_sum / x_seen"},
            **STORED,
        }
    }
}


@pytest.fixture(autouse=True)
def document() -> Iterator[None]:
    with catalog.preview(DOCUMENT):
        yield


def test_it_counts_what_its_reader_lists(firm: Any) -> None:
    seller, stranger, admin = (firm.actor(name) for name in ("seller", "stranger", "admin"))
    account = records.create(admin, get("account"), {"name": "共用", "owner": firm.seller.pk})
    for actor, amount in ((seller, "5"), (admin, "7")):
        records.create(actor, get("deal"), {"name": "d", "amount": amount, "account": account.pk})
    row = query.record(seller, get("account"), account.pk).rows[0].values
    assert (row["x_seen"], row["x_sum"], row["x_whole"], row["x_count"], row["x_value"]) == (1, 5, 2, 2, 5)
    whole = query.record(admin, get("account"), account.pk).rows[0].values
    assert (whole["x_seen"], whole["x_sum"], whole["x_value"]) == (2, 12, 6)
    listed = query.page(seller, get("account"), View(conditions=(Condition("x_sum", "gte", "6"),), sort="-x_sum"))
    assert [r.id for r in listed.rows] == []
    assert query.page(stranger, get("account"), View(sort="x_seen")).rows == []


def test_two_worlds_that_differ_in_a_hidden_record_look_the_same(firm: Any) -> None:
    seller, admin = firm.actor("seller"), firm.actor("admin")
    account = records.create(admin, get("account"), {"name": "共用", "owner": firm.seller.pk})
    told: list[Any] = []
    for _world in range(2):
        views = [View(sort=key, columns=("name", key)) for key in ("x_seen", "-x_sum", "x_value") if "-" not in key]
        views += [View(sort="-x_sum"), View(conditions=(Condition("x_seen", "gte", "1"),))]
        told.append([[(r.id, r.values) for r in query.page(seller, get("account"), view).rows] for view in views])
        records.create(admin, get("deal"), {"name": "secret", "amount": "9", "account": account.pk})
    assert told[0] == told[1]


@pytest.mark.parametrize("level", ["hidden", "masked"])
def test_a_hidden_field_stays_hidden_in_what_is_counted(firm: Any, level: str) -> None:
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="deal", key="amount", level=level)
    known = access.readable(firm.actor("seller"), get("account"))
    assert {"x_sum", "x_value", "x_open", "x_mean"}.isdisjoint(known)
    assert {"x_seen", "x_whole", "x_count", "x_first"} <= known.keys()


@pytest.mark.parametrize(
    "said",
    [
        rolled("money", "sum", "amount", stored=True),
        rolled("integer", "count", where=[["owner", "eq", "me"]]),
        rolled("integer", "count", where=[["created_at", "within", "this_month"]], **KEPT),
        rolled("integer", "count", where=[["idle", "eq", "1"]]),
        rolled("money", "sum", "name"),
        rolled("text", "count"),
        rolled("money", "max", "expected_on"),
        rolled("integer", "count", by="owner"),
        rolled("integer", "count", entity="nothing"),
        rolled("integer", "most"),
        rolled("integer", "sum", "days_in_stage", **KEPT),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    definition = {**said["rollup"], "kind": said["kind"]}
    with pytest.raises(Wrong):
        rollup.check("account", "x_new", definition)


def test_what_makes_sense_is_taken() -> None:
    for key, said in DOCUMENT["fields"]["account"].items():
        if "rollup" in said:
            found = rollup.check("account", key, {**said["rollup"], "kind": said["kind"]})
            assert found.sources <= {("deal", k) for k in get("deal").attributes}
            assert "客户" in rollup.reveals(found)


def test_it_is_not_made_of_itself() -> None:
    circle = {
        "account": {"x_a": rolled("decimal", "sum", "x_b")},
        "deal": {"x_b": {"kind": "decimal", "labels": {"en": "b"}, "formula": "account.x_a + 1"}},
    }
    with catalog.preview({"fields": circle}), pytest.raises(Wrong):
        rollup.check("account", "x_a", circle["account"]["x_a"]["rollup"])


def differences() -> list[Any]:
    """Accounts whose stored values are not what counting them now gives."""
    live = {
        f"live_{key}": rolling.packed(rollup.Rollup.of("account", key, said["rollup"])) for key, said in STORED.items()
    }
    return [
        (row.pk, key, row.custom.get(key), getattr(row, f"live_{key}"))
        for row in guard.rows(Account, "all of them").annotate(**live)
        for key in STORED
        if row.custom.get(key) != getattr(row, f"live_{key}")
    ]


class Desk:
    """Random work of an administrator on three customers and their deals."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.accounts = records.create_many(actor, get("account"), [{"name": f"客户{n}"} for n in range(3)])

    def run(self, step: tuple[str, int, int]) -> None:
        name, one, two = step
        deals = list(guard.rows(Deal, "work").order_by("pk"))
        chosen = [deals[(one + n) % len(deals)].pk for n in range(1 + two % 3)] if deals else []
        account = self.accounts[two % 3].pk
        with contextlib.suppress(Missing, Invalid):
            getattr(self, f"do_{name}")(list(dict.fromkeys(chosen)), account, one, two)

    def do_create(self, _ids: Any, account: Any, one: int, two: int) -> None:
        rows = [{"name": f"d{one}{n}", "amount": str(one), "account": account} for n in range(1 + two % 2)]
        records.create_many(self.actor, get("deal"), rows)

    def do_change(self, ids: Any, _account: Any, one: int, two: int) -> None:
        values = {"amount": str(one), "expected_on": f"2026-01-{1 + two:02}", "name": f"n{two}", "lost_note": "late"}
        records.update_many(self.actor, get("deal"), dict.fromkeys(ids, values))

    def do_move(self, ids: Any, account: Any, one: int, _two: int) -> None:
        records.update_many(self.actor, get("deal"), {pk: {"account": account if one % 3 else None} for pk in ids})

    def do_delete(self, ids: Any, *_rest: Any) -> None:
        records.delete_many(self.actor, get("deal"), ids)

    def do_restore(self, ids: Any, *_rest: Any) -> None:
        records.restore_many(self.actor, get("deal"), ids)

    def do_win(self, ids: Any, *_rest: Any) -> None:
        records.update_many(self.actor, get("deal"), {pk: {} for pk in ids}, action="win")

    def do_currency(self, ids: Any, account: Any, one: int, _two: int) -> None:
        currency = "USD" if one % 2 else "CNY"
        records.update_many(self.actor, get("account"), {account: {"currency": currency}})
        records.update_many(self.actor, get("deal"), {pk: {"currency": "USD"} for pk in ids[:1]})

    def do_maintain(self, ids: Any, _account: Any, one: int, _two: int) -> None:
        moment = self.accounts[0].created_at.replace(day=1 + one)
        records.maintain(get("deal"), {pk: {"last_contact_at": moment} for pk in ids}, "a test")


STEPS = ("create", "change", "move", "delete", "restore", "win", "currency", "maintain")
WORK = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 20)), max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(work=WORK)
def test_stored_ones_are_never_wrong(firm: Any, work: list[tuple[str, int, int]]) -> None:
    with transaction.atomic():
        desk = Desk(firm.actor("admin"))
        desk.run(("create", 3, 1))
        for step in work:
            desk.run(step)
            assert differences() == [], step
        assert rolling.rebuild_all() == 0
        transaction.set_rollback(True)


def test_what_moves_is_counted_at_both_ends(firm: Any) -> None:
    admin = firm.actor("admin")
    one, two = records.create_many(admin, get("account"), [{"name": "从"}, {"name": "到"}])
    deal = records.create(admin, get("deal"), {"name": "d", "amount": "5", "account": one.pk})
    records.update(admin, get("deal"), deal.pk, {"account": two.pk})
    found = [get("account").rows("both").get(pk=pk).custom["x_count"] for pk in (one.pk, two.pk)]
    assert found == [0, 1]


def test_what_was_there_before_is_counted_by_a_rebuild(firm: Any) -> None:
    admin = firm.actor("admin")
    with catalog.preview({}):
        account = records.create(admin, get("account"), {"name": "旧"})
        records.create(admin, get("deal"), {"name": "d", "amount": "5", "account": account.pk})
    assert rolling.rebuild_all() > 0
    assert differences() == []
    account.refresh_from_db()
    assert (account.custom["x_count"], account.custom["x_open"]) == (1, Decimal("5.00"))


def test_counting_leaves_no_history(firm: Any) -> None:
    admin = firm.actor("admin")
    account = records.create(admin, get("account"), {"name": "一"})
    number = (Configuration.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    Configuration.objects.filter(state="published").update(state="past")
    Configuration.objects.create(number=number, state="published", document=DOCUMENT)
    before = History.objects.filter(record=account.pk).count()
    records.create(admin, get("deal"), {"name": "d", "amount": "5", "account": account.pk})
    account.refresh_from_db()
    assert account.custom["x_count"] == 1
    assert History.objects.filter(record=account.pk).count() == before
    records.update(admin, get("account"), account.pk, {"remark": "x"})
    assert [h.changes.keys() for h in History.objects.filter(record=account.pk, action="update")] == [{"remark"}]


def test_owners_are_locked_before_they_are_counted(firm: Any) -> None:
    """So that of two changes at once the later one counts what the earlier one has written."""
    admin = firm.actor("admin")
    account = records.create(admin, get("account"), {"name": "热"})
    with CaptureQueriesContext(connection) as asked:
        records.create(admin, get("deal"), {"name": "d", "amount": "1", "account": account.pk})
    told = [q["sql"] for q in asked.captured_queries if "customers_account" in q["sql"]]
    first = next(n for n, sql in enumerate(told) if "COUNT(*)" in sql)
    assert "FOR NO KEY UPDATE" in told[first - 1]
