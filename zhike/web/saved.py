"""Saved views: kept from the screen, renamed, shared, ordered, deleted; counted for the tabs in one request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.i18n import listed
from zhike.base.models import Department, Role
from zhike.engine import access, views
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Errors, Invalid
from zhike.engine.labels import localized
from zhike.engine.models import SavedView
from zhike.engine.views import Reach

from . import forms, tabs
from .chips import words
from .listing import total_text
from .lookup import entity_or_404
from .tabs import Asked
from .templating import actor_of, render


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, key: str) -> HttpResponse:
    """Keep what is on the screen: the dialog with a name ready, then the view."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    errors: Errors = {}
    if request.method == "POST":
        asked = tabs.ask(_here(request), entity)
        try:
            saved = _saved(request, actor, asked)
        except Invalid as invalid:
            errors = invalid.first
        else:
            return _go(request, entity, saved, _("View “%(name)s” saved.") % {"name": localized(saved.labels)})
    else:
        asked = tabs.ask(request, entity)
    over = asked.tab.saved if asked.tab and asked.tab.saved else None
    context = {
        "action": f"/{key}/views/new",
        "here": request.POST.get("here") or request.GET.urlencode(),
        "kind": request.POST.get("kind") or request.GET.get("kind") or asked.shape.kind,
        "name": request.POST.get("name") or suggested(actor, asked),
        "over": localized(over.labels) if over and views.may_change(actor, entity, over) else "",
        "title": _("Save this view"),
        "submit": _("Save as a new view"),
    }
    return _form(request, actor, entity, context, None, errors)


def _saved(request: HttpRequest, actor: Actor, asked: Asked) -> SavedView:
    kind = request.POST.get("kind", "")
    shape = views.Shape.of({**asked.shape.stored(), "kind": kind or asked.shape.kind})
    view = asked.view.start().but(columns=(), exact=False)
    if request.POST.get("do") == "over" and asked.tab and asked.tab.saved:
        return views.overwrite(actor, asked.entity, asked.tab.saved.pk, view, shape)
    name = request.POST.get("name", "")
    return views.save(actor, asked.entity, name=name, view=view, shape=shape, **_readers(request))


def _readers(request: HttpRequest) -> dict[str, Any]:
    """For whom, as the form says it."""
    reach = request.POST.get("reach", "") or Reach.MINE
    raw = request.POST.get(f"target-{reach}", "")
    target = UUID(raw) if forms.is_uuid(raw) else None
    return {"reach": reach, "target": target, "is_default": request.POST.get("is_default") == "1"}


def _here(request: HttpRequest) -> HttpRequest:
    """The request of the page that a dialog was opened from."""
    request.GET = QueryDict(request.POST.get("here", ""))
    return request


def suggested(actor: Actor, asked: Asked) -> str:
    """A name made of what the view asks for."""
    parts = [
        part["value"]
        for part in words(actor, asked.entity, asked.line.view(asked.own.but(search="")) if asked.line else asked.own)
    ]
    name = listed(p for p in parts if p)
    return (name or str(asked.tab.label if asked.tab else asked.entity.plural))[: views.LONGEST]


def _form(
    request: HttpRequest,
    actor: Actor,
    entity: AnyEntity,
    context: dict[str, Any],
    saved: SavedView | None,
    errors: Errors,
) -> HttpResponse:
    now = request.POST.get("reach") or (saved.reach if saved else Reach.MINE)
    offered = [Reach.MINE, *views.reaches(actor, entity)]
    if saved and saved.reach not in offered:
        offered.append(Reach(saved.reach))
    context |= {
        "errors": forms.summary(errors, entity),
        "wrong": {key: " ".join(w.text for w in found) for key, found in errors.items()},
        "reaches": [{"value": r, "label": Reach(r).label} for r in offered],
        "reach": now,
        "targets": _targets(actor, entity, offered, saved),
        "is_default": request.POST.get("is_default") == "1"
        if request.method == "POST"
        else bool(saved and saved.is_default),
    }
    return render(request, "web/view_form.html", context, status=422 if errors else 200)


