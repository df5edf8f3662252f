"""The read gate: every read of every channel begins with `visible`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.db.models import Exists, F, Max, Min, Model, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Department

from . import access
from .access import Actor
from .entity import AnyEntity, entities, get
from .errors import Invalid, Missing, Wrong
from .kinds import Attribute, Cash, Labels, Toned
from .words import NONE, search_q

COUNT_CAP = 10_000
PAGE = 50


@dataclass(frozen=True)
class Condition:
    """One part of a filter: the one language of lists, saved views, reports, imports and, later, API and rules."""

    key: str
    op: str
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class View:
    """What is asked of an entity. `sort` is a field key, with a minus for descending; pages start at 1."""

    conditions: tuple[Condition, ...] = ()
    search: str = ""
    columns: tuple[str, ...] = ()
    sort: str = ""
    page: int = 1
    size: int = PAGE

    def but(self, **changes: Any) -> View:
        """A copy with changes."""
        return replace(self, **changes)

    def where(self, *conditions: Condition) -> View:
        """A copy with further conditions."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def query(self) -> str:
        """As a query string, which `parse` reads back."""
        pairs = [(f"{c.key}__{c.op}", flat(c.value)) for c in self.conditions]
        pairs += [("q", self.search)] if self.search else []
        pairs += [("sort", self.sort)] if self.sort else []
        pairs += [("page", str(self.page))] if self.page != 1 else []
        return urlencode(pairs)


