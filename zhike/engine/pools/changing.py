"""Changing what holds in a pool: checked, shown what it would do, saved with its trace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Role
from zhike.engine import history, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.models import Pool

from . import clocks, document, known, settling

OFFICES = (Role.Office.ALL, Role.Office.SYSTEM)
SHOWN = 20
AT_ONCE = 5_000


@dataclass
class Effect:
    """What a change would do: records that would return at once, within 7 and within 30 days, and some of the first."""

    now: int = 0
    week: int = 0
    month: int = 0
    first: list[UUID] = field(default_factory=list)


def required(actor: Actor) -> None:
    """Refused without an administrator's office."""
    if actor.office not in OFFICES:
        raise Refused("pools")


def find(pk: UUID) -> Pool:
    """A pool, in use or not; Missing."""
    pool = Pool.objects.filter(pk=pk, deleted_at=None).first()
    if pool is None:
        raise Missing
    return pool


def checked(entity: AnyEntity, name: str, given: Any) -> document.Document:
    """What an administrator gave for a pool; Invalid with what is wrong by its place."""
    fields = [k for k, a in entity.attributes.items() if not a.unseen]
    said = document.checked(given, fields=fields, clocks=clocks.clocks, exemptions=clocks.exemptions)
    wrong: dict[str, list[Wrong]] = {} if name.strip() else {"name": [Wrong(_("Give it a name."), "required")]}
    for place, some in (("conditions", [said.conditions]), ("rules", [r.conditions for r in said.rules])):
        for conditions in some:
            try:
                entity.rows("whether conditions can be asked").filter(known.meeting(entity, conditions)).exists()
            except Invalid as invalid:
                wrong[place] = [w for found in invalid.first.values() for w in found]
    if wrong:
        raise Invalid([wrong])
    return said


def effect(actor: Actor, pool: Pool, said: document.Document) -> Effect:
    """What it would do, by doing it and taking it back."""
    required(actor)
    entity, found = get(pool.entity), Effect()
    with transaction.atomic():
        pool.document = document.stored(said)
        pool.save()
        settling.settle(entity)
        now = timezone.now()
        rows = entity.rows("how many a change would concern").filter(pool=pool, owner__isnull=False, deleted_at=None)
        due = rows.filter(recycle_at__lte=now)
        found.now = due.count()
        found.week, found.month = (rows.filter(recycle_at__lte=now + dt.timedelta(days=n)).count() for n in (7, 30))
        found.first = list(due.order_by("recycle_at", "pk").values_list("pk", flat=True)[:SHOWN])
        transaction.set_rollback(True)
    return found


def names(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """The titles of records that the reader may see."""
    found = query.names(actor, entity.key, ids)
    return [(pk, found[pk]) for pk in ids if pk in found]


def save(actor: Actor, pool: Pool, said: document.Document) -> bool:
    """Keep a pool; whether all dates are right already, else the caller has them worked out soon."""
    required(actor)
    entity = get(pool.entity)
    with transaction.atomic():
        history.acting(actor, "update")
        pool.document = document.stored(said)
        pool.save()
        few = not entity.rows("how many there are").order_by()[AT_ONCE : AT_ONCE + 1].exists()
        if few:
            settling.settle(entity)
    return few


def remove(actor: Actor, pool: Pool) -> None:
    """Take a pool out of use; Invalid while something lies in it."""
    required(actor)
    entity = get(pool.entity)
    if entity.rows("whether something lies in it").filter(pool=pool, owner=None, deleted_at=None).exists():
        raise Invalid([{"": [Wrong(_("Records still lie in this pool. Give them to somebody first."), "needed")]}])
    with transaction.atomic():
        history.acting(actor, "delete")
        pool.deleted_at, pool.is_active = timezone.now(), False
        pool.save()
        settling.settle(entity)
