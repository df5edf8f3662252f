"""Pages of a list, how long it is, and its sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Max, Min, QuerySet, Sum

from zhike.engine import access, layouts
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute

from .gate import every, open_fields
from .model import Page, Row, View
from .ordering import KEY, Cursor, Order, order_of
from .reading import has_currency, in_currency, labels, read
from .selecting import newest, pieces, select

COUNT_CAP = 10_000


def page(actor: Actor, entity: AnyEntity, view: View) -> Page:
    """One page of a list, its total (capped unless `view.exact`), and the cursors of the pages before and after.

    Raises Refused, or Invalid for what the view names and is not there for the reader.
    """
    access.require(actor, entity, "list")
    known = access.readable(actor, entity)
    shown = [known[k] for k in (view.columns or layouts.of(actor, entity).columns) if k in known]
    wanted = [*shown, known[entity.title]] if entity.title in known else shown
    order = order_of(actor, entity, view.sort)
    rows, before, behind = _around(actor, entity, view, order, wanted)
    start = (view.page - 1) * view.size
    alone = not before and not behind and rows and not (start or view.after or view.before)
    total = len(rows) if alone else _total(actor, entity, view, rows, start, ended=not behind)
    found = Page(entity, view, shown, rows, total, labels(actor, shown, rows))
    found.next = order.cursor(rows[-1].id, rows[-1].key) if rows and behind else ""
    found.previous = order.cursor(rows[0].id, rows[0].key) if rows and before else view.after if not rows else ""
    return found


def _total(actor: Actor, entity: AnyEntity, view: View, rows: Sequence[Row], start: int, *, ended: bool) -> int:
    counted_here = rows and ended and not (view.after or view.before)
    return len(rows) + start if counted_here else how_many(actor, entity, view, exact=view.exact)


def _around(
    actor: Actor, entity: AnyEntity, view: View, order: Order, wanted: Sequence[Attribute]
) -> tuple[list[Row], bool, bool]:
    """The rows of a page, whether there are rows before them, and behind them."""
    cursor = order.place(view.after or view.before) if view.after or view.before else None
    if cursor and not view.after:
        rows = walk(actor, entity, view, order, wanted, view.size + 1, cursor=cursor, back=True)
        if len(rows) > view.size:
            return rows[view.size - 1 :: -1], True, True
        cursor = None  # near the beginning the first page is shown whole
    start = 0 if cursor or view.after or view.before else (view.page - 1) * view.size
    rows = walk(actor, entity, view, order, wanted, start + view.size + 1, cursor=cursor)[start:]
    return rows[: view.size], bool(cursor or start), len(rows) > view.size


def walk(
    actor: Actor,
    entity: AnyEntity,
    view: View,
    order: Order,
    wanted: Iterable[Attribute],
    n: int,
    *,
    cursor: Cursor | None = None,
    back: bool = False,
) -> list[Row]:
    """The first `n` rows of a view in an order, or those beyond a cursor, nearest first, each with its key."""
    attributes = list(wanted)
    found: list[Row] = []
    parts = [rows for _reason, rows in newest(actor, entity, view)]
    for blank in order.halves(back=back, cursor=cursor):
        some = [order.half(rows, blank=blank, back=back, cursor=cursor)[: n - len(found)] for rows in parts]
        if len(some) == 1:
            found += read(actor, entity, some[0], attributes)
        else:
            found += _by_id(actor, entity, _merged(some, order, back=back)[: n - len(found)], attributes)
        if len(found) >= n:
            break
    return found


def _merged(parts: Sequence[QuerySet[Any]], order: Order, *, back: bool) -> QuerySet[Any]:
    """(id, key) of the rows of all parts, each once, in order."""
    first, *others = (rows.values_list("pk", KEY) for rows in parts)
    down = order.descending != back
    keys = (F(KEY).desc(), F("pk").desc()) if down else (F(KEY).asc(), F("pk").asc())
    return first.union(*others).order_by(*keys)


def _by_id(
    actor: Actor, entity: AnyEntity, chosen: Iterable[tuple[UUID, Any]], attributes: Sequence[Attribute]
) -> list[Row]:
    """The rows with these ids, in this order, each with its key."""
    keys = dict(chosen)
    rows = {row.id: row for row in read(actor, entity, every(entity).filter(pk__in=list(keys)), attributes)}
    for pk, row in rows.items():
        row.key = keys[pk]
    return [rows[pk] for pk in keys if pk in rows]


def how_many(actor: Actor, entity: AnyEntity, view: View, *, exact: bool = False) -> int:
    """`count` of what `select` gives; what is seen through other records is only asked for below the cap.

    With `exact` all are counted, however many.
    """
    parts = pieces(actor, entity, view)
    if exact:
        return _union([rows for _why, rows in parts]).count() if len(parts) > 1 else parts[0][1].count()
    if len(parts) == 1:
        return count(parts[0][1])
    direct, through = ([rows for why, rows in parts if (why == "via") is late] for late in (False, True))
    found = [rows[: COUNT_CAP + 1] for rows in direct]
    if through:
        open_ended = [~Exists(rows[COUNT_CAP : COUNT_CAP + 1]) for rows in direct]
        ids = _union([rows[: COUNT_CAP + 1] for rows in through])
        found.append(every(entity).filter(*open_ended, pk__in=ids)[: COUNT_CAP + 1])
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
    columns = view.columns or layouts.of(actor, entity).columns
    own = [k for k in columns if k in known and known[k].custom and known[k].kind.typed == "number"]
    declared = [k for k in entity.sums if k in known and not known[k].custom]
    wanted = {k: known[k] for k in (*declared, *own) if known[k].kind.key != "percent"}
    if not wanted:
        return {}
    found = select(actor, entity, view.but(sort="")).order_by().aggregate(**adding(entity, wanted.values()))
    return added(entity, wanted.values(), found)


def adding(entity: AnyEntity, wanted: Iterable[Attribute]) -> dict[str, Any]:
    """The aggregates that add up fields."""
    found: dict[str, Any] = {f"sum_{a.key}": Sum(a.typed()) for a in wanted}
    if has_currency(entity.model):
        found |= {"least": Min("currency"), "greatest": Max("currency")}
    return found


def added(entity: AnyEntity, wanted: Iterable[Attribute], found: dict[str, Any]) -> dict[str, Any]:
    """What came of `adding`: field -> sum, amounts with their currency."""
    mixed = has_currency(entity.model)
    return {
        a.key: in_currency(found[f"sum_{a.key}"], found["least"], found["greatest"])
        if mixed and a.kind.key == "money"
        else found[f"sum_{a.key}"]
        for a in wanted
    }
