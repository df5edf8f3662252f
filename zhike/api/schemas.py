"""What one actor may read and write of an entity, as schemas: they follow fields, custom ones too, by themselves."""

from __future__ import annotations

from zhike.engine import access, deeds, merging
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity

from . import shapes
from .shapes import Schema

BULK = 1_000
NOTE: Schema = {"type": ["string", "null"], "maxLength": 300, "description": "why; kept with the change"}
VERSION: Schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def reading(actor: Actor, entity: AnyEntity) -> Schema:
    """One record as the actor may see it; which of its fields are there, `fields` of the request says."""
    hidden = access.masked(actor, entity)
    fields = {
        key: {"type": ["string", "null"], "title": str(a.label), "description": "masked in part"}
        if key in hidden
        else shapes.of(a, write=False)
        for key, a in access.readable(actor, entity).items()
    }
    own: Schema = {
        "id": shapes.UUID,
        "version": {"type": "integer", "minimum": 1},
        **fields,
        "names": NAMES,
        "masked": {"type": "array", "items": {"type": "string"}, "description": "fields shown in part"},
    }
    if entity.signs:
        own["hints"] = HINTS
    return {"type": "object", "properties": own, "required": ["id", "version"], "additionalProperties": False}


HINTS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": "of what was just written: what is there already and looks the same",
}
NAMES: Schema = {
    "type": "object",
    "description": "id -> name of what is linked to, as far as you may see it",
    "additionalProperties": {"type": "string"},
}


def creating(actor: Actor, entity: AnyEntity) -> Schema:
    """A new record."""
    written = access.writable(actor, entity)
    return {
        "type": "object",
        "properties": {key: shapes.of(a, write=True) for key, a in written.items()},
        "required": [k for k, a in written.items() if a.required and a.default is None and not a.visible_if],
        "additionalProperties": False,
    }


def updating(actor: Actor, entity: AnyEntity) -> Schema:
    """A change: what is not named stays."""
    return {k: v for k, v in creating(actor, entity).items() if k != "required"}


def acting(actor: Actor, entity: AnyEntity, action: str) -> Schema:
    """What an action asks for."""
    if action == "merge":
        return merging_of(actor, entity)
    written = access.writable(actor, entity)
    if action == "restore":
        keys: tuple[str, ...] = ()
    else:
        keys = ("owner",) if action == "transfer" else entity.actions[action].fields
    fields = {key: shapes.of(written[key], write=True) for key in keys if key in written}
    if action != "restore":
        fields.setdefault("note", NOTE)
    required = ["owner"] if action == "transfer" else []
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def actions(actor: Actor, entity: AnyEntity) -> list[str]:
    """The named actions that the actor may run on at least some records."""
    found = [name for name in entity.actions if access.may(actor, entity, name)]
    if entity.has_owner and access.may(actor, entity, "transfer") and "owner" in access.writable(actor, entity):
        found.append("transfer")
    if merging.mergeable(entity) and all(access.may(actor, entity, a) for a in (*merging.TAKES, "delete")):
        found.append("merge")
    return [*found, "restore"] if access.may(actor, entity, "restore") else found


def merging_of(actor: Actor, entity: AnyEntity) -> Schema:
    """What a merge asks for: the records that go, and of which record each field gets its value."""
    one = {"id": shapes.UUID, "version": VERSION}
    item = {"type": "object", "properties": one, "required": ["id"], "additionalProperties": False}
    source: Schema = {
        "type": "string", "maxLength": 36,
        "description": "id of the record whose value it gets, or all: lists united, texts one below the other",
    }  # fmt: skip
    chosen = {key: source for key, a in access.writable(actor, entity).items() if a.stored and a.kind.key != "json"}
    return {
        "type": "object",
        "properties": {
            "others": {"type": "array", "items": item, "minItems": 1, "maxItems": merging.MOST - 1},
            "values": {"type": "object", "properties": chosen, "additionalProperties": False},
        },
        "required": ["others"],
        "additionalProperties": False,
    }


def bulk(actor: Actor, entity: AnyEntity) -> Schema:
    """Many at once: one action for up to 1,000 records, or for all that a filter finds."""
    from . import operations  # what it says of actions is said here

    listed = [bulk_of(actor, entity, name) for name in bulk_actions(actor, entity)]
    return {"oneOf": [*listed, *(operations.body_of(actor, entity, name) for name in deeds.offered(actor, entity))]}


def bulk_actions(actor: Actor, entity: AnyEntity) -> list[str]:
    """What the actor may do with many at once."""
    if not access.may(actor, entity, "bulk"):
        return []
    plain = [name for name in ("create", "update", "delete") if access.may(actor, entity, name)]
    return [*plain, *(name for name in actions(actor, entity) if name != "merge")]


def bulk_of(actor: Actor, entity: AnyEntity, action: str) -> Schema:
    """The body for one action. Changing and deleting need the version that the change is based on."""
    if action == "create":
        item: Schema = {"values": creating(actor, entity)}
    elif action == "delete":
        item = {"id": shapes.UUID, "version": VERSION}
    elif action == "restore":
        item = {"id": shapes.UUID}
    else:
        schema = updating(actor, entity) if action == "update" else acting(actor, entity, action)
        item = {"id": shapes.UUID, "version": VERSION, "values": schema}
    required = [k for k in item if k != "version" or action in ("update", "delete")]
    one = {"type": "object", "properties": item, "required": required, "additionalProperties": False}
    items = {"type": "array", "items": one, "minItems": 1, "maxItems": BULK}
    return {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": [action]}, "items": items},
        "required": ["action", "items"],
        "additionalProperties": False,
    }
