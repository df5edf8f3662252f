"""Links that let a person choose a password, after “forgot” or as an invitation: good for once, and not for long."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import translation
from django.utils.http import base36_to_int
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base import passwords
from zhike.base.i18n import language
from zhike.base.models import User
from zhike.engine import history

from . import identity, tasks, throttle
from .templating import render, render_text


class Token(PasswordResetTokenGenerator):
    """Bound to the person's password, mail address and last sign-in: a change of any of them ends it."""

    def __init__(self, purpose: str, seconds: int) -> None:
        super().__init__()
        self.key_salt = f"zhike.{purpose}"
        self.seconds = seconds

    def check_token(self, user: Any, token: str | None) -> bool:
        """Whether it was made for this person, for this purpose, and not too long ago."""
        try:
            age = self._num_seconds(self._now()) - base36_to_int((token or "").partition("-")[0])
        except ValueError:
            return False
        return 0 <= age <= self.seconds and super().check_token(user, token)


TOKENS = {"reset": Token("reset", 30 * 60), "invitation": Token("invitation", 72 * 3600)}


def link(user: User, purpose: str) -> str:
    """The address that lets this person choose a password; it leads to the configured host."""
    return f"{settings.URL}/{purpose}/{user.pk}/{TOKENS[purpose].make_token(user)}"


def owner(purpose: str, pk: UUID | str, token: str) -> User | None:
    """Whose link this is, if it is still good."""
    user = User.objects.select_for_update().filter(pk=pk, is_active=True, deleted_at=None).first()
    return user if user and TOKENS[purpose].check_token(user, token) else None


# ---- asking for one


@require_http_methods(["GET", "POST"])
def forgot(request: HttpRequest) -> HttpResponse:
    """Ask for a mail; the answer is the same whoever is named, and the person is looked up later, by the worker."""
    label = _("Login name or email")
    context: dict[str, Any] = {
        "title": _("Forgot your password?"),
        "text": _("You get a mail with a link that is good for 30 minutes, at the address that is kept for you here."),
        "fields": [{"name": "who", "label": label, "kind": "text", "required": True, "autocomplete": "username"}],
        "submit": _("Send the mail"),
        "links": [{"label": _("Back to signing in"), "url": "/login"}],
    }
    if request.method == "POST":
        attempt = throttle.enter(request, f"forgot:{throttle.address(request)}", throttle.ADDRESS)
        if attempt.wait:
            answer = render(request, "door.html", {**context, "error": _("Too many attempts.")}, status=429)
            answer.headers["Retry-After"] = str(attempt.wait)
            return answer
        tasks.mail.defer(purpose="reset", who=request.POST.get("who", "").strip()[:254], lang=language())
        text = _("If there is such an account with a mail address, a mail is on its way.")
        context |= {"text": "", "fields": [], "notice": {"text": text, "tone": "good"}}
    return render(request, "door.html", context)


