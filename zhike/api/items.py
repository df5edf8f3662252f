"""One record: read, change, delete, act, reveal, history."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _

from zhike.engine import access, history, merging, query, records, tokens
from zhike.engine import reveal as revealing
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Limited, Missing, Refused

from . import asking, bodies, door, lists, once, problems, schemas, shapes, values
from .door import Call
from .lists import entity_of
from .problems import Problem


def show(call: Call, key: str, pk: UUID) -> HttpResponse:
    """One record with the fields asked for; of one that was merged, where it is now."""
    entity = entity_of(call, key, "read")
    fields = asking.only(call.request, "fields").get("fields")
    wanted = values.chosen(call.actor, access.readable(call.actor, entity), fields, whole=True)
    try:
        response = _answer(call, entity, pk, wanted)
    except Missing:
        return _moved(call, entity, pk)
    tokens.count_rows(call.token, 1)
    tokens.keep(call.token, call.actor, "read", entity=key, ids=[pk])
    return response


def _moved(call: Call, entity: AnyEntity, pk: UUID, rest: str = "") -> HttpResponse:
    """Where the record is that a merged one became part of, for who may read that one; Missing otherwise."""
    keeper = merging.seen(call.actor, entity, pk)
    if keeper is None:
        raise Missing
    question = f"?{said}" if (said := call.request.META.get("QUERY_STRING", "")) else ""
    headers = {"Location": f"/api/v1/{entity.key}/{keeper}{rest}{question}"}
    return door.answer({"id": str(pk), "merged_into": str(keeper)}, status=308, headers=headers)


def shown(
    call: Call, entity: AnyEntity, pk: UUID, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A record after a change: as its reader sees it, or its id and version alone for a key that may not read."""
    known = list(access.readable(call.actor, entity).values())
    if access.may(call.actor, entity, "read"):
        try:
            return _answer(call, entity, pk, known, status=status, headers=headers)
        except Missing:
            pass
    body = {"id": str(pk), "version": _version(call, entity, pk), **lists.hints(call, pk)}
    return door.answer(body, status=status, headers=headers)


def _version(call: Call, entity: AnyEntity, pk: UUID) -> int:
    for action in ("update", "create", "list"):
        found = query.visible(call.actor, entity, action).filter(pk=pk).values_list("version", flat=True).first()
        if found is not None:
            return int(found)
    return 1