def _targets(actor: Actor, entity: AnyEntity, offered: list[Any], saved: SavedView | None) -> dict[str, Any]:
    """The departments and roles that a view can be given to."""
    found: dict[str, Any] = {}
    chosen = str(saved.target) if saved and saved.target else ""
    if Reach.DEPARTMENT in offered:
        every = Department.objects.filter(deleted_at=None).order_by("order", "name")
        some = [d for d in every if views.may_share(actor, entity, Reach.DEPARTMENT, d.pk) or str(d.pk) == chosen]
        found["department"] = [{"value": str(d.pk), "label": d.name, "on": str(d.pk) == chosen} for d in some]
    if Reach.ROLE in offered:
        roles = Role.objects.filter(deleted_at=None).order_by("name")
        found["role"] = [{"value": str(r.pk), "label": r.name, "on": str(r.pk) == chosen} for r in roles]
    return found


def _go(request: HttpRequest, entity: AnyEntity, saved: SavedView, text: str) -> HttpResponse:
    request.session["toast"] = text
    response = HttpResponse(status=204)
    place = tabs.PLACES.get(str(saved.query.get("kind", "")), "")
    response["HX-Redirect"] = f"/{entity.key}/{place}?view={saved.pk}"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, view: UUID) -> HttpResponse:
    """Another name for a view, other readers."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    saved = views.one(actor, entity, view)
    errors: Errors = {}
    if request.method == "POST":
        try:
            saved = views.rename(actor, entity, view, name=request.POST.get("name", ""), **_readers(request))
        except Invalid as invalid:
            errors = invalid.first
        else:
            return _go(request, entity, saved, _("Saved."))
    context = {
        "action": f"/{key}/views/{view}",
        "here": "",
        "kind": "",
        "over": "",
        "name": request.POST.get("name") or localized(saved.labels),
        "title": _("Rename and share"),
        "submit": _("Save"),
        "delete_url": f"/{key}/views/{view}/delete",
    }
    return _form(request, actor, entity, context, saved, errors)


@login_required
@require_POST
def delete(request: HttpRequest, key: str, view: UUID) -> HttpResponse:
    """A view goes; the message has the way back."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    name = localized(views.one(actor, entity, view).labels)
    views.delete(actor, entity, view)
    request.session["toast"] = _("View “%(name)s” deleted.") % {"name": name}
    request.session["undo"] = f"/{key}/views/{view}/restore"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"/{key}/"
    return response


@login_required
@require_POST
def restore(request: HttpRequest, key: str, view: UUID) -> HttpResponse:
    """A deleted view comes back."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    views.restore(actor, entity, view)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"/{key}/?view={view}"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def arrange(request: HttpRequest, key: str) -> HttpResponse:
    """The order of one's views, and which of them are tabs."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    if request.method == "POST":
        views.arrange(actor, entity, request.POST.getlist("order"), frozenset(request.POST.getlist("pinned")))
        request.session["toast"] = _("Saved.")
        response = HttpResponse(status=204)
        response["HX-Redirect"] = f"/{key}/"
        return response
    found = views.tabs(actor, entity)
    rows = [
        {
            "key": t.key,
            "label": t.label,
            "pinned": t.pinned,
            "shared": t.is_shared,
            "declared": t.saved is None,
            "edit_url": f"/{key}/views/{t.key}" if t.saved and views.may_change(actor, entity, t.saved) else "",
        }
        for t in found
    ]
    return render(request, "web/view_order.html", {"action": f"/{key}/views/arrange", "rows": rows})


@login_required
@require_GET
def counts(request: HttpRequest, key: str) -> HttpResponse:
    """How many records each tab has for its reader, for all tabs at once; `view` is the one that is open."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    wanted = tabs.beside(views.tabs(actor, entity), request.GET.get("view", ""))
    found = [{"key": t.key, "count": total_text(views.count(actor, entity, t))} for t in wanted]
    return render(request, "web/view_counts.html", {"counts": found})