def flat(value: Any) -> str:
    """The value of a condition as it stands in an address."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, set)) else "" if value is None else str(value)


@dataclass
class Row:
    """One record as its reader may see it."""

    id: UUID
    version: int
    values: dict[str, Any]


@dataclass
class Page:
    """A page of rows with the names of what they link to. `total` stops at COUNT_CAP + 1."""

    entity: AnyEntity
    view: View
    attributes: list[Attribute]
    rows: list[Row]
    total: int
    labels: Labels
    sums: dict[str, Any] = field(default_factory=dict)

    def text(self, row: Row, key: str) -> str:
        """A value as plain text."""
        a = self.entity.attributes[key]
        return a.kind.text(a, row.values.get(key), self.labels)


def parse(query: str | Iterable[tuple[str, str]]) -> View:
    """A View from a query string or its pairs; what is not a condition is left to the caller."""
    pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else list(query)
    plain = dict(pairs)
    conditions = []
    for name, value in pairs:
        key, found, op = name.rpartition("__")
        if found and key:
            conditions.append(Condition(key, op, value))
    page = plain.get("page", "1")
    return View(
        conditions=tuple(conditions),
        search=plain.get("q", "").strip()[:100],
        sort=plain.get("sort", ""),
        page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
    )


def visible(actor: Actor, entity: AnyEntity, action: str = "list") -> QuerySet[Any]:
    """The rows of `entity` on which the actor may do `action`, without the recycle bin."""
    rows: QuerySet[Any] = entity.model._base_manager.filter(access.rows(actor, entity, action), deleted_at=None)
    return rows


def select(actor: Actor, entity: AnyEntity, view: View, action: str = "list") -> QuerySet[Any]:
    """`visible`, narrowed and ordered as the view asks; Invalid for a field that is not there for this actor."""
    return _asked(visible(actor, entity, action), actor, entity, view)


def _asked(rows: QuerySet[Any], actor: Actor, entity: AnyEntity, view: View) -> QuerySet[Any]:
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    rows = narrow(rows, actor, view.conditions, known, closed)
    if view.search:
        rows = rows.filter(search_q(entity, view.search, known, closed))
    return rows.order_by(*_order(view.sort, open_fields(known, closed), entity))


def _pieces(actor: Actor, entity: AnyEntity, view: View) -> list[tuple[str, QuerySet[Any]]]:
    """`select` in pieces that overlap, with the reason of each. One index answers each; joined by OR, none does."""
    rows = entity.model._base_manager.filter(deleted_at=None)
    found = access.pieces(actor, entity, "list")
    return [(piece.reason, _asked(rows.filter(piece.q), actor, entity, view)) for piece in found]


def open_fields(known: Mapping[str, Attribute], closed: Collection[str]) -> dict[str, Attribute]:
    """The fields that may be sorted, grouped and measured: those that the reader sees whole."""
    return {key: a for key, a in known.items() if key not in closed}


def narrow(
    rows: QuerySet[Any],
    actor: Actor,
    conditions: Sequence[Condition],
    known: Mapping[str, Attribute],
    closed: Mapping[str, Q] = NONE,
) -> QuerySet[Any]:
    """Apply conditions; every name must be a field the actor may read.

    A field of `closed` is seen in part: outside the rows that go with it, it answers to its whole value alone, or a
    filter would spell the rest.
    """
    for c in conditions:
        wanted = matching(actor, c, known, closed)
        if (expression := known[c.key].expression) is not None:
            rows = rows.alias(**{c.key: expression()})
        rows = rows.filter(wanted)
    return rows


def matching(actor: Actor, c: Condition, known: Mapping[str, Attribute], closed: Mapping[str, Q] = NONE) -> Q:
    """One condition, over the column of its field, or an alias of its key where it is computed; Invalid as above."""
    a = known.get(c.key)
    rows = closed.get(c.key)
    if a is None or c.op not in a.kind.ops or (rows == access.NOBODY and c.op not in ("eq", "empty")):
        raise Invalid([{c.key: [Wrong(_("There is no such filter: %(name)s.") % {"name": f"{c.key} {c.op}"[:80]})]}])
    try:
        if rows is None or c.op == "empty":
            return _q(a, c, actor)
        if c.op == "eq":
            return Q(**{a.column: a.kind.clean(a, c.value) or None})
        return _q(a, c, actor) & rows
    except Wrong as wrong:
        raise Invalid([{c.key: [wrong]}]) from None


def _q(a: Attribute, c: Condition, actor: Actor) -> Q:
    name = a.column or a.key
    if c.op == "empty":
        blank = Q(**{f"{name}__isnull": True}) if a.kind.blank is None else Q(**{name: a.kind.blank or []})
        if a.kind.blank == "":
            blank = Q(**{name: ""})
        return blank if str(c.value) not in ("0", "false") else ~blank
    if c.op == "within":
        start, end = period(str(c.value))
        return _between(a, name, start, end)
    if c.op in ("in", "between"):
        parts = c.value if isinstance(c.value, (list, tuple, set)) else str(c.value or "").split(",")
        values = [_operand(a, part, actor) for part in parts]
        if c.op == "in":
            return Q(**{f"{name}__in": values})
        low, high = (*values, None, None)[:2]
        return _between(a, name, low, high)
    value = _operand(a, c.value, actor)
    return _single(a, name, c.op, value)


def _single(a: Attribute, name: str, op: str, value: Any) -> Q:
    """One value, one operator; a day on either side of a comparison with a moment means the whole day."""
    midnight = isinstance(value, dt.datetime) and timezone.localtime(value).time() == dt.time()
    if midnight and op in ("eq", "lte"):
        found = Q(**{f"{name}__lt": value + dt.timedelta(days=1)})
        return found & Q(**{f"{name}__gte": value}) if op == "eq" else found
    if op == "ne":
        return ~Q(**{name: value})
    if op == "under":
        return _under(a, name, value)
    lookup = {"eq": name, "has": f"{name}__contains", "contains": f"{name}__icontains"}.get(op, f"{name}__{op}")
    return Q(**{lookup: [value] if op == "has" else value})


def _operand(a: Attribute, raw: Any, actor: Actor) -> Any:
    if raw == "me" and a.target == "user":
        return actor.user.pk
    if raw == "mine" and a.target == "department":
        return actor.user.department_id
    return a.kind.operand(a, raw)


def _between(a: Attribute, name: str, low: Any, high: Any) -> Q:
    """Both ends included; for moments a closing day counts to its end."""
    found = Q()
    if a.kind.key == "datetime":
        if low is not None:
            found &= Q(**{f"{name}__gte": moment(low)})
        if high is not None:
            found &= Q(**{f"{name}__lt": moment(high) + dt.timedelta(days=1)})
        return found
    if low is not None:
        found &= Q(**{f"{name}__gte": low})
    return found & Q(**{f"{name}__lte": high}) if high is not None else found


def moment(day: dt.date) -> dt.datetime:
    """The first moment of a day in the firm's time zone; a moment stays as it is."""
    return day if isinstance(day, dt.datetime) else timezone.make_aware(dt.datetime.combine(day, dt.time()))


def _under(a: Attribute, name: str, value: Any) -> Q:
    """A node of a tree and all below it."""
    if a.kind.key == "department":
        below = Department.objects.filter(ancestors__contains=[value]).values("pk")
        return Q(**{f"{name}__in": below})
    if a.kind.key == "region":
        return Q(**{f"{name}__startswith": str(value).removesuffix("00").removesuffix("00")})
    if str(value).isalpha():
        from zhike.base import industries  # the code table is only read where a whole section is asked for

        divisions = Q()
        for code in industries.children(str(value)):
            divisions |= Q(**{f"{name}__startswith": code})
        return divisions | Q(**{name: value})
    return Q(**{f"{name}__startswith": str(value)})


