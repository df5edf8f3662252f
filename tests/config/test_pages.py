"""The pages of the configuration: open to system administrators alone, and what they change waits in the draft."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.trust.world import digest
from zhike.base.models import Role, User
from zhike.engine import catalog
from zhike.engine.config import lifecycle
from zhike.engine.entity import get
from zhike.engine.models import Configuration

FIELD = {"kind": "text", "labels": {"zh-hans": "渠道层级"}}
PAGES = (
    "/settings/config",
    "/settings/config/log/1",
    "/settings/config/file",
    "/settings/objects",
    "/settings/objects/new",
    "/settings/objects/numbers?number=C%2506d&key=account",
    "/settings/objects/account",
    "/settings/objects/account/about",
    "/settings/objects/account/choices",
    "/settings/objects/account/choices/tier",
    "/settings/objects/account/layout",
    "/settings/objects/account/layout?part=list&for=role:seller",
    "/settings/objects/account/layout?part=card&for=phone",
    "/settings/objects/account/fields/new",
    "/settings/objects/account/fields/x_level",
    "/settings/objects/account/fields/x_level/remove",
    "/settings/objects/x_visit/about",
    "/settings/objects/x_visit/remove",
    "/settings/tags",
)
SENT = (
    "/settings/config/do/publish",
    "/settings/config/do/discard",
    "/settings/config/do/carry",
    "/settings/config/do/preview",
    "/settings/config/do/leave",
    "/settings/config/log/1",
    "/settings/objects/new",
    "/settings/objects/x_visit/about",
    "/settings/objects/x_visit/remove",
    "/settings/objects/account/try",
    "/settings/objects/account/choices/tier",
    "/settings/objects/account/layout",
    "/settings/objects/account/layout/preview",
    "/settings/objects/account/fields/new",
    "/settings/objects/account/fields/x_level",
    "/settings/objects/account/fields/x_level/remove",
    "/settings/tags/merge",
)


@pytest.fixture
def shaped(firm: Any) -> Any:
    """A firm with a field and an object of its own, and two versions."""
    admin = firm.actor("admin")
    visit = {"labels": {"zh-hans": "拜访"}, "number": "V%05d"}
    first: dict[tuple[str, ...], Any] = {("fields", "account", "x_level"): FIELD}
    second: dict[tuple[str, ...], Any] = {("objects", "x_visit"): visit}
    for entries in (first, second):
        lifecycle.publish(admin, lifecycle.change(admin, entries).version)
    lifecycle.change(admin, {("fields", "account", "x_level", "required"): True})
    return firm


def officer(firm: Any, office: str) -> None:
    """Somebody who holds an office, signed in by its name."""
    role = Role.objects.create(key=f"o-{office}", name=office, home="admin", office=office)
    setattr(firm, office, User.objects.create_user(office, name=office, roles=[role.pk], department=firm.head_office))


def test_everybody_else_is_refused_and_nothing_changes(shaped: Any) -> None:
    officer(shaped, "security")
    officer(shaped, "audit")
    for name in ("seller", "manager", "executive", "security", "audit"):
        client = shaped.client(name)
        before = digest()
        assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 403)
        assert {path: client.post(path).status_code for path in SENT} == dict.fromkeys(SENT, 403)
        assert digest() == before


def test_the_offices_see_every_page(shaped: Any) -> None:
    officer(shaped, "system")
    for name in ("admin", "system"):
        client = shaped.client(name)
        assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)


def test_a_field_in_four_clicks(firm: Any) -> None:
    client = firm.client("admin")
    answer = client.post("/settings/objects/account/fields/new", {"label-zh-hans": "等级说明", "kind": "text"})
    assert answer["Location"] == "/settings/objects/account"
    page = client.get("/settings/objects/account").content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    answer = client.post("/settings/config/do/publish", {"version": version[1], "next": "/settings/objects/account"})
    assert answer["Location"] == "/settings/objects/account"
    assert str(get("account").attributes["x_dengjishuoming"].label) == "等级说明"


def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(firm: Any) -> None:
    said = {"label-zh-hans": "", "label-en": "Level", "kind": "choice", "choices_text": ""}
    answer = firm.client("admin").post("/settings/objects/account/fields/new", said)
    assert answer.status_code == 422
    assert 'href="#f-choices_text"' in answer.content.decode()
    assert 'value="Level"' in answer.content.decode()


def test_a_list_a_layout_and_numbers_wait_in_the_draft(firm: Any) -> None:
    client = firm.client("admin")
    rows = [("r0", "price", "太贵"), ("r1", "", "换了供应商")]
    for n, (key, label) in enumerate(get("deal").declared["lost_reason"].choices):
        rows.append((f"k{n}", key, str(label))) if key != "price" else None
    data: dict[str, Any] = {"row": [r for r, _key, _label in rows]}
    for r, key, label in rows:
        data |= {f"{r}-id": key, f"{r}-label-zh-hans": label, f"{r}-tone": "teal"}
    assert client.post("/settings/objects/deal/choices/lost_reason", data).status_code == 303
    items = {"item": ["f:name", "f:phone"]}
    assert client.post("/settings/objects/account/layout?part=list&for=role:seller", items).status_code == 303
    form = {"item": ["s:a", "f:name", "s:b", "f:phone"], "a-label-zh-hans": "要点", "b-label-zh-hans": "联系"}
    assert client.post("/settings/objects/account/layout?part=form", form).status_code == 303
    assert client.post("/settings/objects/account/about", {"number": "K%04d"}).status_code == 303
    found = lifecycle.working()
    assert [c["labels"]["zh-hans"] for c in found["choices"]["deal.lost_reason"][:2]] == ["太贵", "换了供应商"]
    assert found["layouts"]["account"]["list"] == {"role:seller": ["name", "phone"]}
    assert [(s["labels"], s["keys"]) for s in found["layouts"]["account"]["form"][""]] == [
        ({"zh-hans": "要点"}, ["name"]),
        ({"zh-hans": "联系"}, ["phone"]),
    ]
    assert found["numbers"] == {"account": "K%04d"}
    assert Configuration.objects.get().state == "draft"


def test_what_breaks_is_looked_at_before_it_is_published(shaped: Any) -> None:
    client = shaped.client("admin")
    get("account").rows("a test")
    client.post("/settings/config/do/discard")
    lifecycle.change(shaped.actor("admin"), {("layouts", "account", "list"): {"": ["name", "x_level"]}})
    row = lifecycle.draft()
    assert row is not None
    client.post("/settings/config/do/publish", {"version": row.version})
    client.post("/settings/objects/account/fields/x_level/remove")
    row = lifecycle.draft()
    assert row is not None
    answer = client.post("/settings/config/do/publish", {"version": row.version, "next": "/settings/objects"})
    assert answer["Location"] == "/settings/config"
    assert lifecycle.draft() is not None
    assert client.post("/settings/config/do/publish", {"version": row.version, "looked": "1"}).status_code == 303
    assert lifecycle.draft() is None
    client.post("/settings/config/log/3")
    catalog.refresh()
    assert "x_level" in get("account").attributes


def test_a_preview_shows_the_draft_and_saves_nothing(shaped: Any) -> None:
    client = shaped.client("admin")
    lifecycle.change(shaped.actor("admin"), {("objects", "x_visit", "labels"): {"zh-hans": "走访"}})
    assert client.post("/settings/config/do/preview").status_code == 303
    page = client.get("/settings/objects/x_visit/about").content.decode()
    assert "走访" in page
    before = digest()
    assert client.post("/account/new", {"name": "预览公司"}).status_code == 403
    assert digest() == before
    assert client.post("/settings/config/do/leave").status_code == 303
    assert client.post("/account/new", {"name": "预览公司"}).status_code in (204, 303)
