"""The pages of webhooks: whose they are, the secret that is shown once, what became of messages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from conftest import Firm
from tests.egress.receiver import Receiver
from zhike.base.models import Role, User
from zhike.engine import access, deliveries, webhooks
from zhike.engine.models import Delivery, Webhook

BASE = "/settings/webhooks"


pytestmark = pytest.mark.usefixtures("opened")


def made_by(client: Client, url: str, **values: Any) -> Any:
    """The answer to the form."""
    return client.post(f"{BASE}/new", {"name": "ERP", "url": url, "events-account": ["account.*"], **values})


def officer(firm: Firm, key: str) -> User:
    """Somebody with one of the separate offices."""
    role = Role.objects.get(key=key)
    return User.objects.create_user(key, "Zhike-test-2026", name=key, department=firm.head_office, roles=[role.pk])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, url: str) -> str:
    """A page that is there."""
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_secret_is_shown_once(firm: Firm, erp: Receiver) -> None:
    client = firm.client("seller")
    answer = made_by(client, erp.url)
    made = Webhook.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"{BASE}/{made.pk}")
    assert (made.user, made.url, made.events) == (firm.seller, erp.url, ["account.*"])
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", made.secret)
    shown = [text(client, f"{BASE}/{made.pk}").count(made.secret) for _n in range(3)]
    assert shown == [1, 0, 0]
    first = made.secret
    assert client.post(f"{BASE}/{made.pk}/do/secret").status_code == 303
    made.refresh_from_db()
    assert made.secret != first
    assert [text(client, f"{BASE}/{made.pk}").count(made.secret) for _n in range(2)] == [1, 0]


def test_everybody_sees_their_own(firm: Firm, erp: Receiver) -> None:
    made_by(firm.client("seller"), erp.url)
    made = Webhook.objects.get()
    seen = {who: text(firm.client(who), BASE).count(f"{BASE}/{made.pk}") > 0 for who in ("seller", "manager", "admin")}
    assert seen == {"seller": True, "manager": False, "admin": True}
    for who in ("manager", "colleague", "executive"):
        client = firm.client(who)
        assert [client.get(f"{BASE}/{made.pk}{rest}").status_code for rest in ("", "/edit")] == [404, 404]
        for action in ("test", "secret", "on", "off", "delete"):
            assert client.post(f"{BASE}/{made.pk}/do/{action}").status_code == 404
    made.refresh_from_db()
    assert (made.is_active, made.deleted_at, Delivery.objects.count()) == (True, None, 0)


def test_who_looks_after_integrations_can_stop_them_but_not_turn_them(firm: Firm, erp: Receiver) -> None:
    made_by(firm.client("seller"), erp.url)
    made = Webhook.objects.get()
    client = signed_in(officer(firm, "system"))
    shown = text(client, f"{BASE}/{made.pk}")
    assert (shown.count("127.0.0.1"), shown.count("key=k1"), shown.count(made.secret)) == (1, 0, 0)
    assert client.post(f"{BASE}/{made.pk}/edit", {"name": "X", "url": erp.url}).status_code == 403
    for action in ("test", "secret", "on"):
        assert client.post(f"{BASE}/{made.pk}/do/{action}").status_code == 404
    assert client.post(f"{BASE}/{made.pk}/do/off").status_code == 303
    made.refresh_from_db()
    assert (made.is_active, made.name) == (False, "ERP")
    assert client.post(f"{BASE}/{made.pk}/do/delete").status_code == 303
    assert text(client, BASE).count(f"{BASE}/{made.pk}") == 0


@pytest.mark.parametrize("key", ["security", "audit"])
def test_other_offices_have_no_part_in_it(firm: Firm, key: str) -> None:
    client = signed_in(officer(firm, key))
    assert [client.get(url).status_code for url in (BASE, f"{BASE}/new")] == [403, 403]


def test_who_may_export_nothing_has_none(firm: Firm, erp: Receiver) -> None:
    firm.seller.roles = []
    firm.seller.save(update_fields=["roles"])
    client = firm.client("seller")
    assert client.get(BASE).status_code == 403
    assert [text(firm.client(who), "/me").count(BASE) for who in ("seller", "manager")] == [0, 1]
    assert made_by(client, erp.url).status_code == 403
    assert Webhook.objects.count() == 0


def test_nobody_makes_one_with_another_hand(firm: Firm) -> None:
    actor = firm.actor("executive")
    assert webhooks.may_have(actor) is True
    assert webhooks.may_have(actor.within(access.LOOK_ONLY, by=firm.admin)) is False
    assert webhooks.may_have(actor.within(access.Limit.of(["*:*"]))) is False


def test_signed_out(client: Client) -> None:
    for url in (BASE, f"{BASE}/new"):
        assert client.get(url).status_code == 302


def test_wrong_forms(firm: Firm, erp: Receiver) -> None:
    client = firm.client("seller")
    for values, wrong in (
        ({"name": " "}, ["name"]),
        ({"events-account": ["role.update"]}, ["events-lead"]),  # the first of them
        ({"url": "https://10.0.0.1/"}, ["url"]),
    ):
        given: dict[str, Any] = {"url": erp.url, **values}
        answer = made_by(client, **given)
        assert answer.status_code == 422
        assert re.findall(r'<li><a href="#f-([a-z-]+)">', answer.content.decode()) == wrong
    assert Webhook.objects.count() == 0


def test_a_change_does_not_undo_another(firm: Firm, erp: Receiver) -> None:
    client = firm.client("seller")
    made_by(client, erp.url)
    made = Webhook.objects.get()
    form = {"url": erp.url, "events-account": ["account.create"], "version": "1"}
    assert client.post(f"{BASE}/{made.pk}/edit", {**form, "name": "one"}).status_code == 303
    assert client.post(f"{BASE}/{made.pk}/edit", {**form, "name": "two"}).status_code == 409
    made.refresh_from_db()
    assert (made.name, made.events, made.version) == ("one", ["account.create"], 2)


def test_a_test_and_sending_again(firm: Firm, erp: Receiver) -> None:
    client = firm.client("seller")
    made_by(client, erp.url)
    page = f"{BASE}/{Webhook.objects.get().pk}"
    erp.statuses = [500]
    assert client.post(f"{page}/do/test").status_code == 303
    made = Delivery.objects.get()
    deliveries.send(made.pk)
    assert len(re.findall(r'<td title="[^"]*500[^"]*">', text(client, page))) == 1
    assert client.post(f"{page}/again/{made.pk}").status_code == 404  # it waits for its next attempt
    Delivery.objects.update(state="dead", next_at=None)
    assert text(client, page).count(f"{page}/again/{made.pk}") == 1
    assert firm.client("admin").post(f"{page}/again/{made.pk}").status_code == 404
    assert client.post(f"{page}/again/{made.pk}").status_code == 303
    deliveries.send(made.pk)
    assert (Delivery.objects.get().state, len(erp.messages)) == ("done", 2)
    assert {message.data["id"] for message in erp.messages} == {str(made.pk)}


def test_one_person_has_a_bounded_number(firm: Firm, erp: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PER_PERSON", 1)
    client = firm.client("seller")
    assert [made_by(client, erp.url).status_code for _n in range(2)] == [303, 422]
    assert made_by(firm.client("manager"), erp.url).status_code == 303


def test_deliveries_are_narrowed_by_state(firm: Firm, erp: Receiver) -> None:
    client = firm.client("seller")
    made_by(client, erp.url)
    webhook = Webhook.objects.get()
    for n, state in enumerate(("waiting", "done", "dead")):
        Delivery.objects.create(webhook=webhook, event="account.create", entity="account", cause=f"{n}", state=state)
    page = f"{BASE}/{webhook.pk}"
    shown = {state: text(client, f"{page}?state={state}").count("<tr><td") for state in ("", "done", "dead", "x'")}
    assert shown == {"": 3, "done": 1, "dead": 1, "x'": 3}
    part = client.get(f"{page}?state=done", headers={"HX-Request": "true", "HX-Target": "deliveries"})
    assert (part.content.decode().count("<html"), part.content.decode().count("<tr><td")) == (0, 1)
