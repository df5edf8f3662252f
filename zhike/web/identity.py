"""Who is at the other end: the session from sign-in to its end, and proving again that it is still the same person."""

from __future__ import annotations

import copy
import datetime as dt
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import login, logout
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from zhike.base import changes, passwords
from zhike.base.models import Policy, Role, User
from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.models import PushSubscription

from . import throttle

BACKEND = "zhike.web.identity.Backend"
FRESH_SECONDS = 5 * 60
TICK_SECONDS = 60  # how exactly work is noticed
DUTY_PATHS = ("/logout", "/lang", "/me/confirm")
View = Callable[..., HttpResponse]


class Backend(ModelBackend):
    """Login name or mail address, and password; nobody who is disabled or deleted."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        """The person, or None after the same work for a name that nobody has."""
        user = named(username or "")
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password or "") and self.user_can_authenticate(user) else None

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, with their department; a copy, for what is kept is shared."""
        return copy.copy(changes.kept(("user", str(user_id)), lambda: self._person(user_id)))

    def _person(self, user_id: Any) -> User | None:
        user = User.objects.select_related("department").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether the account is in use."""
        return bool(user.is_active and user.deleted_at is None)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What django-allauth asks about accounts: nobody signs up, and addresses are counted as we count them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: people are added by an administrator."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address for the list of sessions."""
        return throttle.address(request) or "0.0.0.0"  # noqa: S104 - unknown, nothing listens there


def named(text: str) -> User | None:
    """The person in use with this login name or, where exactly one has it, this mail address."""
    text = text.strip()[:254]
    live = User.objects.filter(is_active=True, deleted_at=None)
    if not text or "\0" in text:
        return None
    return live.filter(username=text).first() or by_mail(text)


def by_mail(text: str) -> User | None:
    """The one person in use whose address is exactly this, case apart and within ASCII (as CVE-2019-19844 taught)."""
    if "@" not in text or not text.isascii():
        return None
    found = User.objects.filter(email__iexact=text, is_active=True, deleted_at=None)[:2]
    return found[0] if len(found) == 1 and found[0].email.isascii() else None


def note(request: HttpRequest, action: str, user: User | None = None, **details: Any) -> None:
    """Keep in the history what happened at the door; `user` where nobody is signed in."""
    details = {"address": throttle.address(request), **details}
    if user is None and request.user.is_authenticated:
        history.note(Actor(request.user, "web"), action, entity="user", record=request.user.pk, details=details)
    else:
        history.note_event(action, user=user, channel="web", details=details)


def inside(target: str) -> str:
    """The address if it lies within this site, else the first page."""
    plain = target.startswith("/") and not any(c <= " " or c == "\\" for c in target)
    return target if plain and url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "/"


def next_of(request: HttpRequest) -> str:
    """Where to go next: only within this site."""
    return inside(request.POST.get("next") or request.GET.get("next") or "/")


# ---- begin and end


def begin(request: HttpRequest, user: User, *, how: str, next_url: str) -> HttpResponse:
    """The person is who they say: a new session with a new id."""
    toast = request.session.get("toast", "")
    request.session.flush()  # nothing that was put in before is carried over
    login(request, user, backend=BACKEND)
    now = int(time.time())
    request.session.update({"since": now, "seen": now, "proved": now, "how": how, "toast": toast})
    UserSession.objects.create_from_request(request)
    note(request, "sign_in", how=how)
    return HttpResponseRedirect(inside(next_url))


def prove(request: HttpRequest) -> None:
    """The person has shown again who they are: more is open now, so the session gets a new id."""
    renew(request)
    request.session["proved"] = int(time.time())


def renew(request: HttpRequest) -> None:
    """A new session id; the list of sessions follows."""
    old = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


