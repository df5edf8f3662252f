"""A formula tells its reader no more than the fields that it is made of, here and beyond a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from zhike.base.models import FieldGrant, Role
from zhike.engine import access, catalog, formula, guard, query, records, report
from zhike.engine.entity import get
from zhike.engine.query import Condition, View
from zhike.modules.customers.models import Account

pytestmark = pytest.mark.django_db


def shown(kind: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "labels": {"en": text}, "formula": text}


DOCUMENT = {
    "fields": {
        "account": {
            "x_thousand": shown("money", "registered_capital / 1000"),
            "x_area": shown("text", "left(phone, 3)"),
        },
        "deal": {
            "x_tier": shown("text", "account.tier & text(amount)"),
            "x_rich": shown("boolean", "account.registered_capital > 100"),
            "x_deep": shown("money", "account.x_thousand * 2"),
            "x_owner": shown("text", "owner.name"),
        },
    }
}


@pytest.fixture(autouse=True)
def document() -> Iterator[None]:
    with catalog.preview(DOCUMENT):
        yield


def hide(role: str, entity: str, key: str, level: str = "hidden") -> None:
    FieldGrant.objects.create(role=Role.objects.get(key=role), entity=entity, key=key, level=level)


@pytest.fixture
def deal(firm: Any) -> Any:
    """The seller's deal with a customer of the stranger's, who let it go there."""
    account = records.create(firm.actor("stranger"), get("account"), {"name": "远方", "tier": "A"})
    made = records.create(firm.actor("seller"), get("deal"), {"name": "项目", "amount": "5"})
    guard.rows(type(made), "a link that the seller may not see").filter(pk=made.pk).update(account=account.pk)
    guard.rows(Account, "a capital").filter(pk=account.pk).update(registered_capital=5000)
    return made


def answers(actor: Any) -> list[Any]:
    """Everything that lists, filters, orders, groups and sums tell about the formulas of deals."""
    entity = get("deal")
    found: list[Any] = []
    for key in ("x_tier", "x_rich", "x_deep"):
        if key not in access.readable(actor, entity):
            continue
        views = [View(columns=("name", key), sort=key), View(columns=("name", key), sort=f"-{key}")]
        ops = {"x_tier": ("contains", "A"), "x_rich": ("eq", "1"), "x_deep": ("gte", "1")}
        views += [View(conditions=(Condition(key, *ops[key]),))]
        for view in views:
            page = query.page(actor, entity, view)
            found.append([(row.id, row.values) for row in page.rows])
        if key != "x_rich":
            found += [(g.values, g.labels, g.n) for g in report.grouped(actor, entity, View(), [key])]
    found.append(formula.sample(actor, entity, "account.tier & name"))
    return found


def test_beyond_a_link_only_what_its_reader_lists(firm: Any, deal: Any) -> None:
    seller = firm.actor("seller")
    row = query.record(seller, get("deal"), deal.pk).rows[0].values
    assert (row["x_tier"], row["x_rich"], row["x_deep"], row["x_owner"]) == (None, None, None, "王芳")
    whole = query.record(firm.actor("admin"), get("deal"), deal.pk).rows[0].values
    assert (whole["x_tier"], whole["x_rich"], whole["x_deep"]) == ("A5", True, 10)


def test_two_worlds_that_differ_beyond_the_link_look_the_same(firm: Any, deal: Any) -> None:
    told = {}
    for tier, capital in (("A", 5000), ("S", 1)):
        guard.rows(Account, "the other world").update(tier=tier, registered_capital=capital)
        told[tier] = (answers(firm.actor("seller")), answers(firm.actor("admin")))
    assert told["A"][0] == told["S"][0]
    assert told["A"][1] != told["S"][1]


def test_a_link_into_the_bin_gives_nothing(firm: Any, deal: Any) -> None:
    account = guard.rows(Account, "the one there is").get()
    guard.rows(Account, "into the bin").update(deleted_at=account.created_at)
    row = query.record(firm.actor("admin"), get("deal"), deal.pk).rows[0].values
    assert row["x_tier"] is None


def test_an_empty_link_is_blank_and_no_secret(firm: Any) -> None:
    made = records.create(firm.actor("seller"), get("deal"), {"name": "项目", "amount": "5"})
    row = query.record(firm.actor("seller"), get("deal"), made.pk).rows[0].values
    assert (row["x_tier"], row["x_rich"]) == ("5", False)


def test_who_may_not_see_a_part_does_not_see_the_formula(firm: Any) -> None:
    hide("seller", "account", "registered_capital")
    seller = firm.actor("seller")
    assert "x_thousand" not in access.readable(seller, get("account"))
    assert {"x_rich", "x_deep"}.isdisjoint(access.readable(seller, get("deal")))
    assert {"x_tier"} <= access.readable(seller, get("deal")).keys()
    assert "x_thousand" in access.readable(firm.actor("admin"), get("account"))
    assert formula.sample(seller, get("deal"), "account.registered_capital") == []


def test_what_is_shown_in_part_gives_no_formula(firm: Any) -> None:
    seller = firm.actor("seller")
    assert access.level(seller, get("account"), get("account").attributes["phone"]) == "masked"
    assert "x_area" not in access.readable(seller, get("account"))


def test_a_formula_is_written_by_nobody(firm: Any) -> None:
    assert "x_tier" not in access.writable(firm.actor("admin"), get("deal"))


def test_a_formula_whose_field_is_gone_gives_nothing(firm: Any) -> None:
    made = records.create(firm.actor("seller"), get("deal"), {"name": "项目"})
    with catalog.preview({"fields": {"deal": {"x_a": shown("text", "x_gone & name")}}}):
        assert query.record(firm.actor("seller"), get("deal"), made.pk).rows[0].values["x_a"] is None
