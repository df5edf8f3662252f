"""Pages of hand-over: the plan from the first form to the last acceptance, and who is let in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.modules.handover import running, services, splitting
from zhike.modules.handover.models import Handover
from zhike.modules.tests.helpers import Firm, create


def client(actor: Actor) -> Client:
    made = Client()
    made.force_login(actor.user)
    return made


@pytest.fixture
def book(firm: Firm) -> list[Any]:
    made = [create(firm.seller, "account", name=f"客户{n}", tier="A" if n else "") for n in range(3)]
    create(firm.seller, "deal", name="产线", account=made[0].pk, amount="80000")
    create(firm.seller, "contact", name="张总", account=made[0].pk, phone="13900000001")
    return made


def test_from_the_first_form_to_the_last_acceptance(firm: Firm, book: list[Any]) -> None:
    boss, heir, leaver = client(firm.manager), client(firm.colleague), client(firm.seller)
    posted = boss.post("/handover/new", {"person": firm.seller.user.pk, "why": "leaving", "last_day": "2030-01-31"})
    here = posted["Location"]
    assert re.fullmatch(r"/handover/[0-9a-f-]{36}", here)
    rule = {"entity": "account", "tier__in": ["A"], "way": "one", "people": firm.stranger.user.pk}
    assert boss.post(f"{here}/rule", {**rule, "people": ""}).status_code == 422
    assert boss.post(f"{here}/rule", rule).status_code == 303
    boss.post(
        f"{here}/edit", {"why": "leaving", "rest": "person", "rest_to": firm.colleague.user.pk, "intro_days": "3"}
    )
    html = boss.get(here).content.decode()
    assert "客户0" in html
    assert "韩梅梅" in html
    assert "李雷" in html
    assert "80,000" in html
    found = Handover.objects.get()
    assert (found.intro_days, found.rest_to_id) == (3, firm.colleague.user.pk)
    item = found.items.get(record=book[0].pk)
    letter = f"/handover/item/{item.pk}"
    assert "13900000001" in leaver.get(letter).content.decode() or "139" in leaver.get(letter).content.decode()
    assert heir.get(letter).status_code == 404, "not before it is handed over"
    assert leaver.post(f"{letter}/words", {"words": "爱喝普洱"}).status_code == 303
    assert leaver.post(f"{here}/do/run").status_code in (403, 404)
    assert boss.post(f"{here}/do/run").status_code == 303
    running.perform(found.pk)
    assert "客户0" in heir.get("/handed/").content.decode()
    told = heir.get(letter).content.decode()
    assert "爱喝普洱" in told
    assert "产线" in told
    assert heir.post(f"{letter}/answer", {"said": "asked", "note": "合同在哪"}).status_code == 303
    assert "合同在哪" in boss.get(f"{here}?show=asked").content.decode()
    assert heir.post("/handed/answer", {"item": [str(item.pk)]}).status_code == 303
    item.refresh_from_db()
    assert item.state == "accepted"
    assert "客户0" in boss.get(f"/handover/watch?of={found.pk}").content.decode()
    assert boss.get("/handover/").status_code == 200
    home = client(firm.stranger).get("/").content.decode()
    assert f"/handed/?of={found.pk}" in home, "what waits stands on the first page"


def test_single_records_by_hand_and_rules_dropped(firm: Firm, book: list[Any]) -> None:
    boss = client(firm.manager)
    found = services.create(firm.manager, firm.seller.user)
    services.add_share(firm.manager, found.pk, way="one", people=[firm.colleague.user.pk])
    splitting.sync(found)
    item = found.items.get(record=book[0].pk)
    give = f"/handover/item/{item.pk}/give"
    assert boss.get(give).status_code == 200
    assert boss.post(give, {"to": firm.seller.user.pk}).status_code == 422
    assert boss.post(give, {"to": firm.stranger.user.pk}).status_code == 303
    boss.post(f"/handover/{found.pk}/do/rule", {"order": "1"})
    boss.get(f"/handover/{found.pk}?show=all")
    item.refresh_from_db()
    assert item.to_id == firm.stranger.user.pk
    assert found.items.get(record=book[1].pk).to_id == firm.manager.user.pk
    assert boss.post(f"/handover/{found.pk}/do/drop").status_code == 303
    assert boss.get(f"/handover/{found.pk}").status_code == 404


def test_an_account_is_closed_at_once_by_who_may(firm: Firm, book: list[Any]) -> None:
    inside = client(firm.seller)
    assert inside.get("/").status_code == 200
    url = f"/handover/emergency/{firm.seller.user.pk}"
    assert client(firm.manager).get(url).status_code in (403, 404)
    assert client(firm.manager).post(url).status_code in (403, 404)
    admin = client(firm.admin)
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"note": "锁定"}).status_code == 303
    assert not User.objects.get(pk=firm.seller.user.pk).is_active
    assert inside.get("/").status_code == 302, "signed out at this moment"
    assert "/handover/new" in admin.get(f"/user/{firm.colleague.user.pk}").content.decode()


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_strangers_are_not_let_in(firm: Firm, book: list[Any], who: str) -> None:
    found = services.create(firm.manager, firm.seller.user)
    services.add_share(firm.manager, found.pk, way="one", people=[firm.colleague.user.pk])
    splitting.sync(found)
    item = found.items.get(record=book[0].pk)
    there = client(getattr(firm, who))
    for url in ("", "/edit", "/rule"):
        assert there.get(f"/handover/{found.pk}{url}").status_code == 404
    for url in ("", "/give"):
        assert there.get(f"/handover/item/{item.pk}{url}").status_code == 404
    for url in (f"/handover/{found.pk}/do/run", f"/handover/{found.pk}/do/drop", f"/handover/item/{item.pk}/words"):
        assert there.post(url).status_code == 404
    assert there.post(f"/handover/item/{item.pk}/answer", {"said": "accepted"}).status_code == 404
    assert there.post("/handed/answer", {"item": [str(item.pk)]}).status_code == 404
    for url in ("/handover/new", "/handover/watch"):
        assert there.get(url).status_code == 403
    assert there.get("/handover/").status_code == 200
    assert found.person.name not in there.get("/handover/").content.decode().split("<main")[-1]


def test_continuity_stands_beside_the_customer_and_in_the_report(firm: Firm, book: list[Any]) -> None:
    beside = {"HX-Request": "true", "HX-Target": "related"}
    html = client(firm.seller).get(f"/account/{book[0].pk}", headers=beside).content.decode()
    assert "关系延续度" in html
    assert "0/40" in html
    assert "10/30" in html
    html = client(firm.manager).get("/reports/continuity").content.decode()
    assert "known_by__eq=1" in html or "系于一人" in html
