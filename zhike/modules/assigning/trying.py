"""What rules would have done with the records of the last 90 days: decided as they decide, written nowhere."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Func, UUIDField, Value, When
from django.utils import timezone

from zhike.engine.entity import AnyEntity
from zhike.engine.notices.quiet import own_days
from zhike.engine.pools import clocks

from . import clock, deciding, people
from .deciding import Ruling
from .document import Document
from .models import AssignmentRule, Decision

DAYS, MOST, SHOWN = 90, 50_000, 8
WHY = "what rules would have done with what came in: counted, and shown through the gate"


@dataclass
class Share:
    """What one person would have got: in all, on the fullest day, and how often the day was full."""

    id: UUID
    count: int = 0
    peak: int = 0
    full: int = 0
    daily: int | None = None


@dataclass
class Trial:
    """What came of it. `by_rule` are [given, nobody, by hand] of each rule; `beyond`: there was more."""

    records: int = 0
    left: int = 0
    by_rule: dict[UUID, list[int]] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    sample: list[Decision] = field(default_factory=list)
    beyond: bool = False


def with_rule(entity: AnyEntity, rule: AssignmentRule, said: Document) -> list[Ruling]:
    """The rules as they would be if this one were saved so."""
    found = [r for r in deciding.rules(entity) if r.rule.pk != rule.pk]
    if rule.is_active:
        found.append(Ruling(rule, said))
    return sorted(found, key=lambda r: (r.rule.order, r.rule.created_at, r.rule.pk))


def attempt(entity: AnyEntity, rulings: Sequence[Ruling], now: dt.datetime | None = None) -> Trial:
    """Go through what came in, in its order, as if nobody had anything at the beginning and all turns were open.

    What a rule gives only to people on duty waits until the hours of the rule begin. What has been closed since counts
    for its owner until then. Limits of pools hold; what
    does not count as held now never did.
    """
    now = now or timezone.now()
    _man_empty(entity, rulings)
    rows = entity.rows(WHY).filter(deleted_at=None, created_at__gte=now - dt.timedelta(days=DAYS), created_at__lte=now)
    columns = (*deciding.columns(entity), "created_at", *(("closed_at",) if entity.is_staged else ()))
    rows = rows.annotate(_rule=deciding.which(entity, rulings), _free=_uncounted(entity))
    rows = rows.order_by("created_at", "pk").values(*columns, "_rule", "_free")
    trial = Trial(by_rule={r.rule.pk: [0, 0, 0] for r in rulings})
    everybody = {p.id: p for r in rulings for p in r.people}
    days: dict[UUID, Counter[dt.date]] = defaultdict(Counter)
    ends: list[tuple[dt.datetime, UUID]] = []
    off, today = own_days(), None
    for n, row in enumerate(rows[: MOST + 1].iterator(2_000)):
        if n == MOST:
            trial.beyond = True
            break
        trial.records += 1
        if row["_rule"] is None:
            trial.left += 1
            continue
        r = rulings[row["_rule"]]
        at = _moment(r, row["created_at"], off)
        while ends and ends[0][0] <= at:
            everybody[heapq.heappop(ends)[1]].open -= 1
        if (day := timezone.localdate(at)) != today:
            today = day
            for p in everybody.values():
                p.today = days[p.id][day]
        person = _one(entity, trial, r, row, at, off)
        if person is not None:
            days[person][day] += 1
            for room in everybody[person].limits(row["pool"]):
                room.left += room.pool in row["_free"]
            if row.get("closed_at"):
                heapq.heappush(ends, (max(row["closed_at"], at), person))
    trial.shares = [_share(everybody[pk].daily, pk, days[pk]) for pk in sorted(everybody)]
    return trial


def _uncounted(entity: AnyEntity) -> Any:
    """SQL: for which pools a record does not count as held, as it is now."""
    some = [(clocks.exempt(entity.key, k.document.limits.uncounted), k.pool.pk) for k in people.limited(entity)]
    cases = [Case(When(q, then=Value(pk)), default=None, output_field=UUIDField()) for q, pk in some]
    return Func(*cases, template="ARRAY[%(expressions)s]::uuid[]", output_field=ArrayField(UUIDField(null=True)))


def _man_empty(entity: AnyEntity, rulings: Sequence[Ruling]) -> None:
    users = {r.rule.pk: people.named(r.said.who) for r in rulings}
    everybody = list({u.pk: u for some in users.values() for u in some}.values())
    known = people.described(everybody)
    people.let_hold(entity, everybody, known, lambda _pool, held, _user: held.most)
    for r in rulings:
        r.people, r.turns = [known[u.pk] for u in users[r.rule.pk]], {}


def _moment(r: Ruling, at: dt.datetime, off: Any) -> dt.datetime:
    waits = any(w.what == "on_duty" for w in r.said.must)
    return clock.after(at, 0, r.said.hours, off) if waits else at


def _one(entity: AnyEntity, trial: Trial, r: Ruling, row: dict[str, Any], at: dt.datetime, off: Any) -> UUID | None:
    counts, kinds = trial.by_rule[r.rule.pk], Decision.Outcome
    if r.said.mode == "hand":
        counts[2] += 1
        return None
    choice = r.decide(deciding.facts(entity, row), at, off)
    counts[0 if choice.person else 1] += 1
    if choice.person is None:
        trial.reasons.update({reason for _pk, reason in choice.left})
    shown = sum(d.person_id is None for d in trial.sample) if choice.person is None else len(trial.sample)
    if shown < (SHOWN if choice.person else 2):
        trial.sample.append(
            Decision(entity=entity.key, record=row["pk"], rule=r.rule, person_id=choice.person, at=at,
                     outcome=kinds.GIVEN if choice.person else kinds.NOBODY, why=choice.why(r.said))
        )  # fmt: skip
    return choice.person


def _share(daily: int | None, pk: UUID, days: Counter[dt.date]) -> Share:
    full = sum(n >= daily for n in days.values()) if daily else 0
    return Share(pk, sum(days.values()), max(days.values(), default=0), full, daily)
