"""The list of hostile addresses through every feature that calls out: refused, and nothing was connected to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from conftest import Firm
from tests.egress import hostile
from tests.egress.conftest import PUBLIC
from zhike.engine import deliveries, egress, webhooks
from zhike.engine.errors import Invalid
from zhike.engine.models import Delivery, Webhook
from zhike.web.identity_sso import Adapter

if TYPE_CHECKING:
    from tests.egress.conftest import Farm, Ledger, Names

Outcome = list[tuple[str, str]]
EVENTS = ["account.*"]


def refusals(urls: list[tuple[str, str]], call: Callable[[str], str]) -> Outcome:
    """(address, code) as the feature answered."""
    return [(url, call(url)) for url, _code in urls]


@pytest.fixture
def urls(farm: Farm, names: Names) -> list[tuple[str, str]]:
    """The list; its names have the addresses that the attacker gives them."""
    for name, answers in hostile.NAMES.items():
        names.say(name, answers)
    found: list[tuple[str, str]] = hostile.addresses(farm.ports)
    assert len(set(found)) >= 120
    return found


def quiet(ledger: Ledger, farm: Farm) -> None:
    """Nothing was tried and nothing arrived."""
    assert ledger.tried == []
    assert farm.seen == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fetching(urls: list[tuple[str, str]], ledger: Ledger, farm: Farm, method: str) -> None:
    def call(url: str) -> str:
        try:
            egress.fetch(url, method=method, body=b"{}" if method == "POST" else None)
        except egress.EgressError as error:
            return error.code if error.text else "no words"
        return "sent"

    assert refusals(urls, call) == urls
    quiet(ledger, farm)


def test_a_session_for_libraries(urls: list[tuple[str, str]], ledger: Ledger, farm: Farm) -> None:
    """As signing in through a provider asks. The library tidies some addresses first, so that they become public."""
    session = Adapter().get_requests_session()

    def call(url: str) -> str:
        try:
            session.get(url)
        except requests.RequestException as error:
            return "door" if isinstance(error.__cause__, egress.EgressError) else "before"
        return "sent"

    found = [refused for _url, refused in refusals(urls, call)]
    assert found[: len(hostile.BY_NAME) + len(hostile.LITERAL)] == ["door"] * (
        len(hostile.BY_NAME) + len(hostile.LITERAL)
    )
    assert found.count("sent") == 0
    assert [address for address, _port in ledger.tried if address != PUBLIC] == []
    assert farm.seen == 0


def test_the_list_would_be_seen(urls: list[tuple[str, str]], ledger: Ledger, farm: Farm, settings: Any) -> None:
    """The same farm and ledger do see what the firm opened: the tests here can fail."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8", "::1"]
    sent = 0
    for url in (f"http://127.0.0.1:{farm.ports[0]}/", f"http://loop6.evil.test:{farm.ports[1]}/"):
        with pytest.raises(egress.EgressError):
            egress.fetch(url)
        sent += 1
    assert [address for address, _port in ledger.tried] == ["127.0.0.1", "::1"]
    assert sent == 2


def test_saving_a_webhook(firm: Firm, urls: list[tuple[str, str]], ledger: Ledger, farm: Farm) -> None:
    actor = firm.actor("admin")

    def call(url: str) -> str:
        try:
            webhooks.save(actor, None, name="ERP", url=url, events=EVENTS)
        except Invalid as invalid:
            return ",".join(found.code for wrong in invalid.first.values() for found in wrong)
        return "saved"

    shaped = [(url, code) for url, code in urls if url == url.strip() and len(url) <= 500]
    assert len(shaped) >= 120
    assert refusals(shaped, call) == shaped
    assert Webhook.objects.count() == 0
    quiet(ledger, farm)


def test_changing_a_webhook(firm: Firm, urls: list[tuple[str, str]], ledger: Ledger, farm: Farm) -> None:
    actor = firm.actor("admin")
    webhook = webhooks.save(actor, None, name="ERP", url="https://public.test/", events=EVENTS)
    for url, _code in urls[:20]:
        with pytest.raises(Invalid):
            webhooks.save(actor, webhook, name="ERP", url=url, events=EVENTS)
    webhook.refresh_from_db()
    assert (webhook.url, webhook.version) == ("https://public.test/", 1)
    quiet(ledger, farm)


def test_the_form_of_a_webhook(firm: Firm, urls: list[tuple[str, str]], ledger: Ledger, farm: Farm) -> None:
    client = firm.client("admin")
    shaped = [url for url, _code in urls if url == url.strip() and len(url) <= 500]
    form = {"name": "ERP", "events-account": EVENTS}
    answers = [client.post("/settings/webhooks/new", {**form, "url": url}) for url in shaped]
    assert [answer.status_code for answer in answers] == [422] * len(shaped)
    assert [re.findall(r'id="e-([a-z-]+)"', answer.content.decode()) for answer in answers] == [["url"]] * len(shaped)
    assert Webhook.objects.count() == 0
    quiet(ledger, farm)


def test_sending_to_a_webhook(firm: Firm, urls: list[tuple[str, str]], ledger: Ledger, farm: Farm) -> None:
    """An address that was harmless when it was saved, and whose owner changed its mind."""
    webhook = Webhook.objects.create(user=firm.admin, name="ERP", url="https://public.test/", secret="s")

    def call(url: str) -> str:
        Webhook.objects.filter(pk=webhook.pk).update(url=url)
        pk = deliveries.ping(firm.actor("admin"), webhook)
        deliveries.send(pk)
        made = Delivery.objects.get(pk=pk)
        assert (made.state, made.attempts, made.status) == ("waiting", 1, None)
        return made.error.partition(" ")[0]

    shaped = [(url, code) for url, code in urls if len(url) <= 500 and "\x00" not in url]
    assert len(shaped) >= 120
    assert refusals(shaped, call) == shaped
    quiet(ledger, farm)
