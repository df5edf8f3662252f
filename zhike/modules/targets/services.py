"""Rules of targets: whose they are, which days they cover, one for each period; splitting and copying."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.base.models import Department, User
from zhike.engine import access, guard, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.records import Change

from .models import Target

Level, Period = Target.Level, Target.Period
CENT = Decimal("0.01")
_NAMED = {
    Period.MONTH: "this_month",
    Period.QUARTER: "this_fiscal_quarter",
    Period.YEAR: "this_fiscal_year",
}
MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


def days(period: str, day: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of the month, fiscal quarter or fiscal year around a day."""
    first, last = query.period(_NAMED[Period(period)], day)
    if first is None or last is None:  # a named period of this kind has both
        raise KeyError(period)
    return first, last


# ---- on every write


def tidy_target(change: Change[Target]) -> None:
    """The days of the period; a department has somebody who answers for it."""
    target = change.record
    if change.is_new and "level" not in change.values and target.unit_id:
        target.level = Level.DEPARTMENT
    first: dt.date | None = target.first_on  # none yet where the form lacks it
    if first is not None and target.period in MONTHS:
        target.first_on, target.last_on = days(target.period, first)
    value: Decimal | None = target.value
    if value is not None and value <= 0:
        change.fail("value", _("A target is more than nothing."))
    if target.level == Level.DEPARTMENT and not target.unit_id:
        change.fail("unit", _("Choose the department."), "required")
    if target.level != Level.DEPARTMENT:
        target.unit_id = None
    if target.level == Level.PERSON and not change.is_new and change.changed("owner") and target.owner_id is None:
        change.fail("owner", _("Choose the person."), "required")


def name_targets(changes: Sequence[Change[Target]]) -> None:
    """Whose and when as the name; the head of a department answers for it; two of the same are refused."""
    units = {d.pk: d for d in Department.objects.filter(pk__in={c.record.unit_id for c in changes if c.record.unit_id})}
    for c in changes:
        unit = units.get(c.record.unit_id) if c.record.unit_id else None
        if c.is_new and "owner" not in c.values and unit is not None and unit.head_id:
            c.values["owner"] = c.record.owner_id = unit.head_id
        if c.back is None:
            _check_reach(c, unit)
    owners = {pk for c in changes if (pk := _owner(c))}
    people: dict[Any, str] = dict(User.objects.filter(pk__in=owners).values_list("pk", "name"))
    root = Department.objects.filter(parent=None, deleted_at=None).values_list("name", flat=True).first() or ""
    for c in changes:
        unit = units.get(c.record.unit_id) if c.record.unit_id else None
        who = unit.name if unit else root if c.record.level == Level.FIRM else people.get(_owner(c), "")
        c.record.name = f"{who} {when(c.record.period, c.record.first_on)}".strip()[:200]
    _check_once(changes)


def _owner(change: Change[Target]) -> UUID | None:
    if change.is_new and "owner" not in change.values:
        return UUID(str(change.actor.user.pk))
    return change.record.owner_id


def when(period: str, first: dt.date | None) -> str:
    """2026-11, 2026-Q4 or 2026; a fiscal quarter or year by the month that it begins with."""
    if first is None:
        return ""
    start = query.fiscal_month()
    if period == Period.MONTH:
        return f"{first:%Y-%m}"
    if period == Period.QUARTER:
        return f"{first.year}-Q{(first.month - 1) // 3 + 1}" if start == 1 else f"{first:%Y-%m}/3"
    return str(first.year) if start == 1 else f"{first:%Y-%m}/12"


def _check_reach(change: Change[Target], unit: Department | None) -> None:
    """Who reaches a part of the firm sets the targets of that part."""
    action = "create" if change.is_new else "update"
    if change.record.level == Level.PERSON or access.scope(change.actor, change.entity, action) == "all":
        return
    own = change.actor.user.department_id
    if change.record.level == Level.FIRM:
        change.fail("level", _("Only who sees the whole firm sets its target."), "refused")
    elif unit is not None and (own is None or own not in unit.ancestors):
        change.fail("unit", _("This department is not below yours."), "refused")