def _answer(
    call: Call,
    entity: AnyEntity,
    pk: UUID,
    attributes: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    rows = query.read(call.actor, entity, query.visible(call.actor, entity, "read").filter(pk=pk), attributes)
    if not rows:
        raise Missing
    body = values.record(rows[0], attributes)
    body["names"] = values.names(query.labels(call.actor, attributes, rows))
    tag = etag(rows[0].version, door.answer(body).content)  # of the record: the same as when it is read again
    response = door.answer({**body, **lists.hints(call, pk)}, status=status, headers=headers)
    response.headers["ETag"] = tag
    return response


def etag(version: int, content: bytes) -> str:
    """A tag of this version as this reader sees it: another reader, other fields, another language: another tag."""
    return f'"{version}-{hashlib.sha256(content).hexdigest()[:16]}"'


def based_on(call: Call, *, needed: bool) -> int | None:
    """The version that a change is based on, from If-Match; None for * and for none. Problem 428 where it lacks."""
    said = call.request.headers.get("If-Match")
    if said is None:
        if needed:
            raise Problem(428, _("Send If-Match with the ETag of the record that your change is based on."))
        return None
    if said.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"([1-9][0-9]{0,8})(-[0-9a-f]{16})?"\s*', said, re.ASCII)
    if found is None:
        raise Problem(412, _("If-Match takes one ETag as it was given, or *."))
    return int(found[1])


def change(call: Call, key: str, pk: UUID) -> HttpResponse:
    """Change the fields given; the others stay."""
    entity = entity_of(call, key, "update")
    asking.only(call.request)
    version = based_on(call, needed=True)
    body = values.checked(schemas.updating(call.actor, entity), bodies.read(call.request))
    given = values.taken(entity, body, access.writable(call.actor, entity))
    tokens.count_rows(call.token, 1)
    try:
        with transaction.atomic(), lists.doubles(call):
            records.update(call.actor, entity, pk, given, version=version)
            tokens.keep(call.token, call.actor, "update", entity=key, ids=[pk])
    except Refused as error:
        raise _closed(call, entity, pk, error, "update") from error
    return shown(call, entity, pk)


def _closed(call: Call, entity: AnyEntity, pk: UUID, error: Refused, action: str) -> Exception:
    """A refusal of a record that the caller may change otherwise: it is the values that are not allowed now."""
    if isinstance(error, Limited) or not query.visible(call.actor, entity, action).filter(pk=pk).exists():
        return error
    return Problem(422, _("One of these fields cannot be written in the state that the record is in."))


def remove(call: Call, key: str, pk: UUID) -> HttpResponse:
    """To the recycle bin."""
    entity = entity_of(call, key, "delete")
    asking.only(call.request)
    version = based_on(call, needed=True)
    with transaction.atomic():
        lists.same_versions(call, entity, {pk: version} if version is not None else {})
        records.delete_many(call.actor, entity, [pk])
        tokens.keep(call.token, call.actor, "delete", entity=key, ids=[pk])
    response = HttpResponse(status=204)
    del response.headers["Content-Type"]
    return response


def act(call: Call, key: str, pk: UUID, action: str) -> HttpResponse:
    """Run a named action."""
    entity = entity_of(call, key, action)
    if action not in schemas.actions(call.actor, entity):
        raise problems.missing()
    asking.only(call.request)
    version = based_on(call, needed=False)
    raw = bodies.read(call.request, needed=action in ("transfer", "merge"))
    body = dict(values.checked(schemas.acting(call.actor, entity, action), raw))
    if action == "merge":
        return _merge(call, entity, pk, body, version)
    writable = access.writable(call.actor, entity)
    note = "" if "note" in writable else body.pop("note", None) or ""

    def work() -> list[UUID]:
        if action == "restore":
            lists.restore(call, entity, [pk])
            return [pk]
        given = values.taken(entity, body, writable)
        versions = None if version is None else {pk: version}
        with lists.doubles(call):
            records.update_many(call.actor, entity, {pk: given}, action=action, versions=versions, note=note)
        return [pk]

    tokens.count_rows(call.token, 1)
    try:
        _ids, repeated = once.run(call, entity, action, work)
    except Refused as error:
        raise _closed(call, entity, pk, error, action) from error
    return shown(call, entity, pk, headers={once.REPEATED: "true"} if repeated else {})


def _merge(call: Call, entity: AnyEntity, pk: UUID, body: Mapping[str, Any], version: int | None) -> HttpResponse:
    """Make other records part of this one; what to undo is named in the header Operation-Id."""
    others, versions = merging.listed(body, pk, version)
    made: list[UUID] = []

    def work() -> list[UUID]:
        made.append(merging.merge(call.actor, entity, pk, others, body.get("values", {}), versions).pk)
        return [pk]

    tokens.count_rows(call.token, len(others) + 1)
    _ids, repeated = once.run(call, entity, "merge", work)
    headers = {once.REPEATED: "true"} if repeated else {"Operation-Id": str(made[0])}
    return shown(call, entity, pk, headers=headers)


FIELDS: shapes.Schema = {
    "type": "object",
    "properties": {"fields": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 20}},
    "required": ["fields"],
    "additionalProperties": False,
}


def reveal(call: Call, key: str, pk: UUID) -> HttpResponse:
    """The whole values of masked fields; counted, limited and kept in the history."""
    entity = entity_of(call, key, "reveal")
    asking.only(call.request)
    body = values.checked(FIELDS, bodies.read(call.request))
    keys = list(dict.fromkeys(body["fields"]))
    tokens.count_rows(call.token, 1)
    with transaction.atomic():
        found = revealing.reveal(call.actor, entity, pk, keys)
        tokens.keep(call.token, call.actor, "reveal", entity=key, ids=[pk])
    shown_ = {k: values.out(entity.attributes[k], value) for k, value in found.items()}
    return door.answer({"id": str(pk), "values": shown_})


def changes(call: Call, key: str, pk: UUID) -> HttpResponse:
    """The newest changes of a record, redacted for the reader of today."""
    entity = entity_of(call, key, "read")
    asking.only(call.request)
    try:
        entries = history.of(call.actor, entity, pk, limit=asking.LARGEST)
    except Missing:
        return _moved(call, entity, pk, "/history")
    tokens.count_rows(call.token, 1)
    tokens.keep(call.token, call.actor, "history", entity=key, ids=[pk])
    found = [
        {
            "at": e.at.isoformat(),
            "by": e.actor,
            "channel": e.channel,
            "action": e.action,
            "changes": [
                {"field": str(label), "before": before.striptags(), "after": after.striptags()}
                for label, before, after in e.changes
            ],
        }
        for e in entries
    ]
    return door.answer({"items": found})
