"""A record of any entity, made through the write path from what the registry says of its fields."""

from __future__ import annotations

import itertools
from typing import Any

from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get

_count = itertools.count(1)
TEXT = {
    "text": "记录{}",
    "longtext": "说明{}",
    "richtext": "<p>说明{}</p>",
    "address": "人民路{}号",
    "url": "https://example.com/{}",
    "email": "u{}@example.com",
}
FIXED = {
    "integer": "7",
    "decimal": "7.5",
    "money": "1200.50",
    "percent": "25",
    "boolean": "1",
    "date": "2026-11-20",
    "datetime": "2026-11-20 10:00",
    "region": "310115",
    "industry": "39",
}


def value(actor: Actor, entity: AnyEntity, key: str) -> Any:
    """A value that fits a field; links lead to a new record of the same author."""
    a = entity.attributes[key]
    n = next(_count)
    if a.kind.key == "phone" or (entity.key, key) == ("contactpoint", "value"):
        return f"139{n:08d}"
    if (entity.key, key) == ("target", "first_on"):
        return f"{1900 + n // 12}-{n % 12 + 1:02}-01"  # one target for each month
    if a.choices or a.kind.key == "user":
        return a.choices[0][0] if a.choices else str(actor.user.pk)
    if a.kind.key == "identity":
        return f"11010519491231{n:04d}"
    if a.is_link:
        return str(make(actor, get(a.target)).pk)
    return TEXT[a.kind.key].format(n) if a.kind.key in TEXT else FIXED[a.kind.key]


def values(actor: Actor, entity: AnyEntity) -> dict[str, Any]:
    """The least that a record of an entity needs: required fields, its title, and one record to be seen through."""
    keys = {k for k, a in entity.attributes.items() if a.required}
    if entity.attributes[entity.title].editable:
        keys.add(entity.title)
    if entity.via and not keys & set(entity.via):
        keys.add(entity.via[0])
    keys -= {"pipeline", "stage", "owner"}
    return {k: value(actor, entity, k) for k in sorted(keys)}


def make(actor: Actor, entity: AnyEntity) -> Any:
    """A saved record."""
    return records.create(actor, entity, values(actor, entity))