def _check_once(changes: Sequence[Change[Target]]) -> None:
    """One target for the same person or department, product, period and measure: one query for all."""
    wanted: dict[tuple[Any, ...], list[Change[Target]]] = {}
    for c in changes:
        wanted.setdefault(_key(c.record, _owner(c)), []).append(c)
    starts = {day for c in changes if (day := c.get("first_on"))}
    rows = guard.rows(Target, "whether it is there already").filter(first_on__in=starts, deleted_at=None)
    taken = {_key(t, t.owner_id): t.pk for t in rows}
    for key, same in wanted.items():
        for n, c in enumerate(same):
            if n > 0 or taken.get(key, c.record.pk) != c.record.pk:
                c.fail("first_on", _("There is a target for this period already. Change that one."), "unique")


def identity(
    level: str, owner: Any, unit: Any, product: Any, period: str, first_on: dt.date | None, measure: str
) -> tuple[Any, ...]:
    """What no two targets share."""
    return level, owner if level == Level.PERSON else unit, product, period, first_on, measure


def identity_of(said: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same of a target that is wanted."""
    keys = ("level", "owner", "unit", "product", "period", "first_on", "measure")
    return identity(*(said.get(key) for key in keys))  # type: ignore[arg-type]


def _key(t: Target, owner: UUID | None) -> tuple[Any, ...]:
    return identity(t.level, owner, t.unit_id, t.product_id, t.period, t.first_on, t.measure)


# ---- splitting and copying


def even(whole: Decimal, parts: int, *, step: Decimal = CENT) -> list[Decimal]:
    """A whole in equal parts that add up to it exactly; the first ones take what is left over."""
    each = (whole / parts).quantize(step, rounding=ROUND_DOWN)
    left = int((whole - each * parts) / step)
    found = [each + (step if n < left else 0) for n in range(parts)]
    found[0] += whole - sum(found)
    return found


def months_of(first: dt.date, last: dt.date) -> list[dt.date]:
    """The first days of the months of a period."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [dt.date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1) for n in range(count)]


@transaction.atomic
def put(actor: Actor, wanted: Sequence[Mapping[str, Any]]) -> int:
    """Targets as they are to be: those there already get the new value, or go with nothing; the others are made.

    Gives how many changed.

    Each has level, owner or unit, product, period, first_on, measure and value; nothing or all of it is written.
    Raises Invalid with the errors of each, in their order, or Refused.
    """
    entity = get("target")
    starts = {w["first_on"] for w in wanted}
    there = {_key(t, t.owner_id): t for t in query.visible(actor, entity, "update").filter(first_on__in=starts)}
    fresh, changed, gone = [], dict[UUID, dict[str, Any]](), list[UUID]()
    for w in wanted:
        found = there.get(identity_of(w))
        if not w["value"]:
            gone += [found.pk] if found else []
        elif found is None:
            fresh.append({k: v for k, v in w.items() if v is not None})
        elif found.value != w["value"]:
            changed[found.pk] = {"value": w["value"]}
    if gone:
        records.delete_many(actor, entity, gone)
    if fresh:
        records.create_many(actor, entity, fresh)
    if changed:
        records.update_many(actor, entity, changed)
    return len(fresh) + len(changed) + len(gone)


def copy(actor: Actor, *, period: str, first_on: dt.date, measure: str, more: Decimal = Decimal(0)) -> int:
    """Last period's targets of a measure for this one, `more` percent higher; those there already stay. How many."""
    first, _last = days(period, first_on)
    before, _end = days(period, first - dt.timedelta(days=1))
    entity = get("target")
    rows = query.visible(actor, entity, "update").filter(period=period, measure=measure)
    there = {_key(t, t.owner_id)[:3] for t in rows.filter(first_on=first)}
    old = [t for t in rows.filter(Q(owner__is_active=True), first_on=before) if _key(t, t.owner_id)[:3] not in there]
    if not old:
        return 0
    made = [
        {
            "level": t.level,
            "owner": t.owner_id,
            **({"unit": t.unit_id} if t.unit_id else {}),
            **({"product": t.product_id} if t.product_id else {}),
            "period": period,
            "first_on": first,
            "measure": measure,
            "value": (t.value * (100 + more) / 100).quantize(CENT),
        }
        for t in old
    ]
    return len(records.create_many(actor, entity, made))
