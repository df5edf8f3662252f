"""Whether somebody has something else at that time. A hint that never stands in the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.modules.activities.models import Activity

from . import events, own

SHOWN = 3


@dataclass(frozen=True)
class Hit:
    """Something else at the same time, as the asking person may see it."""

    id: UUID
    title: str
    begin: dt.datetime
    end: dt.datetime


def at(actor: Actor, owner: UUID, begin: dt.datetime, minutes: int | None, *, but: UUID | None = None) -> Sequence[Hit]:
    """What `owner` has planned between `begin` and its end, the first three; of others only what the actor may see.

    What has no time of day takes no time.
    """
    start = events.start_of(begin)
    known = access.readable(actor, own.entity())
    if not isinstance(start, dt.datetime) or not {"owner", "due_at", "status"} <= known.keys():
        return []
    end = start + dt.timedelta(minutes=events.length(start, minutes))
    rows = query.visible(actor, own.entity()).filter(
        owner=owner, status=Activity.Status.PLANNED, kind__in=own.KINDS,
        due_at__gt=start - dt.timedelta(days=1), due_at__lt=end,
    )  # fmt: skip
    keys = ["due_at", *(k for k in ("subject", "duration_minutes") if k in known)]
    found = []
    for row in query.read(actor, own.entity(), rows.exclude(pk=but).order_by("due_at", "pk"), [known[k] for k in keys]):
        other = events.start_of(row.values["due_at"])
        if not isinstance(other, dt.datetime):
            continue
        ends = other + dt.timedelta(minutes=events.length(other, row.values.get("duration_minutes")))
        if ends > start:
            found.append(Hit(row.id, str(row.values.get("subject") or ""), other, ends))
    return found[:SHOWN]
