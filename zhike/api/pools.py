"""Pools by key: those that are open, what lies in them, looking at one record, taking, giving and calling back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from zhike.engine import query, tokens
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome
from zhike.engine.entity import AnyEntity
from zhike.engine.pools import known, looking, moving
from zhike.engine.pools.known import Known

from . import asking, bodies, door, items, lists, once, schemas, shapes, values
from .door import Call
from .shapes import Schema

IDS: Schema = {"type": "array", "items": shapes.UUID, "minItems": 1, "maxItems": schemas.BULK, "uniqueItems": True}
NOTE: Schema = {"type": "string", "maxLength": 300}


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": ["integer", "null"]}  # null: without a limit


def _object(**own: Schema) -> Schema:
    required = [key for key in own if key not in ("note", "total")]
    return {"type": "object", "properties": own, "required": required, "additionalProperties": False}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


BODIES = {
    "claim": _object(items=IDS),
    "assign": _object(items=IDS, to=shapes.UUID, note=NOTE),
    "recall": _object(items=IDS, note=NOTE),
}
POOL = _object(
    id=shapes.UUID,
    name=TEXT,
    entity=TEXT,
    records={"type": "integer"},
    left_to_claim=COUNT,
    left_to_hold=COUNT,
    actions=_list(TEXT),
)
POOLS = _object(items=_list(POOL))
TOTAL = _object(count={"type": "integer"}, capped={"type": "boolean"})
RECORDS = _object(items=_list({"type": "object"}), names=schemas.NAMES, next={"type": ["string", "null"]}, total=TOTAL)
MOVED = _object(items=_list(shapes.UUID), skipped=_list(_object(id=shapes.UUID, code=TEXT, detail=TEXT)))


def index(call: Call) -> HttpResponse:
    """The pools that are open to this key, with how much lies in each and what may still be taken."""
    asking.only(call.request)
    return door.answer({"items": [_about(call.actor, found) for found in known.open_to(call.actor)]})


def _about(actor: Actor, found: Known) -> dict[str, Any]:
    rows = found.entity.rows("how much lies in a pool open to the actor").filter(known.lying(found))
    limits, room = found.document.limits, moving.room(actor.user, found)
    left = None if limits.claims is None else max(0, limits.claims - moving.taken(actor.user, found))
    return {
        "id": str(found.pool.pk),
        "name": found.pool.name,
        "entity": found.entity.key,
        "records": query.count(rows),
        "left_to_claim": left,
        "left_to_hold": None if room is None else max(0, room),
        "actions": sorted(known.allowed(actor, found) & known.MOVES.keys()),
    }


def _inside(call: Call, pk: UUID) -> tuple[Call, Known]:
    """The same call by the rights that the pool gives. Raises Missing."""
    found = known.find(call.actor, pk)
    return replace(call, actor=known.inside(call.actor, found)), found


def listing(call: Call, pk: UUID) -> HttpResponse:
    """A page of what lies in a pool, with the fields that it shows."""
    inside, found = _inside(call, pk)
    return lists.listing(inside, found.entity.key)


def show(call: Call, pk: UUID, record: UUID) -> HttpResponse:
    """One record of a pool; counted as one that was opened."""
    inside, found = _inside(call, pk)
    answer = items.show(inside, found.entity.key, record)
    looking.count(call.actor, found, record)
    return answer


def claim(call: Call, pk: UUID) -> HttpResponse:
    """Take records: each of them or not, with the reason."""
    body, found = _body(call, "claim"), known.find(call.actor, pk)
    return _moved(call, found.entity, "claim", body, lambda ids: moving.claim(call.actor, pk, ids))


def assign(call: Call, pk: UUID) -> HttpResponse:
    """Give records of the pool to somebody, for who keeps it."""
    body, found = _body(call, "assign"), known.find(call.actor, pk)
    to, note = UUID(body["to"]), str(body.get("note", ""))
    return _moved(call, found.entity, "assign", body, lambda ids: moving.assign(call.actor, pk, ids, to, note))


def recall(call: Call, pk: UUID) -> HttpResponse:
    """Call records back to the pool from whoever has them, for who keeps it."""
    body, found = _body(call, "recall"), known.find(call.actor, pk)
    note = str(body.get("note", ""))
    return _moved(call, found.entity, "recall", body, lambda ids: moving.recall(call.actor, pk, ids, note))


def _body(call: Call, doing: str) -> Mapping[str, Any]:
    asking.only(call.request)
    return values.checked(BODIES[doing], bodies.read(call.request))


def _moved(
    call: Call, entity: AnyEntity, doing: str, body: Mapping[str, Any], work: Callable[[Sequence[UUID]], Outcome]
) -> HttpResponse:
    ids = [UUID(raw) for raw in body["items"]]
    skipped: list[dict[str, str]] = []

    def run() -> Sequence[UUID]:
        outcome = work(ids)
        skipped.extend({"id": str(k), "code": code, "detail": text} for k, (code, text) in outcome.skipped.items())
        return outcome.done

    tokens.count_rows(call.token, len(ids))
    done, repeated = once.run(call, entity, doing, run)
    headers = {once.REPEATED: "true"} if repeated else {}
    return door.answer({"items": [str(k) for k in done], "skipped": skipped}, headers=headers)
