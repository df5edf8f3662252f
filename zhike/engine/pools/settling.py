"""Which pool each record belongs to and when it returns there: worked out anew after whatever could have changed it.

The date is stored, so that lists sort by it and the sweep reads an index; it follows from what is stored elsewhere, so
that it can be worked out again at any time and comes out the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Max, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from zhike.engine import bulk
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Stage

from . import clocks, dates
from .document import Document, Rule
from .known import Known, meeting, of

CHUNK = 5_000
NOTHING = Value("", output_field=CharField())
WHY = "the pool of a record and when it returns there follow from the rules of the firm"


def settle(entity: AnyEntity, ids: Collection[UUID] | None = None) -> int:
    """Bring pool, rule and date of records in step, of all without `ids`; how many were not.

    No permission asked, no version moved, no history: nothing here is what a person decided.
    """
    found = of(entity)
    if not found and ids is not None:
        return 0
    rows = entity.rows(WHY).filter(deleted_at=None)
    if ids is not None:
        rows = rows.filter(pk__among=ids)
    _home(rows, found)
    owned = rows.filter(owner__isnull=False)
    count = _write(entity, owned.exclude(pool__in=[k.pool.pk for k in found]).exclude(recycle_at=None), Document())
    return count + sum(_write(entity, owned.filter(pool=known.pool.pk), known.document) for known in found)


def _home(rows: QuerySet[Any], found: Sequence[Known]) -> None:
    """What belongs to no pool yet belongs to the first that is for it; a pool out of use keeps nothing."""
    homeless = rows.filter(Q(pool=None) | Q(pool__is_active=False) | Q(pool__deleted_at__isnull=False))
    ids = list(homeless.values_list("pk", flat=True).order_by()[:1])
    if not ids:
        return
    for known in found:
        wanted = homeless.filter(meeting(known.entity, known.document.conditions))
        plain = known.entity.rows(WHY).filter(pk__in=wanted.values("pk"))
        plain.update(pool=known.pool)


def _rule(entity: AnyEntity, said: Document) -> Combinable:
    """The key of the rule of each record: the first that fits, "" where none does or a state exempts it."""
    stays = Q(is_kept=True) | Q(held_since=None) | clocks.exempt(entity.key, said.exempt)
    if entity.is_staged:
        stays |= ~Q(status=Stage.Status.OPEN)  # what is closed, nobody has to look after
    cases = [When(stays, then=NOTHING)]
    for rule in said.rules:
        fits = meeting(entity, rule.conditions) if rule.conditions else Q(pk__isnull=False)
        cases.append(When(fits, then=Value(rule.key, output_field=CharField())))
    return Case(*cases, default=NOTHING, output_field=CharField())


def _write(entity: AnyEntity, rows: QuerySet[Any], said: Document) -> int:
    """Work out the dates of some rows and write those that differ."""
    rules = {rule.key: rule for rule in said.rules}
    columns = ("pk", "held_since", "recycle_at", "recycle_rule", "_rule")
    found = rows.annotate(_rule=_rule(entity, said)).order_by().values_list(*columns).iterator(CHUNK)
    count = 0
    while some := list(islice(found, CHUNK)):
        last = _last(entity, said, [(pk, rules[key]) for pk, *_now, key in some if key in rules])
        data: dict[UUID, dict[str, Any]] = {}
        for pk, since, at, before, key in some:
            wanted = dates.returns_at(rules[key], since, last.get(pk)) if key in rules else None
            if (wanted, key) != (at, before):
                data[pk] = {"recycle_at": wanted, "recycle_rule": key}
        count += bulk.assign(entity.model, data)
    return count


def _last(entity: AnyEntity, said: Document, rows: Sequence[tuple[UUID, Rule]]) -> dict[UUID, dt.datetime]:
    """When what the rule of each record counts happened last: one query for each clock."""
    found: dict[UUID, dt.datetime] = {}
    for key in {rule.clock for _pk, rule in rows} & clocks.clocks.keys():
        if (events := clocks.clocks[key].events(entity.key, said.counts)) is not None:
            moments, of, when = events
            wanted = moments.filter(**{f"{of}__in": [pk for pk, rule in rows if rule.clock == key]})
            found |= dict(wanted.order_by().values_list(of).annotate(last=Max(when)))
    return found
