"""The kept rate: of the promises that were settled or fell due, how many were kept by their day.

A person's own figures are of now. Those of others are of weeks that are over, which the person has seen before: a
promise counts on the day it was settled or fell due, whichever came first, so that a week does not change afterwards.
Below FEWEST promises no rate is told. What the customer agreed to take back counts for nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Condition, View
from zhike.engine.report import Group

FEWEST = 5
WEEKS = {"12": 12, "26": 26, "52": 52}
COUNTED = "counted__gte=1"


def spans() -> dict[str, str]:
    """How far back a rate looks, with the names."""
    return {
        "12": _("last 12 weeks"),
        "26": _("last 26 weeks"),
        "52": _("last 52 weeks"),
    }


@dataclass(frozen=True)
class Rate:
    """Promises of somebody and how many of them were kept; `all` and `kept` carry the lists behind them."""

    all: Group
    kept: Group

    @property
    def percent(self) -> float | None:
        """The kept rate in percent, None where there are too few promises for one."""
        return report.share(self.kept.n, self.all.n) if self.all.n >= FEWEST else None


def days(weeks: str, *, closed: bool) -> tuple[dt.date, dt.date]:
    """From and to: up to today, or to the Sunday before this week where only `closed` weeks count."""
    today = timezone.localdate()
    monday = today - dt.timedelta(days=today.weekday())
    last = monday - dt.timedelta(days=1) if closed else today
    return monday - dt.timedelta(weeks=WEEKS[weeks]), last


def counted(weeks: str, *, closed: bool) -> View:
    """The promises that a rate is counted from."""
    first, last = days(weeks, closed=closed)
    return query.parse(COUNTED).also(Condition("counted_on", "between", f"{first},{last}"))


def mine(actor: Actor, weeks: str = "12") -> Rate:
    """The actor's own kept rate, up to now."""
    return total(actor, (Condition("counts_for", "eq", "me"),), weeks, closed=False)


def total(actor: Actor, narrowed: Sequence[Condition], weeks: str, *, closed: bool) -> Rate:
    """The kept rate over all promises that the actor may see and that meet the conditions: one query."""
    view = counted(weeks, closed=closed).also(*narrowed)
    found = by(actor, "status", view)
    kept = Condition("status", "eq", "kept")
    entity = get("promise")
    n = sum(group.n for group in found.values())
    held = found.get("kept")
    return Rate(
        Group(entity, view, figures={"n": n}), Group(entity, view.also(kept), figures={"n": held.n if held else 0})
    )


def by(actor: Actor, key: str, view: View) -> dict[object, Group]:
    """The promises of a view by one field: one query."""
    groups = report.grouped(actor, get("promise"), view, (key,), named=False)
    return {group.values[0]: group for group in groups}


def table(actor: Actor, key: str, narrowed: Sequence[Condition], weeks: str) -> list[tuple[str, Rate]]:
    """Kept rates of closed weeks by person, department or customer, with names, those with most promises first."""
    entity = get("promise")
    view = counted(weeks, closed=True).also(*narrowed)
    groups = report.grouped(actor, entity, view, (key,), most=200)
    kept = by(actor, key, view.also(Condition("status", "eq", "kept")))
    rows = []
    for group in groups:
        value = group.values[0]
        held = kept.get(value) or Group(entity, group.view.also(Condition("status", "eq", "kept")), figures={"n": 0})
        rows.append((group.labels[0], Rate(group, held)))
    return sorted(rows, key=lambda row: -row[1].all.n)
