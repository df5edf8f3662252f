"""A promise out of a note: the words chosen, the day they name, whom it was about, filled in and saved by Enter."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.base import duetext
from zhike.base.models import CalendarDay
from zhike.engine import access, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Errors, Invalid
from zhike.modules.promises.entities import PROMISE
from zhike.web import editing, forms
from zhike.web.templating import actor_of

LINKS = ("account", "contact", "deal", "lead")
FROM = (*LINKS, "activity")
LONGEST = 300
SHORT = 80  # characters of a note that is taken as it is


def take(actor: Actor, key: str, pk: UUID) -> Mapping[str, Any] | None:
    """How a note, or what is written about a record, becomes a promise; a lead is none of our customers yet."""
    if key not in FROM or key == "lead" or not access.may(actor, PROMISE, "create"):
        return None
    return {"label": _("Make it a promise"), "icon": PROMISE.icon, "url": f"/promise/capture?{key}={pk}"}


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The quick panel of a promise, filled from a note; saved, the page below stays where it is."""
    actor = actor_of(request)
    access.require(actor, PROMISE, "create")
    given = understood(actor, request)
    keys = forms.shown_keys(actor, PROMISE, quick=True)
    errors: Errors = {}
    data = given
    if request.method == "POST":
        data = {**given, **forms.posted(request, PROMISE, keys)}
        values = {k: v for k, v in data.items() if v != "" and k in access.writable(actor, PROMISE)}
        try:
            made = records.create(actor, PROMISE, values, key=request.POST.get("idempotency_key", "")[:120])
        except Invalid as invalid:
            errors = invalid.first
        else:
            return _saved(request, made.pk)
    context = editing.form_context(actor, PROMISE, None, data, errors, quick=True, keys=keys)
    held = {k: v for k, v in given.items() if k in (*FROM, "made_on") and v}
    context["title"] = _("Make it a promise")
    context["form"]["url"] = f"/promise/capture?{urlencode(held)}"
    return editing.form_answer(request, context, status=422 if errors else 200)


def _saved(request: HttpRequest, pk: UUID) -> HttpResponse:
    said = _("%(what)s saved.") % {"what": PROMISE.label}
    if not request.headers.get("HX-Request"):
        request.session["toast"] = said
        return editing.go(request, f"/promise/{pk}")
    response = HttpResponse(status=204)
    told = {"zk:close": True, "zk:toast": {"text": said, "tone": "good"}, "zk:refresh": True}
    response["HX-Trigger"] = json.dumps(told)
    return response


def understood(actor: Actor, request: HttpRequest) -> dict[str, str]:
    """The values of the form: from the note or the record in the address, and from the words; Missing for others'."""
    asked = {k: v for k in FROM if forms.is_uuid(v := request.GET.get(k, ""))}
    note, day = "", timezone.localdate()
    found: dict[str, str] = {k: v for k, v in asked.items() if k in LINKS}
    if pk := asked.get("activity"):
        note, day, links = _note(actor, UUID(pk))
        found = {**links, **found, "activity": pk}
    elif found:
        found = _linked(actor, found)
    text = " ".join(request.GET.get("text", "").split()) or note
    said = text if len(text) <= SHORT and not duetext.several(text) else duetext.sentence(text, day)
    found |= {
        "text": " ".join(said.split())[:LONGEST],
        "made_on": (said_on := min(day, timezone.localdate())).isoformat(),
    }
    if due := due_in((said, text, note), said_on):
        found["due_on"] = due.isoformat()
    return found


def due_in(texts: tuple[str, ...], day: dt.date) -> dt.date | None:
    """The day that the first of some texts names, counted from `day`."""
    own = dict(CalendarDay.objects.filter(deleted_at=None).values_list("day", "is_working"))
    return next((due.day for text in texts if text and (due := duetext.find(text, day, overrides=own))), None)


def _note(actor: Actor, pk: UUID) -> tuple[str, dt.date, dict[str, str]]:
    """Text, day and links of an activity, as far as the actor may read them."""
    values = query.record(actor, get("activity"), pk).rows[0].values
    when = values.get("done_at") or values.get("created_at")
    day = timezone.localtime(when).date() if isinstance(when, dt.datetime) else timezone.localdate()
    text = str(values.get("body") or values.get("subject") or "")
    return text, day, {k: str(values[k]) for k in LINKS if values.get(k)}


def _linked(actor: Actor, found: Mapping[str, str]) -> dict[str, str]:
    """A deal or contact with the customer behind it."""
    result = dict(found)
    for key, pk in found.items():
        values = query.record(actor, get(key), UUID(pk)).rows[0].values
        if "account" not in result and values.get("account"):
            result["account"] = str(values["account"])
    return result
