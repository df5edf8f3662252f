"""Pages of a list, how long it is, and its sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, Max, Min, QuerySet, Sum

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity

from .conditions import open_fields
from .gate import pieces, select
from .model import Page, View
from .ordering import order
from .reading import has_currency, in_currency, labels, read

COUNT_CAP = 10_000


def page(actor: Actor, entity: AnyEntity, view: View) -> Page:
    """One page of a list, its total (capped) and the sums of the numeric columns that have them."""
    access.require(actor, entity, "list")
    known = access.readable(actor, entity)
    shown = [known[k] for k in (view.columns or entity.columns) if k in known]
    start = (view.page - 1) * view.size
    wanted = [*shown, known[entity.title]] if entity.title in known else shown
    rows = read(actor, entity, first(actor, entity, view, start + view.size + 1)[start:], wanted)
    total = len(rows) + start if rows and len(rows) <= view.size else how_many(actor, entity, view)
    rows = rows[: view.size]
    return Page(entity, view, shown, rows, total, labels(actor, shown, rows))


def first(actor: Actor, entity: AnyEntity, view: View, n: int) -> QuerySet[Any]:
    """The first `n` of `select`."""
    found = pieces(actor, entity, view)
    if len(found) == 1:
        return found[0][1][:n]
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    ids = _union([rows[:n] for _reason, rows in found])
    rows: QuerySet[Any] = entity.rows().filter(pk__in=ids)
    return rows.order_by(*order(view.sort, open_fields(known, closed), entity))[:n]


def how_many(actor: Actor, entity: AnyEntity, view: View) -> int:
    """`count` of what `select` gives; what is seen through other records is only asked for below the cap."""
    parts = pieces(actor, entity, view)
    if len(parts) == 1:
        return count(parts[0][1])
    direct, through = ([rows.order_by() for why, rows in parts if (why == "via") is late] for late in (False, True))
    found = [rows[: COUNT_CAP + 1] for rows in direct]
    if through:
        open_ended = [~Exists(rows[COUNT_CAP : COUNT_CAP + 1]) for rows in direct]
        ids = _union([rows[: COUNT_CAP + 1] for rows in through])
        found.append(entity.rows().filter(*open_ended, pk__in=ids)[: COUNT_CAP + 1])
    return count(_union(found))


def _union(found: Sequence[QuerySet[Any]]) -> QuerySet[Any]:
    """The ids of all of them, each once."""
    first, *others = (rows.values("pk") for rows in found)
    return first.union(*others)


def count(rows: QuerySet[Any]) -> int:
    """How many, counting no further than COUNT_CAP + 1."""
    return (rows if rows.query.is_sliced else rows.order_by()[: COUNT_CAP + 1]).count()


def sums(actor: Actor, entity: AnyEntity, view: View) -> dict[str, Any]:
    """Totals over all rows of the view of the columns that declare one."""
    known = open_fields(access.readable(actor, entity), access.closed(actor, entity))
    wanted = {k: known[k] for k in entity.sums if k in known}
    if not wanted:
        return {}
    rows = select(actor, entity, view).order_by()
    measures: dict[str, Any] = {
        f"sum_{k}": Sum(a.expression() if a.expression else a.column) for k, a in wanted.items()
    }
    mixed = has_currency(entity.model)
    if mixed:
        measures |= {"least": Min("currency"), "greatest": Max("currency")}
    found = rows.aggregate(**measures)
    return {
        k: in_currency(found[f"sum_{k}"], found["least"], found["greatest"])
        if mixed and a.kind.key == "money"
        else found[f"sum_{k}"]
        for k, a in wanted.items()
    }
