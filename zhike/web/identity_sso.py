"""Signing in through somebody who vouches for a person. The protocol is django-allauth's; who comes in is said here.

Nobody is signed up: a bound account comes in, or the one person whose mail address the provider says is verified.
"""

from __future__ import annotations

import secrets
from typing import Any, NoReturn

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.dingtalk.provider import DingTalkProvider
from allauth.socialaccount.providers.dingtalk.views import DingTalkOAuth2Adapter
from allauth.socialaccount.providers.feishu.provider import FeishuProvider
from allauth.socialaccount.providers.feishu.views import FeishuOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.socialaccount.providers.weixin.provider import WeixinProvider
from allauth.socialaccount.providers.weixin.views import WeixinOAuth2Adapter
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.base.models import User
from zhike.engine.egress_session import Session
from zhike.engine.errors import Missing

from . import identity
from .templating import render

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLAIMS = ["iss", "sub", "aud", "exp", "iat"]


class OurAddress:
    """The provider sends people back to the configured address of this site, never to a host that was asked for."""

    def get_client(self, request: HttpRequest, app: SocialApp) -> Any:
        """allauth's client with our address."""
        client = super().get_client(request, app)  # type: ignore[misc]
        client.callback_url = f"{settings.URL}/sso/{app.provider_id}/callback"
        return client

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Our address."""
        return f"{settings.URL}/sso/{app.provider_id}/callback"


class OpenIdAdapter(OurAddress, OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """OpenID Connect Core 1.0 (3.1.3.7), with the signature always checked."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider says of itself; it must name itself as we know it (Discovery 1.0, 4.3)."""
        found: dict[str, Any] = super().openid_config
        url = self.get_provider().app.settings["server_url"].partition("/.well-known/")[0]
        if str(found.get("issuer", "")).rstrip("/") != url.rstrip("/"):
            raise OAuth2Error("issuer of another provider")
        return found

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **more: Any) -> SocialLogin:
        """The person that the identity token names; the user information only adds to it."""
        claims = self._decode_id_token(app, more["response"].get("id_token") or "")
        told: dict[str, Any] = {}
        if "email" not in claims and self.openid_config.get("userinfo_endpoint"):
            told = self._fetch_user_info(token.token)
            if told.get("sub") != claims["sub"]:
                raise OAuth2Error("user information about somebody else")
        data = {"id_token": claims, "userinfo": {**told, **claims}}
        return self.get_provider().sociallogin_from_response(request, data)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(id_token)
            with _web(self) as web:
                answer = web.get(self.openid_config["jwks_uri"])
                answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
            key = next((k for k in keys if k.key_id == header.get("kid")), None)
            if key is None or key.public_key_use == "enc":
                raise OAuth2Error("unknown key")
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key.key,
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                options={"require": CLAIMS},
                leeway=60,
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error("identity token") from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != app.client_id:
            raise OAuth2Error("identity token for another client")
        return claims


def _web(adapter: Any) -> Any:
    from allauth.socialaccount.adapter import get_adapter  # reads settings that name this module

    return get_adapter(adapter.request).get_requests_session()


class OpenId(OpenIDConnectProvider):  # type: ignore[misc]
    """Any provider of OpenID Connect."""

    oauth2_adapter_class = OpenIdAdapter

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **more: Any) -> HttpResponse:
        """To the provider, with a nonce that its identity token must carry back."""
        nonce = secrets.token_urlsafe(24)
        params = {**self.get_auth_params(), "nonce": nonce}
        found: HttpResponse = super().redirect(request, process, next_url, auth_params=params, nonce=nonce)
        return found


class DingTalkAdapter(OurAddress, DingTalkOAuth2Adapter):  # type: ignore[misc]
    """DingTalk."""


class FeishuAdapter(OurAddress, FeishuOAuth2Adapter):  # type: ignore[misc]
    """Feishu."""

    def get_client(self, request: HttpRequest, app: SocialApp) -> Any:
        """Made here, because allauth asks for an address of its own."""
        from allauth.socialaccount.providers.feishu.client import FeishuOAuth2Client

        url = self.get_callback_url(request, app)
        return FeishuOAuth2Client(
            request, app.client_id, app.secret, self.access_token_method, self.access_token_url, url
        )


class WeixinAdapter(OurAddress, WeixinOAuth2Adapter):  # type: ignore[misc]
    """WeChat (open platform)."""


class DingTalk(DingTalkProvider):  # type: ignore[misc]
    """DingTalk."""

    oauth2_adapter_class = DingTalkAdapter


class Feishu(FeishuProvider):  # type: ignore[misc]
    """Feishu."""

    oauth2_adapter_class = FeishuAdapter


class Weixin(WeixinProvider):  # type: ignore[misc]
    """WeChat."""

    oauth2_adapter_class = WeixinAdapter


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Who may come in."""

    def get_requests_session(self) -> Session:
        """Providers are asked through the one door for outgoing calls."""
        return Session()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Nobody is signed up."""
        return False

    def on_authentication_error(self, request: HttpRequest, provider: Any, **more: Any) -> NoReturn:
        """Back to the door, with a word about it."""
        raise ImmediateHttpResponse(refused(request, provider.sub_id))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """The provider has vouched: bind the account, or let the person in."""
        raise ImmediateHttpResponse(arrive(request, sociallogin))


