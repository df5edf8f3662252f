"""Creating, editing and acting on records from pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.ids import uuid7
from zhike.engine import access, history, operations, query, records
from zhike.engine.access import Actor
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Conflict, Errors, Invalid, Missing
from zhike.engine.kinds import Attribute
from zhike.engine.query import Page

from . import audit_words, forms, plugs
from .bulk import undo_url
from .grid import changed_by
from .listing import entity_info, record_title
from .lookup import entity_or_404
from .record import head
from .templating import actor_of, render


@login_required
@require_http_methods(["GET", "POST"])
def create_page(request: HttpRequest, key: str) -> HttpResponse:
    """Create a record: a few fields in the drawer, all of them on the page."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "create")
    quick, keys, asked = new_form(request, actor, entity)
    errors: Errors = {}
    data: dict[str, str] | None = None
    if request.method == "POST":
        data = asked | forms.posted(request, entity, keys)
        try:
            _require_files(request)
            with doubles.at("typed", confirmed=forms.is_sure(request)) as told:
                made = records.create(
                    actor,
                    entity,
                    {k: v for k, v in data.items() if v != ""},
                    key=request.POST.get("idempotency_key", "")[:120],
                )
        except Invalid as invalid:
            errors = invalid.first
        else:
            return _created(request, entity, made, told)
    elif asked:
        data = blank(actor, entity) | asked
        keys = list(dict.fromkeys((*keys, *asked)))
    context = form_context(actor, entity, None, data, errors, quick=quick, keys=keys)
    stay(request, context)
    return form_answer(request, context, status=422 if errors else 200)


def new_form(request: HttpRequest, actor: Actor, entity: AnyEntity) -> tuple[bool, list[str], dict[str, str]]:
    """Of a new record: whether the form is the short one, the keys on it, and what the address asks for beyond them.

    A short form has got more fields where a card was pasted into it: what is posted tells.
    """
    quick = is_drawer(request) or request.POST.get("quick") == "1"
    allowed = access.writable(actor, entity)
    keys = list(
        dict.fromkeys((*forms.shown_keys(actor, entity, quick=quick), *(k for k in request.POST if k in allowed)))
    )
    asked = {k: str(v) for k, v in request.GET.items() if k in allowed}
    return quick, keys, {k: v for k, v in asked.items() if request.method == "GET" or k not in keys}


def blank(actor: Actor, entity: AnyEntity) -> dict[str, str]:
    """What the fields of a new record hold before anybody has typed."""
    return {k: _form_text(entity.attributes[k], v) for k, v in forms.defaults(actor, entity).items()}


def stay(request: HttpRequest, context: Mapping[str, Any]) -> None:
    """Have the form of a new record keep what its address asked for."""
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    for place in filter(None, (context["form"], context["form"]["paste"])):
        place["url"] += query


def _require_files(request: HttpRequest) -> None:
    if errors := forms.refused(request):
        raise Invalid([errors])


def is_drawer(request: HttpRequest) -> bool:
    """Whether the answer is to fill the drawer."""
    return request.headers.get("HX-Target") == "drawer-body"


def _form_text(a: Attribute, value: Any) -> str:
    return a.kind.form_value(a, value, {})


def asks(errors: Errors) -> bool:
    """Whether the person may save all the same what may be there already."""
    return any(w.code == doubles.POSSIBLE for found in errors.values() for w in found)


def also(text: str, told: doubles.Told) -> str:
    """What was done, and what is to be told of it."""
    return f"{text} {doubles.words(told)}".strip()


