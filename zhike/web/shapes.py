"""How a list is drawn: read from an address, written into one, chosen in a dialog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.engine import access, layouts, query, views
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute
from zhike.engine.views import Shape, Tab

from .lookup import entity_or_404
from .templating import actor_of, render

SAID = ("as", "cols", "freeze", "density", "group", "date")  # in an address
WIDTH = {"longtext": 260, "richtext": 260, "address": 240, "money": 128, "integer": 96, "decimal": 104, "percent": 88}
WIDTH |= {"boolean": 72, "date": 116, "datetime": 148, "user": 116, "choice": 104, "stage": 112, "link": 200}
TITLE_WIDTH, PLAIN_WIDTH = 240, 160


def read(sent: QueryDict | Mapping[str, str]) -> Shape:
    """What an address or a form says about the look of a list; nothing where it is silent."""
    said: dict[str, Any] = {"kind": sent.get("as"), "density": sent.get("density"), "date": sent.get("date")}
    if cols := sent.get("cols"):
        said["columns"] = [_column(part) for part in cols.split(",") if part]
    for name in ("freeze", "group"):
        if name in sent:
            said[name] = sent[name]
    return Shape.of(said)


def _column(part: str) -> tuple[str, int]:
    key, _sep, width = part.partition("~")
    return key, int(width) if width.isdecimal() and len(width) < 5 else 0


def pairs(shape: Shape) -> list[tuple[str, str]]:
    """The shape as parameters of an address, which `read` reads back."""
    said = {"as": shape.kind, "cols": written(shape.columns), "density": shape.density, "date": shape.date}
    found = [(k, v) for k, v in said.items() if v]
    found += [("freeze", str(shape.freeze))] if shape.freeze is not None else []
    return found + ([("group", shape.group)] if shape.group is not None else [])


def written(columns: tuple[tuple[str, int], ...]) -> str:
    """Columns as one parameter: name~220,tier."""
    return ",".join(f"{key}~{width}" if width else key for key, width in columns)


def width_of(a: Attribute, entity: AnyEntity) -> int:
    """Of a column whose width nobody has set, in a table where some are."""
    return TITLE_WIDTH if a.key == entity.title else WIDTH.get(a.kind.key, PLAIN_WIDTH)


def shown(actor: Actor, entity: AnyEntity, shape: Shape) -> tuple[str, ...]:
    """The columns of a list, as far as the actor may read them; the title first where nothing else is left."""
    known = access.readable(actor, entity)
    laid = layouts.of(actor, entity).columns
    wanted = [key for key, _width in shape.columns] or laid
    return tuple(k for k in wanted if k in known) or tuple(k for k in (entity.title, *laid) if k in known)


@login_required
@require_http_methods(["GET", "POST"])
def shape(request: HttpRequest, key: str) -> HttpResponse:
    """Columns, frozen ones, density and groups of a view: the dialog, and keeping what it or a dragged head says."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    sent = request.POST if request.method == "POST" else request.GET
    tab = _tab(actor, entity, sent.get("view", ""))
    if request.method == "GET":
        return render(request, "web/shape.html", dialog(actor, entity, tab, read(sent).over(tab.shape)))
    if sent.get("reset"):
        views.reshape(actor, entity, tab.key, None)
    else:
        said = read(sent)
        if chosen := sent.getlist("column"):
            widths = dict(said.columns)
            columns = [[k, widths.get(k, 0)] for k in chosen]
            said = Shape.of({**said.stored(), "columns": columns})
        views.reshape(actor, entity, tab.key, said.over(tab.shape))
    response = HttpResponse(status=204)
    if sent.get("dialog"):
        kept = [(k, v) for k, v in query_pairs(sent.get("here", "")) if k not in SAID or k in ("as", "date")]
        response["HX-Redirect"] = f"{sent.get('path') or f'/{key}/'}?{urlencode(kept)}"
    return response


def query_pairs(text: str) -> list[tuple[str, str]]:
    """The parameters of an address."""
    return parse_qsl(text, keep_blank_values=True)


def _tab(actor: Actor, entity: AnyEntity, key: str) -> Tab:
    found = next((t for t in views.tabs(actor, entity) if t.key == key), None)
    return found or Tab(key="", label="", view=query.View())


def dialog(actor: Actor, entity: AnyEntity, tab: Tab, now: Shape) -> dict[str, Any]:
    """What web/shape.html shows."""
    known = {k: a for k, a in access.readable(actor, entity).items() if a.kind.key != "json"}
    on = shown(actor, entity, now)
    order = [*on, *(k for k in known if k not in on)]
    return {
        "action": f"/{entity.key}/views/shape",
        "tab": tab.key,
        "cols": written(now.columns),
        "columns": [{"key": k, "label": known[k].label, "on": k in on} for k in order if k in known],
        "freeze": 1 if now.freeze is None else now.freeze,
        "density": now.density or "normal",
        "densities": [
            {"key": "compact", "label": _("Narrow")},
            {"key": "normal", "label": _("Normal")},
            {"key": "airy", "label": _("Roomy")},
        ],
        "group": now.group or "",
        "groups": [{"key": k, "label": a.label} for k, a in groupable(actor, entity).items()],
        "note": _("Only you see it so; for the others the shared view stays as it is.") if tab.is_shared else "",
    }


def groupable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields by which a list can be grouped: few values each, seen whole."""
    known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
    kinds = ("choice", "user", "department", "stage", "boolean", "link", "region", "industry")
    return {k: a for k, a in known.items() if a.kind.key in kinds and a.expression is None and a.stored}
