"""The rows that a view asks for."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from zhike.base.models import Grant
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.words import search_q

from .conditions import narrow
from .gate import Sight, every, visible
from .model import View
from .ordering import order_of

WIDE = 2  # down to this level of the tree a reader sees so much that the newest rows are found by walking along all

Piece = tuple[str, QuerySet[Any]]


def select(actor: Actor, entity: AnyEntity, view: View, action: str = "list") -> QuerySet[Any]:
    """`visible`, narrowed and ordered as the view asks; Invalid for a field that is not there for this actor."""
    rows = asked(visible(actor, entity, action), actor, entity, view)
    return order_of(actor, entity, view.sort).apply(rows)


def asked(rows: QuerySet[Any], actor: Actor, entity: AnyEntity, view: View) -> QuerySet[Any]:
    """Rows narrowed as the view asks, in no order."""
    rows = narrow(rows.order_by(), Sight(actor), entity, view.clauses)
    if view.search:
        known, closed = access.readable(actor, entity), access.closed(actor, entity)
        rows = rows.filter(search_q(entity, view.search, known, closed))
    return rows


def pieces(actor: Actor, entity: AnyEntity, view: View) -> list[Piece]:
    """`select` without its order, in pieces that overlap, with the reason of each.

    One index answers each; joined by OR, none does.
    """
    found = access.pieces(actor, entity, "list")
    return [(piece.reason, asked(every(entity).filter(piece.q), actor, entity, view)) for piece in found]


def newest(actor: Actor, entity: AnyEntity, view: View) -> list[Piece]:
    """`pieces` for reading the first rows: the plain OR where somebody sees almost everything, without any filter."""
    if not (view.clauses or view.search or view.sort) and actor.depth <= WIDE:
        found = access.parts(actor, entity, "list")
        wide = any(p.reason == Grant.Scope.SUBTREE for p in found)
        through = any(p.reason == "via" for p in found)
        if wide and len(found) > 0 and not (through and actor.depth > 1):
            return [("", visible(actor, entity))]
    return pieces(actor, entity, view)
