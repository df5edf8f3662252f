"""Writing: versions, repeated requests, many at once, strict bodies, and problems that say where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.desk import digest, program
from tests.registry.factory import make
from zhike.engine import guard
from zhike.engine.entity import get
from zhike.engine.models import History


def account(firm: Any) -> Any:
    return make(firm.actor("seller"), get("account"))


def test_versions(firm: Any) -> None:
    p, record = program(firm.seller), account(firm)
    path = f"account/{record.pk}"
    first = p.get(path)["ETag"]
    assert p("PATCH", path, {"remark": "甲"}).status_code == 428
    assert p("DELETE", path).status_code == 428
    changed = p("PATCH", path, {"remark": "甲"}, if_match=first)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    before = digest()
    for tag in (first, '"1"', "x", '"x"', f"W/{changed['ETag']}", '"1", "2"'):
        assert p("PATCH", path, {"remark": "乙"}, if_match=tag).status_code == 412, tag
        assert p("DELETE", path, if_match=tag).status_code == 412, tag
        assert p("POST", f"{path}/transfer", {"owner": str(firm.colleague.pk)}, if_match=tag).status_code == 412, tag
    assert digest() == before
    assert p("PATCH", path, {"remark": "乙"}, if_match=changed["ETag"]).status_code == 200
    answer = p("DELETE", path, if_match='"3"')
    assert (answer.status_code, answer.content, "Content-Type" in answer) == (204, b"", False)
    assert p.get(path).status_code == 404
    assert p("POST", f"{path}/restore").status_code == 200
    assert p("POST", f"{path}/restore").status_code == 404


def test_a_tag_for_each_way_of_seeing(firm: Any) -> None:
    record = account(firm)
    path = f"account/{record.pk}"
    tags = [
        program(firm.seller).get(path)["ETag"],
        program(firm.seller).get(f"{path}?fields=name")["ETag"],
        program(firm.admin).get(f"{path}?fields=name,remark")["ETag"],
    ]
    assert len(set(tags)) == 3
    assert {tag.partition("-")[0] for tag in tags} == {'"1'}


def test_repeated_requests(firm: Any) -> None:
    p = program(firm.seller)
    first = p("POST", "account/", {"name": "甲"}, idempotency_key="k1")
    again = p("POST", "account/", {"name": "甲"}, idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert p("POST", "account/", {"name": "乙"}, idempotency_key="k1").status_code == 422
    assert p("POST", "contact/", {"name": "甲"}, idempotency_key="k1").status_code == 422
    assert p("POST", "account/", {"name": ""}, idempotency_key="k2").status_code == 422
    assert p("POST", "account/", {"name": "丙"}, idempotency_key="k2").status_code == 201, (
        "a failure leaves the key free"
    )
    assert p("POST", "account/", {"name": "丁"}, idempotency_key="a b").status_code == 400
    other = program(firm.colleague)("POST", "account/", {"name": "甲"}, idempotency_key="k1")
    assert other.json()["id"] != first.json()["id"], "keys of others are no business of ours"
    body = {"action": "create", "items": [{"values": {"name": "戊"}}, {"values": {"name": "己"}}]}
    twice = [p("POST", "account/bulk", body, idempotency_key="k3").json() for _n in range(2)]
    assert twice[0] == twice[1]
    assert guard.rows(get("account").model, "test").count() == 5


def test_many_at_once(firm: Any) -> None:
    p = program(firm.seller)
    made = p("POST", "account/bulk", {"action": "create", "items": [{"values": {"name": f"{n}"}} for n in range(5)]})
    ids = [item["id"] for item in made.json()["items"]]
    items = [{"id": pk, "version": 1, "values": {"remark": "x"}} for pk in ids]
    assert p("POST", "account/bulk", {"action": "update", "items": items}).status_code == 200
    before = digest()
    for wrong, status in (
        (items, 412),
        ([*items[:1], {"id": str(firm.seller.pk), "version": 1, "values": {}}], 404),
        ([{**items[0], "version": 2}] * 2, 422),
        ([{**items[0], "version": 2, "values": {"nothing": 1}}], 422),
        ([{"id": ids[0], "values": {}}], 422),
        ([], 422),
        ([{"id": ids[0], "version": 2, "values": {"name": ""}}], 422),
    ):
        answer = p("POST", "account/bulk", {"action": "update", "items": wrong})
        assert answer.status_code == status, answer.content.decode()
    assert digest() == before
    found = p(
        "POST", "account/bulk", {"action": "update", "items": [{**items[3], "version": 2, "values": {"name": ""}}]}
    )
    assert found.json()["errors"][0]["pointer"] == "/items/0/values/name"
    gone = [{"id": pk, "version": 2} for pk in ids]
    assert p("POST", "account/bulk", {"action": "delete", "items": gone}).status_code == 200
    back = p("POST", "account/bulk", {"action": "restore", "items": [{"id": pk} for pk in ids]})
    assert back.status_code == 200
    over = [{"id": ids[0], "version": 2, "values": {}}] * 1_001
    assert p("POST", "account/bulk", {"action": "update", "items": over}).status_code == 422
    assert (
        program(firm.seller, ["account:update"])(
            "POST", "account/bulk", {"action": "update", "items": gone}
        ).status_code
        == 404
    )


def test_what_is_there_already(firm: Any) -> None:
    """A question is answered by a header; what was written all the same comes back with hints and its usual tag."""
    p, told = program(firm.seller), "电话：已有客户“上海华安精密机械有限公司”。"
    assert p("POST", "account/", {"name": "上海华安精密机械有限公司", "phone": "021-62770334"}).status_code == 201
    twin = {"name": "还有别的", "phone": "021-62770334"}
    asked = p("POST", "account/", twin)
    assert (asked.status_code, asked.json()["errors"][0]["code"]) == (422, "possible_duplicate")
    assert p("POST", "account/", twin, zhike_confirmed="yes").status_code == 400
    made = p("POST", "account/", twin, zhike_confirmed="duplicates")
    body = made.json()
    assert (made.status_code, body.pop("hints")) == (201, [told])
    seen = p.get(f"account/{body['id']}")
    assert (seen.json(), seen["ETag"]) == (body, made["ETag"])
    third = {"action": "create", "items": [{"values": {**twin, "name": "第三家"}}, {"values": {"name": "第四家"}}]}
    one, other = p("POST", "account/bulk", third, zhike_confirmed="duplicates").json()["items"]
    assert (len(one["hints"]), "hints" in other) == (1, False)
    silent = program(firm.seller, scopes=["account:create"])
    blind = silent("POST", "account/", {**twin, "name": "第五家"}, zhike_confirmed="duplicates").json()
    assert (set(blind), told in blind["hints"]) == ({"id", "version", "hints"}, False)


def test_actions(firm: Any) -> None:
    p = program(firm.seller)
    deal = make(firm.actor("seller"), get("deal"))
    assert p("POST", f"deal/{deal.pk}/win", {"nothing": 1}).status_code == 422
    assert p("POST", f"deal/{deal.pk}/fly").status_code == 404
    assert p.get(f"deal/{deal.pk}/win").status_code == 405
    assert p("POST", f"deal/{deal.pk}/lose", {"lost_reason": "price"}).status_code in (200, 422)
    assert p("POST", f"deal/{deal.pk}/transfer", {}).status_code == 422
    moved = p("POST", f"deal/{deal.pk}/transfer", {"owner": str(firm.colleague.pk), "note": "x"})
    assert moved.status_code == 200, moved.content.decode()
    assert set(moved.json()) == {"id", "version"}, "out of one's own sight now"
    assert program(firm.colleague).get(f"deal/{deal.pk}").status_code == 200


def test_revealing(firm: Any) -> None:
    p = program(firm.seller)
    made = p("POST", "account/", {"name": "甲", "phone": "13800138000"}).json()
    path = f"account/{made['id']}/reveal"
    assert p("POST", path, {"fields": ["phone"]}).json()["values"] == {"phone": "+8613800138000"}
    assert History.objects.filter(action="reveal", record=made["id"]).count() == 1
    bodies: list[dict[str, Any]] = [{}, {"fields": []}, {"fields": ["name"]}]
    assert [p("POST", path, body).status_code for body in bodies] == [422, 422, 404]
    narrow = program(firm.seller, ["account:read", "account:update"])
    assert narrow("POST", path, {"fields": ["phone"]}).status_code == 404
    from zhike.base.models import Policy

    policy = Policy.current()
    policy.reveals_per_hour = 2
    policy.save()
    codes = [p("POST", path, {"fields": ["phone"]}) for _n in range(2)]
    assert [a.status_code for a in codes] == [200, 429]
    assert int(codes[1]["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"x"', 422),
        (b'{"name":"a","name":"b"}', 400),
        (b'{"name":"\xff"}', 400),
        (b'{"name":"\\ud800"}', 422),
        (b'{"name":"\\u0000"}', 422),
        (b'{"employees":NaN}', 400),
        (b'{"employees":1e999}', 400),
        (b"[" * 100_000, 400),
        (b'{"name":' + b"[" * 30 + b"]" * 30 + b"}", 400),
        (b'{"employees":' + b"9" * 5000 + b"}", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"name":"a"} x', 400),
        (b'{"name":"' + b"x" * (2 * 1024 * 1024) + b'"}', 413),
    ],
)
def test_strict_bodies(firm: Any, body: bytes, status: int) -> None:
    answer = program(firm.seller)("POST", "account/", body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"name": 5}, "/name"),
        ({"name": "a", "employees": "5"}, "/employees"),
        ({"name": "a", "employees": True}, "/employees"),
        ({"name": "a", "employees": 1.5}, "/employees"),
        ({"name": "a", "founded_on": "2026-02-30"}, "/founded_on"),
        ({"name": "a", "founded_on": "1.2.2026"}, "/founded_on"),
        ({"name": "a", "tags": "x"}, "/tags"),
        ({"name": "a", "tags": ["x"]}, "/tags/0"),
        ({"name": "a", "tier": "no"}, "/tier"),
        ({"name": None}, "/name"),
        ({"name": "a", "registered_capital": 12.5}, "/registered_capital"),
        ({"name": "a", "owner": "me"}, "/owner"),
        ({"name": "a", "registered_capital": {"amount": "1", "currency": "USD"}, "currency": "CNY"}, "/currency"),
        ({"name": "a", "id": "x"}, "/id"),
        ({"name": "a", "version": 1}, "/version"),
        ({"name": "a", "created_by": None}, "/created_by"),
        ({"name": "a", "a/b~c": 1}, "/a~1b~0c"),
        ({}, "/name"),
    ],
)
def test_values_of_the_wrong_kind(firm: Any, value: dict[str, Any], pointer: str) -> None:
    before = digest()
    answer = program(firm.seller)("POST", "account/", value)
    assert answer.status_code == 422
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]
    assert digest() == before


def test_problems(firm: Any) -> None:
    p = program(firm.seller)
    answer = p("POST", "account/", b"a=b", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    assert p.get("account/", accept="text/html").status_code == 406
    assert p.get("account/", accept="application/json;q=0").status_code == 406
    put = p("PUT", "account/", {})
    assert (put.status_code, put["Allow"]) == (405, "GET, HEAD, POST")
    assert p("HEAD", "account/").content == b""
    texts = {lang: p.get("nothing/", accept_language=lang).json()["title"] for lang in ("en", "zh-CN", "zh-TW")}
    assert texts["en"] == "Not found"
    found = p.get("nothing/")
    assert (found["Content-Type"], found["Cache-Control"]) == ("application/problem+json", "no-store")
    assert set(found.json()) == {"type", "title", "status", "detail"}
    assert "Set-Cookie" not in found
    assert json.loads(p.get("/api/v2/x").content)["status"] == 404


def test_a_fault_of_ours_is_a_problem_too(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from zhike.engine import query

    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(query, "walk", broken)
    answer = program(firm.seller).get("account/")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "secret" not in answer.content.decode()
