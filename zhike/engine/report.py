"""Grouped counts and sums, through the read gate and in the one filter language of the lists.

Every figure carries the View behind it: the list of that view has the same rows, so its total and its sums are the
figure. That is why a report is nothing but views, groups and measures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    F,
    FloatField,
    Func,
    JSONField,
    Max,
    Min,
    Sum,
    TextField,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast, TruncMonth, TruncQuarter, TruncYear
from django.utils import timezone
from django.utils.translation import gettext as _

from . import access, query
from .access import Actor
from .entity import AnyEntity
from .errors import Invalid, Wrong
from .kinds import Attribute
from .query import Condition, View

MONTHS = {"month": 1, "quarter": 3, "year": 12}
_TRUNC: Mapping[str, Any] = {"month": TruncMonth, "quarter": TruncQuarter, "year": TruncYear}


class Median(Aggregate):
    """The middle value, interpolated between the two middle ones (PostgreSQL percentile_cont)."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True)
class Measure:
    """A number over rows: `count` them, or those where `of` is filled; or `sum`, `avg`, `median` of the field `of`."""

    key: str
    how: str = "count"
    of: str = ""


COUNT = Measure("n")


@dataclass(frozen=True)
class Group:
    """The rows of an entity that share `values`, what they measure, and the view that lists exactly them."""

    entity: AnyEntity
    view: View
    values: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        """A measure: sums and counts of nothing are 0; averages of nothing, and what may not be read, are None."""
        return self.figures.get(key)

    @property
    def n(self) -> int:
        """How many rows."""
        return int(self.figures.get("n", 0))

    @property
    def query(self) -> str:
        """The address of the list behind the figures, as a query string."""
        return self.view.query()


def total(actor: Actor, entity: AnyEntity, view: View, measures: Sequence[Measure] = (COUNT,)) -> Group:
    """The measures over all rows of a view: one query."""
    return grouped(actor, entity, view, (), measures)[0]


def grouped(
    actor: Actor,
    entity: AnyEntity,
    view: View,
    by: Sequence[str],
    measures: Sequence[Measure] = (COUNT,),
    *,
    named: bool = True,
    most: int | None = None,
    by_sum: str = "",
) -> list[Group]:
    """The rows of `view` grouped by fields: one query, and one per linked entity for the names (none if not `named`).

    `by` are field keys; dates may be cut, as in "closed_on:quarter". Fields with several values (tags) count a row once
    for each, so that those groups overlap. With `most` only that many are read, those with most rows first, or with the
    greatest of the measure `by_sum`.
    Raises Refused, or Invalid for a field that is not there for this actor.
    """
    access.require(actor, entity, "list")
    known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
    base = view.start().but(sort="", group="", exact=False)
    rows = query.select(actor, entity, base).order_by()
    sums = {f"m_{m.key}": _aggregate(known, m) for m in measures}
    if not by:
        found = query.figure(actor, rows, repr(measures), lambda: rows.aggregate(**sums))
        return [Group(entity, base, (), (), _figures(measures, found))]
    parts = [_part(known, key) for key in by]
    rows = rows.annotate(**{f"by_{n}": _expression(a, cut) for n, (a, cut) in enumerate(parts)})
    names = [f"by_{n}" for n in range(len(parts))]
    result = []
    groups = rows.values(*names).annotate(**sums)
    if most is not None:
        first = [F(f"m_{by_sum}").desc(nulls_last=True)] if by_sum in {m.key for m in measures} else []
        groups = groups.order_by(*first, "-m_n", *names)[:most]
    for row in query.figure(actor, groups, repr(measures), lambda: list(groups)):
        values = tuple(_read(a, cut, row[name]) for name, (a, cut) in zip(names, parts, strict=True))
        conditions = [_condition(a, cut, v) for (a, cut), v in zip(parts, values, strict=True)]
        result.append(Group(entity, base.also(*conditions), values, (), _figures(measures, row)))
    return _named(actor, parts, result) if named else result


MOST = 200  # groups of a list that are told one by one