def send(purpose: str, who: str, lang: str) -> None:
    """Send somebody their link, to the address that is kept; at most three in an hour, nothing for who has none."""
    user = identity.named(who)
    if user is None or not user.email or (purpose == "reset" and not has_password(user)):
        return
    if throttle.enter(None, f"mail:{user.username}", throttle.MAILS).wait:
        return
    with translation.override(user.language or lang):
        words = wording(purpose, user)
        message = EmailMultiAlternatives(
            words["title"],
            render_text("mail/link.txt", words, None),  # type: ignore[arg-type]  # a mail answers no request
            to=[user.email],
            headers={"Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(render_text("mail/link.html", words, None), "text/html")  # type: ignore[arg-type]
        message.send()
    history.note_event(f"{purpose}_mailed", user=user, channel="mail")


def tell_contact_changed(name: str, to: str, lang: str) -> None:
    """The notice to the old address: whoever did not do it themselves learns of it there."""
    with translation.override(lang):
        words = {
            "title": _("Your mail address or phone in Zhike has changed"),
            "hello": _("Hello %(name)s,") % {"name": name},
            "text": _("The mail address or phone of your account was changed, by you we hope."),
            "button": _("My account"),
            "url": f"{settings.URL}/me",
            "foot": _("If it was not you, tell your administrator at once."),
            "lang": language(),
        }
        message = EmailMultiAlternatives(
            words["title"],
            render_text("mail/link.txt", words, None),  # type: ignore[arg-type]  # a mail answers no request
            to=[to],
            headers={"Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(render_text("mail/link.html", words, None), "text/html")  # type: ignore[arg-type]
        message.send()


def has_password(user: User) -> bool:
    """Whether the person has ever had a password."""
    return bool(user.password) and user.has_usable_password()


def wording(purpose: str, user: User) -> dict[str, str]:
    """The texts of a mail in the language in force."""
    found = {"hello": _("Hello %(name)s,") % {"name": user.name}, "url": link(user, purpose), "lang": language()}
    if purpose == "reset":
        return found | {
            "title": _("Choose a new password for Zhike"),
            "text": _("Somebody, you we hope, asked for a new password for the account %(login)s.")
            % {"login": user.username},
            "button": _("Choose a new password"),
            "foot": _("The link is good for 30 minutes, and once. If it was not you, do nothing: nothing changes."),
        }
    return found | {
        "title": _("Your account for Zhike"),
        "text": _("You can work in Zhike now. Your login name is %(login)s.") % {"login": user.username},
        "button": _("Choose your password"),
        "foot": _("The link is good for 72 hours, and once."),
    }


# ---- following one


@require_GET
def follow(request: HttpRequest, purpose: str, pk: UUID, token: str) -> HttpResponse:
    """Take the secret out of the address at once, so that no page, log of a proxy or Referer carries it further."""
    with transaction.atomic():
        good = owner(purpose, pk, token)
    if good is None:
        answer = stale(request)
    else:
        request.session["link"] = [purpose, str(pk), token]
        answer = HttpResponseRedirect("/new-password")
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def stale(request: HttpRequest) -> HttpResponse:
    """The page for a link that is no longer good."""
    context = {
        "title": _("This link is no longer good"),
        "text": _("It was used, it is too old, or the account has changed since. Ask for another one."),
        "links": [
            {"label": _("Forgot your password?"), "url": "/forgot"},
            {"label": _("Sign in"), "url": "/login"},
        ],
    }
    return render(request, "door.html", context, status=410)


@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Choose the password that the link allows."""
    purpose, pk, token = request.session.get("link") or ("reset", None, "")
    with transaction.atomic():
        user = owner(purpose, pk, token) if pk else None
        if user is None:
            request.session.pop("link", None)
            return stale(request)
        errors = accept(request, user) if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        del request.session["link"]
        identity.end_all(user)
        identity.note(request, f"{purpose}_used", user)
        done = {
            "title": _("Your password is set"),
            "notice": {"text": _("You can sign in with it now."), "tone": "good"},
            "links": [{"label": _("Sign in"), "url": "/login"}],
        }
        return render(request, "door.html", done)
    context = {
        "title": _("Choose your password"),
        "text": _("For the account %(login)s.") % {"login": user.username},
        "fields": password_fields(errors),
        "submit": _("Set the password"),
    }
    return render(request, "door.html", context, status=422 if errors else 200)


def password_fields(errors: dict[str, str], *, current: bool = False) -> list[dict[str, Any]]:
    """The fields for a new password, with what is wrong in them."""
    rows = [
        ("new", _("New password"), "new-password", passwords.help_text()),
        ("again", _("New password again"), "new-password", ""),
    ]
    if current:
        rows.insert(0, ("current", _("Current password"), "current-password", ""))
    return [
        {
            "name": name,
            "label": label,
            "kind": "password",
            "required": True,
            "autocomplete": auto,
            "help": help_text,
            "maxlength": passwords.LONGEST,
            "error": errors.get(name, ""),
        }
        for name, label, auto, help_text in rows
    ]


def accept(request: HttpRequest, user: User) -> dict[str, str]:
    """Set the password that the form holds; gives field -> what is wrong with it."""
    new = request.POST.get("new", "")
    if new != request.POST.get("again", ""):
        return {"again": _("The two new passwords differ.")}
    try:
        validate_password(new, user)
    except ValidationError as error:
        return {"new": " ".join(error.messages)}
    passwords.change(user, new)
    return {}


urlpatterns = [
    path("forgot", forgot),
    path("reset/<uuid:pk>/<str:token>", follow, {"purpose": "reset"}),
    path("invitation/<uuid:pk>/<str:token>", follow, {"purpose": "invitation"}),
    path("new-password", choose),
]
