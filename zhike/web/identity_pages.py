"""One's own account: password, second factors, passkeys, linked accounts, sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base import passwords
from zhike.base.i18n import language
from zhike.base.models import Policy, User
from zhike.engine import history, webhooks
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Wrong

from . import identity, plugs, tasks, throttle
from . import identity_factors as factors
from . import identity_sso as sso
from .account import code_field, second_proof, too_many
from .identity import fresh, next_of
from .identity_links import accept, has_password, password_fields
from .templating import actor_of, render

CONTACT = ("email", "phone")
NAMING = ("all", "system")  # the offices whose holders give login names, their own too


def person(request: HttpRequest) -> User:
    """Who is signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - the pages are behind login
    return request.user


@login_required
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """What one can do about one's own account."""
    user = person(request)
    key = request.session.session_key
    labels = {offer["key"]: offer["label"] for offer in sso.offers()}
    bound = list(SocialAccount.objects.filter(user=user))
    rows = UserSession.objects.purge_and_list(user)
    context = {
        "person": user,
        "orders": [{"value": v, "label": name, "on": v == user.name_order} for v, name in User.NameOrder.choices],
        "door": request.session.pop("door", ""),
        "has_password": has_password(user),
        "factors": [factor_row(f) for f in factors.of(user) if f.type != factors.CODES],
        "codes_left": len(factors.codes_left(user)),
        "accounts": [{"id": a.pk, "label": labels.get(a.provider, a.provider)} for a in bound],
        "offers": [o for o in sso.offers() if o["key"] not in {a.provider for a in bound}],
        "sessions": [
            {
                "id": s.pk,
                "agent": agent(s.user_agent),
                "address": s.ip,
                "seen": s.last_seen_at,
                "here": s.session_key == key,
            }
            for s in sorted(rows, key=lambda s: s.last_seen_at, reverse=True)
        ],
        "may_have_webhooks": webhooks.may_have(actor_of(request)),
        "pages": [page for page in plugs.own_pages if page.may(actor_of(request))],
    }
    return render(request, "web/me.html", context)


def factor_row(factor: Any) -> dict[str, Any]:
    """A factor for its list."""
    name = _("App with codes") if factor.type == factors.TOTP else factor.data.get("name", "")
    return {
        "id": factor.pk,
        "name": name,
        "kind": str(factor.type),
        "made": factor.created_at,
        "used": factor.last_used_at,
    }


