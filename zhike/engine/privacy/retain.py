"""How long records are kept: rules of the firm, tried out without effect, run every night in small steps."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from zhike.engine import access, history, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.models import Erasure, Retention

from .erasing import CHANNEL, wipe
from .persons import is_person

BATCH = 200


def before(months: int, now: dt.datetime | None = None) -> dt.datetime:
    """The moment `months` ago; the 31st becomes the last day of a shorter month."""
    at = timezone.localtime(now or timezone.now())
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def due(rule: Retention, reader: Actor | None = None) -> QuerySet[Any]:
    """The records that a rule is for now: not changed for its months, as its conditions say, not done already.

    What other records still need (Related.holds) is no longer in it, and comes back once those are gone.
    Raises Invalid for conditions that name no field.
    """
    entity = get(rule.entity)
    rows = entity.rows("a rule of the firm, over all its records").filter(deleted_at=None)
    rows = rows.filter(updated_at__lt=before(rule.months))
    rows = query.narrow(rows, query.Sight(reader or _nobody(), whole=True), entity, access.stored(rule.conditions))
    if rule.doing == Retention.Doing.ERASE:
        done = Erasure.objects.filter(entity=entity.key, record=OuterRef("pk"))
        return rows.exclude(Exists(done)).order_by("pk")
    for related in entity.lists:
        if related.holds:
            other = get(related.entity)
            needed = other.rows("existence only, nothing is shown")
            needed = needed.alias(leads_to=other.attributes[related.by].typed())
            rows = rows.exclude(Exists(needed.filter(leads_to=OuterRef("pk"), deleted_at=None)))
    return rows.order_by("pk")


def _nobody() -> Actor:
    from zhike.base.models import User  # an actor without rights: conditions of rules never mean “me”

    return Actor(User(name=""), CHANNEL)


def run_rule(rule: Retention) -> int:
    """Do what a rule says, in transactions of BATCH records: a run that is broken off goes on where it stood."""
    entity, total = get(rule.entity), 0
    while True:
        with transaction.atomic():
            ids = list(due(rule).values_list("pk", flat=True)[:BATCH])
            if ids:
                _do(rule, entity, ids)
                _note(rule, len(ids), done=False)
        if not ids:
            break
        total += len(ids)
    Retention.objects.filter(pk=rule.pk).update(ran_at=timezone.now())
    _note(rule, total, done=True)
    return total


def _do(rule: Retention, entity: AnyEntity, ids: list[UUID]) -> None:
    if rule.doing == Retention.Doing.ERASE:
        for pk in ids:
            wipe(entity, pk, by=None, reason=rule.name, thorough=False)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('zhike.actor', '', true), set_config('zhike.channel', %s, true), "
            "set_config('zhike.action', 'delete', true), set_config('zhike.dated', '', true)",
            [CHANNEL],
        )
    now = timezone.now()
    entity.rows("a rule of the firm").filter(pk__in=ids).update(deleted_at=now, updated_at=now)
    for hook in entity.after_remove:
        hook(ids)


def _note(rule: Retention, rows: int, *, done: bool) -> None:
    details = {"rule": str(rule.pk), "entity": rule.entity, "doing": rule.doing, "rows": rows, "finished": done}
    history.note_event("retention", channel=CHANNEL, details=details)


def run_all() -> int:
    """Every night: all rules in force. One that fails does not keep the others; the error is raised at the end."""
    count, failed = 0, None
    for rule in Retention.objects.filter(is_active=True, deleted_at=None).order_by("pk"):
        if rule.entity not in entities():
            continue
        try:
            count += run_rule(rule)
        except Exception as error:
            failed = error
    if failed is not None:
        raise failed
    return count


def may_erase_by_rule(entity: AnyEntity) -> bool:
    """Whether a rule can erase: only records of persons hold something to erase."""
    return is_person(entity)
