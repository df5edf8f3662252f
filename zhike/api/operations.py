"""Many records by a filter, and what was done to them: how far it is, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _

from zhike.engine import access, deed_jobs, deeds, operations, tokens
from zhike.engine import undo as undoing
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing
from zhike.engine.models import Job, Operation
from zhike.jobs import tasks

from . import asking, door, once, schemas, shapes, values
from .door import Call
from .problems import bad_value
from .shapes import Schema

ID = "Operation-Id"  # the header that names what to undo, where the body lists records
NARROWING = ("q", "where")  # what chooses rows, besides conditions; all else only shows them otherwise
OPERATION: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "null"], "format": "uuid", "description": "null where nothing was to be done"},
        "state": {"type": "string", "enum": ["ready", "running", "done", "failed", "cancelled", "partly", "undone"]},
        "action": {"type": "string"},
        "entity": {"type": "string"},
        "rows": {"type": "integer", "description": "done so far"},
        "total": {"type": "integer", "description": "looked at in all"},
        "skipped": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "reason -> rows"},
        "operation": {"type": ["string", "null"], "format": "uuid", "description": "of long work: what to undo"},
        "error": {"type": "string"},
    },
    "required": ["id", "state", "action", "entity", "rows", "total", "skipped", "operation", "error"],
    "additionalProperties": False,
}


def body_of(actor: Any, entity: AnyEntity, action: str) -> Schema:
    """The body of one action on all records that a filter finds."""
    where = {"type": "string", "maxLength": 2_000, "description": "as in the address of the list; empty for all"}
    fields: dict[str, Schema] = {"action": {"type": "string", "enum": [action]}, "where": where}
    if action == "update":
        known = deeds.editable(actor, entity)
        whole = {k: shapes.of(a, write=True) for k, a in known.items()}
        lists = {k: whole[k] for k, a in known.items() if a.kind.blank == ()}
        fields["values"] = _fields(whole)
        fields |= {name: _fields(lists) for name in ("add", "remove") if lists}
    elif action not in ("delete", "restore"):
        acting = dict(schemas.acting(actor, entity, action)["properties"])
        fields["note"] = acting.pop("note", schemas.NOTE)
        fields["values"] = _fields(acting)
    required = ["action", "where", *(["values"] if action == "transfer" else [])]
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _fields(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def bulk(call: Call, entity: AnyEntity, action: str, body: Mapping[str, Any]) -> HttpResponse:
    """One action on all records that a filter finds: what cannot be done is left out and told."""
    values.checked(body_of(call.actor, entity, action), body)
    pairs = parse_qsl(body["where"], keep_blank_values=True)
    asked = asking.understood(pairs)
    for name, _value in pairs:
        if "__" not in name and name not in NARROWING:
            raise bad_value("/where", _("There is no such filter: %(name)s.") % {"name": name[:80]}, "unknown")
    writable = access.writable(call.actor, entity)
    given = values.taken(entity, body.get("values", {}), writable, "/values")
    deed = Deed(action, given, body.get("add", {}), body.get("remove", {}), body.get("note") or "")
    chosen = Chosen(where=asked.view.query())
    deeds.required(call.actor, entity, deed)
    rows = chosen.count(call.actor, entity, deed)
    tokens.count_rows(call.token, rows)

    def work() -> list[UUID]:
        if rows > deeds.AT_ONCE:
            job = deed_jobs.begin(call.actor, entity, deed, chosen, token=call.token)
            tasks.start_deed(job, "run")
            return [job.pk]
        made, _outcome = deed_jobs.at_once(call.actor, entity, deed, chosen)
        return [made.pk] if made else []

    ids, repeated = once.run(call, entity, f"bulk {action}", work)
    found = _found(call, ids[0]) if ids else None
    shown = _shown(found) if found else {**NOTHING, "action": action, "entity": entity.key}
    headers = {once.REPEATED: "true"} if repeated else {}
    return door.answer(shown, status=202 if isinstance(found, Job) else 200, headers=headers)


NOTHING: Mapping[str, Any] = {
    "id": None, "state": "done", "rows": 0, "total": 0, "skipped": {}, "operation": None, "error": "",
}  # fmt: skip


def _found(call: Call, pk: UUID) -> Operation | Job:
    """An operation or a piece of long work of this key's owner, as far as the key goes; Missing otherwise."""
    found: Operation | Job | None = operations.mine(call.actor).filter(pk=pk).first()
    if found is None:
        rows = Job.objects.filter(user=call.actor.user, kind__in=deed_jobs.KINDS, deleted_at=None)
        found = rows.filter(pk=pk, options__token=str(call.token.pk)).first()
    entity = entities().get(found.entity) if found else None
    if found is None or entity is None or not access.may(call.actor, entity, "list"):
        raise Missing
    return found


def _shown(found: Operation | Job) -> dict[str, Any]:
    if isinstance(found, Operation):
        total = found.rows + sum(found.skipped.values())
        return {
            **NOTHING, "id": str(found.pk), "state": found.state, "action": found.action, "entity": found.entity,
            "rows": found.rows, "total": total, "skipped": found.skipped, "operation": str(found.pk),
        }  # fmt: skip
    run = found.result.get("run", {})
    action = "undo" if found.kind == "undo" else found.options["deed"]["action"]
    made = found.options.get("made" if found.kind == "undo" else "operation")
    return {
        **NOTHING, "id": str(found.pk), "state": found.state, "action": action, "entity": found.entity,
        "rows": run.get("done", 0), "total": found.total, "skipped": run.get("skipped", {}),
        "operation": made or None, "error": found.result.get("error", ""),
    }  # fmt: skip


def show(call: Call, pk: UUID) -> HttpResponse:
    """How far an operation is."""
    asking.only(call.request)
    return door.answer(_shown(_found(call, pk)))


def undo(call: Call, pk: UUID) -> HttpResponse:
    """Take an operation back, within 7 days: what has been changed since is left out and told."""
    asking.only(call.request)
    found = _found(call, pk)
    made_by = found.options.get("operation") if isinstance(found, Job) else str(found.pk)
    if not made_by:
        raise bad_value("", _("Nothing was done that could be undone."), "closed")
    operation = undoing.required(call.actor, UUID(made_by))
    entity = entities()[operation.entity]
    tokens.count_rows(call.token, operation.rows)

    def work() -> list[UUID]:
        if operation.rows > undoing.AT_ONCE:
            job = deed_jobs.begin_undo(call.actor, operation.pk, token=call.token)
            tasks.start_deed(job, "run")
            return [job.pk]
        return [undoing.undo(call.actor, operation.pk).pk]

    ids, repeated = once.run(call, entity, "undo", work)
    shown = _found(call, ids[0])
    headers = {once.REPEATED: "true"} if repeated else {}
    return door.answer(_shown(shown), status=202 if isinstance(shown, Job) else 200, headers=headers)
