"""Six generic tools for every entity, so that the list stays short whatever the firm adds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.api import asking, schemas, shapes, values
from zhike.api.problems import Problem, bad_value, missing
from zhike.api.shapes import Schema
from zhike.engine import access, proposals, query, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing
from zhike.engine.models import Proposal

from .rpc import Caller

PLAIN = ("create", "update", "delete")
KEY: Schema = {"type": "string", "maxLength": 40, "description": "key of the entity, as list_entities gives it"}
ID: Schema = {**shapes.UUID, "description": "id of the record"}
PAIRS: Schema = {
    "type": "array",
    "maxItems": 20,
    "description": 'conditions as [field, operator, value], such as ["owner", "eq", "me"], ["account.tier", "eq", "A"] '
    'over a link; groups as ["any", […], […]], "all", "not"; records that point here as '
    '["some", "deal.account", […]] or "none"',
    "items": {"type": "array", "minItems": 2, "maxItems": 60},
}
OPEN: Schema = {"type": "object", "description": "field -> value, as describe_entity shows them"}
Run = Callable[[Caller, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Tool:
    """One tool: what it is called, says and takes."""

    title: str
    text: str
    properties: Mapping[str, Schema]
    required: tuple[str, ...]
    run: Run
    reads: bool = True

    @property
    def schema(self) -> Schema:
        """What it takes, as JSON Schema."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }


def described() -> list[dict[str, Any]]:
    """The tools as the protocol lists them."""
    return [
        {
            "name": name,
            "title": tool.title,
            "description": tool.text,
            "inputSchema": tool.schema,
            "annotations": {"readOnlyHint": tool.reads, "destructiveHint": not tool.reads, "openWorldHint": False},
        }
        for name, tool in TOOLS.items()
    ]


