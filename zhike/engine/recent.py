"""What somebody opened lately and often: theirs alone, and only as far as they may still see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from zhike.base.ids import uuid7

from .access import Actor
from .entity import AnyEntity
from .models import RecentRecord

KEPT = 200  # records per person
HALF = timedelta(days=14)  # after which an opening counts half
_OPENED = """
INSERT INTO engine_recentrecord AS r ("id", "user_id", "entity", "record", "at", "weight")
VALUES (%(id)s, %(user)s, %(entity)s, %(record)s, %(now)s, 1)
ON CONFLICT ("user_id", "entity", "record") DO UPDATE SET "at" = %(now)s,
  "weight" = 1 + r."weight" * 0.5 ^ (extract(epoch FROM %(now)s - r."at") / %(half)s)
RETURNING xmax = 0
"""


def opened(actor: Actor, entity: AnyEntity, pk: UUID) -> None:
    """Note that somebody opened a record; not what is done with another's hand."""
    if actor.by is not None or actor.limit is not None:
        return
    values: dict[str, Any] = {"id": uuid7(), "user": actor.user.pk, "entity": entity.key, "record": pk}
    moment = {"now": timezone.now(), "half": HALF.total_seconds()}
    with connection.cursor() as cursor:
        cursor.execute(_OPENED, values | moment)
        is_new = cursor.fetchone()[0]
    if is_new:
        mine = RecentRecord.objects.filter(user=actor.user.pk)
        mine.filter(pk__in=mine.order_by("-at").values("pk")[KEPT:]).delete()


def weights(actor: Actor) -> Mapping[tuple[str, UUID], float]:
    """(entity, record) -> how often and how lately it was opened; from 0, more is better."""
    now = timezone.now()
    rows = RecentRecord.objects.filter(user=actor.hand.pk).values_list("entity", "record", "at", "weight")
    return {(key, pk): weight * 0.5 ** ((now - at) / HALF) for key, pk, at, weight in rows}


def latest(actor: Actor, limit: int) -> list[tuple[str, UUID]]:
    """What was opened last, newest first; the caller reads it through the gate."""
    rows = RecentRecord.objects.filter(user=actor.hand.pk).order_by("-at").values_list("entity", "record")
    return list(rows[:limit])
