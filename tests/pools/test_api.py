"""Pools by key, at /api/v1/pools/: what is open, looking, taking, giving and calling back, as far as the key may."""

from __future__ import annotations

import uuid
from typing import Any

from tests.api.desk import program
from zhike.engine.models import Notice
from zhike.engine.pools import moving

from .house import fresh, lying, make, pool


def test_a_member_lists_opens_and_takes(firm: Any) -> None:
    made = pool(firm, limits={"claims": 2, "looks": 1}, masked=["phone"])
    rows = [str(r.pk) for r in lying(firm, 3)]
    seller = program(firm.seller)
    (found,) = seller.get("pools/").json()["items"]
    assert (found["id"], found["records"], found["left_to_claim"]) == (str(made.pk), 3, 2)
    assert found["actions"] == ["claim"]
    listed = seller.get(f"pools/{made.pk}/records?limit=2&total=1").json()
    assert (len(listed["items"]), listed["total"]["count"]) == (2, 3)
    assert "name" in listed["items"][0]
    assert "remark" not in listed["items"][0]
    following = seller.get(listed["next"]).json()["items"]
    assert {r["id"] for r in (*listed["items"], *following)} == set(rows)
    assert seller.get(f"pools/{made.pk}/records/{rows[0]}").json()["id"] == rows[0]
    assert seller.get(f"pools/{made.pk}/records/{rows[1]}").status_code == 429
    moved = seller("POST", f"pools/{made.pk}/claim", {"items": rows}, Idempotency_Key="k1")
    assert (moved.status_code, len(moved.json()["items"])) == (200, 2)
    assert [s["code"] for s in moved.json()["skipped"]] == [moving.LIMIT]
    again = seller("POST", f"pools/{made.pk}/claim", {"items": rows}, Idempotency_Key="k1")
    assert sorted(again.json()["items"]) == sorted(moved.json()["items"])
    assert fresh(made).pk == made.pk
    assert seller.get("account/?limit=10").json()["items"] != []


def test_who_is_no_member_or_keeps_nothing_finds_nothing(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    stranger = program(firm.stranger)
    assert stranger.get("pools/").json() == {"items": []}
    for path in (f"pools/{made.pk}/records", f"pools/{made.pk}/records/{row.pk}"):
        assert stranger.get(path).status_code == 404
    body = {"items": [str(row.pk)]}
    assert stranger("POST", f"pools/{made.pk}/claim", body).status_code == 404
    seller = program(firm.seller)
    assert seller("POST", f"pools/{made.pk}/assign", {**body, "to": str(firm.seller.pk)}).status_code == 404
    assert seller("POST", f"pools/{made.pk}/recall", body).status_code == 404
    assert seller.get(f"pools/{made.pk}/records/{uuid.uuid4()}").status_code == 404
    assert fresh(row).owner_id is None
    assert "/pools/" not in stranger.get("openapi.json").json()["paths"]
    assert "/pools/{id}/claim" in (paths := seller.get("openapi.json").json()["paths"])
    assert "/pools/{id}/recall" not in paths


def test_who_keeps_a_pool_gives_and_calls_back_as_far_as_the_key_may(firm: Any) -> None:
    made = pool(firm)
    own, (row,) = make(firm, name="在手"), lying(firm, 1)
    narrow = program(firm.manager, ["account:list", "account:claim"])
    assert narrow.get("pools/").json()["items"][0]["actions"] == ["claim"]
    assert narrow("POST", f"pools/{made.pk}/recall", {"items": [str(own.pk)]}).status_code == 404
    assert fresh(own).owner_id == firm.seller.pk
    manager = program(firm.manager)
    back = manager("POST", f"pools/{made.pk}/recall", {"items": [str(own.pk)], "note": "久未跟进"})
    assert (back.status_code, back.json()["items"]) == (200, [str(own.pk)])
    assert (fresh(own).owner_id, fresh(own).pool_id) == (None, made.pk)
    (told,) = Notice.objects.filter(user=firm.seller.pk, kind="returning")
    assert told.params["why"] == "久未跟进"
    assert told.url == f"/pools/{made.pk}/{own.pk}"
    given = manager("POST", f"pools/{made.pk}/assign", {"items": [str(row.pk)], "to": str(firm.colleague.pk)})
    assert given.json()["items"] == [str(row.pk)]
    assert fresh(row).owner_id == firm.colleague.pk
    pk = str(row.pk)
    bodies: list[dict[str, Any]] = [{}, {"items": []}, {"items": ["x"]}, {"items": [pk] * 2}, {"items": [pk], "so": 1}]
    for wrong in bodies:
        assert manager("POST", f"pools/{made.pk}/claim", wrong).status_code == 422