def subtotals(actor: Actor, entity: AnyEntity, view: View) -> list[Group]:
    """The groups of `view.group`: their rows `n`, and the sums of the columns that have one, amounts with currency.

    Days and moments are grouped by month unless the view says otherwise, and come in their order; others by the number
    of rows. What is beyond MOST groups is told as one last group without values, whose view is the whole list. All
    groups together are the list, except of fields with several values. Raises as `grouped` does.
    """
    known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
    by = view.group
    if by in known and known[by].kind.key in ("date", "datetime"):
        by += ":month"
    keys = [key for key in entity.sums if key in known]
    mixed = query.has_currency(entity.model) and "currency" in known
    measures = [COUNT, *(Measure(key, "sum", key) for key in keys)]
    measures += [Measure("least", "min", "currency"), Measure("greatest", "max", "currency")] if mixed else []
    groups = grouped(actor, entity, view, (by,), measures, most=MOST + 1)
    if len(groups) > MOST:
        groups = [*groups[:MOST], _rest(total(actor, entity, view, measures), groups[:MOST])]
    elif ":" in by:
        groups = sorted(groups, key=lambda group: str(group.values[0] or ""))
    return [replace(g, figures=_with_currency(known, keys, g.figures)) for g in groups]


def _rest(whole: Group, told: Sequence[Group]) -> Group:
    added = {k: v - sum(g[k] for g in told) if k not in ("least", "greatest") else v for k, v in whole.figures.items()}
    return replace(whole, labels=(_("others"),), figures=added)


def _with_currency(known: Mapping[str, Attribute], keys: Sequence[str], figures: Mapping[str, Any]) -> dict[str, Any]:
    amounts = {key for key in keys if known[key].kind.key == "money" and "least" in figures}
    cash = {k: query.in_currency(figures[k], figures["least"], figures["greatest"]) for k in amounts}
    return {"n": figures["n"], **{key: cash.get(key, figures[key]) for key in keys}}


def _known(known: Mapping[str, Attribute], key: str) -> Attribute:
    a = known.get(key)
    if a is None:
        raise Invalid([{key: [Wrong(_("There is no such field: %(name)s.") % {"name": key[:80]})]}])
    return a


def _part(known: Mapping[str, Attribute], key: str) -> tuple[Attribute, str]:
    """A field and how it is cut; Invalid where the list of one group could not be asked for."""
    name, _sep, cut = key.partition(":")
    a = _known(known, name)
    if cut:
        possible = cut in MONTHS and a.kind.key in ("date", "datetime")
    else:
        possible = bool({"eq", "has"} & set(a.kind.ops)) and a.kind.key != "datetime"
    if not possible:
        raise Invalid([{name: [Wrong(_("A report cannot be grouped by %(name)s.") % {"name": key[:80]})]}])
    return a, cut


def _expression(a: Attribute, cut: str) -> Any:
    if cut:
        return _TRUNC[cut](a.typed())
    if "has" not in a.kind.ops:
        return a.ref()
    if a.custom:  # in the mode of jsonpath that takes a single value for a list of it, and never fails
        path = Value(f'$."{a.key}"[*]')
        return Func(F("custom"), path, template="jsonb_path_query(%(expressions)s::jsonpath)", output_field=JSONField())
    return Func(a.ref(), function="unnest", output_field=UUIDField() if a.is_link else TextField())


def _read(a: Attribute, cut: str, value: Any) -> Any:
    """The value of a group; a custom one is JSON."""
    if cut:
        return _day(value)
    if not a.custom or value is None:
        return value
    found = a.kind.unpack([value] if "has" in a.kind.ops else value)
    return found[0] if isinstance(found, list) and found else False if value is False else found


def _aggregate(known: Mapping[str, Attribute], measure: Measure) -> Any:
    if not measure.of:
        return Count("*")  # of no column: an index alone can answer it
    a = _known(known, measure.of)
    if measure.how == "count":
        return Count(a.ref())
    if measure.how in ("min", "max"):
        return (Min if measure.how == "min" else Max)(a.ref())
    if a.custom and a.kind.typed != "number":
        raise Invalid([{a.key: [Wrong(_("There is no such field: %(name)s.") % {"name": measure.of[:80]})]}])
    if measure.how == "sum":
        return Sum(a.typed())
    made: Any = {"avg": Avg, "median": Median}[measure.how](Cast(a.typed(), FloatField()))
    return made


def _figures(measures: Sequence[Measure], row: Mapping[str, Any]) -> dict[str, Any]:
    zero = {"count": 0, "sum": Decimal(0)}
    return {m.key: zero.get(m.how) if row[f"m_{m.key}"] is None else row[f"m_{m.key}"] for m in measures}


