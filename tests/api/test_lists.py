"""Pages by key, filters read strictly, values by kind."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.desk import Program, program
from tests.registry.factory import make
from zhike.base.models import FieldGrant, Role
from zhike.engine import records
from zhike.engine.entity import get


def accounts(firm: Any, count: int, **values: Any) -> list[str]:
    rows = [{"name": f"公司{n % 3}", "tier": "abc"[n % 3] if n % 4 else "", **values} for n in range(count)]
    tiers = {key for key, _label in get("account").attributes["tier"].choices}
    rows = [{k: v for k, v in row.items() if k != "tier" or v in tiers} for row in rows]
    return [str(r.pk) for r in records.create_many(firm.actor("seller"), get("account"), rows)]


def walk(p: Program, path: str, between: Any = None) -> list[str]:
    """All ids of a list, page by page."""
    found: list[str] = []
    following: str | None = path
    while following:
        answer = p.get(following)
        assert answer.status_code == 200, answer.content.decode()
        body = answer.json()
        found += [item["id"] for item in body["items"]]
        following = body["next"]
        if between:
            between()
    return found


SORTS = ("", "name", "-name", "tier", "-tier", "created_at", "-updated_at", "owner", "founded_on", "-idle_days")


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_sees_all_once(firm: Any, sort: str) -> None:
    made = accounts(firm, 11)
    new: list[str] = []

    def insert() -> None:
        new.extend(accounts(firm, 1))

    p = program(firm.seller)
    found = walk(p, "account/?" + urlencode({"limit": 3, **({"sort": sort} if sort else {})}), insert)
    assert len(found) == len(set(found)), "no row twice"
    assert set(made) <= set(found), "no row left out"
    if not sort:
        assert found[:11] == made, "in the order they were made"


def test_cursors_belong_to_their_list(firm: Any) -> None:
    accounts(firm, 4)
    p = program(firm.seller)
    following = p.get("account/?limit=2&sort=name").json()["next"]
    cursor = following.partition("cursor=")[2]
    assert p.get(f"account/?limit=1&sort=name&cursor={cursor}").status_code == 200
    for path in (
        f"account/?sort=-name&cursor={cursor}",
        f"account/?sort=name&q=x&cursor={cursor}",
        f"contact/?sort=name&cursor={cursor}",
        f"account/?sort=name&cursor=x{cursor}",
        "account/?cursor=x",
    ):
        answer = p.get(path)
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor"), path
    assert program(firm.colleague).get(following).status_code == 422


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=１", "limit"),
        ("limit=2&limit=2", "limit"),
        ("page=2", "page"),
        ("offset=1", "offset"),
        ("nothing=1", "nothing"),
        ("nothing__eq=1", "nothing__eq"),
        ("name__gte=1", "name__gte"),
        ("name__eq=", "name__eq"),
        ("employees__eq=x", "employees__eq"),
        ("employees__gte=99999999999999999999", "employees__gte"),
        ("created_at__within=never", "created_at__within"),
        ("owner__eq=x", "owner__eq"),
        ("tier__empty=2", "tier__empty"),
        ("sort=nothing", "sort"),
        ("sort=phone", "sort"),
        ("sort=remark", "sort"),
        ("fields=name,nothing", "fields"),
        ("total=yes", "total"),
        ("password__eq=x", "password__eq"),
        ("owner__password__eq=x", "owner__password__eq"),
        ("phone__contains=138", "phone__contains"),
        ("q=" + "x" * 101, "q"),
        ("where=", "where"),
        ("&".join(f"name__contains={n}" for n in range(61)), "name__contains"),
    ],
)
def test_what_is_not_understood_is_refused(firm: Any, query: str, parameter: str) -> None:
    Role.objects.get(key="seller").grants.filter(action__in=("reveal", "*")).delete()
    Role.objects.get(key="seller").grants.create(entity="account", action="list", scope="own")
    answer = program(firm.seller, ["account:list"]).get(f"account/?{query}")
    assert answer.status_code == 422, answer.content.decode()
    assert parameter in [e.get("parameter") for e in answer.json()["errors"]]


def test_texts_that_are_none(firm: Any) -> None:
    p = program(firm.seller)
    assert [p.get(f"account/?{q}").status_code for q in ("q=%ff", "name__eq=%00", "q=%C3%28")] == [400, 422, 400]
    assert p.get("account/?created_at__lte=9999-12-31").status_code in (200, 422)


def test_totals_only_when_asked(firm: Any) -> None:
    accounts(firm, 5)
    p = program(firm.seller)
    assert "total" not in p.get("account/").json()
    assert p.get("account/?limit=1&total=1").json()["total"] == {"count": 5, "capped": False}


def test_values_by_kind(firm: Any) -> None:
    p = program(firm.seller)
    sent = {
        "name": "甲",
        "phone": "13800138000",
        "employees": 12,
        "founded_on": "2020-02-29",
        "registered_capital": {"amount": "1200.50", "currency": "USD"},
        "tags": [],
        "region": "310115",
    }
    answer = p("POST", "account/", sent)
    assert answer.status_code == 201, answer.content.decode()
    found = answer.json()
    assert {k: found[k] for k in ("employees", "founded_on", "currency", "region", "tags")} == {
        "employees": 12,
        "founded_on": "2020-02-29",
        "currency": "USD",
        "region": "310115",
        "tags": [],
    }
    assert found["registered_capital"] == {"amount": "1200.50", "currency": "USD"}
    assert (found["phone"], found["masked"]) == ("138****8000", ["phone"])
    assert found["names"][found["owner"]] == firm.seller.name
    only = p.get(f"account/{found['id']}?fields=name,phone").json()
    assert set(only) == {"id", "version", "name", "phone", "masked", "names"}


def test_names_only_of_what_one_may_see(firm: Any) -> None:
    account = make(firm.actor("stranger"), get("account"))
    deal = make(firm.actor("seller"), get("deal"))
    from zhike.engine import guard

    guard.rows(get("deal").model, "a link from other days").filter(pk=deal.pk).update(account=account)
    found = program(firm.seller).get(f"deal/{deal.pk}").json()
    assert found["account"] == str(account.pk)
    assert str(account.pk) not in found["names"]


def test_a_hidden_field_is_nowhere(firm: Any) -> None:
    record = make(firm.actor("seller"), get("deal"))
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="deal", key="amount", level="hidden")
    p = program(firm.seller)
    for path in (f"deal/{record.pk}", "deal/", "openapi.json", f"deal/{record.pk}/history"):
        answer = p.get(path)
        assert answer.status_code == 200
        if path == "openapi.json":
            assert "amount" not in answer.json()["components"]["schemas"]["deal"]["properties"]
            assert "amount__gte" not in answer.content.decode()
        else:
            assert '"amount":{' not in answer.content.decode()
    for query in ("amount__gte=1", "sort=amount", "fields=amount"):
        assert p.get(f"deal/?{query}").status_code == 422
    answers = [p("PATCH", f"deal/{record.pk}", {key: "1"}, if_match="*") for key in ("amount", "nothing")]
    assert [a.status_code for a in answers] == [422, 422]
    texts = {a.content.decode().replace("amount", "nothing") for a in answers}
    assert len(texts) == 1, "hidden and unknown look the same"
