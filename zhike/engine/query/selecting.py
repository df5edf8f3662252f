"""The rows that a view asks for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet

from zhike.base.models import Grant
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.models import PLACES, Record
from zhike.engine.words import search_q

from .conditions import narrow
from .gate import Sight, every, visible
from .model import Condition, View
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

    One index answers each; joined by OR, none does. Where the view asks for no more than what belongs to the reader or
    to their department, that is all of it: nothing more can be seen through other records.
    """
    if _is_own(actor, entity, view):
        return [("", asked(every(entity), actor, entity, view))]
    found = access.pieces(actor, entity, "list")
    rows = [placed(every(entity), part) if view.search else every(entity).filter(part.q) for part in found]
    return [(part.reason, asked(some, actor, entity, view)) for part, some in zip(found, rows, strict=True)]


def reasons(actor: Actor, entity: AnyEntity, view: View) -> list[str]:
    """The reasons of `pieces`."""
    return [""] if _is_own(actor, entity, view) else [part.reason for part in access.pieces(actor, entity, "list")]


def placed(rows: QuerySet[Any], part: access.Part) -> QuerySet[Any]:
    """The rows of a part, by the index that finds words: what is asked for besides need not be looked for elsewhere.

    Whose a record is and where it lies stand in it side by side (models.PLACES); a path holds a department once. That
    a record is nobody's does not stand there.
    """
    here = [c for c in part.q.children if isinstance(c, tuple) and (c[0] == "owner" or c[0].startswith("ancestors__"))]
    here = [c for c in here if c[1] is not None]
    places = [value for _key, value in here]
    if part.q.connector != Q.AND or part.q.negated or not places or not issubclass(rows.model, Record):
        return rows.filter(part.q)
    kept = [c for c in part.q.children if c not in here]
    found: QuerySet[Any] = rows.alias(places=PLACES).filter(Q(*kept), places__contains=places)
    return found


def _is_own(actor: Actor, entity: AnyEntity, view: View) -> bool:
    """Whether every row that a view asks for is reached for one and the same reason.

    They belong to the reader, or to their department, and are theirs by right; or hang on a record that the reader has
    been shown in this request and are seen through it.
    """
    held = {r.scope for r in access.rights(actor, entity, "list") if not r.conditions} if entity.has_owner else set()
    mine = {"me", str(actor.user.pk)} if held & {Grant.Scope.OWN, Grant.Scope.DEPARTMENT, Grant.Scope.SUBTREE} else ()
    ours = {"mine", str(actor.user.department_id)} if Grant.Scope.SUBTREE in held else ()
    asked_for = [c for c in view.clauses if isinstance(c, Condition)]
    return any(
        str(c.value) in (mine if (c.key, c.op) == ("owner", "eq") else ours)
        for c in asked_for
        if (c.key, c.op) in (("owner", "eq"), ("department", "under"))
    ) or any(c.op == "eq" and str(c.value) in _shown(actor, entity, c.key) for c in asked_for if c.key in entity.via)


def _shown(actor: Actor, entity: AnyEntity, link: str) -> Collection[str]:
    """The records that the reader has been shown and through which rows are seen, by this link."""
    if not any(p.detail == link for p in access.parts(actor, entity, "list")):
        return ()
    target = get(entity.attributes[link].target)
    alike = access.signature(actor, target, "list") == access.signature(actor, target, "read")
    return actor.known.get(("seen", target.key, "read"), ()) if alike else ()


def newest(actor: Actor, entity: AnyEntity, view: View) -> list[Piece]:
    """`pieces` for reading the first rows: the plain OR where somebody sees almost everything, without any filter."""
    if not (view.clauses or view.search or view.sort) and actor.depth <= WIDE:
        found = access.parts(actor, entity, "list")
        wide = any(p.reason == Grant.Scope.SUBTREE for p in found)
        through = any(p.reason == "via" for p in found)
        if wide and len(found) > 0 and not (through and actor.depth > 1):
            return [("", visible(actor, entity))]
    return pieces(actor, entity, view)
