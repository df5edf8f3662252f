"""Pages of a list, how long it is, and its sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, F, QuerySet

from zhike.base.models import Grant
from zhike.engine import access, layouts
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute

from .gate import every, open_fields
from .lately import figure
from .model import Page, Row, View
from .ordering import KEY, Cursor, Order, order_of
from .reading import has_currency, in_currency, labels, read
from .selecting import Piece, asked, newest, pieces, reasons
from .waiting import TooLong, hurried

COUNT_CAP = 10_000
SOON = frozenset({"", Grant.Scope.OWN, Grant.Scope.DEPARTMENT, "share"})  # reasons that few rows are reached for


class AtLeast(int):
    """How many rows were counted where there are more: beyond the cap, or where counting took too long."""


def page(actor: Actor, entity: AnyEntity, view: View, *, adds: bool = False, late: bool = False) -> Page:
    """One page of a list, its total (capped unless `view.exact`), and the cursors of the pages before and after.

    With `adds` also what `sums` gives, unless there are more rows than the cap: a sum reads every row. With `late` the
    rows do not wait for what may take longer than they do: Page.counted is False then, and the total AtLeast what is
    known; the caller asks for `counted` later.

    Raises Refused, or Invalid for what the view names and is not there for the reader.
    """
    access.require(actor, entity, "list")
    known = access.readable(actor, entity)
    shown = _shown(actor, entity, view)
    wanted = [*shown, known[entity.title]] if entity.title in known else shown
    order = order_of(actor, entity, view.sort)
    rows, before, behind = _around(actor, entity, view, order, wanted)
    start = (view.page - 1) * view.size
    ended = rows and not behind and not (view.after or view.before)
    put_off = late and behind and not _soon_counted(actor, entity, view)
    added_up = addable(actor, entity, view) if adds and rows and not put_off else {}
    total, summed = len(rows) + start, dict[str, Any]()
    if put_off:
        total = AtLeast(total)
    elif not ended or added_up:
        total, summed = tally(actor, entity, view, added_up, known=total + bool(behind))
    found = Page(entity, view, shown, rows, total, labels(actor, shown, rows), summed, counted=not put_off)
    found.next = order.cursor(rows[-1].id, rows[-1].key) if rows and behind else ""
    found.previous = order.cursor(rows[0].id, rows[0].key) if rows and before else view.after if not rows else ""
    return found


def _shown(actor: Actor, entity: AnyEntity, view: View) -> list[Attribute]:
    """The columns of a view that its reader may read."""
    known = access.readable(actor, entity)
    return [known[k] for k in (view.columns or layouts.of(actor, entity).columns) if k in known]


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
    reached = newest(actor, entity, view)
    # whoever is seen through the records that give the order is reached wherever such a record is seen
    opened = order.link and any(p.detail == order.link for p in access.parts(actor, entity, "list"))
    for blank in order.halves(back=back, cursor=cursor):
        parts = reached if blank or not opened else [("", asked(every(entity), actor, entity, view))]
        half = partial(order.half, blank=blank, back=back, cursor=cursor)
        if len(parts) == 1:
            found += read(actor, entity, half(parts[0][1])[: n - len(found)], attributes)
        else:
            some = _chosen(parts, half, order, n - len(found), blank=blank, back=back)
            found += _by_id(actor, entity, some, attributes)
        if len(found) >= n:
            break
    return found


def _chosen(
    parts: Sequence[Piece], half: Callable[[Any], Any], order: Order, n: int, *, blank: bool, back: bool
) -> list[tuple[UUID, Any]]:
    """(id, key) of the first `n` rows of all parts.

    What is reached by right comes first: then what is seen through other records need only be looked for before the
    last of those, and not to the end of a long table.
    """
    direct, through = ([rows for why, rows in parts if (why == "via") is late] for late in (False, True))
    chosen = list(_merged([half(rows)[:n] for rows in direct], order, back=back)[:n]) if direct else []
    if not through:
        return chosen
    more = [half(rows) for rows in through]
    if len(chosen) == n:
        last = Cursor(*chosen[-1])
        more = [order.before(rows, last, blank=blank, back=back) for rows in more]
    if chosen:
        more.append(half(direct[0].model._base_manager.filter(pk__in=[pk for pk, _key in chosen])))
    return list(_merged([rows[:n] for rows in more], order, back=back)[:n])


def _merged(parts: Sequence[QuerySet[Any]], order: Order, *, back: bool) -> QuerySet[Any]:
    """(id, key) of the rows of all parts, each once, in order."""
    first, *others = (rows.values_list("pk", KEY) for rows in parts)
    if not others:
        return first
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


def _soon_counted(actor: Actor, entity: AnyEntity, view: View) -> bool:
    """Whether counting costs little: what belongs to one person or department, or what an index gives as it is."""
    found = reasons(actor, entity, view)
    return SOON.issuperset(found) or (len(found) == 1 and not (view.clauses or view.search))


def counted(actor: Actor, entity: AnyEntity, view: View) -> Page:
    """The total and the sums of a view, without rows: all of them where `view.exact`, else as `page` counts them."""
    access.require(actor, entity, "list")
    total, summed = tally(actor, entity, view, addable(actor, entity, view), known=view.size)
    return Page(entity, view, _shown(actor, entity, view), [], total, {}, summed)


def how_many(actor: Actor, entity: AnyEntity, view: View, *, exact: bool = False, known: int = 0) -> int:
    """How many rows a view has, as `tally` counts them; all of them where `exact`."""
    return tally(actor, entity, view.but(exact=exact), {}, known=known)[0]


def tally(
    actor: Actor, entity: AnyEntity, view: View, wanted: Mapping[str, Attribute], *, known: int = 0
) -> tuple[int, dict[str, Any]]:
    """How many rows a view has and what these fields of them add up to, in one pass; no sums beyond the cap.

    Counted no further than COUNT_CAP + 1 unless `view.exact`, and AtLeast so many then: what is seen through other
    records is only asked for below the cap. Where somebody waits and so many rows are `known` of, counting ends after
    COUNT_SECONDS: AtLeast those, and no sums.
    """
    kept = Kept(entity, wanted)
    cap = None if view.exact else COUNT_CAP + 1
    parts = pieces(actor, entity, view)
    direct = [kept.of(rows)[:cap] for why, rows in parts if why != "via" or view.exact or len(parts) == 1]
    through = [rows[:cap] for why, rows in parts if why == "via"] if len(direct) < len(parts) else []
    if through:
        full = [~Exists(rows[COUNT_CAP : COUNT_CAP + 1]) for why, rows in parts if why != "via"]
        ids, *others = (rows.values("pk") for rows in through)
        direct.append(kept.of(every(entity).filter(*full, pk__in=ids.union(*others)))[:cap])
    first, *more = direct
    # rows that an index gives are soon counted up to the cap
    is_long = bool(through or view.clauses or view.search) and not view.exact
    some = first.union(*more)[:cap] if more else first

    def added_up() -> tuple[int, dict[str, Any]]:
        with hurried(settings.COUNT_SECONDS if known and is_long else 0):
            return kept.add(some)

    try:
        n, found = figure(actor, some, "tally", added_up)
    except TooLong:
        return AtLeast(known), {}
    return (n, found) if view.exact or n <= COUNT_CAP else (AtLeast(n), {})


@dataclass(frozen=True)
class Kept:
    """What rows keep to be counted and added up by: their id, and the fields `wanted`."""

    entity: AnyEntity
    wanted: Mapping[str, Attribute]

    @property
    def mixed(self) -> bool:
        """Whether amounts of several currencies may be among them."""
        return bool(self.wanted) and has_currency(self.entity.model)

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows as no more than that."""
        measured = {f"sum_{k}": a.typed() for k, a in self.wanted.items()}
        found: QuerySet[Any] = rows.order_by().annotate(**measured)
        return found.values("pk", *measured, *(["currency"] if self.mixed else []))

    def add(self, rows: QuerySet[Any]) -> tuple[int, dict[str, Any]]:
        """How many there are, and field -> sum."""
        asked = ["count(*)", *(f'sum("sum_{k}")' for k in self.wanted)]
        asked += ["min(currency)", "max(currency)"] if self.mixed else []
        try:
            statement, values = rows.query.sql_with_params()
        except EmptyResultSet:
            return 0, {}
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(asked)} FROM ({statement}) kept", values)  # noqa: S608 - keys are names
            n, *sums = cursor.fetchone()
        found = dict(zip([f"sum_{k}" for k in self.wanted], sums, strict=False))
        found |= dict(zip(("least", "greatest"), sums[len(self.wanted) :], strict=False))
        return n, added(self.entity, self.wanted.values(), found)


