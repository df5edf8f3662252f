"""Forgotten passwords and invitations: to whom a link goes, where it leads, and when it is dead."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.identity.conftest import PASSWORD, enrol, is_in, link_in, post_mails, sign_in
from zhike.base.models import Policy, User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import History
from zhike.web import identity_links

NEW = "Ein-neuer-Satz-9"
FORM = {"new": NEW, "again": NEW}


@pytest.fixture(autouse=True)
def addresses(firm: Any) -> None:
    User.objects.filter(pk=firm.seller.pk).update(email="wang@example.cn")
    User.objects.filter(pk=firm.manager.pk).update(email="zhang@example.cn")


def ask(who: str = "seller", **more: Any) -> Any:
    return Client().post("/forgot", {"who": who}, **more)


def mailed_link(who: str = "seller") -> str:
    ask(who)
    return link_in(post_mails()[-1])


def follow(link: str, client: Client | None = None) -> Client:
    """Open the link and the page behind it."""
    client = client or Client()
    client.get(urlsplit(link).path)
    return client


def test_a_mail_lets_a_person_choose_a_new_password(firm: Any) -> None:
    before = Client()
    sign_in(before, "seller")
    link = mailed_link()
    message: Any = mail.outbox[-1]
    assert message.to == ["wang@example.cn"]
    assert [link in text for text, _kind in message.alternatives] == [True]
    client = follow(link)
    assert client.post("/new-password", {"new": "short", "again": "short"}).status_code == 422
    assert client.post("/new-password", FORM).status_code == 200
    assert (is_in(before), is_in(client)) == (False, False)  # a link is no sign-in
    assert sign_in(Client(), "seller").status_code == 422
    assert sign_in(Client(), "seller", NEW).status_code == 302
    kept = History.objects.filter(record=firm.seller.pk, action__startswith="reset").order_by("at")
    assert list(kept.values_list("action", flat=True)) == ["reset_mailed", "reset_used"]


def test_a_link_counts_once(firm: Any) -> None:
    link = mailed_link()
    first, second = follow(link), follow(link)
    assert first.post("/new-password", FORM).status_code == 200
    assert second.post("/new-password", {"new": "Nochmals-2026-x", "again": "Nochmals-2026-x"}).status_code == 410
    assert Client().get(urlsplit(link).path).status_code == 410
    assert User.objects.get(pk=firm.seller.pk).check_password(NEW)


@pytest.mark.parametrize(
    "event", ["password", "mail", "sign-in", "disabled", "deleted", "other person", "other purpose", "cut", "flipped"]
)
def test_a_link_dies_with_what_it_was_made_for(firm: Any, event: str) -> None:
    link = urlsplit(mailed_link()).path
    user = User.objects.get(pk=firm.seller.pk)
    if event == "password":
        user.set_password("Anders-2026-xyz")
        user.save()
    elif event == "mail":
        records.update(firm.actor("admin"), get("user"), user.pk, {"email": "neu@example.cn"})
    elif event == "sign-in":
        sign_in(Client(), "seller")
    elif event == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif event == "deleted":
        User.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
    elif event == "other person":
        link = link.replace(str(user.pk), str(firm.manager.pk))
    elif event == "other purpose":
        link = link.replace("/reset/", "/invitation/")
    elif event == "cut":
        link = link[:-1]
    else:
        link = link[:-1] + ("0" if link[-1] != "0" else "1")
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize(
    ("purpose", "minutes", "good"),
    [("reset", 29, True), ("reset", 31, False), ("invitation", 71 * 60, True), ("invitation", 73 * 60, False)],
)
def test_a_link_ages(firm: Any, monkeypatch: Any, purpose: str, minutes: int, good: bool) -> None:
    token = identity_links.TOKENS[purpose]
    then = token._now() - dt.timedelta(minutes=minutes)
    user = User.objects.get(pk=firm.seller.pk)
    made = token._make_token_with_timestamp(user, token._num_seconds(then), token.secret)
    assert token.check_token(user, made) is good
    assert Client().get(f"/{purpose}/{user.pk}/{made}").status_code == (302 if good else 410)


def test_the_door_is_closed_between_link_and_password_too(firm: Any) -> None:
    client = follow(mailed_link())
    records.update(firm.actor("admin"), get("user"), firm.seller.pk, {"email": "neu@example.cn"})
    assert client.post("/new-password", FORM).status_code == 410
    assert Client().post("/new-password", FORM).status_code == 410


def test_the_answer_is_the_same_for_everybody(firm: Any) -> None:
    User.objects.create_user("without", PASSWORD, name="无邮箱")
    User.objects.create_user("gone", PASSWORD, name="离职", email="gone@example.cn", is_active=False)
    User.objects.create_user("sso", name="单点", email="sso@example.cn")
    people = ["seller", "wang@example.cn", "nobody", "without", "gone", "sso", "x" * 500, "'; --", ""]
    answers = {ask(who, headers={"accept-language": "en"}).content for who in people}
    assert len({a.replace(b"\n", b"") for a in map(untoken, answers)}) == 1
    assert [m.to for m in post_mails()] == [["wang@example.cn"]] * 2


def untoken(html: bytes) -> bytes:
    import re

    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", html)


def test_three_mails_an_hour(firm: Any) -> None:
    for _n in range(5):
        assert ask().status_code == 200
    ask("manager")
    assert [m.to[0] for m in post_mails()] == ["wang@example.cn"] * 3 + ["zhang@example.cn"]


def test_asking_has_an_end_for_one_place(firm: Any) -> None:
    answers = [ask(f"u{n}") for n in range(32)]
    assert [a.status_code for a in answers] == [200] * 30 + [429] * 2
    assert int(answers[-1]["Retry-After"]) > 0


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "王芳"), ("en", "Hello 王芳,")])
def test_the_mail_speaks_the_persons_language(firm: Any, language: str, word: str) -> None:
    User.objects.filter(pk=firm.seller.pk).update(language=language)
    mailed_link()
    assert word in mail.outbox[-1].body


# ---- poisoned addresses

HOSTS = ["evil.example", "crm.example.cn.evil.example", "evil.example:443", "crm.example.cn@evil.example", "[::1]:80"]
NAMES = [
    "host", "x-forwarded-host", "x-host", "x-forwarded-server", "x-original-url", "x-rewrite-url", "forwarded",
    "x-http-host-override", "origin", "referer",
]  # fmt: skip
POISONS = [
    *({name: f"host={host}" if name == "forwarded" else host} for name, host in itertools.product(NAMES[:8], HOSTS)),
    *({name: f"https://{host}/forgot"} for name, host in itertools.product(NAMES[8:], HOSTS[:2])),
    {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-port": "444"},
    {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "evil.example", "x-real-ip": "127.0.0.1"},
]


@pytest.mark.parametrize("known_proxy", [False, True])
@pytest.mark.parametrize("poison", POISONS, ids=str)
def test_a_link_leads_to_our_address_whatever_was_asked(
    firm: Any, settings: Any, poison: dict[str, str], known_proxy: bool
) -> None:
    settings.PROXIES = ["127.0.0.1"] if known_proxy else []
    answer = ask(headers=poison)
    assert "evil" not in str(answer.headers)
    if answer.status_code == 400:
        assert post_mails() == []
        return
    sent = post_mails()
    assert len(sent) == 1
    assert link_in(sent[0]).startswith(f"https://crm.example.cn/reset/{firm.seller.pk}/")
    everything = sent[0].message().as_string() + sent[0].alternatives[0][0]
    assert "evil" not in everything


def test_there_are_forty_of_them_and_a_foreign_host_is_refused(firm: Any) -> None:
    assert len(POISONS) >= 40
    assert ask(headers={"host": "evil.example"}).status_code == 400


def test_the_secret_leaves_the_address_at_once(firm: Any) -> None:
    link = urlsplit(mailed_link()).path
    client = Client()
    answer = client.get(link)
    assert (answer["Location"], answer["Referrer-Policy"]) == ("/new-password", "no-referrer")
    page = client.get("/new-password")
    token = link.rpartition("/")[2]
    assert token not in page.content.decode()
    assert token not in str(page.headers)
    assert Client().get(link[:-1] + "~")["Referrer-Policy"] == "no-referrer"


# ---- invitations


def test_an_invited_person_chooses_a_password(firm: Any) -> None:
    made = User.objects.create_user("zeng", name="曾小贤", email="zeng@example.cn", roles=firm.seller.roles)
    admin = Client()
    sign_in(admin, "admin")
    assert sign_in(Client(), "zeng", "").status_code == 422
    assert admin.post(f"/settings/people/{made.pk}/entrance", {"do": "mail"}).status_code == 303
    message = post_mails()[-1]
    assert message.to == ["zeng@example.cn"]
    client = follow(link_in(message))
    assert client.post("/new-password", FORM).status_code == 200
    assert (sign_in(client, "zeng", NEW).status_code, is_in(client)) == (302, True)
    kept = History.objects.filter(record=made.pk, action__startswith="invit").order_by("at")
    assert list(kept.values_list("action", flat=True)) == ["invited", "invitation_mailed", "invitation_used"]


def test_a_one_time_link_is_shown_once(firm: Any) -> None:
    made = User.objects.create_user("zeng", name="曾小贤", roles=firm.seller.roles)
    admin = Client()
    sign_in(admin, "admin")
    page = admin.post(f"/settings/people/{made.pk}/entrance", {"do": "link"}).content.decode()
    assert f"https://crm.example.cn/invitation/{made.pk}/" in page
    assert "/invitation/" not in admin.get(f"/settings/people/{made.pk}/entrance").content.decode()
    link = page.partition("https://crm.example.cn")[2].partition('"')[0]
    assert follow(link).post("/new-password", FORM).status_code == 200


@pytest.mark.parametrize("who", ["seller", "manager", "executive"])
def test_only_an_administrator_invites(firm: Any, who: str) -> None:
    client = Client()
    sign_in(client, who)
    for do in ("mail", "link", "end", "factors"):
        assert client.post(f"/settings/people/{firm.admin.pk}/entrance", {"do": do}).status_code == 403
    assert post_mails() == []


@pytest.mark.parametrize(
    ("office", "whom", "do", "status"),
    [
        ("all", "audit", "link", 200),
        ("all", "audit", "mail", 303),
        ("system", "new", "link", 200),
        ("system", "new", "mail", 303),
        ("system", "seller", "link", 403),
        ("system", "seller", "mail", 303),
        ("system", "audit", "link", 403),
        ("system", "audit", "mail", 403),
        ("security", "new", "link", 403),
        ("security", "new", "mail", 403),
        ("audit", "new", "link", 403),
    ],
)
def test_no_administrator_gets_in_as_another(firm: Any, office: str, whom: str, do: str, status: int) -> None:
    from zhike.base.models import Grant, Role

    offices = {key: Role.objects.create(key=f"of-{key}", name=key, office=key) for key in {office, "audit"}}
    Grant.objects.get_or_create(role=offices[office], entity="user", action="read", defaults={"scope": "all"})
    actor = User.objects.create_user("acting", PASSWORD, name="操作员", roles=[offices[office].pk])
    User.objects.create_user("new", name="新人", email="new@example.cn")
    User.objects.create_user("audit", PASSWORD, name="审计", email="audit@example.cn", roles=[offices["audit"].pk])
    client = Client()
    client.force_login(actor)
    target = User.objects.get(username=whom)
    assert client.post(f"/settings/people/{target.pk}/entrance", {"do": do}).status_code == status


def test_a_reset_does_not_lift_the_second_factor(firm: Any) -> None:
    enrol(firm.seller)
    assert follow(mailed_link()).post("/new-password", FORM).status_code == 200
    client = Client()
    assert (sign_in(client, "seller", NEW)["Location"], is_in(client)) == ("/login/second", False)


def test_the_rules_of_passwords_hold_here_too(firm: Any) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"passwords": "dengbao"})
    client = follow(mailed_link())
    assert client.post("/new-password", {"new": PASSWORD, "again": PASSWORD}).status_code == 422
    assert client.post("/new-password", FORM).status_code == 200
