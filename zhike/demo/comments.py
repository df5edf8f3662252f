"""What the manager and others say under follow-ups of the seller whom visitors log in as."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from zhike.engine import guard
from zhike.modules.activities import commenting
from zhike.modules.activities.models import Activity

from .dice import at

if TYPE_CHECKING:
    from .store import Store

LATER = dt.timedelta(hours=2)


def comments(store: Store) -> None:
    """A few threads under the newest visits and calls, one answered and others still to be."""
    kinds, over = (Activity.Kind.VISIT, Activity.Kind.CALL, Activity.Kind.MEETING), at(store.days.last, 18)
    rows = guard.rows(Activity, "the demo firm").filter(owner=store.users["seller"], kind__in=kinds, status="done")
    rows = rows.filter(account__isnull=False, done_at__lt=over - LATER).exclude(body="")
    threads = store.firm.text["comments"]["threads"]
    names = {key: store.users[key].name for key in ("seller", "manager", "executive")}
    for activity, lines in zip(rows.order_by("-done_at", "pk")[: len(threads)], threads, strict=False):
        for n, line in enumerate(lines, start=1):
            who, _sep, words = line.partition(": ")
            people = [str(store.users[key].pk) for key in names if f"{{{key}}}" in words]
            when = min(activity.done_at + n * LATER, over)
            commenting.write(store.actors[who], activity.pk, words.format(**names), people, at=when)
