"""Which data of persons the system keeps, and how many roles see them how far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine.access import ANY, ORDER
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.kinds import Attribute


@dataclass(frozen=True)
class Line:
    """One field: its class, and how many roles hide, mask, read and write it; `none` have no right to the entity."""

    entity: AnyEntity
    attribute: Attribute
    hidden: int
    masked: int
    read: int
    write: int
    none: int


def inventory(classes: Iterable[str] = ()) -> list[Line]:
    """Every field of every entity, those of the given classes where any are given."""
    wanted = set(classes)
    roles = list(Role.objects.filter(deleted_at=None))
    seen = _seen(roles)
    said = {
        (g.role_id, g.entity, g.key): g.level
        for g in FieldGrant.objects.filter(role__in=[r.pk for r in roles], when="")
    }
    found = []
    for entity in sorted(entities().values(), key=lambda e: (e.menu or 500, e.key)):
        for a in entity.attributes.values():
            if (wanted and a.data_class not in wanted) or a.unseen:
                continue
            counts = dict.fromkeys((*ORDER, "none"), 0)
            for role in roles:
                right = entity.key in seen[role.pk]
                counts[said.get((role.pk, entity.key, a.key), a.level) if right else "none"] += 1
            found.append(Line(entity, a, **counts))
    return found


def _seen(roles: Iterable[Role]) -> dict[Any, set[str]]:
    """role -> the entities of which it sees any rows."""
    ids = [r.pk for r in roles]
    found: dict[Any, set[str]] = {pk: set() for pk in ids}
    rows = Grant.objects.filter(role__in=ids, action__in=("list", "read", ANY))
    for role, entity in rows.values_list("role", "entity"):
        found[role] |= set(entities()) if entity == ANY else {entity}
    return found