def _day(value: Any) -> dt.date | None:
    return timezone.localtime(value).date() if isinstance(value, dt.datetime) else value


def _condition(a: Attribute, cut: str, value: Any) -> Condition:
    """What the list of one group is filtered by."""
    if value is None or value == "":
        return Condition(a.key, "empty", "1")
    if not cut:
        return Condition(a.key, "has" if "has" in a.kind.ops else "eq", value)
    month = value.month - 1 + MONTHS[cut]
    following = dt.date(value.year + month // 12, month % 12 + 1, 1)
    return Condition(a.key, "between", f"{value},{following - dt.timedelta(days=1)}")


def _named(actor: Actor, parts: Sequence[tuple[Attribute, str]], groups: Sequence[Group]) -> list[Group]:
    """Groups with their labels: names of linked records only as far as the actor may see them."""
    wanted: dict[str, set[UUID]] = {}
    for n, (a, _cut) in enumerate(parts):
        if a.is_link:
            wanted.setdefault(a.target, set()).update(g.values[n] for g in groups if g.values[n])
    names = {(t, pk): text for t, ids in wanted.items() for pk, text in query.names(actor, t, ids).items()}

    def labels(group: Group) -> tuple[str, ...]:
        return tuple(_label(a, cut, v, names) for (a, cut), v in zip(parts, group.values, strict=True))

    return [Group(g.entity, g.view, g.values, labels(g), g.figures) for g in groups]


def _label(a: Attribute, cut: str, value: Any, names: Mapping[tuple[str, UUID], str]) -> str:
    if value is None or value == "":
        return _("not set")
    if cut == "quarter":
        return f"{value.year} Q{(value.month - 1) // 3 + 1}"
    if cut:
        return f"{value:%Y-%m}" if cut == "month" else str(value.year)
    if a.is_link:
        return names.get((a.target, value)) or _("No access")
    one = [value] if "has" in a.kind.ops else value
    return a.kind.text(a, one, {}) or str(value)


def share(part: float | Decimal, whole: float | Decimal) -> float | None:
    """`part` of `whole` in percent with one decimal, None of nothing."""
    return round(float(part) / float(whole) * 100, 1) if whole else None


@dataclass(frozen=True)
class Column:
    """One column of a table: which rows it measures, and how."""

    entity: AnyEntity
    view: View
    measures: Sequence[Measure] = (COUNT,)

    def at(self, by: Sequence[str], values: Sequence[Any], figures: Mapping[str, Any]) -> Group:
        """The cell of this column whose first keys have these values."""
        conditions = [_condition(self.entity.attributes[k], "", v) for k, v in zip(by, values, strict=False)]
        return Group(self.entity, self.view.also(*conditions), tuple(values), (), figures)


Cells = dict[tuple[Any, ...], dict[str, Group]]


def column(actor: Actor, asked: Column, by: Sequence[str], keys: Iterable[tuple[Any, ...]] = ()) -> dict[Any, Group]:
    """One column by `by`, with a cell for each of `keys` even where there is nothing: one query."""
    groups = grouped(actor, asked.entity, asked.view, by, asked.measures, named=False)
    found = {g.values: g for g in groups}
    return {**{k: asked.at(by, k, _nothing(asked)) for k in keys}, **found}


def table(actor: Actor, columns: Mapping[str, Column], by: Sequence[str]) -> Cells:
    """Several columns side by side, by the same fields: for each combination of values every column has its cell.

    One query per column. Raises as `grouped` does.
    """
    found = {name: column(actor, c, by) for name, c in columns.items()}
    keys = dict.fromkeys(values for cells in found.values() for values in cells)
    return {
        values: {n: found[n].get(values) or c.at(by, values, _nothing(c)) for n, c in columns.items()}
        for values in keys
    }


def rolled(cells: Cells, columns: Mapping[str, Column], by: Sequence[str], depth: int) -> Cells:
    """A table added up over all but the first `depth` of its fields; for counts and sums only."""
    added: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for values, row in cells.items():
        sums = added.setdefault(values[:depth], {n: _nothing(c) for n, c in columns.items()})
        for name, group in row.items():
            for key, figure in group.figures.items():
                sums[name][key] += figure
    return {values: {n: c.at(by, values, sums[n]) for n, c in columns.items()} for values, sums in added.items()}


def _nothing(column: Column) -> dict[str, Any]:
    return {m.key: Decimal(0) if m.how == "sum" else 0 for m in column.measures}
