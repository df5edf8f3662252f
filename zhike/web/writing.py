"""The composer of a record: on its page, or as a sheet from wherever the record is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Missing
from zhike.engine.query import Page

from . import plugs
from .editing import go, is_drawer
from .listing import record_title
from .lookup import entity_or_404
from .record import composer_of, record_context, takes
from .templating import actor_of, render


@login_required
@require_http_methods(["GET", "POST"])
def log(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """GET: the composer as a sheet. POST: what it sent is written, and what showed the record shows it anew."""
    entity, actor = entity_or_404(key), actor_of(request)
    page = query.record(actor, entity, pk)
    if plugs.log is None:
        raise Missing
    if request.method == "GET":
        return _sheet(request, actor, entity, page, {})
    told = plugs.log(request, actor, entity, pk)
    if "errors" in told:
        on_record = request.headers.get("HX-Target") == "timeline"
        return (_record if on_record else _sheet)(request, actor, entity, page, told, status=422)
    if not request.headers.get("HX-Request"):
        request.session["toast"], request.session["undo"] = told["text"], told["undo_url"]
        return go(request, f"/{key}/{pk}")
    done: dict[str, Any] = {"zk:toast": {"tone": "good", **told}, "zk:refresh": True}
    response = HttpResponse(status=204) if is_drawer(request) else _record(request, actor, entity, page, {})
    response["HX-Trigger"] = json.dumps({"zk:close": True, **done} if is_drawer(request) else done)
    return response


def _record(
    request: HttpRequest, actor: Actor, entity: AnyEntity, page: Page, told: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """The time line of the record's page with the composer above it."""
    context = record_context(request, actor, entity, page.rows[0].id)
    if told and context["composer"]:
        context["composer"] = {**context["composer"].made, **told}
    return render(request, "web/record.html", context, blocks={"timeline": "timeline"}, status=status)


def _sheet(
    request: HttpRequest, actor: Actor, entity: AnyEntity, page: Page, told: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """The composer alone; a plain word where the actor may write nothing, or where nothing is left to be done."""
    pk = page.rows[0].id
    composer = composer_of(actor, entity, pk)
    if composer is None:
        text = _("Nothing is left to be done here, or you may not write it.")
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    context = {
        "title": _("Done, and what next") if composer["finishes"] else _("Write a follow-up"),
        "record": {"label": record_title(entity, page.rows[0], page), "url": f"/{entity.key}/{pk}"},
        "composer": {**composer, **told},
        "takes": takes(actor, entity.key, pk),
        "plain": not is_drawer(request),
    }
    return render(request, "web/log.html", context, blocks={"drawer-body": "sheet"}, status=status)
