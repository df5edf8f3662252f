"""Single sign-on against a provider that speaks OpenID Connect over HTTP."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from config.outside import app
from tests.identity.conftest import enrol, is_in, sign_in
from tests.identity.provider import Provider
from zhike.base.models import User
from zhike.engine.models import History


@pytest.fixture(autouse=True)
def configured(settings: Any, provider: Provider, firm: Any) -> None:
    User.objects.filter(pk=firm.seller.pk).update(email="Wang@example.cn")
    use(settings, provider)


def use(settings: Any, *providers: Provider) -> None:
    known = {k: {**v, "APPS": []} for k, v in settings.SOCIALACCOUNT_PROVIDERS.items()}
    known["openid_connect"]["APPS"] = [app(p.setting()) for p in providers]
    settings.SOCIALACCOUNT_PROVIDERS = known


def leave(client: Client, key: str = "corp", **form: str) -> str:
    """Press the button; gives the address at the provider."""
    answer = client.post(f"/sso/{key}/login", form)
    assert answer.status_code == 200, answer.content
    found = re.search(r'content="0;url=([^"]+)"', answer.content.decode())
    assert found
    return unescape(found[1])


def agree(url: str) -> str:
    """Agree at the provider; gives the address it sends the browser back to, within our site."""
    back = urlsplit(requests.get(url, allow_redirects=False, timeout=10).headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == "https://crm.example.cn"
    return f"{back.path}?{back.query}"


def through(client: Client, key: str = "corp", **form: str) -> Any:
    return client.get(agree(leave(client, key, **form)))


def test_who_has_the_verified_mail_comes_in_and_stays_bound(firm: Any, provider: Provider) -> None:
    client = Client()
    answer = through(client, next="/account/")
    assert (answer.status_code, answer["Location"], is_in(client)) == (302, "/account/", True)
    account = SocialAccount.objects.get()
    assert (account.user_id, account.uid, account.extra_data) == (firm.seller.pk, "u-1", {})
    User.objects.filter(pk=firm.seller.pk).update(email="new@example.cn")
    provider.claims["email"] = "whoever@example.cn"
    again = Client()
    assert (through(again).status_code, is_in(again)) == (302, True)
    assert list(History.objects.filter(action="sign_in").values_list("details__how", flat=True)) == ["sso:corp"] * 2


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@example.cn"},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": "true"},
        {"email": "wang@exampĺe.cn"},
        {"email": ""},
    ],
)
def test_nobody_else_comes_in_and_nobody_is_made(firm: Any, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims |= claims
    people, client = User.objects.count(), Client()
    assert through(client)["Location"] == "/login"
    assert (is_in(client), User.objects.count(), SocialAccount.objects.count()) == (False, people, 0)


@pytest.mark.parametrize(
    "cheat",
    [
        "unsigned", "hmac", "kid", "key", "signature", "audience", "many", "issuer", "expired", "nonce", "no-nonce",
        "discovery",
    ],
)  # fmt: skip
def test_a_token_that_proves_nothing_opens_nothing(firm: Any, provider: Provider, cheat: str) -> None:
    client = Client()
    url = leave(client)
    provider.cheat = cheat
    assert client.get(agree(url))["Location"] == "/login"
    assert (is_in(client), SocialAccount.objects.count()) == (False, 0)
    assert History.objects.filter(action="sign_in_failed", details__how="sso:corp").count() == 1


def test_user_information_about_somebody_else_is_refused(firm: Any, provider: Provider) -> None:
    client = Client()
    url = leave(client)
    provider.claims = {"sub": "u-1"}
    provider.cheat = "userinfo"
    assert client.get(agree(url))["Location"] == "/login"
    assert not is_in(client)


def test_an_answer_counts_once_and_in_its_own_browser(firm: Any, provider: Provider) -> None:
    victim, thief = Client(), Client()
    back = agree(leave(victim))
    assert thief.get(back)["Location"] == "/login"
    assert not is_in(thief)
    assert provider.token_requests == 0
    assert victim.get(back)["Location"] == "/"
    victim.post("/logout")
    assert victim.get(back)["Location"] == "/login"
    assert not is_in(victim)


@pytest.mark.parametrize("state", ["", "x", "0" * 16])
def test_an_answer_without_a_question_is_refused(firm: Any, provider: Provider, state: str) -> None:
    client = Client()
    leave(client)
    assert client.get(f"/sso/corp/callback?code=abc&state={state}")["Location"] == "/login"
    assert provider.token_requests == 0


def test_two_providers_are_not_mixed_up(
    firm: Any, settings: Any, provider: Provider, second_provider: Provider
) -> None:
    use(settings, provider, second_provider)
    second_provider.claims = {"sub": "evil", "email": "wang@example.cn", "email_verified": True}
    client = Client()
    back = agree(leave(client, "corp"))
    assert client.get(back.replace("/sso/corp/", "/sso/other/"))["Location"] == "/login"
    assert (second_provider.token_requests, is_in(client)) == (0, False)
    back = agree(leave(client, "corp"))
    assert client.get(f"{back}&iss={second_provider.url}")["Location"] == "/login"
    assert (provider.token_requests, is_in(client)) == (0, False)
    assert client.get(agree(leave(client, "corp")) + f"&iss={provider.url}")["Location"] == "/"
    # The person is bound to one account at the provider: another one with the same mail does not come in.
    provider.claims["sub"] = "u-9"
    other = Client()
    assert through(other)["Location"] == "/login"
    assert not is_in(other)


def test_the_provider_never_hears_of_another_host(firm: Any, provider: Provider) -> None:
    client = Client()
    answer = client.post("/sso/corp/login", headers={"host": "localhost", "x-forwarded-host": "evil.example"})
    found = re.search(r'content="0;url=([^"]+)"', answer.content.decode())
    assert found
    asked = parse_qs(urlsplit(unescape(found[1])).query)
    assert asked["redirect_uri"] == ["https://crm.example.cn/sso/corp/callback"]
    assert (asked["code_challenge_method"], len(asked["nonce"][0]) >= 32) == (["S256"], True)


def test_a_disabled_person_stays_out(firm: Any, provider: Provider) -> None:
    assert through(Client())["Location"] == "/"
    User.objects.filter(pk=firm.seller.pk).update(is_active=False)
    client = Client()
    assert through(client)["Location"] == "/login"
    assert not is_in(client)


def test_a_second_factor_is_asked_for_here_too(firm: Any, provider: Provider) -> None:
    enrol(firm.seller)
    client = Client()
    assert through(client)["Location"] == "/login/second"
    assert not is_in(client)


def test_an_account_is_linked_by_who_has_just_proved_themselves(firm: Any, provider: Provider) -> None:
    provider.claims = {"sub": "m-1"}  # as DingTalk or Feishu: no mail address
    client = Client()
    sign_in(client, "manager")
    assert through(client)["Location"] == "/me"
    assert SocialAccount.objects.get().user_id == firm.manager.pk
    other = Client()
    assert (through(other)["Location"], is_in(other)) == ("/", True)
    # It is not taken from who has it.
    thief = Client()
    sign_in(thief, "stranger")
    assert through(thief)["Location"] == "/me"
    assert SocialAccount.objects.get().user_id == firm.manager.pk
    session = client.session
    session["proved"] -= 301
    session.save()
    assert client.post("/sso/corp/login")["Location"] == "/me/confirm?next=/me"


def test_linking_and_leaving_need_a_form_of_ours(firm: Any, provider: Provider) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(firm.seller)
    assert (client.post("/sso/corp/login").status_code, client.get("/sso/corp/login").status_code) == (403, 405)


@pytest.mark.parametrize("key", ["nobody", "openid_connect", "dingtalk"])
def test_a_provider_that_is_not_set_up_is_not_there(firm: Any, provider: Provider, key: str) -> None:
    assert (Client().post(f"/sso/{key}/login").status_code, Client().get(f"/sso/{key}/callback").status_code) == (
        404,
        404,
    )


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "weixin"])
def test_the_firms_messengers_are_asked_with_our_address(firm: Any, settings: Any, kind: str) -> None:
    known = {k: {**v, "APPS": []} for k, v in settings.SOCIALACCOUNT_PROVIDERS.items()}
    known[kind]["APPS"] = [app({"kind": kind, "client_id": "c", "secret": "s"})]
    settings.SOCIALACCOUNT_PROVIDERS = known
    asked = parse_qs(urlsplit(leave(Client(), kind)).query)
    assert asked["redirect_uri"] == [f"https://crm.example.cn/sso/{kind}/callback"]
    assert len(asked["state"][0]) >= 16
