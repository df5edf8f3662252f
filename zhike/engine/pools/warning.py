"""Telling owners in time what is about to go back to a pool."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_noop

from zhike.engine import notices, query
from zhike.engine.entity import AnyEntity
from zhike.engine.models import PoolMove

from .known import of

RECALLED = gettext_noop("%(name)s called a record of yours back to the pool: %(why)s")
TEXT = gettext_noop("%(n)s %(what)s go back to the pool within %(days)s days")


def warn(entity: AnyEntity, now: dt.datetime | None = None) -> int:
    """One notice for each owner of records whose last day is as near as a pool warns; how many people were told.

    Run again on the same day it tells nobody twice.
    """
    today = timezone.localdate(now)
    counts: dict[tuple[UUID, int], int] = defaultdict(int)
    for known in of(entity):
        rows = entity.rows("what owners are warned of").filter(pool=known.pool, owner__isnull=False, deleted_at=None)
        for days in known.document.warn:
            begun = query.moment(today + dt.timedelta(days=days))
            due = rows.filter(recycle_at__gte=begun, recycle_at__lt=begun + dt.timedelta(days=1))
            for owner in due.values_list("owner", flat=True):
                counts[owner, days] += 1
    for (owner, days), n in counts.items():
        params = {"n": str(n), "entity": entity.key, "days": str(days)}
        cause = f"pool:{entity.key}:{owner}:{today}:{days}"
        notices.tell(owner, TEXT, params, f"/{entity.key}/?view=returning", cause, kind="returning", now=now)
    return len({owner for owner, _days in counts})


def recalled(moves: Iterable[PoolMove], by: str) -> None:
    """Tell those whose records somebody else called back; the notice leads to where the record lies now."""
    for move in moves:
        if move.kind == PoolMove.Kind.RECALL and move.user_id and move.user_id != move.by_id:
            url, cause = f"/pools/{move.pool_id}/{move.record}", f"recall:{move.pk}"
            notices.tell(move.user_id, RECALLED, {"name": by, "why": move.reason}, url, cause, kind="returning")
