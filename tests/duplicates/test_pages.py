"""Pages: deciding, asking, being warned while typing, rules."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from zhike.engine import records
from zhike.engine.duplicates import finder
from zhike.engine.entity import get
from zhike.engine.models import DuplicateGroup, DuplicateRule, DuplicateVerdict, History
from zhike.web import duplicates

NAME = "上海华安精密机械有限公司"


def make(firm: Any, who: str, **values: Any) -> Any:
    return records.create(firm.actor(who), get("account"), values)


@pytest.fixture
def twice(firm: Any) -> Any:
    make(firm, "seller", name=NAME, phone="021-62770334")
    make(firm, "seller", name="上海华安精密机械", phone="021-62770334", tier="A")
    make(firm, "stranger", name="上海市华安精密机械有限公司")
    finder.run(get("account"))
    return firm


def test_records_side_by_side_with_reasons_and_the_way_to_merge(twice: Any) -> None:
    page = twice.client("seller").get("/duplicates/account").content.decode()
    assert "<mark>上海华安精密机械</mark>" in page
    assert "上海市华安" not in page
    assert "只差组织形式" in page
    ids = [str(pk) for pk in DuplicateGroup.objects.get().records]
    assert sum(pk in page for pk in ids) == 2
    assert "/merge/account?ids=" in page
    assert 'data-key="n"' in page
    assert "/duplicates/account" in twice.client("seller").get("/account/").content.decode()


def test_not_duplicates_and_later(twice: Any) -> None:
    group = DuplicateGroup.objects.get()
    seller, url = twice.client("seller"), f"/duplicates/account/{group.pk}/decide"
    assert twice.client("stranger").post(url, {"answer": "different"}).status_code == 404
    assert seller.post(url, {"answer": "merged"}).status_code == 404
    assert seller.post(url, {"answer": "different"}).status_code == 303
    assert DuplicateVerdict.objects.count() == 1
    assert "没有" in seller.get("/duplicates/account").content.decode()
    assert History.objects.filter(action="duplicates.decide").count() == 1


def test_who_has_no_right_sees_nothing(twice: Any) -> None:
    assert Client().get("/duplicates/account").status_code == 302
    assert twice.client("stranger").get("/duplicates/account").status_code == 200
    assert twice.client("stranger").post("/duplicates/account/find").status_code in (303, 403, 404)
    assert twice.client("seller").get("/duplicates/deal").status_code == 404


def test_a_form_warns_while_it_is_typed_and_asks_before_it_saves(twice: Any) -> None:
    seller = twice.client("seller")
    page = seller.get("/account/new").content.decode()
    assert "/duplicates/account/hint/name" in page
    hint = seller.post("/duplicates/account/hint/name", {"name": "上海华安精密机"}).content.decode()
    assert NAME in hint or "上海华安精密机械" in hint
    other = seller.post("/duplicates/account/hint/name", {"name": "上海市华安精密机械有限公司"})
    assert "华南销售部" in other.content.decode()
    assert seller.post("/duplicates/account/hint/name", {"name": "上"}).content.decode().strip() == ""
    assert seller.post("/duplicates/account/hint/tier", {"tier": "A"}).status_code == 404
    again = {"name": "上海华安精密机", "kind": "firm"}
    refused = seller.post("/account/new", again)
    assert refused.status_code == 422
    assert 'name="confirmed"' in refused.content.decode()
    assert seller.post("/account/new", {**again, "confirmed": "1"}).status_code == 303
    blocked = seller.post("/account/new", {"name": NAME, "kind": "firm", "confirmed": "1"})
    assert blocked.status_code == 422
    assert 'name="confirmed"' not in blocked.content.decode()


def test_the_tool_tells_the_department_and_is_counted(twice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "PER_HOUR", 3)
    colleague = twice.client("colleague")
    assert "查重" in colleague.get("/duplicates/look").content.decode()
    found = colleague.post("/duplicates/look", {"q": "021-62770334"}).content.decode()
    assert "华北销售部" in found
    assert "王芳" not in found
    assert NAME not in found
    assert "还没有" in colleague.post("/duplicates/look", {"q": "长沙银行股份有限公司"}).content.decode()
    assert colleague.post("/duplicates/look", {"q": NAME}).status_code == 200
    limited = colleague.post("/duplicates/look", {"q": NAME})
    assert limited.status_code == 429
    assert 0 < int(limited["Retry-After"]) <= 3600


def test_rules_are_the_administrators(firm: Any) -> None:
    assert firm.client("manager").get("/settings/duplicates").status_code in (403, 404)
    admin = firm.client("admin")
    assert "account.phone.typed" in admin.get("/settings/duplicates").content.decode()
    assert admin.post("/settings/duplicates", {"account.phone.typed": "off"}).status_code == 303
    assert DuplicateRule.objects.get().level == "off"
    assert admin.post("/settings/duplicates", {"account.phone.typed": "explode"}).status_code == 404
