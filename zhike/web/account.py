"""Signing in and out, the language switch, one's own account."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth import login as begin
from django.contrib.auth import logout as end
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from zhike.base.models import User
from zhike.engine.models import Counter

from . import throttle
from .templating import actor_of, render


def next_of(request: HttpRequest) -> str:
    """Where to go next: only within this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/") else "/"


@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with login name and password; too many failures close the door for a while."""
    if request.user.is_authenticated:
        return HttpResponseRedirect("/")
    error, username = "", request.POST.get("username", "").strip()[:150]
    if request.method == "POST":
        user = (
            None
            if throttle.closed(request, username)
            else authenticate(request, username=username, password=request.POST.get("password", "")[:1000])
        )
        if user is not None:
            throttle.forget(username)
            begin(request, user)
            return HttpResponseRedirect(next_of(request))
        throttle.failed(request, username)
        error = (
            _("Too many attempts. Try again in 15 minutes.")
            if throttle.closed(request, username)
            else _("Login name or password is wrong.")
        )
    context = {"error": error, "username": username, "next": next_of(request), "demo": demo_accounts()}
    return render(request, "login.html", context, status=422 if error else 200)


def demo_accounts() -> list[dict[str, str]]:
    """The accounts of the demo firm, offered at the door; empty everywhere else."""
    if not Counter.objects.filter(entity="demo").exists():
        return []
    rows = User.objects.filter(username__in=["seller", "manager", "executive", "admin"], is_active=True)
    return [{"username": u.username, "name": u.name, "position": u.position} for u in rows]


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    end(request)
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


@login_required
@require_http_methods(["GET", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """One's own name, phone and password."""
    user = actor_of(request).user
    errors: list[dict[str, str]] = []
    if request.method == "POST":
        errors = _change_password(request, user)
        if not errors:
            request.session["toast"] = _("Your password is changed.")
            return HttpResponseRedirect("/me", status=303)
    kinds = [
        ("current", _("Current password"), "current-password"),
        ("new", _("New password"), "new-password"),
        ("again", _("New password again"), "new-password"),
    ]
    found = {e["name"]: e["text"] for e in errors}
    context = {
        "title": _("My account"),
        "person": user,
        "form": {
            "url": "/me",
            "errors": errors,
            "key": "",
            "cancel_url": "/",
            "submit_label": _("Change password"),
            "sections": [
                {
                    "title": _("Password"),
                    "fields": [
                        {
                            "name": n,
                            "label": label,
                            "kind": "password",
                            "required": True,
                            "autocomplete": auto,
                            "error": found.get(n, ""),
                        }
                        for n, label, auto in kinds
                    ],
                }
            ],
        },
    }
    return render(request, "web/form.html", context, status=422 if errors else 200, blocks={"form-body": "form"})


def _change_password(request: HttpRequest, user: User) -> list[dict[str, str]]:
    new = request.POST.get("new", "")
    if not user.check_password(request.POST.get("current", "")):
        return [{"name": "current", "label": _("Current password"), "text": _("This is not your current password.")}]
    if new != request.POST.get("again", ""):
        return [{"name": "again", "label": _("New password again"), "text": _("The two new passwords differ.")}]
    try:
        validate_password(new, user)
    except ValidationError as error:
        return [{"name": "new", "label": _("New password"), "text": text} for text in error.messages]
    user.set_password(new)
    user.save(update_fields=["password"])
    update_session_auth_hash(request, user)
    return []