def end(request: HttpRequest, *, reason: str) -> None:
    """End this session."""
    note(request, "sign_out" if reason == "person" else "session_end", reason=reason)
    UserSession.objects.filter(session_key=request.session.session_key).delete()
    if reason == "person":  # who signs out of a browser leaves nothing in it that speaks of them
        PushSubscription.objects.filter(pk=request.session.get("push") or 0).delete()
    logout(request)


def end_all(user: User, *, but: str | None = None) -> int:
    """End the person's sessions, one excepted; gives how many were listed."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but)
    count = 0
    for row in rows:
        row.end()
        count += 1
    return count


def tidy() -> None:
    """Forget sessions that are over."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    known = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(known)).delete()


# ---- every request


def sessions(get_response: View) -> View:
    """Middleware: ends sessions that are over, and leads people to what they must do before anything else."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            policy = Policy.current()
            if over(request, policy):
                end(request, reason="time")
            elif (duty := duty_of(request.user, policy)) and not beneath(request.path, duty, *DUTY_PATHS):
                return go(request, duty)
        return get_response(request)

    return answer


def beneath(path: str, *places: str) -> bool:
    """Whether the path is one of these places or lies below it."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def over(request: HttpRequest, policy: Policy) -> bool:
    """Whether the session has idled too long or lasted too long; otherwise notes that it is in use."""
    now, session = int(time.time()), request.session
    if "since" not in session:
        session["since"] = session["seen"] = now
        UserSession.objects.create_from_request(request)
    if now - session["seen"] >= policy.idle_minutes * 60 or now - session["since"] >= policy.session_hours * 3600:
        return True
    asked_by_itself = (
        request.path.startswith("/job/") or request.path == "/notices/new"
    )  # a page that waits is not a person at work
    if now - session["seen"] >= TICK_SECONDS and not asked_by_itself:
        session["seen"] = now
        UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=timezone.now())
    today = timezone.localdate()
    if request.user.is_authenticated and session.get("day") != today.isoformat():
        session["day"] = today.isoformat()
        User.objects.filter(pk=request.user.pk).exclude(last_seen_on=today).update(last_seen_on=today)
    return False


def duty_of(user: User, policy: Policy) -> str:
    """The page that the person must see first, or ""."""
    if passwords.due(user, policy):
        return "/me/password"
    if policy.second_factor == Policy.Factor.NOBODY or has_factor(user):
        return ""
    everybody = policy.second_factor == Policy.Factor.ALL
    return "/me/factors" if everybody or has_office(user) else ""


def has_factor(user: User) -> bool:
    """Whether a second factor is set up; recovery codes alone are none."""
    rows = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    return bool(rows.exists())


def has_office(user: User) -> bool:
    """Whether a role of the person opens settings."""
    return Role.objects.filter(pk__in=user.roles, deleted_at=None).exclude(office="").exists()


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Lead there, also from within htmx; scripts get a plain refusal."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    if "application/json" in request.headers.get("Accept", ""):
        return HttpResponse(url, status=403, content_type="text/plain")
    return HttpResponseRedirect(url)


# ---- proving again


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person has shown within the last five minutes who they are."""
    proved = request.session.get("proved", request.session.get("since", 0))
    return bool(time.time() - proved < FRESH_SECONDS)


def fresh(view: View) -> View:
    """Decorator: the page opens to somebody who has just shown who they are, others are asked for it first."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **kwargs)
        here = request.get_full_path() if request.method == "GET" else urlsplit(request.headers.get("Referer", "")).path
        return go(request, "/me/confirm?" + urlencode({"next": inside(here or "/me")}))

    return guarded


def unused(days: int = 90) -> Any:
    """People in use who have not been seen for so many days."""
    since = timezone.localdate() - dt.timedelta(days=days)
    never = Q(last_seen_on=None, created_at__date__lt=since)
    return User.objects.filter(Q(last_seen_on__lt=since) | never, is_active=True, deleted_at=None)


def toast(request: HttpRequest, text: str) -> None:
    """Say something on the next page."""
    request.session["toast"] = text
