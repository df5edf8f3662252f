"""The pages of access: what they let happen, what they refuse without a trace, and that it holds at once."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.access.world import digest, give, record, role, sees
from zhike.base.models import FieldGrant, Grant, Role, User
from zhike.engine import delegation, rights
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Delegation, History, Notice, Share

TODAY = timezone.localdate()


def named(key: str) -> Role:
    """A role of a fresh installation."""
    return Role.objects.get(key=key)


def status(client: Client, url: str) -> int:
    """The status of a page."""
    return int(client.get(url).status_code)


# ---- sharing


def test_sharing_from_the_record_page(firm: Any) -> None:
    one = record(firm, "seller")
    mine, theirs = firm.client("seller"), firm.client("stranger")
    url = f"/account/{one.pk}"
    assert (status(theirs, url), status(mine, url + "/share")) == (404, 200)
    answer = mine.post(url + "/share", {"user": firm.stranger.pk, "level": "read", "title": "售前"})
    assert answer.status_code == 303
    page = theirs.get(url, headers={"HX-Request": "true", "HX-Target": "related"}).content.decode()
    assert "售前" in page
    assert f"{url}/edit" not in page
    before = digest()
    assert theirs.post(url + "/edit", {"name": "改"}).status_code == 404
    assert theirs.post(url + "/share", {"user": firm.colleague.pk, "level": "read"}).status_code == 404
    assert mine.post(url + "/share", {"user": firm.stranger.pk, "role": named("seller").pk}).status_code == 422
    assert mine.post(url + "/share", {"level": "read"}).status_code == 422
    assert digest() == before
    share = Share.objects.get()
    assert mine.post(f"{url}/share/{share.pk}", {"level": "write", "until": TODAY.isoformat()}).status_code == 303
    assert status(theirs, url + "/edit") == 200
    assert mine.post(f"{url}/share/{share.pk}/end").status_code == 303
    assert status(theirs, url) == 404


def test_who_sees_it_and_why(firm: Any) -> None:
    one = record(firm, "seller")
    url = f"/account/{one.pk}/visibility"
    page = firm.client("seller").get(url).content.decode()
    assert [n in page for n in ("王芳", "张伟", "赵总", "管理员", "李雷", "陈静")] == [True] * 4 + [False] * 2
    page = firm.client("manager").get(f"{url}?person={firm.manager.pk}").content.decode()
    assert firm.north.name in page
    fragment = firm.client("seller").get(url, headers={"HX-Request": "true", "HX-Target": "modal-body"})
    assert "<html" not in fragment.content.decode()
    assert status(firm.client("stranger"), url) == 404
    assert status(firm.client("seller"), f"{url}?person=nobody") == 404


# ---- entering for somebody


def lend(firm: Any, client: Client, **more: Any) -> Any:
    """The seller lets the stranger enter, on the page."""
    said = {
        "assistant": firm.stranger.pk,
        "from_on": TODAY.isoformat(),
        "until_on": (TODAY + dt.timedelta(days=5)).isoformat(),
        "scopes": ["account:list", "account:read", "account:update"],
        **more,
    }
    return client.post("/me/delegations", said)


def test_an_assistant_enters_and_stops(firm: Any) -> None:
    one = record(firm, "seller")
    mine, theirs = firm.client("seller"), firm.client("stranger")
    assert lend(firm, mine).status_code == 303
    made = Delegation.objects.get()
    url = f"/account/{one.pk}"
    assert status(theirs, url) == 404
    assert theirs.post(f"/acting/{made.pk}").status_code == 303
    page = theirs.get(url).content.decode()
    assert "/acting/stop" in page
    assert theirs.post(url + "/edit", {"name": "助理改的", "version": one.version}).status_code == 303
    step = History.objects.filter(record=one.pk, action="update").get()
    assert (step.actor, step.behalf) == (firm.stranger.pk, firm.seller.pk)
    before = digest()
    assert theirs.post(url + "/delete").status_code == 403
    for closed in ("/me", "/me/delegations", "/settings/", "/settings/roles", "/deal/"):
        assert status(theirs, closed) == 403
    assert theirs.post("/me/delegations", {"assistant": firm.colleague.pk}).status_code == 403
    assert theirs.post("/notices").status_code == 403
    assert digest() == before
    assert theirs.post("/acting/stop").status_code == 303
    assert status(theirs, url) == 404


@pytest.mark.parametrize("how", ["revoked", "over", "left"])
def test_the_next_request_knows_that_it_has_ended(firm: Any, how: str) -> None:
    one = record(firm, "seller")
    lend(firm, firm.client("seller"))
    made = Delegation.objects.get()
    theirs = firm.client("stranger")
    theirs.post(f"/acting/{made.pk}")
    url = f"/account/{one.pk}"
    assert status(theirs, url) == 200
    if how == "revoked":
        assert firm.client("seller").post(f"/me/delegations/{made.pk}/end").status_code == 303
    elif how == "over":
        Delegation.objects.update(from_on=TODAY - dt.timedelta(days=2), until_on=TODAY - dt.timedelta(days=1))
    else:
        User.objects.filter(pk=firm.seller.pk).update(is_active=False)
    before = digest()
    answer = theirs.post(url + "/edit", {"name": "太晚"})
    assert (answer.status_code, answer["Location"]) == (303, "/")
    assert digest() == before
    assert status(theirs, url) == 404
    assert "/acting/stop" not in theirs.get("/account/").content.decode()


def test_delegations_of_all_are_for_administrators_of_rights(firm: Any) -> None:
    lend(firm, firm.client("seller"))
    made = Delegation.objects.get()
    before = digest()
    for who in ("seller", "manager", "executive"):
        assert status(firm.client(who), "/settings/delegations") == 403
    assert firm.client("colleague").post(f"/me/delegations/{made.pk}/end").status_code == 404
    assert firm.client("colleague").post(f"/acting/{made.pk}").status_code == 404
    assert lend(firm, firm.client("seller"), scopes=["role:update"]).status_code == 422
    assert lend(firm, firm.client("seller"), until_on="2020-01-01").status_code == 422
    assert lend(firm, firm.client("seller"), assistant=firm.seller.pk).status_code == 422
    assert digest() == before
    admin = firm.client("admin")
    assert "王芳" in admin.get("/settings/delegations").content.decode()
    assert admin.post(f"/me/delegations/{made.pk}/end").status_code == 303
    assert not delegation.in_force().exists()


# ---- looking as somebody


def test_an_administrator_looks_as_somebody_and_changes_nothing(firm: Any) -> None:
    mine, other = record(firm, "seller"), record(firm, "stranger")
    admin = firm.client("admin")
    assert admin.post("/settings/view-as", {"person": firm.seller.pk}).status_code == 303
    assert status(admin, f"/account/{mine.pk}") == 200
    assert status(admin, f"/account/{other.pk}") == 404
    before = digest()
    for url in (f"/account/{mine.pk}/edit", f"/account/{mine.pk}/delete", f"/account/{mine.pk}/share", "/notices"):
        assert admin.post(url, {"name": "x"}).status_code == 403
    assert admin.post(f"/account/{mine.pk}/reveal/phone").status_code == 403
    for url in (
        "/account/export?format=csv",
        "/settings/",
        "/settings/roles",
        "/me",
        "/account/new",
        f"/job/{mine.pk}",
    ):
        assert status(admin, url) == 403
    assert digest() == before
    assert [n.user_id for n in Notice.objects.all()] == [firm.seller.pk]
    assert admin.post("/acting/stop").status_code == 303
    assert status(admin, f"/account/{other.pk}") == 200
    steps = History.objects.filter(record=firm.seller.pk, action__in=("view_as", "view_end")).order_by("id")
    assert [(s.action, s.actor) for s in steps] == [("view_as", firm.admin.pk), ("view_end", firm.admin.pk)]


def test_looking_ends_after_half_an_hour_and_with_the_office(firm: Any) -> None:
    other = record(firm, "stranger")
    for how in ("time", "office"):
        admin = firm.client("admin")
        admin.post("/settings/view-as", {"person": firm.seller.pk})
        assert status(admin, f"/account/{other.pk}") == 404
        if how == "time":
            session = admin.session
            past = timezone.now() - dt.timedelta(seconds=1)
            session["acting"] = {**session["acting"], "until": past.isoformat()}
            session.save()
            assert status(admin, f"/account/{other.pk}") == 200
        else:
            give(firm.stranger, named("security"))
            give(firm.admin, named("executive"))
            assert status(admin, "/settings/") == 403
            assert "/acting/stop" not in admin.get("/account/").content.decode()
    before = digest()
    assert firm.client("seller").post("/settings/view-as", {"person": firm.stranger.pk}).status_code == 403
    assert digest() == before


# ---- the rights of a role


def form_of(role: Role) -> dict[str, Any]:
    """What the matrix posts when nothing is touched."""
    book = rights.now(role)
    found: dict[str, Any] = {}
    from zhike.engine.entity import entities

    for e in entities().values():
        for action in rights.actions(e):
            given = book.cell(e.key, action)
            found[f"g:{e.key}:{action}"] = given.scope if given else ""
    return found


def token_of(page: str) -> str:
    """What the preview lets one save."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_rights_are_saved_from_the_preview_and_hold_at_once(firm: Any) -> None:
    one = record(firm, "colleague")
    seller = named("seller")
    admin, url = firm.client("admin"), f"/settings/roles/{seller.pk}"
    form = {**form_of(seller), "g:account:list": "department", "g:account:read": "department"}
    before = digest()
    page = admin.post(url + "/preview", form)
    assert page.status_code == 200
    text = page.content.decode()
    assert digest() == before  # a preview writes nothing
    assert (">3<" in text, "data-effect" in text) == (True, True)  # three people hold it; some gain
    assert status(firm.client("seller"), f"/account/{one.pk}") == 404
    assert admin.post(url + "/save", {"token": token_of(text)}).status_code == 303
    assert status(firm.client("seller"), f"/account/{one.pk}") == 200
    assert not sees(firm.seller, one, "update")
    step = History.objects.get(action="rights")
    assert sorted(x[1] for x in step.details["rights"]) == ["list", "read"]
    before = digest()
    assert admin.post(url + "/save", {"token": token_of(text)}).status_code == 409  # the rights have moved on
    assert admin.post(url + "/save", {"token": token_of(text)[:-2] + "xx"}).status_code == 403
    assert admin.post(url + "/save", {}).status_code == 403
    for who in ("seller", "manager", "executive"):
        for end in ("", "/fields", "/../compare"):
            assert (
                status(
                    firm.client(who),
                    f"/settings/roles/{seller.pk}{end}" if "." not in end else "/settings/roles/compare",
                )
                == 403
            )
        assert firm.client(who).post(url + "/preview", form).status_code == 403
        assert firm.client(who).post(url + "/save", {"token": token_of(text)}).status_code == 403
    everything = named("administrator")
    assert admin.post(f"/settings/roles/{everything.pk}/preview", form).status_code == 403
    assert digest() == before


