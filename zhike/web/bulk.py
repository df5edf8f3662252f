"""Doing something to many records: the dialog, what was chosen, and the deed: at once for few rows, else as a job."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from zhike.engine import access, deed_jobs, deeds, layouts, merging, query, sharing
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Errors, Invalid, Missing, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.models import Operation
from zhike.jobs import tasks

from . import bulk_words, forms, plugs
from .lookup import entity_or_404
from .templating import actor_of, render

NAMES = {"owner": "transfer", "edit": "update", "tag": "update"}  # of the address -> of the deed
TAGS = "tags"


def bulk_actions(actor: Actor, entity: AnyEntity) -> list[dict[str, Any]]:
    """What can be done with many rows at once, as buttons; `key` is a shortcut."""
    may = deeds.offered(actor, entity)
    url = f"/{entity.key}/bulk/"
    found: list[dict[str, Any]] = []
    if "update" in may and deeds.editable(actor, entity):
        found.append({"label": _("Edit a field"), "icon": "pencil", "url": f"{url}edit"})
    if "transfer" in may:
        found.append({"label": _("Hand over"), "icon": "user-round-check", "url": f"{url}owner", "key": "a"})
    if "update" in may and TAGS in deeds.editable(actor, entity):
        found.append({"label": _("Tags"), "icon": "tag", "url": f"{url}tag"})
    found += [
        {"label": a.label, "icon": a.icon or "check", "url": f"{url}{name}"}
        for name, a in entity.actions.items()
        if name in may
    ]
    if merging.mergeable(entity) and all(access.may(actor, entity, a) for a in (*merging.TAKES, "delete")):
        found.append({"label": _("Merge"), "icon": "merge", "page": f"/merge/{entity.key}"})
    for offered in plugs.bulk:
        found += offered(actor, entity)
    if "delete" in may:
        found.append({"label": _("Delete"), "icon": "trash-2", "url": f"{url}delete", "danger": True})
    return found


@login_required
@require_http_methods(["GET", "POST"])
def bulk(request: HttpRequest, key: str, action: str) -> HttpResponse:
    """Something for many records: the form for the dialog, then the deed."""
    entity, actor = entity_or_404(key), actor_of(request)
    name = NAMES.get(action, action)
    if name not in deeds.PLAIN and (name not in entity.actions or name in access.EXPLICIT):
        raise Missing
    access.require(actor, entity, name)
    access.require(actor, entity, "bulk")
    sent = request.POST if request.method == "POST" else request.GET
    chosen = chosen_in(sent)
    errors: Errors = {}
    if request.method == "POST" and sent.get("sure"):
        try:
            return _do(request, actor, entity, action, chosen)
        except Invalid as invalid:
            errors = invalid.first
    context = _form(actor, entity, action, chosen, sent, errors)
    return render(request, "web/bulk.html", context, status=422 if errors else 200)


def chosen_in(sent: QueryDict) -> Chosen:
    """The rows ticked, or with `all` every row of the view that stands in it."""
    if (where := sent.get("all")) is not None:
        return Chosen(where=where)
    raw = [part for value in sent.getlist("ids") for part in value.split(",")]
    return Chosen(tuple(dict.fromkeys(UUID(i) for i in raw if forms.is_uuid(i))))


def _do(request: HttpRequest, actor: Actor, entity: AnyEntity, action: str, chosen: Chosen) -> HttpResponse:
    deed = deed_of(request, actor, entity, action)
    deeds.required(actor, entity, deed)
    if chosen.count(actor, entity, deed, deeds.AT_ONCE) > deeds.AT_ONCE:
        job = deed_jobs.begin(actor, entity, deed, chosen)
        tasks.start_deed(job, "check")
        return HttpResponse(status=204, headers={"HX-Redirect": f"/tasks/{job.pk}"})
    operation, outcome = deed_jobs.at_once(actor, entity, deed, chosen)
    if not outcome.done and outcome.skipped:
        raise Invalid([{"": [Wrong(text) for text in _reasons(outcome)]}])
    toast = {"text": _told(entity, deed, outcome), "tone": "good", "undo_url": undo_url(operation)}
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"zk:close": True, "zk:refresh": True, "zk:toast": toast})
    return response


def undo_url(operation: Operation | None) -> str:
    """Where an operation is taken back."""
    return f"/operations/{operation.pk}/undo" if operation else ""


def _reasons(outcome: Outcome) -> list[str]:
    texts = sorted({text for _reason, text in outcome.skipped.values() if text})[: deed_jobs.TEXTS]
    return texts or [f"{n}: {text}" for text, n in bulk_words.skipped(outcome.counts())]


def _told(entity: AnyEntity, deed: Deed, outcome: Outcome) -> str:
    text = bulk_words.done(deed.action, len(outcome.done))
    left = len(outcome.skipped)
    if left:
        text += " " + ngettext("%(n)s was left out.", "%(n)s were left out.", left) % {"n": left}
    if outcome.warned:
        text += f" {bulk_words.warned(len(outcome.warned))} {doubles.words(outcome.warned, 1)}"
    return text


def deed_of(request: HttpRequest, actor: Actor, entity: AnyEntity, action: str) -> Deed:
    """What the form says."""
    note = request.POST.get("note", "")[:300]
    if action == "owner":
        return Deed("transfer", {"owner": request.POST.get("owner", "")}, note=note)
    if action == "tag":
        added, removed = (_list(request, part) for part in ("add", "remove"))
        return Deed("update", add={TAGS: added} if added else {}, remove={TAGS: removed} if removed else {})
    if action == "edit":
        return _edit(request, actor, entity)
    if action in entity.actions:
        given = forms.posted(request, entity, entity.actions[action].fields)
        return Deed(action, {k: v for k, v in given.items() if v != ""}, note=note)
    return Deed(action)


def _list(request: HttpRequest, name: str) -> str:
    return ",".join(v for v in request.POST.getlist(name) if v)


def _edit(request: HttpRequest, actor: Actor, entity: AnyEntity) -> Deed:
    a = deeds.editable(actor, entity).get(request.POST.get("field", ""))
    if a is None:
        return Deed("update")
    value = forms.posted(request, entity, [a.key]).get(a.key, "")
    how = request.POST.get("how", "set")
    if how == "add":
        return Deed("update", add={a.key: value})
    if how == "remove":
        return Deed("update", remove={a.key: value})
    if how == "set" and value == "" and a.kind.key != "boolean":
        raise Invalid([{a.key: [Wrong(_("Enter a value, or choose “Empty the field”."), "required")]}])
    return Deed("update", {a.key: "" if how == "clear" else value})


def _form(
    actor: Actor, entity: AnyEntity, action: str, chosen: Chosen, sent: QueryDict, errors: Errors
) -> dict[str, Any]:
    """What web/bulk.html shows."""
    name = NAMES.get(action, action)
    n = chosen.count(actor, entity, Deed(name), query.COUNT_CAP)
    count = f"{query.COUNT_CAP:,}+" if n > query.COUNT_CAP else f"{n:,}"
    return {
        "action": f"/{entity.key}/bulk/{action}",
        "ids": [str(i) for i in chosen.ids],
        "where": chosen.where,
        "count": n,
        "fields": _fields(actor, entity, action, sent, errors),
        "choose_url": f"/{entity.key}/bulk/{action}" if action == "edit" else "",
        "danger": action == "delete",
        "errors": forms.summary(errors, entity),
        "title": bulk_words.title(entity, name, count),
        "submit": _("Check first") if n > deeds.AT_ONCE else bulk_words.verb(entity, name),
        "hint": _hint(actor, entity, name, chosen, n),
    }


def _hint(actor: Actor, entity: AnyEntity, name: str, chosen: Chosen, n: int) -> str:
    found = [_("You see what will happen before anything is written.")] if n > deeds.AT_ONCE else []
    if name == "delete":
        found.append(_("They can be restored from the recycle bin for 30 days."))
    if name == "transfer":
        found.append(_kept(actor, entity, chosen))
    if n <= deeds.AT_ONCE:
        found.append(_("You can undo this for 7 days, under Tasks."))
    return " ".join(text for text in found if text)


def _kept(actor: Actor, entity: AnyEntity, chosen: Chosen) -> str:
    """What the new owner also takes over: a share outlives the hand-over."""
    rows = chosen.rows(actor, entity, Deed("transfer")) & query.visible(actor, entity, "transfer")
    n = sharing.count(entity, rows.values_list("pk", flat=True)) if chosen.where is None else 0
    text = ngettext("They stay shared as they are: %(n)s share.", "They stay shared as they are: %(n)s shares.", n)
    return text % {"n": n} if n else ""


def _fields(actor: Actor, entity: AnyEntity, action: str, sent: QueryDict, errors: Errors) -> list[dict[str, Any]]:
    note = {"name": "note", "label": _("Reason"), "kind": "text", "value": sent.get("note", ""), "maxlength": 300}
    if action == "owner":
        data = {"owner": sent.get("owner", str(actor.user.pk))}
        return [*forms.fields(actor, entity, ["owner"], data=data, errors=errors), note]
    if action == "edit":
        return _choices(actor, entity, sent, errors)
    if action == "tag":
        a = entity.attributes[TAGS]
        return [_part(actor, entity, a, part, label) for part, label in (("add", _("Add")), ("remove", _("Take away")))]
    if action in entity.actions:
        keys = entity.actions[action].fields
        data = {k: ",".join(sent.getlist(k)) for k in keys}
        return [{**f, "required": False} for f in forms.fields(actor, entity, keys, data=data, errors=errors)]
    return []


def _part(actor: Actor, entity: AnyEntity, a: Attribute, name: str, label: str) -> dict[str, Any]:
    return {**forms.field(entity, a, None, {}, actor=actor), "name": name, "label": label, "required": False}


def _choices(actor: Actor, entity: AnyEntity, sent: QueryDict, errors: Errors) -> list[dict[str, Any]]:
    """The field to choose; once it is chosen, what to do with it and the control of its kind."""
    known = deeds.editable(actor, entity)
    order = dict.fromkeys([*(k for k in layouts.of(actor, entity).keys if k in known), *known])
    options = [{"value": k, "label": known[k].label} for k in order]
    key = sent.get("field", "")
    found: list[dict[str, Any]] = [
        {"name": "field", "label": _("Field"), "kind": "select", "value": key, "options": options, "required": True,
         "placeholder": _("Choose a field"), "attrs": {"data-choose": ""}},
    ]  # fmt: skip
    if (a := known.get(key)) is None:
        return found
    ways = [("set", _("Set to"))]
    if a.kind.blank == ():
        ways = [("add", _("Add")), ("remove", _("Take away")), *ways]
    if not a.required and a.kind.key != "boolean":
        ways.append(("clear", _("Empty the field")))
    if len(ways) > 1:
        how = sent.get("how") or ways[0][0]
        shown = [{"value": k, "label": label} for k, label in ways]
        found.append({"name": "how", "label": _("What to do"), "kind": "chips", "value": how, "options": shown})
    texts = " ".join(w.text for w in errors.get(key, ()))
    raw = ",".join(v for v in sent.getlist(key) if v) if key in sent else None
    control = forms.field(entity, a, None, {}, actor=actor, error=texts, raw=raw)
    return [*found, {**control, "required": False}]
