"""The door: signing in with password, second factor or passkey, signing out, the language switch."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from zhike.base.models import User
from zhike.engine.models import Counter

from . import identity, throttle
from . import identity_factors as factors
from . import identity_sso as sso
from .identity import next_of
from .templating import render

HALF_SECONDS = 5 * 60
DEMO_PASSWORD = "zhike-demo"  # noqa: S105 - of the demo firm alone, printed by the command that makes it


def too_many(request: HttpRequest, template: str, context: dict[str, Any], wait: int) -> HttpResponse:
    """The page again, with word of when the door opens; the same for known and unknown people."""
    text = _("Too many attempts. Try again in %(n)s minutes.") % {"n": -(-wait // 60)}
    answer = render(request, template, {**context, "error": text}, status=429)
    answer.headers["Retry-After"] = str(wait)
    return answer


def door_key(text: str) -> str:
    """Under which name attempts are counted: a login name and the same person's mail address are one."""
    user = identity.named(text)
    return f"in:{user.username if user else text}"


@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with login name or mail address, and password; too many failures close the door for a while."""
    if request.user.is_authenticated:
        return HttpResponseRedirect("/")
    username = request.POST.get("username", "").strip()[:254]
    context = {"username": username, "next": next_of(request), "demo": demo_accounts(), "sso": sso.offers()}
    if request.method == "GET":
        return render(request, "login.html", {**context, "error": request.session.pop("door", "")})
    attempt = throttle.enter(request, door_key(username))
    if attempt.wait:
        identity.note(request, "sign_in_failed", identity.named(username), how="password", reason="closed")
        return too_many(request, "login.html", context, attempt.wait)
    user = authenticate(request, username=username, password=request.POST.get("password", "")[:1000])
    if isinstance(user, User):
        attempt.succeeded()
        return arrived(request, user, how="password", next_url=next_of(request))
    identity.note(request, "sign_in_failed", identity.named(username), how="password")
    return render(request, "login.html", {**context, "error": _("Login name or password is wrong.")}, status=422)


def demo_accounts() -> list[dict[str, str]]:
    """The accounts of the demo firm, offered at the door; empty everywhere else."""
    if not Counter.objects.filter(entity="demo").exists():
        return []
    rows = User.objects.filter(username__in=["seller", "manager", "executive", "admin"], is_active=True)
    return [{"username": u.username, "name": u.name, "position": u.position, "password": DEMO_PASSWORD} for u in rows]


# ---- the second step


def arrived(request: HttpRequest, user: User, *, how: str, next_url: str) -> HttpResponse:
    """The first proof is given: in, or on to the second factor of those who have one."""
    if not identity.has_factor(user):
        return identity.begin(request, user, how=how, next_url=next_url)
    request.session.flush()
    request.session["half"] = {
        "user": str(user.pk),
        "hash": user.get_session_auth_hash(),
        "at": int(time.time()),
        "how": how,
        "next": identity.inside(next_url),
    }
    return HttpResponseRedirect("/login/second")


def half(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Who has given the first proof less than five minutes ago, in this session, with the password of now."""
    found = request.session.get("half")
    if not found or time.time() - found["at"] > HALF_SECONDS:
        return None
    user = User.objects.filter(pk=found["user"], is_active=True, deleted_at=None).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), found["hash"]):
        return None
    return user, found


@require_http_methods(["GET", "POST"])
def second(request: HttpRequest) -> HttpResponse:
    """The second factor: a code of the app, a recovery code, or a passkey."""
    known = half(request)
    if known is None:
        request.session.pop("half", None)
        return HttpResponseRedirect("/login")
    user, stored = known
    context = second_page(user)
    if request.method == "GET":
        return render(request, "door.html", context)
    attempt = throttle.enter(request, f"2nd:{user.username}")
    if attempt.wait:
        identity.note(request, "sign_in_failed", user, how="second", reason="closed")
        return too_many(request, "door.html", context, attempt.wait)
    found = second_proof(request, user)
    if found:
        attempt.succeeded()
        return identity.begin(request, user, how=f"{stored['how']}+{found}", next_url=stored["next"])
    identity.note(request, "sign_in_failed", user, how="second")
    return render(request, "door.html", {**context, "error": _("That code is wrong, or was used before.")}, status=422)


def second_proof(request: HttpRequest, user: User) -> str:
    """Which second factor of the person the form carries: totp, recovery, passkey or ""."""
    if request.POST.get("credential"):
        return "passkey" if factors.passkey_owner(request.POST["credential"], user) else ""
    return factors.code_fits(user, request.POST.get("code", ""))


def second_page(user: User) -> dict[str, Any]:
    """What the page of the second step shows."""
    kinds = factors.kinds(user)
    return {
        "title": _("Second step"),
        "text": _("Enter the code that your app shows now, or one of your recovery codes."),
        "fields": [code_field()],
        "submit": _("Sign in"),
        "passkey": {"url": "/login/second", "options": "/login/passkey/options"} if factors.PASSKEY in kinds else None,
        "links": [{"label": _("Start again"), "url": "/login"}],
    }


def code_field() -> dict[str, Any]:
    """The field for a code."""
    return {
        "name": "code",
        "label": _("Code"),
        "kind": "text",
        "required": True,
        "autocomplete": "one-time-code",
        "autofocus": True,
        "attrs": {"inputmode": "numeric"},
    }


# ---- passkeys


@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser needs to sign with a passkey: of the person in the second step or signed in, else anybody's."""
    known = half(request)
    user = request.user if request.user.is_authenticated else known[0] if known else None
    return JsonResponse(factors.passkey_options(user))


@require_POST
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: it is both factors, because it checks its owner itself."""
    attempt = throttle.enter(request, f"passkey:{throttle.address(request)}", throttle.ADDRESS)
    context = {"username": "", "next": next_of(request), "demo": demo_accounts(), "sso": sso.offers()}
    if attempt.wait:
        return too_many(request, "login.html", context, attempt.wait)
    user = factors.passkey_owner(request.POST.get("credential", ""))
    if user is None:
        identity.note(request, "sign_in_failed", how="passkey")
        return render(request, "login.html", {**context, "error": _("That passkey is not known here.")}, status=422)
    attempt.succeeded()
    return identity.begin(request, user, how="passkey", next_url=next_of(request))


# ---- out, and the language


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    if request.user.is_authenticated:
        identity.end(request, reason="person")
    request.session.flush()
    return HttpResponseRedirect("/login")


@require_POST
def switch_language(request: HttpRequest) -> HttpResponse:
    """Remember the language, with the person when one is signed in."""
    chosen = request.POST.get("lang", "")
    response = HttpResponseRedirect(next_of(request))
    if chosen in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=chosen)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=365 * 86400,
            samesite="Lax",
            secure=settings.HTTPS,
            httponly=True,
        )
    return response


urlpatterns = [
    path("login", login),
    path("login/second", second),
    path("login/passkey", passkey),
    path("login/passkey/options", passkey_options),
    path("logout", logout),
    path("lang", switch_language),
    path("sso/<slug:key>/login", sso.leave),
    path("sso/<slug:key>/callback", sso.back),
    path("sso/<int:pk>/unbind", sso.unbind),
]