def test_nothing_touched_is_nothing_changed(firm: Any) -> None:
    seller = named("seller")
    before = digest()
    answer = firm.client("admin").post(f"/settings/roles/{seller.pk}/preview", form_of(seller))
    assert answer.status_code == 303
    assert digest() == before
    assert Grant.objects.filter(role=seller, entity="account", action="*").exists()


def test_conditions_narrow_a_permission_and_wrong_ones_are_refused(firm: Any) -> None:
    one = record(firm, "seller")
    seller = named("seller")
    admin, url = firm.client("admin"), f"/settings/roles/{seller.pk}"
    cell = {"c:account:action": "read", "c:account:field": "tier", "c:account:op": "eq", "c:account:value": "A"}
    before = digest()
    for wrong in ({"c:account:op": "fly"}, {"c:account:value": "?"}, {"c:account:field": "nothing"}):
        assert admin.post(url + "/preview", {**form_of(seller), **cell, **wrong}).status_code == 422
    assert digest() == before
    text = admin.post(url + "/preview", {**form_of(seller), **cell}).content.decode()
    assert admin.post(url + "/save", {"token": token_of(text)}).status_code == 303
    assert Grant.objects.get(role=seller, entity="account", action="read").conditions == [["tier", "eq", "A"]]
    assert status(firm.client("seller"), f"/account/{one.pk}") == 404
    type(one)._base_manager.filter(pk=one.pk).update(tier="A")
    assert status(firm.client("seller"), f"/account/{one.pk}") == 200


