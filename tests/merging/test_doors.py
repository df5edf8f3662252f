"""Merging from pages, from programs, and where the old addresses lead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from zhike.base.models import FieldGrant, Role
from zhike.engine import guard, lineage, proposals, query, records, tokens
from zhike.engine.entity import get
from zhike.engine.merging import merge
from zhike.engine.models import Erasure, History, Operation
from zhike.engine.privacy import erasing, own_rows, person_file

from .test_merge import ACCOUNT, CONTACT, fresh, new, pair, row

pytestmark = pytest.mark.django_db


def test_the_page_shows_chooses_merges_and_undoes(firm: Any) -> None:
    one, two = pair(firm)
    new(firm, CONTACT, "colleague", name="张三", account=two)
    client = firm.client("manager")
    shown = client.get(f"/merge/account?ids={one},{two}")
    text = shown.content.decode()
    assert shown.status_code == 200
    assert text.index("138****8000") < text.index("139****9000")
    assert "13800138000" not in text
    assert "联系人 1" in text
    other = client.get(f"/merge/account?ids={one},{two}&keep={two}").content.decode()
    assert other.index("139****9000") < other.index("138****8000")
    alone = client.get(f"/merge/account?ids={one}")
    assert 'name="other"' in alone.content.decode()
    data = {"ids": f"{one},{two}", "version": [f"{one}:1", f"{two}:1"], "f.name": str(two), "f.remark": "all"}
    done = client.post("/merge/account", data)
    assert (done.status_code, done["Location"]) == (303, f"/account/{one}")
    assert (row(ACCOUNT, one)["name"], row(ACCOUNT, one)["remark"]) == ("华为精密", "甲\n\n乙")
    page = client.get(f"/account/{one}").content.decode()
    undo = f"/operations/{Operation.objects.latest('at').pk}/undo"
    assert undo in page
    assert undo in client.get("/tasks").content.decode()
    client.post(undo)
    assert row(ACCOUNT, two)["deleted_at"] is None
    stale = client.post("/merge/account", data)
    assert stale.status_code == 409


def test_the_page_is_for_who_may(firm: Any) -> None:
    one, two = pair(firm)
    far = new(firm, ACCOUNT, "stranger", name="南方")
    asked = (
        ("seller", f"/merge/account?ids={one},{two}", 403),
        ("manager", f"/merge/account?ids={one},{far}", 404),
        ("manager", f"/merge/account?ids={far}", 404),
        ("manager", "/merge/account", 404),
        ("manager", f"/merge/contactpoint?ids={one}", 404),
        ("manager", "/merge/nothing?ids=1", 404),
    )
    for who, url, status in asked:
        assert firm.client(who).get(url).status_code == status, url
    for who, offered in (("manager", True), ("seller", False)):
        client = firm.client(who)
        assert (f"/merge/account?ids={one}" in client.get(f"/account/{one}").content.decode()) is offered
        assert ('data-bulk-page="/merge/account"' in client.get("/account/?view=all").content.decode()) is offered


def test_old_addresses_lead_to_the_record_that_stays(firm: Any) -> None:
    one, two = pair(firm)
    merge(fresh(firm), ACCOUNT, one, [two])
    for path in ("", "/history", "/edit"):
        answer = firm.client("manager").get(f"/account/{two}{path}")
        assert (answer.status_code, answer["Location"]) == (301, f"/account/{one}{path}")
        assert answer["Cache-Control"] == "no-store"
    assert (
        firm.client("colleague").get(f"/account/{two}").status_code == 404
    )  # the owner of what went, not of what stays
    assert firm.client("seller").get(f"/account/{two}").status_code == 301
    assert firm.client("manager").post(f"/account/{two}/delete").status_code == 404
    for url in ("/account/?view=all", "/account/bin", "/search?q=华为精密"):
        assert str(two) not in firm.client("manager").get(url).content.decode()
    assert query.names(fresh(firm), "account", [two]) == {}


def key(firm: Any, who: str = "manager", *scopes: str) -> dict[str, str]:
    issued = tokens.issue(fresh(firm, who), name=who, scopes=list(scopes or ("*:*",)), days=30)
    return {"Authorization": f"Bearer {issued.secret}"}


def test_programs_merge_by_the_api(firm: Any) -> None:
    one, two = pair(firm)
    headers, client = key(firm), Client()
    url = f"/api/v1/account/{one}/merge"
    body = {"others": [{"id": str(two), "version": 1}], "values": {"name": str(two)}}

    def post(said: Any, **more: str) -> Any:
        return client.post(url, json.dumps(said), content_type="application/json", headers=headers | more)

    assert post({}).status_code == 422
    assert post({"others": [{"id": str(two)}], "values": {"number": str(two)}}).status_code == 422
    assert post({**body, "others": [{"id": str(two), "version": 9}]}).status_code == 412
    done = post(body, **{"Idempotency-Key": "a-1"})
    assert (done.status_code, done.json()["id"], done.json()["name"]) == (200, str(one), "华为精密")
    again = post(body, **{"Idempotency-Key": "a-1"})
    assert (again.status_code, again["Idempotency-Replayed"]) == (200, "true")
    gone = client.get(f"/api/v1/account/{two}?fields=name", headers=headers)
    assert (gone.status_code, gone["Location"]) == (308, f"/api/v1/account/{one}?fields=name")
    assert gone.json() == {"id": str(two), "merged_into": str(one)}
    assert client.get(f"/api/v1/account/{two}/history", headers=headers).status_code == 308
    assert client.get(f"/api/v1/account/{two}", headers=key(firm, "colleague")).status_code == 404
    assert client.delete(f"/api/v1/account/{two}", headers=headers | {"If-Match": "*"}).status_code == 404
    back = client.post(f"/api/v1/operations/{done['Operation-Id']}/undo", headers=headers)
    assert (back.status_code, back.json()["rows"]) == (200, 2)
    assert client.get(f"/api/v1/account/{two}", headers=headers).status_code == 200
    document = client.get("/api/v1/openapi.json", headers=headers).json()
    assert "/account/{id}/merge" in document["paths"]
    assert "/account/{id}/merge" not in client.get("/api/v1/openapi.json", headers=key(firm, "seller")).json()["paths"]


def test_an_assistant_asks_and_a_person_confirms(firm: Any) -> None:
    one, two = pair(firm)
    body = {"others": [{"id": str(two)}], "values": {"name": str(two)}}
    asked = proposals.propose(fresh(firm), None, ACCOUNT, "merge", body, pk=one)
    assert row(ACCOUNT, two)["deleted_at"] is None
    text = firm.client("manager").get(f"/proposals/{asked.pk}").content.decode()
    assert "华为精密" in text
    done = proposals.decide(fresh(firm), asked.pk, yes=True)
    assert (done.state, row(ACCOUNT, one)["name"]) == ("done", "华为精密")


def test_an_erased_person_is_gone_under_every_id(firm: Any) -> None:
    firm_ = new(firm, ACCOUNT, name="甲")
    one = new(firm, CONTACT, name="欧阳修", account=firm_, phone="13812345678")
    two = new(firm, CONTACT, name="欧阳永叔", account=firm_, phone="13812345678", wechat="zuiweng-1072")
    done = merge(fresh(firm), CONTACT, one, [two])
    assert own_rows(CONTACT, one)["contact"] == {one, two}
    found = person_file(fresh(firm, "admin"), CONTACT, one)
    assert sum(step["action"] == "create" for step in found["history"]) == 2
    erasing.wipe(CONTACT, one, by=fresh(firm, "admin"), reason="asked")
    for pk in (one, two):
        held = json.dumps(row(CONTACT, pk), default=str, ensure_ascii=False)
        assert "欧阳" not in held
        assert "zuiweng" not in held
    steps = History.objects.filter(record__in=[one, two]).values_list("changes", "details")
    assert "zuiweng" not in json.dumps(list(steps), ensure_ascii=False)
    assert set(Erasure.objects.values_list("record", flat=True)) == {one, two}
    assert erasing.reapply()["again"] == 0
    assert firm.client("manager").post(f"/operations/{done.pk}/undo", headers={"HX-Request": "true"}).status_code == 204
    assert lineage.into("contact", two) == one


def test_what_cannot_be_merged_is_said(firm: Any) -> None:
    one, two = (new(firm, CONTACT, name=n) for n in ("张三", "张叁"))
    records.act(fresh(firm, "admin"), CONTACT, two, "lock")
    client = firm.client("manager")
    assert client.post("/merge/contact", {"ids": f"{one},{two}"}).status_code == 422
    assert guard.rows(CONTACT.model, "test").filter(deleted_at__isnull=False).count() == 0


def test_the_preview_counts_only_what_one_may_list(firm: Any) -> None:
    one, two = pair(firm)
    new(firm, get("deal"), "colleague", name="产线", account=two, amount="1.00")
    client = firm.client("manager")
    assert "商机 1" in client.get(f"/merge/account?ids={one},{two}").content.decode()
    FieldGrant.objects.create(role=Role.objects.get(key="manager"), entity="deal", key="account", level="hidden")
    assert "商机 1" not in client.get(f"/merge/account?ids={one},{two}").content.decode()
