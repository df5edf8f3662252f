"""From an address to an entity."""

from __future__ import annotations

from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing


def entity_or_404(key: str) -> AnyEntity:
    """The entity of an address, or Missing."""
    found = entities().get(key)
    if found is None:
        raise Missing
    return found
