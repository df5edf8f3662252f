"""Groups of duplicates as a reader sees them, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from zhike.engine import access, history, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import DuplicateGroup, DuplicateVerdict

State = DuplicateGroup.State
STEP = 50
LOOKED_AT = 2_000  # groups that are looked through for those of which a reader sees two records


@dataclass(frozen=True)
class Group:
    """What a reader sees of a group: the records in sight, how alike the most alike of them are, and in what."""

    id: UUID
    records: tuple[UUID, ...]
    score: float
    reasons: tuple[str, ...]


def waiting(actor: Actor, entity: AnyEntity, limit: int = STEP) -> list[Group]:
    """Groups to decide on, the surest first: those of which the actor sees two records or more."""
    access.require(actor, entity, "list")
    found: list[Group] = []
    rows = DuplicateGroup.objects.filter(entity=entity.key, state=State.OPEN).order_by("-score", "id")
    for start in range(0, LOOKED_AT, STEP):
        some = list(rows[start : start + STEP])
        found += _seen(actor, entity, some)
        if len(some) < STEP or len(found) >= limit:
            break
    return found[:limit]


def one(actor: Actor, entity: AnyEntity, pk: UUID) -> Group:
    """One group; Missing where the actor does not see two of its records."""
    rows = DuplicateGroup.objects.filter(entity=entity.key, pk=pk, state__in=(State.OPEN, State.LATER))
    found = list(_seen(actor, entity, list(rows)))
    if not found:
        raise Missing
    return found[0]


def _seen(actor: Actor, entity: AnyEntity, rows: Sequence[DuplicateGroup]) -> Iterator[Group]:
    ids = {pk for row in rows for pk in row.records}
    visible = set(query.visible(actor, entity, "list").filter(pk__in=ids).values_list("pk", flat=True))
    readable = access.readable(actor, entity)
    of_sign: Mapping[str, tuple[str, ...]] = {s.key: s.fields for s in entity.signs}
    for row in rows:
        members = tuple(pk for pk in row.records if pk in visible)
        shown = {str(pk) for pk in members}
        pairs = [p for p in row.pairs if p[0] in shown and p[1] in shown]
        if len(members) < 2 or not pairs:
            continue
        # that two numbers are equal is said to nobody who may not read them
        told = dict.fromkeys(why for p in pairs for why in p[3])
        reasons = tuple(why for why in told if all(k in readable for k in of_sign.get(why, ())))
        yield Group(row.pk, members, max(p[2] for p in pairs), reasons)


def decide(actor: Actor, entity: AnyEntity, pk: UUID, answer: str) -> None:
    """`different` or `later`. Missing or Refused as for changing the records that the actor sees of the group.

    What lies out of the actor's sight is not decided on: it stays for somebody else.
    """
    if answer not in (State.DIFFERENT, State.LATER):
        raise ValueError(answer)
    with transaction.atomic():
        row = DuplicateGroup.objects.select_for_update().filter(entity=entity.key, pk=pk).first()
        if row is None:
            raise Missing
        found = one(actor, entity, pk)
        access.require(actor, entity, "update")
        if query.visible(actor, entity, "update").filter(pk__in=found.records).count() != len(found.records):
            raise Refused("update")
        if answer == State.DIFFERENT:
            _part(actor, entity, row, found.records)
        else:
            row.state = State.LATER
        row.by, row.decided_at = actor.hand, timezone.now()
        row.save()
        details = {"entity": entity.key, "records": [str(pk) for pk in found.records], "answer": answer}
        history.note_event("duplicates.decide", user=actor.hand, channel=actor.channel, details=details)


def merged(actor: Actor, entity: AnyEntity, keeper: UUID, losers: Sequence[UUID]) -> None:
    """Records have become one: of groups that held them the rest stays open, and what was settled by it is closed."""
    rows = DuplicateGroup.objects.select_for_update().filter(entity=entity.key, records__overlap=list(losers))
    now_is = {str(pk): str(keeper) for pk in losers}
    for row in rows.filter(state__in=(State.OPEN, State.LATER)):
        pairs = {tuple(sorted(now_is.get(pk, pk) for pk in p[:2])): p for p in row.pairs}
        row.pairs = [[*ids, *p[2:]] for ids, p in pairs.items() if ids[0] != ids[1]]
        row.records = sorted({UUID(pk) for p in row.pairs for pk in p[:2]}) or [keeper]
        if not row.pairs:
            row.state, row.by, row.decided_at = State.MERGED, actor.hand, timezone.now()
        row.save()


def _part(actor: Actor, entity: AnyEntity, row: DuplicateGroup, members: Sequence[UUID]) -> None:
    """Remember that these are different from one another; what is left of the group stays open."""
    pairs = [tuple(sorted(pair)) for pair in combinations(members, 2)]
    DuplicateVerdict.objects.bulk_create(
        (DuplicateVerdict(entity=entity.key, left=a, right=b, by=actor.hand) for a, b in pairs), ignore_conflicts=True
    )
    said = {(str(a), str(b)) for a, b in pairs}
    row.pairs = [p for p in row.pairs if (p[0], p[1]) not in said]
    row.state = State.OPEN if row.pairs else State.DIFFERENT
    if row.pairs:
        row.records = list({UUID(pk) for p in row.pairs for pk in p[:2]})
        row.score = max(p[2] for p in row.pairs)