def test_field_levels_with_a_status(firm: Any) -> None:
    seller = named("seller")
    admin, url = firm.client("admin"), f"/settings/roles/{seller.pk}"
    page = admin.post(url + "/preview", {"entity": "deal", "f:amount": "hidden", "w:name": ["won", "lost"]})
    assert page.status_code == 200
    assert FieldGrant.objects.filter(role=seller).count() == 0
    assert admin.post(url + "/save", {"token": token_of(page.content.decode())}).status_code == 303
    rows = FieldGrant.objects.filter(role=seller).values_list("entity", "key", "when", "level")
    assert sorted(rows) == [
        ("deal", "amount", "", "hidden"),
        ("deal", "name", "lost", "read"),
        ("deal", "name", "won", "read"),
    ]
    assert "amount" not in __import__("zhike.engine.access", fromlist=["x"]).readable(Actor(firm.seller), get("deal"))
    before = digest()
    with pytest.raises(Invalid, match=r"deal\.amount"):
        rights.save(
            firm.actor("admin"),
            seller.pk,
            rights.with_fields(rights.now(seller), "deal", {("amount", ""): "x"}),
            rights.now(seller).digest(),
        )
    assert digest() == before


def test_the_effect_is_what_the_gate_will_say(firm: Any) -> None:
    for who, n in (("seller", 3), ("colleague", 2), ("stranger", 1)):
        for _n in range(n):
            record(firm, who)
    seller = named("seller")
    book = rights.now(seller)
    cells = {("account", a): rights.Given("department") for a in ("list", "read")}
    every = {(e, a): g for e in ("account",) for a in rights.actions(get(e)) if (g := book.cell(e, a))}
    from zhike.engine.entity import entities

    whole = {(k, a): g for k, e in entities().items() for a in rights.actions(e) if (g := book.cell(k, a))}
    before = digest()
    found = rights.effect(seller, rights.with_cells(book, {**whole, **every, **cells}))
    assert digest() == before
    accounts = {line.user.username: (line.loses, line.gains) for line in found.lines if line.entity.key == "account"}
    assert accounts == {"seller": (0, 2), "colleague": (0, 3)}
    assert (found.members, found.loses) == (3, 0)
    less = rights.effect(seller, rights.with_cells(book, {k: g for k, g in whole.items() if k[0] != "account"}))
    accounts = {line.user.username: (line.loses, line.gains) for line in less.lines if line.entity.key == "account"}
    assert accounts == {"seller": (3, 0), "colleague": (2, 0), "stranger": (1, 0)}
    assert ("account", "delete", True, False, 3) in [(e.key, a, x, y, n) for e, a, x, y, n in less.doing]


