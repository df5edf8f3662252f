"""The door: who comes in, how often one may try, where one is led, and when a session ends."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.identity.conftest import PASSWORD, is_in, sign_in
from zhike.base import passwords
from zhike.base.models import FailedLogin, Policy, User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import History


def plain(answer: Any) -> str:
    """A page without what differs each time: tokens, and the name that was typed."""
    html = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())
    return re.sub(r'id="f-username" name="username" value="[^"]*"', "", html)


@pytest.mark.parametrize("who", ["seller", "wang@example.cn", "WANG@example.CN", " wang@example.cn "])
def test_by_login_name_or_mail_address(firm: Any, who: str) -> None:
    User.objects.filter(pk=firm.seller.pk).update(email="Wang@example.cn")
    client = Client()
    assert (sign_in(client, who)["Location"], is_in(client)) == ("/", True)
    assert User.objects.get(pk=firm.seller.pk).last_seen_on == timezone.localdate()


@pytest.mark.parametrize("who", ["wang@exampłe.cn", "wanğ@example.cn", "wang@example.cn\0", "Seller", "%", ""])
def test_nobody_by_what_only_looks_alike(firm: Any, who: str) -> None:
    User.objects.filter(pk=firm.seller.pk).update(email="wang@example.cn")
    client = Client()
    assert (sign_in(client, who).status_code, is_in(client)) == (422, False)


def test_an_address_that_two_have_is_nobodys(firm: Any) -> None:
    User.objects.filter(username__in=["seller", "manager"]).update(email="team@example.cn")
    assert sign_in(Client(), "team@example.cn").status_code == 422


# ---- how often


def test_five_wrong_passwords_close_one_account(firm: Any) -> None:
    User.objects.filter(pk=firm.seller.pk).update(email="wang@example.cn")
    client = Client()
    for who in ("seller", "wang@example.cn") * 2 + ("seller",):
        assert sign_in(client, who, "wrong").status_code == 422
    for who in ("seller", "wang@example.cn"):
        answer = sign_in(client, who)
        assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 901) == (429, True)
    assert not is_in(client)
    assert sign_in(Client(), "manager").status_code == 302
    FailedLogin.objects.update(at=timezone.now() - dt.timedelta(minutes=15, seconds=1))
    assert sign_in(client, "seller").status_code == 302


def test_a_success_ends_the_count(firm: Any) -> None:
    for _round in range(3):
        for _n in range(4):
            assert sign_in(Client(), "seller", "wrong").status_code == 422
        assert sign_in(Client(), "seller").status_code == 302


def test_hammering_does_not_keep_the_door_closed(firm: Any) -> None:
    for _n in range(12):
        sign_in(Client(), "seller", "wrong")
    assert FailedLogin.objects.filter(username="in:seller").count() == 5


def test_unknown_people_hear_the_same(firm: Any) -> None:
    answers = {}
    for who in ("seller", "nobody"):
        found = [sign_in(Client(), who, "wrong") for _n in range(6)]
        answers[who] = [(a.status_code, plain(a)) for a in found]
        assert [a.status_code for a in found] == [422] * 5 + [429]
    assert answers["seller"] == answers["nobody"]


@pytest.mark.parametrize("who", ["seller", "nobody", "disabled", "invited"])
def test_every_wrong_password_costs_one_hash(firm: Any, monkeypatch: Any, who: str) -> None:
    User.objects.create_user("disabled", PASSWORD, name="离职", is_active=False)
    User.objects.create_user("invited", name="新人")
    count = []
    real = hashers.MD5PasswordHasher.encode

    def counting(self: Any, password: str, salt: str) -> str:
        count.append(1)
        return real(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counting)
    assert sign_in(Client(), who, "wrong").status_code == 422
    assert len(count) == 1


def test_spraying_accounts_ends_after_thirty_tries(firm: Any) -> None:
    User.objects.bulk_create(User(username=f"u{n}", name=f"u{n}", password="!") for n in range(200))
    User.objects.filter(username="u170").update(password=hashers.make_password("Spring-2026-ok"))
    answers = [sign_in(Client(), f"u{n}", "Spring-2026-ok").status_code for n in range(200)]
    assert answers == [422] * 30 + [429] * 170
    other = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(other, "seller").status_code == 302


def test_one_network_of_ipv6_is_one_place(firm: Any) -> None:
    answers = [sign_in(Client(REMOTE_ADDR=f"2001:db8:1:2::{n:x}"), f"u{n}", "x").status_code for n in range(1, 33)]
    assert answers == [422] * 30 + [429] * 2
    assert sign_in(Client(REMOTE_ADDR="2001:db8:1:3::1"), "seller").status_code == 302


@pytest.mark.parametrize("believed", [False, True])
def test_forwarded_addresses_count_only_from_our_proxy(firm: Any, settings: Any, believed: bool) -> None:
    settings.PROXIES = ["127.0.0.0/8"] if believed else []
    codes = [
        sign_in(Client(headers={"x-forwarded-for": f"10.9.9.9, 203.0.113.{n}"}), f"u{n}", "x").status_code
        for n in range(1, 33)
    ]
    assert codes == ([422] * 32 if believed else [422] * 30 + [429] * 2)


# ---- where to


NEXT = [
    "//evil.example", "///evil.example", "////evil.example", "https://evil.example/", "http://evil.example",
    "HTTPS://evil.example", "https:evil.example", "https:/evil.example", "http:///evil.example",
    "//evil.example/%2e%2e", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\\/evil.example",
    "//\\evil.example", "/\\\\evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x",
    "vbscript:x", "file:///etc/passwd", "ftp://evil.example", "mailto:a@evil.example",
    "blob:https://evil.example/1", "view-source:https://evil.example", "about:blank", " //evil.example",
    "\t//evil.example", "\n//evil.example", "\r\n//evil.example", "/\t/evil.example", "/\n/evil.example",
    "/\r/evil.example", "/ /evil.example", "\x00//evil.example", "/\x00/evil.example", "\x0b//evil.example",
    "\x1f//evil.example", " https://evil.example", "https://testserver@evil.example/",
    "//testserver@evil.example", "https://evil.example#@testserver/", "https://evil.example?@testserver/",
    "https://testserver.evil.example", "//testserver:80@evil.example", "evil.example", "@evil.example",
    ".evil.example", ":80", "?next=//evil.example", "#//evil.example", "//0x7f000001/", "//[::1]/",
    "//evil。example", "／／evil.example", "/／evil.example\\", "https://evil%E3%80%82example",
    "http:\\\\evil.example", "https://user:pw@evil.example", "//google.com%2fevil.example",
    "/%0d%0aSet-Cookie: a=b\r\nX: y", "/a\r\nSet-Cookie: a=b",
]  # fmt: skip


@pytest.mark.parametrize("target", NEXT)
def test_nobody_is_led_elsewhere(firm: Any, target: str) -> None:
    client = Client()
    answer = sign_in(client, "seller", next=target)
    place = answer["Location"]
    assert place == "/" or (place.startswith("/") and place[1:2] not in ("/", "\\") and place.isascii()), place
    assert not any(c in place for c in "\r\n\t\\ ")
    assert "Set-Cookie" not in place
    assert client.post("/lang", {"lang": "en", "next": target})["Location"] == place


def test_there_are_sixty_of_them_and_one_is_led_within(firm: Any) -> None:
    assert len(set(NEXT)) >= 60
    assert sign_in(Client(), "seller", next="/account/?view=all")["Location"] == "/account/?view=all"


# ---- the session


def test_a_session_from_before_is_worth_nothing_after(firm: Any) -> None:
    client = Client()
    session = client.session
    session["planted"] = "by a thief"
    session.save()
    client.cookies["zhike_session"] = str(session.session_key)
    sign_in(client, "seller")
    new = client.cookies["zhike_session"].value
    assert new != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()
    assert "planted" not in client.session
    thief = Client()
    thief.cookies["zhike_session"] = str(session.session_key)
    assert not is_in(thief)


def test_an_id_that_a_browser_makes_up_is_not_taken(firm: Any) -> None:
    client = Client()
    client.cookies["zhike_session"] = "a" * 32
    sign_in(client, "seller")
    assert client.cookies["zhike_session"].value != "a" * 32


def test_proving_again_gives_a_new_id(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    old = client.cookies["zhike_session"].value
    assert client.post("/me/confirm", {"password": PASSWORD, "next": "/me"})["Location"] == "/me"
    assert client.cookies["zhike_session"].value != old
    thief = Client()
    thief.cookies["zhike_session"] = old
    assert (is_in(thief), is_in(client)) == (False, True)
    assert client.get("/me").content.decode().count("data-session") == 1


def test_after_signing_out_the_old_id_is_dead(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    old = client.cookies["zhike_session"].value
    client.post("/logout")
    thief = Client()
    thief.cookies["zhike_session"] = old
    assert not is_in(thief)


@pytest.mark.parametrize("values", [{"is_active": ""}, None])
def test_who_is_disabled_or_deleted_is_out_at_once(firm: Any, values: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    assert is_in(client)
    if values is None:
        User.objects.filter(pk=firm.seller.pk).update(deleted_at=timezone.now())
    else:
        records.update(firm.actor("admin"), get("user"), firm.seller.pk, values)
    assert not is_in(client)
    assert sign_in(Client(), "seller").status_code == 422


def test_a_new_password_ends_the_other_sessions(firm: Any) -> None:
    here, elsewhere = Client(), Client()
    sign_in(here, "seller")
    sign_in(elsewhere, "seller")
    form = {"current": PASSWORD, "new": "Ein-neuer-Satz-9", "again": "Ein-neuer-Satz-9"}
    assert here.post("/me/password", {**form, "current": "wrong"}).status_code == 422
    assert here.post("/me/password", {**form, "again": "other"}).status_code == 422
    assert here.post("/me/password", form).status_code == 303
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert sign_in(Client(), "seller").status_code == 422
    assert sign_in(Client(), "seller", "Ein-neuer-Satz-9").status_code == 302


def test_signing_out_elsewhere(firm: Any) -> None:
    here, elsewhere, third, other = Client(), Client(), Client(), Client()
    for client in (here, elsewhere, third):
        sign_in(client, "seller")
    sign_in(other, "manager")
    found = re.findall(r'name="session" value="(\d+)"', here.get("/me").content.decode())
    assert len(found) == 2
    theirs = re.findall(r'name="session" value="(\d+)"', other.get("/me").content.decode())
    assert theirs == []
    assert other.post("/me/sessions", {"session": found[0]}).status_code == 303  # nobody ends another's
    assert [is_in(c) for c in (here, elsewhere, third)] == [True, True, True]
    here.post("/me/sessions", {"session": found[0]})
    assert sorted([is_in(elsewhere), is_in(third)]) == [False, True]
    here.post("/me/sessions", {"session": "all"})
    assert [is_in(c) for c in (here, elsewhere, third, other)] == [True, False, False, True]


def shift(client: Client, **seconds: int) -> None:
    session = client.session
    for name, back in seconds.items():
        session[name] = int(time.time()) - back
    session.save()


@pytest.mark.parametrize(
    ("seconds", "stays"),
    [
        ({"seen": 29 * 60}, True),
        ({"seen": 30 * 60}, False),
        ({"since": 12 * 3600 - 30}, True),
        ({"since": 12 * 3600}, False),
    ],
)
def test_a_session_ends_in_time(firm: Any, seconds: dict[str, int], stays: bool) -> None:
    client = Client()
    sign_in(client, "seller")
    shift(client, **seconds)
    assert (is_in(client), is_in(client)) == (stays, stays)
    assert History.objects.filter(action="session_end").count() == (0 if stays else 1)


def test_work_keeps_a_session_and_the_policy_counts_at_once(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    shift(client, seen=20 * 60)
    assert is_in(client)
    assert client.session["seen"] > time.time() - 5
    shift(client, seen=6 * 60)
    Policy.objects.update_or_create(pk=1, defaults={"idle_minutes": 5})
    assert not is_in(client)


def test_a_page_that_waits_by_itself_is_no_work(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    shift(client, seen=20 * 60)
    client.get("/job/01a2007b-91f6-7816-8020-f4e22a763b0a")
    assert client.session["seen"] <= time.time() - 20 * 60


def test_what_happens_at_the_door_is_kept(firm: Any) -> None:
    client = Client(REMOTE_ADDR="203.0.113.5")
    sign_in(client, "seller", "wrong")
    sign_in(client, "nobody", "wrong")
    sign_in(client, "seller")
    client.post("/logout")
    rows = History.objects.filter(action__startswith="sign_").order_by("at").values_list("action", "record", "details")
    assert [(a, r, d["address"]) for a, r, d in rows] == [
        ("sign_in_failed", firm.seller.pk, "203.0.113.5"),
        ("sign_in_failed", None, "203.0.113.5"),
        ("sign_in", firm.seller.pk, "203.0.113.5"),
        ("sign_out", firm.seller.pk, "203.0.113.5"),
    ]
    assert "wrong" not in str(list(History.objects.values_list("details", flat=True)))


# ---- a password that must be changed


def test_who_must_change_the_password_gets_nowhere_else(firm: Any) -> None:
    passwords.change(firm.seller, "Vorläufig-2026-x", temporary=True)
    client = Client()
    assert sign_in(client, "seller", "Vorläufig-2026-x").status_code == 302
    for path in ("/", "/account/", "/me", "/me/factors", "/settings/", "/notices", "/search?q=x", "/passwords"):
        assert client.get(path)["Location"] == "/me/password", path
    assert client.post("/account/new", {"name": "甲公司"})["Location"] == "/me/password"
    assert client.get("/", headers={"hx-request": "true"})["HX-Redirect"] == "/me/password"
    form = {"current": "Vorläufig-2026-x", "new": "Vorläufig-2026-x", "again": "Vorläufig-2026-x"}
    assert client.post("/me/password", form).status_code == 422
    form |= {"new": "Mein-eigener-Satz-7", "again": "Mein-eigener-Satz-7"}
    assert client.post("/me/password", form)["Location"] == "/"
    assert is_in(client)
