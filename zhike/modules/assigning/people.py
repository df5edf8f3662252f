"""The people whom rules name, with what decides about them: read once for a batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, Q
from django.utils import timezone

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Stage
from zhike.engine.pools import known, owning
from zhike.engine.pools.document import Holding

from .choosing import Candidate, Room
from .document import Span
from .models import Decision, Sheet

WHY = "how much each of the people has whom a rule names"


def named(ids: Collection[UUID]) -> list[User]:
    """Those who work here among people, departments (and below) and roles, in the order of their ids."""
    if not ids:
        return []
    some = Q(pk__in=ids) | Q(roles__overlap=list(ids)) | Q(department__ancestors__overlap=list(ids))
    rows = User.objects.filter(some, is_active=True, deleted_at=None).select_related("department")
    return list(rows.order_by("pk"))


def described(users: Sequence[User]) -> dict[UUID, Candidate]:
    """People by their sheets, without any load; who has no sheet takes whatever comes."""
    sheets = {sheet.person_id: sheet for sheet in Sheet.objects.filter(person__in=users)}
    return {user.pk: _described(user, sheets.get(user.pk) or Sheet(person=user)) for user in users}


def _described(user: User, sheet: Sheet) -> Candidate:
    is_away = bool(sheet.away_from or sheet.away_until)
    return Candidate(
        user.pk,
        is_receiving=sheet.is_receiving,
        daily=sheet.daily,
        open_limit=sheet.open_limit,
        territories=tuple(sheet.territories),
        skills=tuple(sheet.skills),
        hours=tuple(msgspec.convert(sheet.hours, list[Span])),
        away=(sheet.away_from, sheet.away_until) if is_away else None,
        hired_on=user.hired_on,
    )


def loaded(entity: AnyEntity, users: Sequence[User], now: dt.datetime) -> dict[UUID, Candidate]:
    """People with what they have now: one query for each figure, and one for each limit of a pool."""
    found = described(users)
    rows = open_rows(entity).filter(owner__in=list(found))
    for owner, n in rows.order_by().values_list("owner").annotate(n=Count("pk")):
        found[owner].open = n
    begun = query.moment(timezone.localdate(now))
    made = Decision.objects.filter(entity=entity.key, person__in=list(found), at__gte=begun)
    got = made.filter(outcome=Decision.Outcome.GIVEN).order_by().values_list("person")
    for person, n in got.annotate(n=Count("record", distinct=True)):
        found[person].today = n
    let_hold(entity, users, found, owning.free)
    return found


def let_hold(
    entity: AnyEntity, users: Sequence[User], found: Mapping[UUID, Candidate],
    left: Callable[[known.Known, Holding, User], int],
) -> None:  # fmt: skip
    """Note for each of the people what pools let them hold, by `left` of a limit and of one for whom it is."""
    for pool in limited(entity):
        for held in pool.document.limits.holding:
            concerned = [user for user in users if owning.concerns(held, user, pool)]
            for some in [concerned] if held.together and held.who else [[user] for user in concerned]:
                if some:
                    room = Room(pool.pool.pk, left(pool, held, some[0]))
                    for user in some:
                        found[user.pk].rooms.append(room)


def limited(entity: AnyEntity) -> list[known.Known]:
    """The pools of an entity that say how much one may hold."""
    return [k for k in known.of(entity) if k.document.limits.holding]


def open_rows(entity: AnyEntity) -> Any:
    """The records that somebody has to look after: of leads those that are open."""
    rows = entity.rows(WHY).filter(deleted_at=None)
    return rows.filter(status=Stage.Status.OPEN) if entity.is_staged else rows