def _created(request: HttpRequest, entity: AnyEntity, record: Any, told: doubles.Told) -> HttpResponse:
    """Go on to the record, or to the next new one."""
    request.session["toast"] = also(_("%(what)s saved.") % {"what": entity.label}, told)
    return go(request, f"/{entity.key}/new" if request.POST.get("again") else f"/{entity.key}/{record.pk}")


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect; htmx is told by a header, because it would follow silently."""
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url, status=303)


def form_context(
    actor: Actor,
    entity: AnyEntity,
    page: Page | None,
    data: Mapping[str, str] | None,
    errors: Errors,
    *,
    quick: bool = False,
    conflict: Mapping[str, Any] | None = None,
    keys: Sequence[str] = (),
) -> dict[str, Any]:
    """What web/form.html shows."""
    if quick:
        shown = forms.fields(actor, entity, keys, page=page, data=data, errors=errors)
        inside: list[dict[str, Any]] = [
            {"title": "", "fields": [*shown, {"name": "quick", "kind": "hidden", "value": "1"}]}
        ]
    else:
        inside = forms.sections(actor, entity, page=page, data=data, errors=errors)
    _ask_while_typing(entity, [f for s in inside for f in s["fields"]], page)
    base = f"/{entity.key}"
    url = f"{base}/{page.rows[0].id}" if page else base
    title = _("Edit %(what)s") % {"what": entity.label} if page else _("New %(what)s") % {"what": entity.label}
    return {
        "entity": entity_info(actor, entity),
        "title": title,
        "trail": [{"label": entity.plural, "url": f"{base}/"}]
        + ([{"label": record_title(entity, page.rows[0], page), "url": url}] if page else []),
        "form": {
            "url": f"{url}/edit" if page else f"{base}/new",
            "sections": inside,
            "errors": forms.summary(errors, entity),
            "version": page.rows[0].version if page else None,
            "key": "" if page else str(uuid7()),
            "paste": {"url": f"{base}/new/filled"} if page is None and entity.key in plugs.cards else None,
            "again": page is None and not quick,
            "confirms": asks(errors),
            "cancel_url": url if page else f"{base}/",
            "multipart": any(f["kind"] == "file" for s in inside for f in s["fields"]),
        },
        "conflict": conflict,
    }


def _ask_while_typing(entity: AnyEntity, fields: Sequence[dict[str, Any]], page: Page | None) -> None:
    """Whether it is there already, and what else is at that time, is said while the fields that tell it are typed."""
    keys = {k for s in entity.signs for k in s.fields} if page is None else set()
    for f in fields:
        if f["name"] in keys and f["kind"] in ("text", "tel", "email", "url"):
            f |= {"check_url": f"/duplicates/{entity.key}/hint/{f['name']}", "hint": ""}
        elif url := plugs.overlaps.get((entity.key, f["name"])):
            f |= {"check_url": f"{url}?but={page.rows[0].id}" if page else url, "hint": ""}


def form_answer(request: HttpRequest, context: Mapping[str, Any], *, status: int) -> HttpResponse:
    """A page, or the form alone for the drawer and after errors."""
    return render(request, "web/form.html", context, status=status, blocks={"drawer-body": "form", "form-body": "form"})


@login_required
@require_http_methods(["GET", "POST"])
def edit_page(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Edit a record; what was not touched is not written, and a conflict keeps the input beside what is now saved."""
    entity, actor = entity_or_404(key), actor_of(request)
    page = query.record(actor, entity, pk, "update")
    errors: Errors = {}
    data: dict[str, str] | None = None
    conflict = None
    if request.method == "POST":
        data = forms.posted(request, entity, forms.shown_keys(actor, entity))
        try:
            _require_files(request)
            given = forms.changed(entity, page, data)
            doors = doubles.at("typed", confirmed=forms.is_sure(request))
            with doors as told, operations.recording(actor, entity, "update", keys=given, record=pk) as tally:
                records.update(actor, entity, pk, given, version=forms.version(request))
        except Invalid as invalid:
            errors = invalid.first
        except Conflict as error:
            conflict = {"text": error.text, "rows": _differences(entity, page, data)}
        else:
            request.session["toast"] = also(_("Saved."), told)
            request.session["undo"] = undo_url(tally.operation)
            return go(request, f"/{key}/{pk}")
    context = form_context(actor, entity, page, data, errors, conflict=conflict)
    return form_answer(request, context, status=422 if errors or conflict else 200)


