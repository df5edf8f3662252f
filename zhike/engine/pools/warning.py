"""Telling owners in time what is about to go back to a pool."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_noop

from zhike.engine import notices, query
from zhike.engine.entity import AnyEntity

from .known import of

TEXT = gettext_noop("%(n)s %(what)s go back to the pool within %(days)s days")


def warn(entity: AnyEntity, today: dt.date | None = None) -> int:
    """One notice for each owner of records whose last day is as near as a pool warns; how many people were told.

    Run again on the same day it tells nobody twice.
    """
    today = today or timezone.localdate()
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
        notices.tell(owner, TEXT, params, f"/{entity.key}/?view=returning", cause, kind="returning")
    return len({owner for owner, _days in counts})
