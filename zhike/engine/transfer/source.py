"""The rows of an export: one statement for all of them, names of links included, so that nothing that changes
meanwhile tears the file; read a chunk at a time, so that a million rows need no more memory than a thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, OuterRef, Q, QuerySet, Subquery, TextField, Value, When

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.kinds import Attribute
from zhike.engine.query import View

CHUNK = 2_000
CLEAR = "zk_clear"


@dataclass(frozen=True)
class Chunk:
    """Some rows: ids, the values of the columns in their order, and the names of what they link to."""

    ids: Sequence[UUID]
    rows: Sequence[list[Any]]
    labels: dict[tuple[str, UUID], str]


class Source:
    """The rows of a view that the actor may export, with the fields `shown`, in the order of the view.

    A field that the actor sees in part comes as `kinds.Masked`, except in the rows where they may reveal it.
    """

    def __init__(self, actor: Actor, entity: AnyEntity, view: View, shown: Sequence[Attribute]) -> None:
        self.actor, self.entity, self.shown = actor, entity, shown
        chosen = query.select(actor, entity, view, "export").filter(access.rows(actor, entity, "list"))
        self.small: dict[tuple[str, UUID], str] = {}
        self.names: dict[str, str] = {}  # field -> the column of the statement with the name it leads to
        self.lookups: list[Attribute] = []  # several links each: their names are read a chunk at a time
        self.hidden: dict[str, Callable[[Any], Any]] = {}  # linked entity -> how its titles are masked
        extra: dict[str, Any] = {f"x_{a.key}": a.expression() for a in shown if a.expression is not None}
        extra |= self._links()
        self.masked = [a for a in shown if a.key in access.masked(actor, entity)]
        self.clear = self._clear()
        if self.masked and self.clear not in (Q(), None):
            extra[CLEAR] = Case(When(self.clear, then=True), default=False, output_field=BooleanField())
        own = ["custom"] if any(a.custom for a in shown) else []
        plain = [a.column or f"x_{a.key}" for a in shown if not a.custom]
        self.columns = list(dict.fromkeys(["pk", *plain, *own, *self.names.values(), *([CLEAR] * (CLEAR in extra))]))
        self.annotated = chosen.annotate(**extra)
        self._counting = chosen.order_by()

    def count(self) -> int:
        """How many rows there are now."""
        return int(self._counting.count())

    def query(self) -> QuerySet[Any]:
        """The statement: `columns` of every row."""
        found: QuerySet[Any] = self.annotated.values_list(*self.columns)
        return found

    def field(self, a: Attribute) -> Any:
        """The model field that says how a value arrives from the database; None for custom fields."""
        if a.expression is not None:
            return self.annotated.query.annotations[f"x_{a.key}"].output_field
        return None if a.custom else self.entity.model._meta.get_field(a.key)

    def place(self, a: Attribute) -> int:
        """Where the value of a field stands in a row of the statement; of a custom one, where all of them do."""
        return self.columns.index("custom" if a.custom else a.column or f"x_{a.key}")

    def _clear(self) -> Q | None:
        """The rows in which masked fields are whole: Q() for all, None for none."""
        if not self.masked or not access.may(self.actor, self.entity, "reveal"):
            return None
        return access.rows(self.actor, self.entity, "reveal")

    def _links(self) -> dict[str, Any]:
        """Names by statement where there may be many of them; those of the directory, tags and stages are few."""
        extra: dict[str, Any] = {}
        for a in self.shown:
            if not a.is_link:
                continue
            target = get(a.target)
            if _is_small(target):
                if not any(key == a.target for key, _pk in self.small):
                    found = query.names(self.actor, a.target, None)
                    self.small |= {(a.target, pk): name for pk, name in found.items()}
            elif a.kind.blank == ():
                self.lookups.append(a)
            else:
                extra[f"n_{a.key}"] = self._title(a, target)
                self.names[a.key] = f"n_{a.key}"
        return extra

    def _title(self, a: Attribute, target: AnyEntity) -> Any:
        """The title of what a field links to, as far as the actor may see it (as query.names gives it)."""
        here = a.typed(OuterRef("custom")) if a.custom else OuterRef(a.column or f"x_{a.key}")
        rows = query.every(target).filter(access.looking(self.actor, target), pk=here).order_by()
        title = access.readable(self.actor, target).get(target.title)
        if title is None:
            return Subquery(rows.annotate(zk_name=Value("…", TextField())).values("zk_name")[:1])
        if title.key in access.masked(self.actor, target):
            self.hidden[a.target] = title.kind.mask
        return Subquery(rows.values(target.title)[:1], output_field=TextField())

    def chunks(self) -> Iterator[Chunk]:
        """All rows."""
        rows = self.query().iterator(chunk_size=CHUNK)
        while part := list(islice(rows, CHUNK)):
            yield self._chunk(part)

    def _chunk(self, part: Sequence[Sequence[Any]]) -> Chunk:
        native = [(n, self.place(a)) for n, a in enumerate(self.shown) if not a.custom]
        own = [(n, a) for n, a in enumerate(self.shown) if a.custom]
        held = self.columns.index("custom") if own else 0
        rows: list[list[Any]] = []
        for raw in part:
            values: list[Any] = [None] * len(self.shown)
            for n, place in native:
                values[n] = raw[place]
            for n, a in own:
                values[n] = a.loaded(raw[held])
            rows.append(values)
        self._mask(part, rows)
        labels = dict(self.small)
        self._read_names(part, rows, labels)
        return Chunk([raw[0] for raw in part], rows, labels)

    def _mask(self, part: Sequence[Sequence[Any]], rows: list[list[Any]]) -> None:
        if not self.masked or self.clear == Q():
            return
        places = [(self.shown.index(a), a.kind.mask) for a in self.masked]
        clear = self.columns.index(CLEAR) if CLEAR in self.columns else 0
        for raw, values in zip(part, rows, strict=True):
            if not (clear and raw[clear]):
                for n, mask in places:
                    values[n] = mask(values[n])

    def _read_names(self, part: Sequence[Sequence[Any]], rows: list[list[Any]], labels: dict[Any, Any]) -> None:
        for n, a in enumerate(self.shown):
            if (column := self.names.get(a.key)) is not None:
                place, mask = self.columns.index(column), self.hidden.get(a.target)
                for raw, values in zip(part, rows, strict=True):
                    if raw[place] is not None:
                        labels[a.target, values[n]] = str(mask(raw[place])) if mask else raw[place]
        for a in self.lookups:
            n = self.shown.index(a)
            ids = {pk for values in rows for pk in values[n] or ()}
            labels |= {(a.target, pk): name for pk, name in query.names(self.actor, a.target, ids).items()}


def _is_small(target: AnyEntity) -> bool:
    """Whether an entity is the firm's directory, or one whose names come in a tone or in three languages."""
    return target.key in query.DIRECTORY or not {"labels", "tone"}.isdisjoint(
        f.name for f in target.model._meta.concrete_fields
    )


FEW = frozenset({"choice", "boolean", "region", "industry"})  # kinds of which many rows have the same value
Render = Callable[[Sequence[Any], Any], list[Any]]


def cells(shown: Sequence[Attribute]) -> Render:
    """How a row becomes cells of a spreadsheet, in the language that is active now."""
    known: list[dict[Any, Any] | None] = [{} if a.kind.key in FEW else None for a in shown]
    work = [(a, a.kind.export, memo) for a, memo in zip(shown, known, strict=True)]

    def render(values: Sequence[Any], labels: Any) -> list[Any]:
        found = []
        for (a, export, memo), value in zip(work, values, strict=True):
            if memo is None:
                found.append(export(a, value, labels))
            elif value in memo:
                found.append(memo[value])
            else:
                memo[value] = cell = export(a, value, labels)
                found.append(cell)
        return found

    return render
