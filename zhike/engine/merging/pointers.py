"""Everything that can point at a record, found from the declarations and the models: there is no list of it here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from zhike.engine import catalog, custom
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.kinds import Attribute
from zhike.engine.models import (
    Erasure,
    History,
    IdempotencyKey,
    Notice,
    Operation,
    OwnerPeriod,
    PoolMove,
    Proposal,
    RecentRecord,
    Share,
    StageEvent,
    StoredFile,
)

# What happened to a record happened to it under its own id, and is read with the ids that it has taken over.
STAYS: tuple[type[models.Model], ...] = (
    *(History, StageEvent, OwnerPeriod, PoolMove, Erasure, Proposal, Operation),
    Notice,  # told of it under the name that it had
)
# The same of modules, by their labels.
STAYS_TOO = ("assigning.Decision", "assigning.Offer", "handover.HandoverItem")


@dataclass(frozen=True)
class Named:
    """A model of the engine whose rows name a record by its entity and id, and what else no two of them share."""

    model: type[models.Model]
    once: tuple[str, ...] = ()


MOVES = (
    Named(StoredFile),
    Named(IdempotencyKey),
    Named(RecentRecord, ("user_id",)),
    Named(Share, ("kind", "target")),
)


def links(key: str) -> Iterator[tuple[AnyEntity, Attribute]]:
    """The fields of all entities that lead to records of an entity, retired ones of the firm too."""
    for other in entities().values():
        known = other.attributes
        for a in (*known.values(), *(b for b in _retired(other) if b.key not in known)):
            if a.is_link and a.stored and a.target == key:
                yield other, a


def _retired(entity: AnyEntity) -> Iterator[Attribute]:
    fields = catalog.current().part("fields").get(entity.key) or {}
    for key, said in fields.items():
        if said.get("retired") and said.get("kind") in ("link", "links"):
            a = custom.attribute(entity.key, key, said)
            if a is not None:
                yield a


def keys(entity: AnyEntity) -> Iterator[models.Field[Any, Any]]:
    """Foreign keys to the table of an entity from tables that are no entity's.

    A table whose primary key is that link tells of each record by itself (figures counted of it): it does not move.
    """
    own = {e.model for e in entities().values()}
    for model in apps.get_models(include_auto_created=True):
        if model not in own:
            for f in model._meta.concrete_fields:
                if f.is_relation and not f.primary_key and f.related_model is entity.model:
                    yield f