def test_two_roles_side_by_side(firm: Any) -> None:
    page = firm.client("admin").get(f"/settings/roles/compare?a={named('seller').pk}&b={named('manager').pk}")
    assert page.status_code == 200
    extra = role("x", ("account", "list", "own"))
    steps = rights.diff(rights.now(extra), rights.now(role("y", ("account", "list", "all"))))
    assert [(s.entity, s.action) for s in steps] == [("account", "list")]


# ---- offices

PAGES = {
    "/settings/departments": {"admin", "system"},
    "/settings/pools": {"admin", "system"},
    "/settings/pipelines": {"admin", "system"},
    "/settings/roles": {"admin", "security"},
    "/settings/roles/compare": {"admin", "security"},
    "/settings/delegations": {"admin", "security"},
    "/settings/view-as": {"admin", "security"},
    "/settings/exports": {"admin", "security"},
    "/settings/": {"admin", "system", "security", "audit"},
}


def test_each_office_opens_its_own_pages_and_is_shown_no_other(firm: Any) -> None:
    people = {"admin": firm.admin, "seller": firm.seller}
    for key in ("system", "security", "audit"):
        people[key] = User.objects.create_user(key, name=key, roles=[named(key).pk])
    for who, user in people.items():
        client = Client()
        client.force_login(user)
        for url, offices in PAGES.items():
            assert (status(client, url) == 200) == (who in offices), (who, url)
        if who != "seller":
            page = client.get("/settings/").content.decode()
            for url in re.findall(r'set-tile" href="([^"]+)"', page):
                assert status(client, url) == 200, (who, url)


def test_a_system_administrator_does_not_set_the_password_of_another_office(firm: Any) -> None:
    keys = ("system", "security")
    one, two = (User.objects.create_user(k, "Zhike-test-2026", name=k, roles=[named(k).pk]) for k in keys)
    client = Client()
    client.force_login(one)
    before = digest()
    assert client.post(f"/settings/people/{two.pk}/password", {"password": "Ein-langes-Wort-77"}).status_code == 403
    assert digest() == before
    assert status(client, f"/settings/people/{firm.seller.pk}/password") == 403  # who knows it could act as them
    new = User.objects.create_user("new", name="新人", department=firm.north)
    assert status(client, f"/settings/people/{new.pk}/password") == 200
    text = {"email": "taken@example.com", "version": firm.seller.version}
    assert client.post(f"/user/{two.pk}/edit", text).status_code == 422
