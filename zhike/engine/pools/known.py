"""The pools of an entity, whom each is for, and what somebody may do there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy

from zhike.base import changes
from zhike.base.models import User
from zhike.engine import access
from zhike.engine.access import Actor, Place
from zhike.engine.entity import AnyEntity, declared, get
from zhike.engine.errors import Missing
from zhike.engine.models import Pool, Pooled

from . import document
from .document import Document

# What one needs a pool for, by the names that a key is given the right by.
MOVES = {
    "claim": gettext_lazy("Take from a pool"),
    "assign": gettext_lazy("Give from a pool"),
    "recall": gettext_lazy("Call back to a pool"),
}
TAKING = frozenset({"list", "read", "claim"})
KEEPING = TAKING | {"assign", "recall", "bulk"}


@dataclass(frozen=True)
class Known:
    """A pool with what holds in it."""

    pool: Pool
    document: Document

    @property
    def entity(self) -> AnyEntity:
        """Of which records."""
        return get(self.pool.entity)

    def has_member(self, user: User) -> bool:
        """Whether somebody may take from it."""
        return covers(self.document.members, user) or self.has_admin(user)

    def has_admin(self, user: User) -> bool:
        """Whether somebody may give from it and put into it."""
        return covers(self.document.admins, user)


def is_pooled(entity: AnyEntity) -> bool:
    """Whether records of an entity can lie in pools."""
    return issubclass(entity.model, Pooled)


def covers(ids: Collection[UUID], user: User) -> bool:
    """Whether people, departments or roles include somebody who works here."""
    if not user.is_active or user.deleted_at:
        return False
    above = user.department.ancestors if user.department else []
    return not {user.pk, *user.roles, *above}.isdisjoint(ids)


def of(entity: AnyEntity) -> list[Known]:
    """The pools of an entity that are in use, in their order."""
    return [k for k in every() if k.pool.entity == entity.key] if is_pooled(entity) else []


def every() -> Sequence[Known]:
    """All pools in use."""
    return changes.kept(("pools",), _read)


def _read() -> tuple[Known, ...]:
    rows = Pool.objects.filter(is_active=True, deleted_at=None).order_by("entity", "order", "created_at")
    return tuple(Known(pool, document.read(pool.document)) for pool in rows if _is_known(pool))


def _is_known(pool: Pool) -> bool:
    return pool.entity in declared() and is_pooled(get(pool.entity))


def kept_by(actor: Actor, entity: AnyEntity) -> list[Known]:
    """The pools of an entity into which somebody may put records."""
    return [k for k in of(entity) if _is_open(actor, k) and k.has_admin(actor.user)]


def open_to(actor: Actor) -> list[Known]:
    """The pools that somebody may look into; who only looks as somebody, or by a token, must have the right to list."""
    return [k for k in every() if _is_open(actor, k)]


def _is_open(actor: Actor, known: Known) -> bool:
    if actor.account or (actor.limit and not actor.limit.allows(known.pool.entity, "list")):
        return False
    return known.has_member(actor.user)


def find(actor: Actor, pk: UUID) -> Known:
    """A pool that is open to somebody; Missing else."""
    pool = Pool.objects.filter(pk=pk, is_active=True, deleted_at=None).first()
    known = Known(pool, document.read(pool.document)) if pool and _is_known(pool) else None
    if known is None or not _is_open(actor, known):
        raise Missing
    return known


def inside(actor: Actor, known: Known) -> Actor:
    """The same person by the rights that the pool gives: its records, and of those the fields that it shows."""
    entity, said, actions = known.entity, known.document, allowed(actor, known)
    rows = {entity.key: lying(known), "tag": Q()}
    shown = frozenset({entity.title, *said.shown, *BESIDE})
    return replace(actor, limit=None, place=Place(entity.key, rows, actions, shown, frozenset(said.masked)))


def allowed(actor: Actor, known: Known) -> frozenset[str]:
    """What somebody to whom a pool is open may do there, within the bounds of a key."""
    actions = KEEPING if known.has_admin(actor.user) else TAKING
    return frozenset(a for a in actions if actor.limit is None or actor.limit.allows(known.pool.entity, a))


BESIDE = ("pooled_at", "created_at", "updated_at", "last_contact_at", "pool")


def lying(known: Known) -> Q:
    """The records that lie in a pool."""
    return Q(pool=known.pool.pk, owner=None, deleted_at=None)


def meeting(entity: AnyEntity, conditions: Sequence[Any]) -> Q:
    """The rows that meet stored conditions."""
    return access.meeting(Actor.of_rule(), entity, access.stored(conditions)) if conditions else Q()
