"""What is done of targets, and what may still come: read through the gate, one statement for all targets of a page.

Records that count are added up by person and month of the day on which they count, and each target takes its share:
periods are whole months, departments have the people in them and below. Every figure carries the list behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from zhike.base import calendar_cn
from zhike.base.models import CalendarDay, Department
from zhike.engine import access, query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Condition, View
from zhike.engine.report import COUNT, Group

from .measures import MEASURES, MONEY, Measure, Source
from .models import Target

Level = Target.Level
KEYS = ("name", "level", "owner", "unit", "product", "period", "first_on", "last_on", "measure", "value")
Sums = Mapping[tuple[Any, ...], tuple[Decimal, int]]


@dataclass(frozen=True)
class Whose:
    """Whose target it is, of what, and in which days: what its figures are asked by."""

    measure: str
    level: str
    owner: UUID | None
    unit: UUID | None
    product: UUID | None
    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class Line:
    """A target with what is done and what may come; `id` and `value` are None where nobody set one."""

    whose: Whose
    id: UUID | None
    version: int
    name: str
    value: Decimal | None
    done: Group
    ahead: Group | None

    @property
    def measure(self) -> Measure:
        """What is measured."""
        return MEASURES[self.whose.measure]

    @property
    def reached(self) -> Decimal:
        """How much is done, in the unit of the measure."""
        return Decimal(self.done["value"] or 0)

    @property
    def gap(self) -> Decimal | None:
        """What is missing, nothing where the target is passed."""
        return None if self.value is None else max(self.value - self.reached, Decimal(0))

    @property
    def percent(self) -> float | None:
        """Done of the target."""
        return None if self.value is None else report.share(self.reached, self.value)

    @property
    def time(self) -> float:
        """How much of the working days of the period is over, in percent; today counts as over."""
        return passed(self.whose.first, self.whose.last)


def passed(first: dt.date, last: dt.date, today: dt.date | None = None) -> float:
    """The share of the working days from first to last that is over, today included, in percent."""
    day = today or timezone.localdate()
    if day < first:
        return 0.0
    if day >= last:
        return 100.0
    near = CalendarDay.objects.filter(deleted_at=None, day__gte=first, day__lte=last)
    own = dict(near.values_list("day", "is_working"))
    before = first - dt.timedelta(days=1)
    whole = calendar_cn.working_days_between(before, last, overrides=own)
    return report.share(calendar_cn.working_days_between(before, day, overrides=own), whole) or 0.0


def of_view(actor: Actor, view: View, limit: int = 2_000) -> list[Line]:
    """The targets of a view that the actor may see, with their figures."""
    entity = get("target")
    known = access.readable(actor, entity)
    shown = [known[k] for k in KEYS if k in known]
    if len(shown) < len(KEYS):
        return []  # of a target that is not seen whole nothing can be told
    found = query.read(actor, entity, query.select(actor, entity, view)[:limit], shown)
    rows = [r for r in found if r.values["measure"] in MEASURES]
    asked = [whose(r.values) for r in rows]
    figures = measured(actor, asked)
    return [
        Line(w, r.id, r.version, r.values["name"], r.values["value"], *figures[w])
        for w, r in zip(asked, rows, strict=True)
    ]


def whose(values: Mapping[str, Any]) -> Whose:
    """From the values of a target."""
    return Whose(
        values["measure"],
        values["level"],
        values["owner"] if values["level"] == Level.PERSON else None,
        values["unit"],
        values["product"],
        values["first_on"],
        values["last_on"],
    )


def measured(actor: Actor, asked: Iterable[Whose]) -> dict[Whose, tuple[Group, Group | None]]:
    """Done and ahead of each: at most two statements for each measure that is asked for."""
    found: dict[Whose, tuple[Group, Group | None]] = {}
    by: dict[str, list[Whose]] = {}
    for one in dict.fromkeys(asked):
        by.setdefault(one.measure, []).append(one)
    for key, some in by.items():
        measure = MEASURES[key]
        done = _groups(actor, measure, measure.done, some)
        ahead = _groups(actor, measure, measure.ahead, some) if measure.ahead else {}
        found |= {one: (done[one], ahead.get(one)) for one in some}
    return found


def _groups(actor: Actor, measure: Measure, source: Source, asked: Sequence[Whose]) -> dict[Whose, Group]:
    entity = get(source.entity)
    if not access.may(actor, entity, "list"):
        return {one: Group(entity, view_of(source, one), figures={"n": 0, "value": None}) for one in asked}
    sums = _sums(actor, source, asked)
    own: dict[Any, dict[tuple[Any, ...], tuple[Decimal, int]]] = {}
    for key, figures in sums.items():
        own.setdefault(key[0], {})[key] = figures
    seen = not source.sum or source.sum in access.readable(actor, entity)
    below = _below({one.unit for one in asked if one.unit})
    result = {}
    for one in asked:
        near = own.get(one.owner, {}) if one.level == Level.PERSON else sums
        held = [figures for key, figures in near.items() if _counts(one, key, below)]
        total, n = sum((amount for amount, _n in held), Decimal(0)), sum(count for _amount, count in held)
        value = total if source.sum else Decimal(n)
        result[one] = Group(entity, view_of(source, one), figures={"n": n, "value": value if seen else None})
    return result


def _sums(actor: Actor, source: Source, asked: Sequence[Whose]) -> Sums:
    """(person, department, month, product) -> sum and number: one statement."""
    entity = get(source.entity)
    first, last = min(one.first for one in asked), max(one.last for one in asked)
    view = query.parse(source.asked).also(Condition(source.day, "between", f"{first},{last}"))
    if all(one.level == Level.PERSON and one.owner for one in asked):
        view = view.also(Condition(source.person, "in", sorted({str(one.owner) for one in asked})))
    known = access.readable(actor, entity)
    parts = [source.person, source.place, f"{source.day}:month"]
    if any(one.product for one in asked):
        parts.append(source.product)
    if any(part.partition(":")[0] not in known for part in parts):
        return {}
    measures = [COUNT]
    if source.sum in known:
        measures.append(report.Measure("value", "sum", source.sum))
    groups = report.grouped(actor, entity, view, parts, measures, named=False)
    return {(*g.values, None)[:4]: (Decimal(g["value"] or 0), g.n) for g in groups}


def _below(units: set[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Each department with all below it."""
    rows = Department.objects.filter(ancestors__overlap=list(units)).values_list("pk", "ancestors") if units else []
    found: dict[UUID, set[UUID]] = {unit: set() for unit in units}
    for pk, ancestors in rows:
        for unit in units.intersection(ancestors):
            found[unit].add(pk)
    return {unit: frozenset(some) for unit, some in found.items()}


def _counts(one: Whose, key: tuple[Any, ...], below: Mapping[UUID, frozenset[UUID]]) -> bool:
    person, place, month, product = key
    if month is None or not one.first <= month <= one.last or (one.product and product != one.product):
        return False
    if one.level == Level.PERSON:
        return bool(person == one.owner)
    return one.level == Level.FIRM or (one.unit is not None and place in below[one.unit])


def view_of(source: Source, one: Whose) -> View:
    """The list behind a figure."""
    view = query.parse(source.asked).also(Condition(source.day, "between", f"{one.first},{one.last}"))
    if one.level == Level.PERSON:
        view = view.also(Condition(source.person, "eq", str(one.owner)))
    elif one.level == Level.DEPARTMENT:
        view = view.also(Condition(source.place, "under", str(one.unit)))
    return view.also(Condition(source.product, "eq", str(one.product))) if one.product and source.product else view


def is_money(measure: str) -> bool:
    """Whether it is counted in money."""
    return MEASURES[measure].unit == MONEY