def run(caller: Caller, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Run a tool; raises Problem and what the engine raises."""
    tokens.count_request(caller.token, settings.API_PER_MINUTE)
    tool = TOOLS[name]
    values.checked(tool.schema, given)
    return tool.run(caller, given)


def entity_of(actor: Actor, key: str, action: str) -> AnyEntity:
    """The entity, if the actor may do the action on any of its records."""
    entity = entities().get(key)
    if entity is None or not access.may(actor, entity, action):
        raise missing()
    return entity


def list_entities(caller: Caller, _given: Mapping[str, Any]) -> dict[str, Any]:
    """What there is for this key, and what it may do with it."""
    found = []
    for entity in entities().values():
        may = [a for a in ("list", "read", *PLAIN) if access.may(caller.actor, entity, a)]
        if may:
            found.append({"key": entity.key, "name": str(entity.label), "plural": str(entity.plural), "may": may})
    return {"entities": found}


def describe_entity(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with their types, choices and filters; what can be written; the actions."""
    actor = caller.actor
    entity = entities().get(given["entity"])
    if entity is None or not any(access.may(actor, entity, a) for a in ("list", "read", *PLAIN)):
        raise missing()
    closed = access.closed(actor, entity)
    known = access.readable(actor, entity)
    shape = schemas.reading(actor, entity)["properties"]
    fields = {
        key: {
            **shape[key],
            "filters": [op for op in a.kind.ops if closed.get(key, Q()) != access.NOBODY or op in ("eq", "empty")],
            **({"choices": {k: str(label) for k, label in a.choices}} if a.choices else {}),
        }
        for key, a in known.items()
    }
    found: dict[str, Any] = {"key": entity.key, "name": str(entity.label), "fields": fields}
    if access.may(actor, entity, "create"):
        found["create"] = schemas.creating(actor, entity)
    if access.may(actor, entity, "update"):
        found["update"] = schemas.updating(actor, entity)
    doing = [*schemas.actions(actor, entity), *(["delete"] if access.may(actor, entity, "delete") else [])]
    found["actions"] = {a: {} if a == "delete" else schemas.acting(actor, entity, a) for a in doing}
    return found


def _pair(clause: Sequence[Any]) -> tuple[str, str]:
    """A condition as a parameter of the API."""
    if len(clause) <= 3 and clause[0] not in query.GROUPING and all(isinstance(part, str) for part in clause):
        return f"{clause[0]}__{clause[1]}", clause[2] if len(clause) > 2 else "1"
    return "where", json.dumps(clause, ensure_ascii=False)


def find(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """A page of records by conditions and words."""
    entity = entity_of(caller.actor, given["entity"], "list")
    pairs = [_pair(clause) for clause in given.get("where", ())]
    pairs += [(k, str(given[k])) for k in ("q", "sort", "cursor") if given.get(k)]
    pairs += [("limit", str(given.get("limit", 20))), ("total", "1")]
    wanted = asking.understood(pairs)
    if wanted.view.search:
        tokens.count_request(caller.token, settings.API_PER_MINUTE // 5, "find")
    fields = ",".join(given["fields"]) if given.get("fields") else None
    shown = values.chosen(caller.actor, access.readable(caller.actor, entity), fields, whole=False)
    found = asking.page(caller.actor, entity, wanted)
    reach = query.visible(caller.actor, entity, "list").filter(pk__in=found.ids)
    rows = {row.id: row for row in query.read(caller.actor, entity, reach, shown)}
    ordered = [rows[pk] for pk in found.ids if pk in rows]
    tokens.count_rows(caller.token, len(ordered))
    tokens.keep(caller.token, caller.actor, "list", entity=entity.key, ids=[row.id for row in ordered])
    return {
        "items": [values.record(row, shown) for row in ordered],
        "names": values.names(query.labels(caller.actor, shown, ordered)),
        "total": min(found.total or 0, query.COUNT_CAP),
        "cursor": found.cursor,
    }


def get(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """One record; or, as entity "proposal", how a change that was asked for ended."""
    pk = UUID(given["id"])
    if given["entity"] == "proposal":
        asked = Proposal.objects.filter(pk=pk, user=caller.actor.user, token=caller.token).first()
        if asked is None:
            raise Missing
        return _asked(asked)
    entity = entity_of(caller.actor, given["entity"], "read")
    known = list(access.readable(caller.actor, entity).values())
    rows = query.read(caller.actor, entity, query.visible(caller.actor, entity, "read").filter(pk=pk), known)
    if not rows:
        raise Missing
    tokens.count_rows(caller.token, 1)
    tokens.keep(caller.token, caller.actor, "read", entity=entity.key, ids=[pk])
    return {**values.record(rows[0], known), "names": values.names(query.labels(caller.actor, known, rows))}


def save(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for a new record, or for a change of one."""
    action = "update" if "id" in given else "create"
    entity = entity_of(caller.actor, given["entity"], action)
    shape = schemas.updating if action == "update" else schemas.creating
    if action == "update" and "version" not in given:
        raise bad_value("/version", _("Give the version of the record that your change is based on."), "required")
    body = values.checked(shape(caller.actor, entity), given["values"], "/values")
    return _propose(caller, entity, action, body, given)


def act(caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for a named action on a record, to delete it, or to restore it."""
    action = given["action"]
    entity = entity_of(caller.actor, given["entity"], action)
    if action != "delete" and action not in schemas.actions(caller.actor, entity):
        raise Problem(422, errors=[{"pointer": "/action", "code": "choice", "detail": _("There is no such action.")}])
    body = dict(given.get("values", {}))
    if action != "delete":
        values.checked(schemas.acting(caller.actor, entity, action), body, "/values")
    body.pop("note", None)
    return _propose(caller, entity, action, body, given)


def _propose(
    caller: Caller, entity: AnyEntity, action: str, body: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    written = values.taken(entity, body, access.writable(caller.actor, entity), "/values")
    made = proposals.propose(
        caller.actor,
        caller.token,
        entity,
        action,
        written,
        pk=UUID(given["id"]) if "id" in given else None,
        version=given.get("version"),
    )
    return _asked(made)


def _asked(made: Proposal) -> dict[str, Any]:
    state = proposals.state(made)
    found: dict[str, Any] = {"proposal": str(made.pk), "state": state, "result": made.result}
    if state == "asked":
        found["confirm_at"] = f"{settings.URL}/proposals/{made.pk}"
        found["note"] = _("Nothing is written yet. The owner of the key confirms this in Zhike.")
    return found


TOOLS: Mapping[str, Tool] = {
    "list_entities": Tool(
        "What there is", "The kinds of records that this key may use, and what it may do.", {}, (), list_entities
    ),
    "describe_entity": Tool(
        "Fields and actions",
        "Fields, types, choices, filters, and actions of one kind of record.",
        {"entity": KEY},
        ("entity",),
        describe_entity,
    ),
    "find": Tool(
        "Find records",
        "Records by conditions and words, at most 200 at a time; `cursor` of an answer gives the next ones.",
        {
            "entity": KEY,
            "where": PAIRS,
            "q": {"type": "string", "maxLength": 100, "description": "words, pinyin, the end of a number"},
            "sort": {"type": "string", "maxLength": 60, "description": "a field, with a minus for descending"},
            "fields": {"type": "array", "maxItems": 60, "items": {"type": "string", "maxLength": 60}},
            "limit": {"type": "integer", "minimum": 1, "maximum": 200},
            "cursor": {"type": "string", "maxLength": 1000},
        },
        ("entity",),
        find,
    ),
    "get": Tool(
        "Read one record",
        'One record with all its fields. As entity "proposal": how a change that was asked for ended.',
        {"entity": KEY, "id": ID},
        ("entity", "id"),
        get,
    ),
    "save": Tool(
        "Ask to create or change",
        "Ask for a new record, or with `id` and `version` for a change of one. A person confirms it first.",
        {"entity": KEY, "id": ID, "version": schemas.VERSION, "values": OPEN},
        ("entity", "values"),
        save,
        reads=False,
    ),
    "act": Tool(
        "Ask for an action",
        "Ask for an action of describe_entity on a record (win, transfer, delete …). A person confirms it first.",
        {
            "entity": KEY,
            "id": ID,
            "action": {"type": "string", "maxLength": 40},
            "version": schemas.VERSION,
            "values": OPEN,
        },
        ("entity", "id", "action"),
        act,
        reads=False,
    ),
}