def period(word: str, today: dt.date | None = None) -> tuple[dt.date | None, dt.date | None]:
    """First and last day of a named period, either of them None for open; Wrong for an unknown name."""
    day = today or timezone.localdate()
    monday = day - dt.timedelta(days=day.weekday())
    first = day.replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    quarter = dt.date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    named: dict[str, tuple[dt.date | None, dt.date | None]] = {
        "today": (day, day),
        "yesterday": (day - dt.timedelta(days=1),) * 2,
        "tomorrow": (day + dt.timedelta(days=1),) * 2,
        "this_week": (monday, monday + dt.timedelta(days=6)),
        "next_week": (monday + dt.timedelta(days=7), monday + dt.timedelta(days=13)),
        "this_month": (first, following - dt.timedelta(days=1)),
        "last_month": ((first - dt.timedelta(days=1)).replace(day=1), first - dt.timedelta(days=1)),
        "this_quarter": (quarter, (quarter + dt.timedelta(days=95)).replace(day=1) - dt.timedelta(days=1)),
        "this_year": (dt.date(day.year, 1, 1), dt.date(day.year, 12, 31)),
        "overdue": (None, day - dt.timedelta(days=1)),
        "future": (day + dt.timedelta(days=1), None),
    }
    if word in named:
        return named[word]
    kind, _sep, number = word.rpartition("_")
    if number.isdecimal() and len(number) < 5:
        span = dt.timedelta(days=int(number))
        relative = {"last": (day - span, day), "next": (day, day + span), "before": (None, day - span)}
        if kind in relative:
            return relative[kind]
    raise Wrong(_("“%(word)s” is not a period.") % {"word": word[:40]})


def _order(sort: str, known: Mapping[str, Attribute], entity: AnyEntity) -> list[Any]:
    if not sort:
        return [F("updated_at").desc(), F("pk").desc()]
    key = sort.removeprefix("-")
    a = known.get(key)
    if a is None or not a.kind.sortable:
        raise Invalid([{key: [Wrong(_("This list cannot be sorted by %(name)s.") % {"name": key[:60]})]}])
    if a.expression is not None:
        by: Any = a.expression()
    elif a.kind.key == "user":
        by = F(f"{a.key}__pinyin")
    elif key == entity.title and entity.has_owner:
        by = F("pinyin")
    else:
        by = F(a.column)
    last = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_last=True)
    return [last, F("pk").desc()]


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
    pieces = _pieces(actor, entity, view)
    if len(pieces) == 1:
        return pieces[0][1][:n]
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    found = _union([rows[:n] for _reason, rows in pieces])
    rows: QuerySet[Any] = entity.model._base_manager.filter(pk__in=found)
    return rows.order_by(*_order(view.sort, open_fields(known, closed), entity))[:n]


def how_many(actor: Actor, entity: AnyEntity, view: View) -> int:
    """`count` of what `select` gives; what is seen through other records is only asked for below the cap."""
    pieces = _pieces(actor, entity, view)
    if len(pieces) == 1:
        return count(pieces[0][1])
    direct, through = ([rows.order_by() for why, rows in pieces if (why == "via") is late] for late in (False, True))
    found = [rows[: COUNT_CAP + 1] for rows in direct]
    if through:
        open_ended = [~Exists(rows[COUNT_CAP : COUNT_CAP + 1]) for rows in direct]
        ids = _union([rows[: COUNT_CAP + 1] for rows in through])
        found.append(entity.model._base_manager.filter(*open_ended, pk__in=ids)[: COUNT_CAP + 1])
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


def read(
    actor: Actor, entity: AnyEntity, rows: QuerySet[Any], attributes: Iterable[Attribute], *, clear: bool = False
) -> list[Row]:
    """Rows as plain values, only of the attributes given; what the actor sees in part arrives as `kinds.Masked`.

    With `clear`, as for an export, whole where the actor may reveal; the caller counts and notes that.
    """
    wanted = list(attributes)
    names = {a.key: a.column or a.key for a in wanted}
    extra = {f"x_{a.key}": a.expression() for a in wanted if a.expression is not None}
    names |= {a.key: f"x_{a.key}" for a in wanted if a.expression is not None}
    amounts = [a.key for a in wanted if a.kind.key == "money"] if has_currency(rows.model) else []
    columns = dict.fromkeys(["pk", "version", *names.values(), *(["currency"] if amounts else [])])
    result = []
    for r in rows.annotate(**extra).values(*columns):
        values = {key: r[name] for key, name in names.items()}
        for key in amounts:
            if values[key] is not None:
                values[key] = Cash(values[key], r["currency"])
        result.append(Row(r["pk"], r["version"], values))
    _mask(actor, entity, wanted, result, clear=clear)
    return result


