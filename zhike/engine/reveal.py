"""Showing a masked value whole: a right of its own, counted, limited and written to the history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Policy

from . import access, history, query
from .access import Actor
from .entity import AnyEntity
from .errors import Limited, Missing
from .models import History

ACTION = "reveal"


def reveal(actor: Actor, entity: AnyEntity, pk: UUID, keys: Sequence[str]) -> Mapping[str, Any]:
    """The whole values of masked fields of one record, which leaves a trace of who saw which field and when.

    Raises Refused without the right, Missing for a record or a field that is not there or not masked for the actor,
    Limited above the firm's number per hour and per day (`Policy`), counted per person over all channels.
    """
    access.require(actor, entity, ACTION)
    known = access.readable(actor, entity)
    if not keys or any(key not in known or key not in access.masked(actor, entity) for key in keys):
        raise Missing
    if not query.visible(actor, entity, ACTION).filter(pk=pk).exists():
        raise Missing
    with transaction.atomic():
        _count(actor, len(keys))
        history.note(actor, ACTION, entity=entity.key, record=pk, details={"fields": sorted(keys)})
        row = entity.rows("reached through the gate above").get(pk=pk)
    return {key: known[key].read(row) for key in keys}


def _count(actor: Actor, wanted: int) -> None:
    with connection.cursor() as cursor:  # two requests of one person must not both find the last one free
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"reveal:{actor.hand.pk}"])
    policy, now = Policy.current(), timezone.now()
    for limit, span in (
        (policy.reveals_per_hour, dt.timedelta(hours=1)),
        (policy.reveals_per_day, dt.timedelta(days=1)),
    ):
        rows = History.objects.filter(actor=actor.hand.pk, action=ACTION, at__gte=now - span)
        done = sum(len(d.get("fields", ())) for d in rows.values_list("details", flat=True))
        if done + wanted > limit:
            first = rows.order_by("at").values_list("at", flat=True).first() or now
            text = _("You have revealed %(n)s values already; the limit is %(limit)s in this time. Try again later.")
            raise Limited(text % {"n": done, "limit": limit}, max(1, int((first + span - now).total_seconds())))