def count(rows: QuerySet[Any]) -> int:
    """How many, counting no further than COUNT_CAP + 1."""
    return (rows if rows.query.is_sliced else rows.order_by()[: COUNT_CAP + 1]).count()


def sums(actor: Actor, entity: AnyEntity, view: View) -> dict[str, Any]:
    """Totals over all rows of the view of the columns that declare one."""
    return tally(actor, entity, view.but(exact=True), addable(actor, entity, view))[1]


def addable(actor: Actor, entity: AnyEntity, view: View) -> dict[str, Attribute]:
    """The fields that a view adds up: its columns that declare it, and numbers of the firm."""
    known = open_fields(access.readable(actor, entity), access.closed(actor, entity))
    columns = view.columns or layouts.of(actor, entity).columns
    own = [k for k in columns if k in known and known[k].custom and known[k].kind.typed == "number"]
    declared = [k for k in entity.sums if k in known and not known[k].custom]
    return {k: known[k] for k in (*declared, *own) if known[k].kind.key != "percent"}


def added(entity: AnyEntity, wanted: Iterable[Attribute], found: dict[str, Any]) -> dict[str, Any]:
    """Field -> sum of what was found under sum_ and its key; amounts with their currency."""
    mixed = has_currency(entity.model)
    return {
        a.key: in_currency(found[f"sum_{a.key}"], found["least"], found["greatest"])
        if mixed and a.kind.key == "money"
        else found[f"sum_{a.key}"]
        for a in wanted
    }
