"""The read gate: every read of every channel begins with `visible`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.words import search_q

from .conditions import narrow, open_fields
from .model import View
from .ordering import order


def visible(actor: Actor, entity: AnyEntity, action: str = "list") -> QuerySet[Any]:
    """The rows of `entity` on which the actor may do `action`, without the recycle bin."""
    rows: QuerySet[Any] = entity.rows().filter(access.rows(actor, entity, action), deleted_at=None)
    return rows


def select(actor: Actor, entity: AnyEntity, view: View, action: str = "list") -> QuerySet[Any]:
    """`visible`, narrowed and ordered as the view asks; Invalid for a field that is not there for this actor."""
    return asked(visible(actor, entity, action), actor, entity, view)


def asked(rows: QuerySet[Any], actor: Actor, entity: AnyEntity, view: View) -> QuerySet[Any]:
    """Rows narrowed and ordered as the view asks."""
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    rows = narrow(rows, actor, view.conditions, known, closed)
    if view.search:
        rows = rows.filter(search_q(entity, view.search, known, closed))
    return rows.order_by(*order(view.sort, open_fields(known, closed), entity))


def pieces(actor: Actor, entity: AnyEntity, view: View) -> list[tuple[str, QuerySet[Any]]]:
    """`select` in pieces that overlap, with the reason of each. One index answers each; joined by OR, none does."""
    rows = entity.rows().filter(deleted_at=None)
    found = access.pieces(actor, entity, "list")
    return [(piece.reason, asked(rows.filter(piece.q), actor, entity, view)) for piece in found]
