"""Taking from a pool, giving from it, calling back to it; and the sweep that returns what nobody looked after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from zhike.base.models import User
from zhike.engine import query, records
from zhike.engine.access import Actor, Place
from zhike.engine.attempts import Outcome, attempt
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import OwnerPeriod, PoolMove

from . import known, owning, settling, telling
from .known import Known

BATCH = 500
TAKEN, WAIT, LIMIT = "taken", "wait", "limit"


def claim(actor: Actor, pool: UUID, ids: Sequence[UUID]) -> Outcome:
    """Take records from a pool: each of them, or not, with the reason. Raises Missing where the pool is not open.

    Two who take the same at one moment wait for each other, and the second is told that it is gone; so do two requests
    of one person, so that limits hold.
    """
    found = known.find(actor, pool)
    outcome = Outcome()
    with transaction.atomic():
        owning.lock(known.of(found.entity), [actor.user])
        rows = _free(found, ids)
        outcome.skip([pk for pk in ids if pk not in rows], TAKEN, _("No longer in the pool: somebody was quicker."))
        wanted = [pk for pk in dict.fromkeys(ids) if pk in rows]
        wanted = _past_waits(actor.user, found, rows, wanted, outcome)
        wanted = _within_limits(actor.user, found, wanted, outcome)
        _give(known.inside(actor, found), found, wanted, "claim", actor.user, outcome)
    return outcome


def assign(actor: Actor, pool: UUID, ids: Sequence[UUID], to: UUID, note: str = "") -> Outcome:
    """Give records of a pool to somebody, for who keeps the pool. Raises Missing or Refused."""
    found = known.find(actor, pool)
    if "assign" not in known.allowed(actor, found):
        raise Refused(f"assign {found.entity.key}")
    person = User.objects.select_related("department").filter(pk=to, deleted_at=None).first()
    if person is None:
        raise Missing
    outcome = Outcome()
    with transaction.atomic():
        rows = _free(found, ids)
        outcome.skip([pk for pk in ids if pk not in rows], TAKEN, _("No longer in the pool: somebody was quicker."))
        _give(known.inside(actor, found), found, [pk for pk in ids if pk in rows], "assign", person, outcome, note)
    return outcome


def recall(actor: Actor, pool: UUID, ids: Sequence[UUID], note: str) -> Outcome:
    """Call records back from whoever has them, for who keeps the pool and may see them. Raises Missing, Refused."""
    found = known.find(actor, pool)
    if "recall" not in known.allowed(actor, found):
        raise Refused(f"recall {found.entity.key}")
    entity, outcome = found.entity, Outcome()
    seen = set(query.visible(actor, entity).filter(pk__in=ids, owner__isnull=False).values_list("pk", flat=True))
    outcome.skip([pk for pk in ids if pk not in seen], TAKEN)
    here = _ruling(actor, entity, "recall", seen)
    work = partial(_written, here, entity, "recall", extra={"pool": found.pool.pk}, note=note)
    attempt([pk for pk in ids if pk in seen], work, outcome)
    return outcome


def sweep(entity: AnyEntity, now: dt.datetime | None = None) -> int:
    """Return to their pools all records whose time has come; how many.

    In batches, each a transaction: what was done stays done, and a sweep that was broken off goes on where it stood.
    What was just looked after is passed over, because dates are worked out anew and rows are locked before they go.
    """
    now, count, left = now or timezone.now(), 0, set[UUID]()
    while ids := _next(entity, now, left):
        settling.settle(entity, ids)
        due = list(_due(entity, now).filter(pk__in=ids).values_list("pk", "pool", "recycle_rule"))
        outcome = Outcome()
        for pool, rule in {(pool, rule) for _pk, pool, rule in due}:
            some = [pk for pk, *by in due if by == [pool, rule]]
            with translation.override(settings.LANGUAGE_CODE):
                note = telling.reason(entity, some[0])
            here = _ruling(Actor.of_rule(), entity, "recycle", some, Q(recycle_at__lte=now, owner__isnull=False))
            attempt(some, partial(_written, here, entity, "recycle", extra={}, note=note), outcome)
        count += len(outcome.done)
        left |= {pk for pk in ids if pk in outcome.skipped}
    return count


def _next(entity: AnyEntity, now: dt.datetime, left: Collection[UUID]) -> list[UUID]:
    rows = _due(entity, now).exclude(pk__in=left).order_by("recycle_at", "pk")
    return list(rows.values_list("pk", flat=True)[:BATCH])


def _due(entity: AnyEntity, now: dt.datetime) -> Any:
    return entity.rows(settling.WHY).filter(recycle_at__lte=now, owner__isnull=False, deleted_at=None)


def _ruling(actor: Actor, entity: AnyEntity, action: str, ids: Collection[UUID], still: Q | None = None) -> Actor:
    """Who acts on some rows by a rule, as long as it `still` holds for them."""
    return replace(
        actor,
        limit=None,
        place=Place(entity.key, {entity.key: Q(pk__in=list(ids)) & (still or Q())}, frozenset({action})),
    )


def _written(
    actor: Actor, entity: AnyEntity, action: str, ids: Sequence[UUID], *, extra: dict[str, Any], note: str
) -> None:
    records.update_many(actor, entity, {pk: {} for pk in ids}, action=action, extra=extra, note=note)


def _free(found: Known, ids: Sequence[UUID]) -> dict[UUID, tuple[dt.datetime | None, UUID | None]]:
    """Of some records those that lie in the pool, locked: since when, and whose they were."""
    rows = found.entity.rows("what lies in a pool that is open to the actor").filter(known.lying(found), pk__in=ids)
    rows = rows.order_by("pk").select_for_update(of=("self",))
    return {pk: (at, former) for pk, at, former in rows.values_list("pk", "pooled_at", "former_owner")}


def _past_waits(
    person: User,
    found: Known,
    rows: dict[UUID, tuple[dt.datetime | None, UUID | None]],
    wanted: list[UUID],
    outcome: Outcome,
) -> list[UUID]:
    """Without what one has just lost oneself, and what nobody may take yet."""
    limits, now, passed = found.document.limits, timezone.now(), []
    wait = dt.timedelta(days=limits.former_days)
    lost = _lost(person, wanted, now - wait)
    for pk in wanted:
        at, former = rows[pk]
        until = (at or now) + dt.timedelta(hours=limits.fresh_hours)
        whose = max(lost.get(pk, now - wait), (at or now) if former == person.pk else now - wait) + wait
        if until > now:
            outcome.skip([pk], WAIT, _("Free from %(when)s on.") % {"when": telling.moment(until)})
        elif whose > now:
            text = _("It was yours: you can take it again from %(when)s on.") % {"when": telling.moment(whose)}
            outcome.skip([pk], WAIT, text)
        else:
            passed.append(pk)
    return passed


def _lost(person: User, ids: Collection[UUID], since: dt.datetime) -> dict[UUID, dt.datetime]:
    """When these records ceased to be somebody's, if not before `since`; others may have had them in between."""
    rows = OwnerPeriod.objects.filter(record__in=ids, owner=person, to_at__gt=since)
    return {record: at for record, at in rows.order_by("to_at").values_list("record", "to_at") if at is not None}


