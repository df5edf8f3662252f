"""The read gate: every read of every channel begins with `visible`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute
from zhike.engine.words import NONE

DIRECTORY = frozenset({"user", "department", "role", "pipeline", "stage"})
NAMES = frozenset({"name", "key", "status"})  # what everybody may ask of the firm's directory


def every(entity: AnyEntity) -> QuerySet[Any]:
    """All rows of an entity but those in the recycle bin, for those who then say which of them."""
    return entity.rows().filter(deleted_at=None)


def visible(actor: Actor, entity: AnyEntity, action: str = "list") -> QuerySet[Any]:
    """The rows of `entity` on which the actor may do `action`, without the recycle bin."""
    return every(entity).filter(access.rows(actor, entity, action))


def open_fields(known: Mapping[str, Attribute], closed: Collection[str]) -> dict[str, Attribute]:
    """The fields that may be sorted, grouped and measured: those that the reader sees whole."""
    return {key: a for key, a in known.items() if key not in closed}


@dataclass(frozen=True)
class Sight:
    """How far a filter looks: what `actor` may list and read; with `whole` at everything, for what the firm has set."""

    actor: Actor
    whole: bool = False

    def fields(self, entity: AnyEntity) -> tuple[Mapping[str, Attribute], Mapping[str, Q]]:
        """The fields that may be asked, and those among them that answer in some rows alone (access.closed)."""
        if self.whole:
            return entity.attributes, NONE
        known = access.readable(self.actor, entity)
        if not access.may(self.actor, entity, "list"):
            return ({k: a for k, a in known.items() if k in NAMES} if entity.key in DIRECTORY else {}), NONE
        return known, access.closed(self.actor, entity)

    def rows(self, entity: AnyEntity) -> QuerySet[Any]:
        """The rows that a link may lead to."""
        if self.whole or (entity.key in DIRECTORY and not access.may(self.actor, entity, "list")):
            return every(entity)
        return visible(self.actor, entity)
