"""Looking at one record of a pool: how many somebody may open a day is limited, and each is noted."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from zhike.engine import history, query, quota
from zhike.engine.access import Actor
from zhike.engine.errors import Limited

from . import known
from .known import Known


def look(actor: Actor, found: Known, record: UUID) -> query.Page:
    """The record as the pool shows it. Raises Missing for what does not lie in it, Limited beyond the day's number."""
    shown = query.record(known.inside(actor, found), found.entity, record)
    count(actor, found, record)
    return shown


def count(actor: Actor, found: Known, record: UUID) -> None:
    """Note that somebody opens a record; Limited when it was the day's last."""
    most = found.document.limits.looks
    used = quota.spend(f"look:{actor.user.pk.hex[:16]}:{found.pool.pk.hex[:16]}", 1, window=quota.day())
    if most is not None and used > most:
        raise Limited(_("You have opened as many of this pool as one may in a day."), quota.to_next_day())
    history.note(actor, "look", entity=found.entity.key, record=record)