def agent(text: str) -> str:
    """A browser and system that a person recognises, from what the browser says of itself."""
    browser = next((b for b in ("MicroMessenger", "Edg", "Firefox", "Chrome", "Safari") if b in text), text[:40])
    system = next((s for s in ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux") if s in text), "")
    return " · ".join(p for p in ({"Edg": "Edge", "MicroMessenger": "WeChat"}.get(browser, browser), system) if p)


# ---- password


@login_required
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """A new password for oneself; it ends the other sessions."""
    user = person(request)
    known = has_password(user)
    if not known and not identity.is_fresh(request):
        return identity.go(request, "/me/confirm?next=/me/password")
    must = passwords.due(user, Policy.current())
    context = {
        "title": _("Change password"),
        "text": _("Choose a new password before you go on.") if must else "",
        "fields": password_fields({}, current=known),
        "submit": _("Change password"),
        "links": [] if must else [{"label": _("Back"), "url": "/me"}],
        "out": must,
    }
    if request.method == "GET":
        return render(request, "door.html", context)
    if known:
        attempt = throttle.enter(request, f"in:{user.username}")
        if attempt.wait:
            return too_many(request, "door.html", context, attempt.wait)
        if not user.check_password(request.POST.get("current", "")[:1000]):
            errors = {"current": _("This is not your current password.")}
            return render(
                request, "door.html", {**context, "fields": password_fields(errors, current=True)}, status=422
            )
        attempt.succeeded()
    same = known and request.POST.get("new") == request.POST.get("current")
    errors = {"new": _("This is the password you have.")} if same else accept(request, user)
    if errors:
        return render(request, "door.html", {**context, "fields": password_fields(errors, current=known)}, status=422)
    keep_this_session(request, user)
    identity.note(request, "password_changed")
    identity.toast(request, _("Your password is changed."))
    return HttpResponseRedirect("/" if must else "/me", status=303)


def keep_this_session(request: HttpRequest, user: User) -> None:
    """This session gets a new id and the hash of the new password, the others end."""
    old = request.session.session_key
    update_session_auth_hash(request, user)
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)
    identity.end_all(user, but=request.session.session_key)


# ---- mail address and phone


@fresh
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """One's own mail address and phone: a new password can be asked for by mail, so the old address is told."""
    user = person(request)
    keys = (*CONTACT, "username") if actor_of(request).office in NAMING else CONTACT
    given = {key: request.POST.get(key, "") if request.method == "POST" else getattr(user, key) for key in keys}
    wanted, errors = read_contact(user, given) if request.method == "POST" else ({}, {})
    if request.method == "POST" and not errors:
        save_contact(request, user, wanted)
        return HttpResponseRedirect("/me", status=303)
    known = get("user").attributes
    kinds = {"email": ("email", "email"), "phone": ("tel", "tel"), "username": ("text", "username")}
    context = {
        "title": _("Mail address and phone"),
        "text": _("Mails with which you choose a new password go to this address. The old one is told of the change."),
        "fields": [
            {"name": key, "label": known[key].label, "kind": kinds[key][0], "autocomplete": kinds[key][1],
             "value": given[key], "error": errors.get(key, ""), "maxlength": known[key].max_length}
            for key in keys
        ],
        "submit": _("Save"),
        "links": [{"label": _("Back"), "url": "/me"}],
    }  # fmt: skip
    return render(request, "door.html", context, status=422 if errors else 200)


def read_contact(user: User, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What the form says, cleaned, and what is wrong with it; an address that a colleague signs in with is taken."""
    wanted: dict[str, str] = {}
    errors: dict[str, str] = {}
    for key, raw in given.items():
        attribute = get("user").attributes[key]
        try:
            wanted[key] = attribute.kind.clean(attribute, raw)
        except Wrong as wrong:
            errors[key] = wrong.text
    mail = wanted.get("email", "")
    others = User.objects.filter(is_active=True, deleted_at=None).exclude(pk=user.pk)
    if mail and mail != user.email and others.filter(email__iexact=mail).exists():
        errors["email"] = _("Somebody else has this address. Enter another one.")
    name = wanted.get("username", user.username)
    if not name or (name != user.username and User.objects.exclude(pk=user.pk).filter(username=name).exists()):
        errors["username"] = _("Somebody else has this login name, or it is empty. Enter another one.")
    return wanted, errors


def save_contact(request: HttpRequest, user: User, wanted: Mapping[str, str]) -> None:
    """Save what changed; links that were mailed before are bound to the old address and end with it."""
    with transaction.atomic():
        kept = User.objects.select_for_update().get(pk=user.pk)
        changed = [key for key, value in wanted.items() if getattr(kept, key) != value]
        if not changed:
            return
        old = kept.email
        for key in changed:
            setattr(kept, key, wanted[key])
        history.acting(Actor(user, "web"), "update")
        kept.save(update_fields=changed)
        identity.note(request, "contact_changed", fields=changed)
        if old:
            tasks.contact_changed.defer(name=kept.name, to=old, lang=kept.language or language())
    identity.toast(request, _("Your mail address and phone are saved."))


# ---- proving again


@login_required
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Show again who one is, by password, code or passkey: what follows matters."""
    user, next_url = person(request), next_of(request)
    kinds = factors.kinds(user)
    secret = {"name": "password", "label": _("Password"), "kind": "password", "autocomplete": "current-password"}
    fields = [{**secret, "required": True, "autofocus": True}] if has_password(user) else []
    if factors.TOTP in kinds and not fields:
        fields = [code_field()]
    context = {
        "title": _("Is it still you?"),
        "text": _("What comes next matters. Show once more who you are.")
        if fields or factors.PASSKEY in kinds
        else _("Sign out and in again, then go on within five minutes."),
        "fields": fields,
        "submit": _("Go on"),
        "next": next_url,
        "passkey": {"url": "/me/confirm", "options": "/login/passkey/options"} if factors.PASSKEY in kinds else None,
        "links": [{"label": _("Back"), "url": "/"}],
        "out": not fields,
    }
    if request.method == "GET":
        return render(request, "door.html", context)
    attempt = throttle.enter(request, f"in:{user.username}")
    if attempt.wait:
        return too_many(request, "door.html", context, attempt.wait)
    given = request.POST.get("password", "")[:1000]
    if (given and user.check_password(given)) or (not given and second_proof(request, user)):
        attempt.succeeded()
        identity.prove(request)
        identity.note(request, "proved_again")
        return HttpResponseRedirect(next_url)
    identity.note(request, "sign_in_failed", user, how="again")
    return render(request, "door.html", {**context, "error": _("That was not right.")}, status=422)


# ---- second factors


@fresh
@require_GET
def factor_start(request: HttpRequest) -> HttpResponse:
    """Choose a second factor: an app with codes, or a passkey."""
    must = identity.duty_of(person(request), Policy.current()) == "/me/factors"
    return render(request, "web/factors.html", {"must": must})


@fresh
@require_http_methods(["GET", "POST"])
def totp(request: HttpRequest) -> HttpResponse:
    """Take a secret over into the app, and prove it by the code of now."""
    user, error = person(request), ""
    first = factors.CODES not in factors.kinds(user)
    if request.method == "POST":
        attempt = throttle.enter(request, f"2nd:{user.username}")
        if not attempt.wait and factors.enrol_totp(request, user, request.POST.get("code", "")):
            attempt.succeeded()
            return added(request, user, "totp", first=first)
        error = _("Too many attempts.") if attempt.wait else _("That code is wrong. Enter the one that is shown now.")
    secret, picture = factors.totp_offer(user)
    context = {
        "title": _("An app with codes"),
        "text": _("Scan the picture with an authenticator app, then enter the code it shows."),
        "picture": picture,
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        "fields": [code_field()],
        "submit": _("Set up"),
        "error": error,
        "links": [{"label": _("Back"), "url": "/me/factors"}],
    }
    return render(request, "door.html", context, status=422 if error else 200)


def added(request: HttpRequest, user: User, kind: str, *, first: bool) -> HttpResponse:
    """A factor is set up: a new session id and, with the first one, the recovery codes."""
    identity.prove(request)
    identity.note(request, "factor_added", kind=kind)
    if first:
        return codes_page(request, factors.codes_left(user))
    identity.toast(request, _("The second factor is set up."))
    return HttpResponseRedirect("/me", status=303)


def codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The recovery codes, shown this once."""
    context = {
        "title": _("Your recovery codes"),
        "text": _("Each lets you in once, when the app or key is lost. Keep them on paper; they are not shown again."),
        "codes": [f"{c[:5]}-{c[5:]}" for c in codes],
        "links": [{"label": _("I have kept them"), "url": "/me"}],
    }
    return render(request, "door.html", context)


@fresh
@require_POST
def codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes; the old ones are void."""
    user = person(request)
    if not identity.has_factor(user):
        return HttpResponseRedirect("/me/factors", status=303)
    identity.note(request, "recovery_codes_made")
    return codes_page(request, factors.new_codes(user))


@fresh
@require_POST
def new_passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser needs to make a passkey."""
    return JsonResponse(factors.passkey_options(person(request), create=True))


@fresh
@require_POST
def new_passkey(request: HttpRequest) -> HttpResponse:
    """Keep the passkey that the browser has made."""
    user = person(request)
    first = factors.CODES not in factors.kinds(user)
    if factors.add_passkey(user, request.POST.get("credential", ""), request.POST.get("name", "")):
        return added(request, user, "passkey", first=first)
    context = {"must": False, "error": _("The passkey was not kept. Please try again.")}
    return render(request, "web/factors.html", context, status=422)


@fresh
@require_POST
def drop_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a second factor away."""
    kind = factors.remove(person(request), pk)
    if kind:
        identity.renew(request)
        identity.note(request, "factor_removed", kind=kind)
        identity.toast(request, _("The second factor is removed."))
    return HttpResponseRedirect("/me", status=303)


# ---- order of names


@login_required
@require_POST
def order_names(request: HttpRequest) -> HttpResponse:
    """Whether lists sort names by pinyin or by strokes, for this person everywhere."""
    chosen = request.POST.get("order", "")
    if chosen in User.NameOrder.values:
        User.objects.filter(pk=person(request).pk).update(name_order=chosen)
        identity.toast(request, _("Lists now sort names this way."))
    return HttpResponseRedirect("/me", status=303)


# ---- sessions


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one of one's other sessions, or all of them."""
    user, chosen = person(request), request.POST.get("session", "")
    others = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    rows = list(others.filter(pk=int(chosen)) if chosen.isdigit() else others)
    for row in rows:
        row.end()
    identity.note(request, "sessions_ended", rows=len(rows))
    identity.toast(request, _("Signed out elsewhere."))
    return HttpResponseRedirect("/me", status=303)


urlpatterns = [
    path("me", me),
    path("me/password", password),
    path("me/contact", contact),
    path("me/confirm", confirm),
    path("me/factors", factor_start),
    path("me/factors/totp", totp),
    path("me/factors/codes", codes),
    path("me/factors/passkey", new_passkey),
    path("me/factors/passkey/options", new_passkey_options),
    path("me/factors/<int:pk>/remove", drop_factor),
    path("me/names", order_names),
    path("me/sessions", end_sessions),
]
