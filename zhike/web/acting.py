"""Acting with another's rights: an assistant who enters for somebody, an administrator who looks as somebody.

The session says what was begun; every request asks anew whether it still holds. While it lasts, nothing that belongs to
the person themselves is open: neither account nor settings, tokens nor the offices of an administrator.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from zhike.base.models import User
from zhike.engine import delegation
from zhike.engine.access import LOOK_ONLY, Actor
from zhike.engine.entity import entities

KEY = "acting"
MINUTES = 30
OFFICES = ("all", "security")
READING = ("GET", "HEAD", "OPTIONS")
OPEN = frozenset(  # besides the records themselves
    {"", "search", "options", "reports", "capture", "files", "job", "tasks", "operations", "targets"}
)
ALWAYS = ("/acting/stop", "/logout", "/lang", "/static/")
Next = Callable[[HttpRequest], HttpResponse]


def actor(request: HttpRequest) -> Actor:
    """Who acts in this request: the person signed in, or with the rights of somebody else for as long as that holds."""
    user: Any = request.user
    phone = "Mobi" in request.headers.get("User-Agent", "")  # what every phone says, and no tablet of today
    said = _said(request)
    if said:
        found = _found(user, said)
        if found is not None:
            return replace(found, phone=phone)
        request.session.pop(KEY, None)
        request.session["toast"] = _("Acting for somebody else has ended; you are yourself again.")
        request.acting_ended = True  # type: ignore[attr-defined]
    return Actor(user, "web", phone=phone)


def _said(request: HttpRequest) -> Mapping[str, str]:
    session = getattr(request, "session", None)
    return (session.get(KEY) or {}) if session is not None and request.user.is_authenticated else {}


def _found(user: User, said: Mapping[str, str]) -> Actor | None:
    if "delegation" in said:
        lent = delegation.actor_for(user, UUID(said["delegation"]))
        return lent[0] if lent else None
    until = parse_datetime(said.get("until", ""))
    if until is None or until < timezone.now() or Actor(user).office not in OFFICES:
        return None
    person = User.objects.select_related("department").filter(pk=said["view"], is_active=True, deleted_at=None).first()
    return Actor(person, "view", by=user, limit=LOOK_ONLY) if person else None


def for_delegation(request: HttpRequest, pk: UUID) -> None:
    """Begin to enter for somebody."""
    request.session[KEY] = {"delegation": str(pk)}


def as_person(request: HttpRequest, person: User) -> None:
    """Begin to look as somebody."""
    until = timezone.now() + dt.timedelta(minutes=MINUTES)
    request.session[KEY] = {"view": str(person.pk), "until": until.isoformat()}


def stop(request: HttpRequest) -> None:
    """Be oneself again."""
    request.session.pop(KEY, None)


def banner(request: HttpRequest, found: Actor) -> dict[str, str] | None:
    """What every page says while somebody acts with another's rights."""
    said = _said(request)
    if not found.by or not said:
        return None
    if "delegation" in said:
        lent = delegation.in_force().filter(pk=said["delegation"]).first()
        until = lent.until_on.isoformat() if lent else ""
        text = _("Acting for %(name)s until %(until)s. Both names are kept.") % {
            "name": found.user.name,
            "until": until,
        }
        return {"text": text, "stop": _("Stop")}
    until = timezone.localtime(parse_datetime(said["until"])).strftime("%H:%M")
    text = _("You see the system as %(name)s sees it, until %(until)s. Nothing can be changed.")
    return {"text": text % {"name": found.user.name, "until": until}, "stop": _("Stop looking")}


def guard(get_response: Next) -> Next:
    """While somebody acts for another, only records are open; while somebody looks, nothing is sent or taken along."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, AnonymousUser) and _said(request) and not request.path.startswith(ALWAYS):
            from . import errors
            from .templating import actor_of  # templating asks this module who acts

            found = actor_of(request)
            if getattr(request, "acting_ended", False) and request.method not in READING:
                return _home(request)
            if found.by and (text := _refusal(request, found)):
                return errors.page(request, 403, detail=text)
        return get_response(request)

    return answer


def _home(request: HttpRequest) -> HttpResponse:
    """What was sent in another's name is not done in one's own."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": "/"})
    return HttpResponseRedirect("/", status=303)


def _refusal(request: HttpRequest, found: Actor) -> str:
    first = request.path.strip("/").split("/")[0]
    looks = found.channel == "view"
    if looks and (request.method not in READING or first in ("files", "job")):
        return _("You are only looking: nothing is changed, shown whole or taken along. Stop looking first.")
    if first in OPEN or first in entities() or (first == "notices" and request.method in READING):
        return ""
    return _("This belongs to your own account. Stop acting for somebody else first.")