def taken(person: User, found: Known) -> int:
    """How many somebody has taken from a pool in the period that runs."""
    per = found.document.limits.per
    begun, _end = query.period("today" if per == "day" else f"this_{per}")
    rows = PoolMove.objects.filter(user=person, pool=found.pool, kind=PoolMove.Kind.CLAIM)
    return rows.filter(at__gte=query.moment(begun or timezone.localdate())).count()


def _within_limits(person: User, found: Known, wanted: list[UUID], outcome: Outcome) -> list[UUID]:
    limits = found.document.limits
    if limits.claims is not None:
        room = max(0, limits.claims - taken(person, found))
        text = {
            "day": _("You have taken as many as one may take in a day (%(most)s)."),
            "week": _("You have taken as many as one may take in a week (%(most)s)."),
            "month": _("You have taken as many as one may take in a month (%(most)s)."),
        }[limits.per] % {"most": limits.claims}
        outcome.skip(wanted[room:], LIMIT, text)
        wanted = wanted[:room]
    return wanted


def _give(
    actor: Actor, found: Known, ids: Sequence[UUID], action: str, to: User, outcome: Outcome, note: str = ""
) -> None:
    work: Callable[[Sequence[UUID]], None] = partial(
        _written, actor, found.entity, action, extra={"owner": to.pk}, note=note
    )
    attempt(ids, work, outcome)


def room(person: User, found: Known) -> int | None:
    """How many more records of a pool's kind somebody may hold; None without a limit."""
    held = [h for h in found.document.limits.holding if owning.concerns(h, person, found)]
    return min((owning.free(found, h, person) for h in held), default=None)