def _differences(entity: AnyEntity, page: Page, data: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the form holds against what is now saved."""
    row = page.rows[0]
    found = []
    for key, raw in forms.changed(entity, page, data).items():
        a = entity.attributes[key]
        found.append({"label": a.label, "mine": raw, "theirs": a.kind.text(a, row.values.get(key), page.labels)})
    return found


@login_required
@require_http_methods(["GET", "POST"])
def field(request: HttpRequest, key: str, pk: UUID, name: str) -> HttpResponse:
    """Edit one field in place: GET gives its control, POST saves and gives the new value."""
    entity, actor = entity_or_404(key), actor_of(request)
    if name not in access.writable(actor, entity):
        raise Missing
    page = query.record(actor, entity, pk, "update")
    a = entity.attributes[name]
    error, data, theirs, confirms = "", None, None, False
    other: Mapping[str, str] = {}
    if request.method == "POST":
        data = forms.posted(request, entity, [name])
        try:
            doors = doubles.at("typed", confirmed=forms.is_sure(request))
            with doors as told, operations.recording(actor, entity, "update", keys=data, record=pk) as tally:
                records.update(actor, entity, pk, data, version=forms.version(request))
        except Invalid as invalid:
            error = " ".join(w.text for found in invalid.first.values() for w in found)
            confirms = asks(invalid.first)
        except Conflict as wrong:
            error, theirs = wrong.text, a.kind.html(a, page.rows[0].values.get(name), page.labels)
            other = changed_by(actor, entity, pk)
        else:
            return _cell(request, query.record(actor, entity, pk, "update"), a, undo_url(tally.operation), told)
    shown = forms.field(
        entity,
        a,
        page.rows[0].values.get(name),
        page.labels,
        actor=actor,
        error=error,
        raw=data[name] if data else None,
    )
    shown |= {"aria_label": a.label, "label": a.label, "autofocus": True}
    context = {"url": request.path, "version": page.rows[0].version, "field": shown, "theirs": theirs, "other": other}
    context["confirms"] = confirms
    return render(request, "web/field.html", context, status=409 if theirs else 422 if error else 200)


def _cell(request: HttpRequest, fresh: Page, a: Attribute, undo: str, told: doubles.Told) -> HttpResponse:
    """The value alone, as it now is."""
    response = HttpResponse(a.kind.html(a, fresh.rows[0].values.get(a.key), fresh.labels))
    response["X-Version"] = str(fresh.rows[0].version)
    response["X-Undo"] = undo
    triggers: dict[str, Any] = {}
    if request.headers.get("HX-Target") != "cell":  # a list keeps its place, other pages show the rest anew
        triggers["zk:refresh"] = True
    if told:
        triggers["zk:toast"] = {"text": doubles.words(told), "undo_url": undo}
    if triggers:
        response["HX-Trigger"] = json.dumps(triggers)
    return response


@login_required
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, key: str, pk: UUID, name: str) -> HttpResponse:
    """Run a named action, asking for its fields first."""
    entity, actor = entity_or_404(key), actor_of(request)
    if name not in entity.actions:
        raise Missing
    action = entity.actions[name]
    page = query.record(actor, entity, pk, name)
    errors: Errors = {}
    data: dict[str, str] | None = None
    if request.method == "POST":
        data = forms.posted(request, entity, action.fields)
        given = forms.changed(entity, page, data)
        try:
            _require_files(request)
            version, note = forms.version(request), request.POST.get("note", "")[:300]
            doors = doubles.at("typed", confirmed=forms.is_sure(request))
            with doors as told, operations.recording(actor, entity, name, keys=given, record=pk) as tally:
                records.act(actor, entity, pk, name, given, version=version, note=note)
        except Invalid as invalid:
            errors = invalid.first
        else:
            request.session["toast"] = also(_("%(action)s: done.") % {"action": action.label}, told)
            request.session["undo"] = undo_url(tally.operation)
            return go(request, f"/{key}/{pk}")
    shown = forms.fields(actor, entity, action.fields, page=page, data=data, errors=errors)
    title = record_title(entity, page.rows[0], page)
    context = {
        "entity": entity_info(actor, entity),
        "title": _("%(label)s: %(text)s") % {"label": action.label, "text": title},
        "conflict": None,
        "trail": [{"label": entity.plural, "url": f"/{key}/"}, {"label": title, "url": f"/{key}/{pk}"}],
        "form": {
            "url": request.path,
            "sections": [{"title": "", "fields": shown}],
            "errors": forms.summary(errors, entity),
            "version": page.rows[0].version,
            "key": "",
            "submit_label": action.label,
            "confirms": asks(errors),
            "cancel_url": f"/{key}/{pk}",
        },
    }
    return form_answer(request, context, status=422 if errors else 200)


@login_required
@require_POST
def delete(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """To the recycle bin, with a way back in the message."""
    entity, actor = entity_or_404(key), actor_of(request)
    with operations.recording(actor, entity, "delete", record=pk) as tally:
        records.delete_many(actor, entity, [pk])
    request.session["toast"] = _("%(what)s moved to the recycle bin.") % {"what": entity.label}
    request.session["undo"] = undo_url(tally.operation)
    return go(request, f"/{key}/")


@login_required
@require_POST
def restore(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Back from the recycle bin."""
    entity, actor = entity_or_404(key), actor_of(request)
    with operations.recording(actor, entity, "restore", record=pk) as tally:
        if not records.restore_many(actor, entity, [pk]):
            raise Missing
    request.session["toast"] = _("Restored.")
    request.session["undo"] = undo_url(tally.operation)
    return go(request, f"/{key}/{pk}")


@login_required
@require_GET
def history_page(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Every step of a record: changes field by field, and who revealed, exported, printed or shared it."""
    entity, actor = entity_or_404(key), actor_of(request)
    page = query.record(actor, entity, pk)
    context = {
        "entity": entity_info(actor, entity),
        "record": head(entity, page, {}),
        "entries": history.of(actor, entity, pk, limit=500),
        "words": partial(audit_words.action, entity=entity.key),
    }
    return render(request, "web/history.html", context)