def _mask(actor: Actor, entity: AnyEntity, wanted: Sequence[Attribute], rows: Sequence[Row], *, clear: bool) -> None:
    parts = [a for a in wanted if a.key in access.masked(actor, entity)]
    if not parts or not rows:
        return
    whole: set[UUID] = set()
    if clear and access.may(actor, entity, "reveal"):
        reach = visible(actor, entity, "reveal").filter(pk__in=[row.id for row in rows])
        whole = set(reach.values_list("pk", flat=True))
    for row in rows:
        if row.id not in whole:
            for a in parts:
                row.values[a.key] = a.kind.mask(row.values[a.key])


def has_currency(model: type[Model]) -> bool:
    """Whether amounts of a model come in several currencies."""
    return any(f.name == "currency" for f in model._meta.concrete_fields)


def in_currency(total: Decimal | None, least: str | None, greatest: str | None) -> Decimal | None:
    """A sum with its currency, or with none where rows of several currencies are in it."""
    return None if total is None else Cash(total, least if least and least == greatest else "")


def record(actor: Actor, entity: AnyEntity, pk: UUID, action: str = "read") -> Page:
    """One record with all the fields the actor may read, as a page of one row; Missing otherwise."""
    known = list(access.readable(actor, entity).values())
    rows = read(actor, entity, visible(actor, entity, action).filter(pk=pk), known)
    if not rows:
        raise Missing
    return Page(entity, View(), known, rows, 1, labels(actor, known, rows))


def labels(actor: Actor, attributes: Iterable[Attribute], rows: Sequence[Row]) -> dict[tuple[str, UUID], str]:
    """Names of linked records that the actor may see: one query per linked entity, whatever the number of rows."""
    wanted: dict[str, set[UUID]] = {}
    for a in attributes:
        if not a.is_link:
            continue
        for row in rows:
            value = row.values.get(a.key)
            if value:
                wanted.setdefault(a.target, set()).update(value if isinstance(value, list) else [value])
    return {(target, pk): name for target, ids in wanted.items() for pk, name in names(actor, target, ids).items()}


def names(actor: Actor, target: str, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Titles of records by id, as far as the actor may see them. People and departments are the firm's directory."""
    chosen = set(ids)
    if not chosen:
        return {}
    if target == "file":
        return _file_names(actor, chosen)
    entity = get(target)
    if target in DIRECTORY:
        rows = entity.model._base_manager.all()
    else:
        rows = visible(actor, entity, "read" if access.may(actor, entity, "read") else "list")
    found = rows.filter(pk__in=chosen)
    columns = {f.name for f in entity.model._meta.concrete_fields}
    if "labels" in columns or "tone" in columns:
        return {r.pk: Toned(str(r), getattr(r, "tone", "neutral")) for r in found}
    a = access.readable(actor, entity).get(entity.title)
    if a is None:
        return dict.fromkeys(found.values_list("pk", flat=True), "…")
    titles = dict(found.values_list("pk", entity.title))
    return {pk: str(a.kind.mask(t)) for pk, t in titles.items()} if a.key in access.masked(actor, entity) else titles


def _file_names(actor: Actor, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of files that the actor put there, or that hang on a record they may see."""
    from .models import StoredFile

    found: dict[UUID, str] = {}
    by_entity: dict[str, dict[UUID, tuple[UUID | None, str]]] = {}
    for pk, name, uploader, key, record in StoredFile.objects.filter(pk__in=ids).values_list(
        "pk", "name", "uploader", "entity", "record"
    ):
        if uploader == actor.user.pk:
            found[pk] = name
        elif key in entities():
            by_entity.setdefault(key, {})[pk] = (record, name)
    for key, files in by_entity.items():
        records = {record for record, _name in files.values()}
        seen = set(visible(actor, get(key), "read").filter(pk__in=records).values_list("pk", flat=True))
        found |= {pk: name for pk, (record, name) in files.items() if record in seen}
    return found


DIRECTORY = frozenset({"user", "department", "role", "pipeline", "stage"})


def options(actor: Actor, entity: AnyEntity, term: str, limit: int = 20) -> list[tuple[UUID, str]]:
    """Records to choose from in a form: (id, title), found by `term`."""
    if entity.key not in DIRECTORY:
        access.require(actor, entity, "list")
        rows = select(actor, entity, View(search=term if entity.search else ""))
        if term and not entity.search:
            if entity.title not in open_fields(access.readable(actor, entity), access.closed(actor, entity)):
                return []
            rows = rows.filter(**{f"{entity.title}__icontains": term})
    else:
        rows = entity.model._base_manager.filter(deleted_at=None)
        if entity.key == "user":
            rows = rows.filter(Q(name__icontains=term) | Q(pinyin__icontains=term), is_active=True)
        elif entity.title != "labels":
            rows = rows.filter(**{f"{entity.title}__icontains": term})
    chosen = list(rows[:limit])
    shown = names(actor, entity.key, [r.pk for r in chosen])
    return [(r.pk, shown[r.pk]) for r in chosen if r.pk in shown]
