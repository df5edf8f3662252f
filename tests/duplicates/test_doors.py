"""Every place where something is written asks what is there already: cells, tables, many at once, conversion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zhike.engine import access, deed_jobs, deeds, records
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.duplicates import check
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Merge
from zhike.modules.leads.models import Lead

NAME, PHONE, MOBILE = "上海华安精密机械有限公司", "021-62770334", "13800138000"
ASKED = "已有"


def make(firm: Any, who: str, entity: str = "account", **values: Any) -> Any:
    return records.create(firm.actor(who), get(entity), values)


def stored(row: Any, key: str) -> Any:
    return getattr(type(row)._base_manager.get(pk=row.pk), key)


def cells(firm: Any, rows: list[tuple[Any, dict[str, str]]], entity: str = "account", **more: str) -> tuple[int, Any]:
    sent = [{"id": str(r.pk), "version": r.version, "values": values} for r, values in rows]
    answer = firm.client("seller").post(f"/{entity}/grid", {"cells": json.dumps(sent), "cols": "name", **more})
    return answer.status_code, answer.json()


# ---- one cell, and a table of them


def test_a_cell_asks_and_goes_on(firm: Any) -> None:
    make(firm, "seller", name=NAME, phone=PHONE)
    row = make(firm, "seller", name="别的")
    url = f"/account/{row.pk}/field/phone"
    answer = firm.client("seller").post(url, {"phone": PHONE, "version": 1})
    assert answer.status_code == 422
    assert 'name="confirmed"' in answer.content.decode()
    assert stored(row, "phone") == ""
    answer = firm.client("seller").post(url, {"phone": PHONE, "version": 1, "confirmed": "1"})
    assert answer.status_code == 200
    assert ASKED in json.loads(answer["HX-Trigger"])["zk:toast"]["text"]
    assert stored(row, "phone") != ""


def test_a_cell_that_is_refused_offers_no_way_on(firm: Any) -> None:
    make(firm, "seller", name=NAME)
    row = make(firm, "seller", name="别的")
    answer = firm.client("seller").post(f"/account/{row.pk}/field/name", {"name": NAME, "version": 1, "confirmed": "1"})
    assert answer.status_code == 422
    assert 'name="confirmed"' not in answer.content.decode()


def test_a_table_asks_names_the_cells_and_goes_on(firm: Any) -> None:
    make(firm, "seller", name=NAME, phone=PHONE)
    a, b = make(firm, "seller", name="甲乙"), make(firm, "seller", name="丙丁")
    rows: list[tuple[Any, dict[str, str]]] = [(a, {"phone": PHONE}), (b, {"tier": "A"})]
    status, said = cells(firm, rows)
    assert (status, said["asks"], list(said["wrong"])) == (422, {str(a.pk): ["phone"]}, [str(a.pk)])
    assert (stored(a, "phone"), stored(b, "tier")) == ("", "")
    status, said = cells(firm, rows, confirmed="1")
    assert (status, len(said["rows"])) == (200, 2)
    assert ASKED in said["hints"]
    assert stored(a, "phone") != ""


def test_what_is_refused_in_a_table_is_no_question(firm: Any) -> None:
    make(firm, "seller", name=NAME)
    a = make(firm, "seller", name="甲乙")
    for more in ({}, {"confirmed": "1"}):
        status, said = cells(firm, [(a, {"name": NAME})], **more)
        assert (status, said["asks"]) == (422, {})
        assert ASKED in said["wrong"][str(a.pk)]["name"]


def test_rows_of_one_table_are_compared_with_each_other(firm: Any) -> None:
    account = make(firm, "seller", name="宝钢")
    a, b = (make(firm, "seller", "contact", name=n, account=account.pk) for n in ("张三", "李四"))
    status, said = cells(firm, [(a, {"phone": MOBILE}), (b, {"phone": MOBILE})], "contact", confirmed="1")
    assert (status, list(said["wrong"])) == (422, [str(b.pk)])
    new = [{"name": n, "phone": MOBILE} for n in ("王五", "赵六")]
    with pytest.raises(Invalid) as caught, check.at("api", confirmed=True):
        records.create_many(firm.actor("seller"), get("contact"), new)
    assert [bool(row) for row in caught.value.rows] == [False, True]


# ---- many at once


def test_many_at_once_are_warned_of_and_what_is_refused_is_left_out(firm: Any) -> None:
    make(firm, "seller", name="别家", phone=PHONE)
    rows = [make(firm, "seller", name=n) for n in ("甲乙", "丙丁")]
    sent = {"ids": ",".join(str(r.pk) for r in rows), "field": "phone", "phone": PHONE, "how": "set", "sure": "1"}
    answer = firm.client("seller").post("/account/bulk/edit", sent)
    assert answer.status_code == 204
    text = json.loads(answer["HX-Trigger"])["zk:toast"]["text"]
    assert "2" in text
    assert ASKED in text
    account = make(firm, "seller", name="宝钢")
    people = [make(firm, "seller", "contact", name=n, account=account.pk) for n in ("张三", "李四")]
    actor, contact = firm.actor("seller"), get("contact")
    deed = Deed("update", {"phone": MOBILE})
    _operation, outcome = deed_jobs.at_once(actor, contact, deed, Chosen([p.pk for p in people]))
    assert (len(outcome.done), [why for why, _text in outcome.skipped.values()]) == (1, ["invalid"])


def test_the_preview_of_many_tells_what_may_be_there(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "AT_ONCE", 1)
    make(firm, "seller", name="别家", phone=PHONE)
    rows = [make(firm, "seller", name=n) for n in ("甲乙", "丙丁")]
    actor, account = firm.actor("seller"), get("account")
    deed = Deed("update", {"phone": PHONE})
    job = deed_jobs.begin(actor, account, deed, Chosen([r.pk for r in rows]))
    deed_jobs.perform(job.pk, deed_jobs.queue(job, "check"))
    job.refresh_from_db()
    assert job.result["check"]["warned"] == 2
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert ASKED in page
    assert stored(rows[0], "phone") == ""


# ---- conversion


def test_a_conversion_asks_and_goes_on(firm: Any) -> None:
    make(firm, "seller", name=NAME)
    lead = make(firm, "seller", "lead", name="华安", company="上海华安精密机械", contact_name="刘工")
    page, seller = f"/lead/{lead.pk}/act/convert", firm.client("seller")
    answer = seller.post(page, {"account": "new"})
    assert answer.status_code == 422
    assert 'name="confirmed"' in answer.content.decode()
    assert Lead._base_manager.get().converted_at is None
    assert seller.post(page, {"account": "new", "confirmed": "1"}).status_code == 303
    assert get("account").model._base_manager.count() == 2


def test_a_conversion_is_refused_where_the_whole_name_is_there(firm: Any) -> None:
    make(firm, "stranger", name=NAME)
    lead = make(firm, "seller", "lead", name="华安", company=NAME)
    answer = firm.client("seller").post(f"/lead/{lead.pk}/act/convert", {"account": "new", "confirmed": "1"})
    assert answer.status_code == 422
    assert "华南销售部" in answer.content.decode()
    assert get("account").model._base_manager.count() == 1


# ---- the recycle bin


def binned(firm: Any, who: str, entity: str = "account", **values: Any) -> Any:
    made = make(firm, who, entity, **values)
    records.delete_many(firm.actor(who), get(entity), [made.pk])
    return made


def test_what_lies_in_the_bin_is_a_hint_and_can_be_restored_by_who_may(firm: Any) -> None:
    old = binned(firm, "manager", name=NAME, phone=PHONE)
    assert access.may(firm.actor("manager"), get("account"), "restore")
    with check.at("typed") as told:
        made = make(firm, "manager", name="新的", phone=PHONE)
    assert "回收站" in " ".join(told[made.pk])
    records.delete_many(firm.actor("manager"), get("account"), [made.pk])
    hint = firm.client("manager").post("/duplicates/account/hint/name", {"name": NAME}).content.decode()
    assert f"/account/{old.pk}/restore" in hint
    assert NAME in hint
    assert firm.client("manager").post(f"/account/{old.pk}/restore").status_code == 303
    assert "回收站" not in firm.client("manager").post("/duplicates/account/hint/name", {"name": NAME}).content.decode()


def test_of_the_bin_no_more_is_told_than_of_what_is_out_of_sight(firm: Any) -> None:
    old = binned(firm, "stranger", name=NAME, phone=PHONE)
    (hit, *_more) = check.look(firm.actor("seller"), get("account"), {"name": NAME})
    assert (hit.id, hit.name, hit.department, hit.level, hit.in_bin) == (None, "", "华南销售部", "hint", True)
    for page in (
        firm.client("seller").post("/duplicates/account/hint/name", {"name": NAME}),
        firm.client("seller").post("/duplicates/look", {"q": PHONE}),
    ):
        text = page.content.decode()
        assert "回收站" in text
        assert "restore" not in text
        assert str(old.pk) not in text
    assert NAME not in firm.client("seller").post("/duplicates/look", {"q": PHONE}).content.decode()


def test_what_is_there_is_told_before_the_bin_and_imports_do_not_look_there(firm: Any) -> None:
    binned(firm, "seller", name=NAME, phone=PHONE)
    with check.at("imported") as told:
        live = make(firm, "seller", name="现在的", phone=PHONE)
    assert told == {}
    (hit, *_more) = check.look(firm.actor("seller"), get("account"), {"phone": "+862162770334"})
    assert (hit.id, hit.in_bin) == (live.pk, False)


def test_what_was_merged_does_not_lie_in_the_bin(firm: Any) -> None:
    old, keeper = binned(firm, "seller", name=NAME), make(firm, "seller", name="留下的")
    Merge.objects.create(entity="account", loser=old.pk, keeper=keeper.pk)
    assert check.look(firm.actor("seller"), get("account"), {"name": NAME}) == []
