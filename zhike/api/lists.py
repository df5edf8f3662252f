"""Collections: list, create, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _

from zhike.engine import access, deeds, query, records, tokens
from zhike.engine import operations as kept
from zhike.engine.duplicates import check
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.models import Operation

from . import asking, bodies, door, once, operations, problems, schemas, values
from .door import Call
from .problems import Problem, bad_value

CONFIRMED, KNOWN = "Zhike-Confirmed", "duplicates"


def entity_of(call: Call, key: str, action: str) -> AnyEntity:
    """The entity, if the actor may do the action on any of its records; else it looks as if there were none."""
    entity = entities().get(key)
    if entity is None or not access.may(call.actor, entity, action):
        raise problems.missing()
    if call.request.headers.get(CONFIRMED, KNOWN) != KNOWN:
        raise Problem(400, _("%(header)s takes %(value)s.") % {"header": CONFIRMED, "value": KNOWN})
    return entity


def listing(call: Call, key: str) -> HttpResponse:
    """A page of records in the order asked for."""
    entity = entity_of(call, key, "list")
    wanted = asking.asked(call.request)
    if wanted.view.search:
        tokens.count_request(call.token, settings.API_PER_MINUTE // 5, "find")
    known = access.readable(call.actor, entity)
    shown = values.chosen(call.actor, known, wanted.fields, whole=False)
    found = asking.page(call.actor, entity, wanted)
    rows = ordered(call, entity, found.ids, shown)
    tokens.count_rows(call.token, len(rows))
    tokens.keep(call.token, call.actor, "list", entity=key, ids=[row.id for row in rows])
    body: dict[str, Any] = {
        "items": [values.record(row, shown) for row in rows],
        "names": values.names(query.labels(call.actor, shown, rows)),
        "next": asking.following(call.request, wanted, found.cursor),
    }
    if found.total is not None:
        body["total"] = {"count": min(found.total, query.COUNT_CAP), "capped": found.total > query.COUNT_CAP}
    return door.answer(body)


def ordered(call: Call, entity: AnyEntity, ids: Sequence[UUID], shown: Sequence[Any]) -> list[query.Row]:
    """Rows of a page through the gate, in the order of their ids."""
    reach = query.visible(call.actor, entity, "list").filter(pk__in=ids)
    found = {row.id: row for row in query.read(call.actor, entity, reach, shown)} if ids else {}
    return [found[pk] for pk in ids if pk in found]


def create(call: Call, key: str) -> HttpResponse:
    """One new record."""
    from . import items  # an item is shown the same way wherever it comes from

    entity = entity_of(call, key, "create")
    asking.only(call.request)
    body = values.checked(schemas.creating(call.actor, entity), bodies.read(call.request))
    given = values.taken(entity, body, access.writable(call.actor, entity))
    tokens.count_rows(call.token, 1)
    ids, repeated = once.run(call, entity, "create", lambda: [_made(call, entity, given)])
    headers = {"Location": f"/api/v1/{key}/{ids[0]}", **({once.REPEATED: "true"} if repeated else {})}
    return items.shown(call, entity, ids[0], status=201, headers=headers)


@contextmanager
def doubles(call: Call) -> Iterator[None]:
    """What is written inside is asked for duplicates; the header says that the caller knows of those that may be."""
    with check.at("api", confirmed=call.request.headers.get(CONFIRMED) == KNOWN) as told:
        yield
    call.told.update(told)


def hints(call: Call, pk: UUID) -> dict[str, list[str]]:
    """What an answer says of a record beside itself."""
    return {"hints": call.told[pk]} if pk in call.told else {}


def _made(call: Call, entity: AnyEntity, given: Mapping[str, Any]) -> UUID:
    with doubles(call):
        return UUID(str(records.create(call.actor, entity, given).pk))


def bulk(call: Call, key: str) -> HttpResponse:
    """One action for up to 1,000 records, all of it or nothing; or, with `where`, for all that a filter finds."""
    entity = entity_of(call, key, "bulk")
    asking.only(call.request)
    body = bodies.read(call.request)
    action = body.get("action")
    allowed = schemas.bulk_actions(call.actor, entity)
    if not isinstance(action, str) or action not in allowed:
        raise bad_value("/action", _("Give one of: %(choices)s.") % {"choices": ", ".join(allowed)}, "choice")
    if "where" in body:
        return _everywhere(call, entity, action, body)
    values.checked(schemas.bulk_of(call.actor, entity, action), body)
    tokens.count_rows(call.token, len(body["items"]))
    made: list[Operation] = []
    ids, repeated = once.run(call, entity, f"bulk {action}", lambda: _do(call, entity, action, body["items"], made))
    reach = query.visible(call.actor, entity, action if action in ("create", "delete") else "list")
    versions = dict(reach.filter(pk__in=ids).values_list("pk", "version"))
    further = {pk: {"version": version} for pk, version in versions.items()}
    found = [{"id": str(pk), **further.get(pk, {}), **hints(call, pk)} for pk in ids]
    headers = {once.REPEATED: "true"} if repeated else {}
    if made:
        headers[operations.ID] = str(made[0].pk)
    return door.answer({"action": action, "items": found}, headers=headers)


def _everywhere(call: Call, entity: AnyEntity, action: str, body: Mapping[str, Any]) -> HttpResponse:
    allowed = deeds.offered(call.actor, entity)
    if action not in allowed:
        raise bad_value("/action", _("Give one of: %(choices)s.") % {"choices": ", ".join(allowed)}, "choice")
    return operations.bulk(call, entity, action, body)


def _do(
    call: Call, entity: AnyEntity, action: str, items: Sequence[Mapping[str, Any]], made: list[Operation]
) -> Sequence[UUID]:
    keys = {key for item in items for key in item.get("values", {})} - {"note"}
    try:
        with kept.recording(call.actor, entity, action, keys=keys, rows=len(items)) as tally:
            ids = _write(call, entity, action, items)
        made += [tally.operation] if tally.operation else []
        return ids
    except Exception as error:
        problem = problems.of(error, "/items/*/values")
        if problem is None:
            raise
        raise problem from error


def _write(call: Call, entity: AnyEntity, action: str, items: Sequence[Mapping[str, Any]]) -> Sequence[UUID]:
    writable = access.writable(call.actor, entity)
    given = [
        values.taken(entity, item.get("values", {}), writable, f"/items/{n}/values") for n, item in enumerate(items)
    ]
    if action == "create":
        with doubles(call):
            return [r.pk for r in records.create_many(call.actor, entity, given)]
    ids = [UUID(item["id"]) for item in items]
    for n, pk in enumerate(ids):
        if pk in ids[:n]:
            raise bad_value(f"/items/{n}/id", _("Something stands in it twice."), "twice")
    versions = {pk: item["version"] for pk, item in zip(ids, items, strict=True) if "version" in item}
    if action == "delete":
        same_versions(call, entity, versions)
        records.delete_many(call.actor, entity, ids, bulk=True)
    elif action == "restore":
        restore(call, entity, ids, bulk=True)
    else:
        notes = {v.pop("note", None) for v in given if "note" not in writable}
        if len(notes) > 1:
            raise Problem(422, _("Give the same note for all."))
        data = dict(zip(ids, given, strict=True))
        note = (notes.pop() if notes else None) or ""
        with doubles(call):
            records.update_many(call.actor, entity, data, action=action, versions=versions, note=note, bulk=True)
    return ids


def same_versions(call: Call, entity: AnyEntity, versions: Mapping[UUID, int]) -> None:
    """Problem 412 when one of the records is no longer as it was; they are locked until the transaction ends."""
    rows = query.visible(call.actor, entity, "delete").select_for_update(of=("self",)).filter(pk__in=versions)
    for pk, version in rows.values_list("pk", "version"):
        if versions[pk] != version:
            raise Problem(412)


def restore(call: Call, entity: AnyEntity, ids: Sequence[UUID], *, bulk: bool = False) -> None:
    """Back from the recycle bin; Problem 404 unless all of them are in it."""
    if records.restore_many(call.actor, entity, ids, bulk=bulk) != len(ids):
        raise problems.missing()