def arrive(request: HttpRequest, arrival: SocialLogin) -> HttpResponse:
    """What happens to somebody a provider has vouched for."""
    key = str(arrival.account.provider)
    token = arrival.account.extra_data.get("id_token") or {}
    if arrival.state.get("nonce") and not secrets.compare_digest(
        str(token.get("nonce", "")).encode(), str(arrival.state["nonce"]).encode()
    ):
        return refused(request, key)
    arrival.account.extra_data = {}  # what the provider tells of the person is not ours to keep
    if arrival.state.get("process") == AuthProcess.CONNECT:
        return bind(request, arrival)
    user = arrival.account.user if arrival.account.pk else vouched(arrival)
    if user is None or not user.is_active or user.deleted_at:
        return refused(request, key, unknown=True)
    keep(arrival, user)
    from .account import arrived  # the page of the door imports this module for its buttons

    return arrived(request, user, how=f"sso:{key}", next_url=arrival.state.get("next") or "/")


def vouched(arrival: SocialLogin) -> User | None:
    """The one person with a mail address that the provider says it has checked."""
    addresses = {a.email for a in arrival.email_addresses if a.verified is True}
    found = [user for user in map(identity.by_mail, sorted(addresses)) if user]
    if len(found) != 1 or SocialAccount.objects.filter(user=found[0], provider=arrival.account.provider).exists():
        return None  # somebody else's account at this provider is bound to the person already
    return found[0]


def keep(arrival: SocialLogin, user: User) -> None:
    """Bind the account to the person, so that a later change of mail addresses changes nothing."""
    arrival.account.user = user
    arrival.account.save()


def bind(request: HttpRequest, arrival: SocialLogin) -> HttpResponse:
    """Bind the account to who is signed in; one that is bound to somebody else stays there."""
    user, account = request.user, arrival.account
    if not user.is_authenticated or not identity.is_fresh(request) or (account.pk and account.user_id != user.pk):
        return refused(request, str(account.provider))
    try:
        with transaction.atomic():
            keep(arrival, user)
    except IntegrityError:
        return refused(request, str(account.provider))
    identity.note(request, "sso_bound", provider=account.provider)
    identity.toast(request, _("The account is linked: you can sign in with it."))
    return HttpResponseRedirect("/me")


def refused(request: HttpRequest, key: str, *, unknown: bool = False) -> HttpResponse:
    """Back to the door."""
    identity.note(request, "sign_in_failed", how=f"sso:{key}", reason="unknown" if unknown else "provider")
    request.session["door"] = (
        _("Nobody here belongs to that account. Ask your administrator to add you, or link it under “My account”.")
        if unknown
        else _("Signing in there did not work. Nothing was changed; please try again.")
    )
    return HttpResponseRedirect("/me" if request.user.is_authenticated else "/login")


def offers() -> list[dict[str, str]]:
    """The providers that are set up, for the buttons of the door."""
    groups = settings.SOCIALACCOUNT_PROVIDERS.values()
    return [{"key": app["provider_id"], "label": app["name"]} for group in groups for app in group.get("APPS", [])]


def provider_of(request: HttpRequest, key: str) -> Any:
    """The provider, as settings name it."""
    if key not in {offer["key"] for offer in offers()}:
        raise Missing
    return Adapter(request).get_provider(request, provider=key)


@require_POST
def leave(request: HttpRequest, key: str) -> HttpResponse:
    """To the provider: to sign in or, for who is signed in, to link the account."""
    process = AuthProcess.CONNECT if request.user.is_authenticated else AuthProcess.LOGIN
    if process == AuthProcess.CONNECT and not identity.is_fresh(request):
        return identity.go(request, "/me/confirm?next=/me")
    try:
        found = provider_of(request, key).redirect(request, process, identity.next_of(request))
    except (OAuth2Error, OSError, KeyError, ValueError):
        return refused(request, key)
    return render(request, "leave.html", {"url": found["Location"]})


@require_GET
def back(request: HttpRequest, key: str) -> HttpResponse:
    """From the provider. Which one it was is kept with the state, so that two cannot be mixed up (RFC 9207 besides)."""
    provider = provider_of(request, key)
    adapter = provider.get_oauth2_adapter(request)
    try:
        told = request.GET.get("iss")
        if told and isinstance(adapter, OpenIdAdapter) and told != adapter.openid_config["issuer"]:
            return refused(request, key)
        found: HttpResponse = OAuth2CallbackView.adapter_view(adapter)(request)
    except (OAuth2Error, OSError, KeyError, ValueError, TypeError):
        return refused(request, key)
    return found


@require_POST
def unbind(request: HttpRequest, pk: int) -> HttpResponse:
    """Unlink an account of one's own."""
    row = SocialAccount.objects.filter(pk=pk, user=request.user.pk).first()
    if row is None:
        raise Missing
    if not identity.is_fresh(request):
        return identity.go(request, "/me/confirm?next=/me")
    row.delete()
    identity.note(request, "sso_unbound", provider=row.provider)
    return HttpResponseRedirect("/me", status=303)
