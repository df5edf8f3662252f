"""Groups of duplicates as a reader sees them, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from zhike.engine import access, history, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import DuplicateGroup, DuplicateVerdict, Operation

from . import learning
from .alike import ALIKE
from .beyond import OPEN

State = DuplicateGroup.State
Verdict = DuplicateVerdict.Verdict
STEP = 50
LOOKED_AT = 2_000  # groups that are looked through for those of which a reader sees two records


@dataclass(frozen=True)
class Group:
    """What a reader sees of a group: the records in sight, how alike the most alike of them are, and in what.

    With `beyond` it is a record and one of that other entity. `again` is a merge of them that was taken back.
    """

    id: UUID
    records: tuple[UUID, ...]
    score: float
    reasons: tuple[str, ...]
    beyond: str = ""
    again: Mapping[str, Any] = field(default_factory=dict)


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
    visible = _visible(actor, entity, rows)
    for row in rows:
        members = tuple(pk for pk in row.records if pk in visible)
        shown = {str(pk) for pk in members}
        pairs = [p for p in row.pairs if p[0] in shown and p[1] in shown]
        if len(members) < 2 or not pairs:
            continue
        closed = _closed(actor, entity, row.beyond)
        # that two numbers are equal is said to nobody who may not read them
        reasons = tuple(why for why in dict.fromkeys(why for p in pairs for why in p[3]) if why not in closed)
        again = row.again if row.again and {row.again["keep"], *row.again["others"]} <= shown else {}
        yield Group(row.pk, members, max(p[2] for p in pairs), reasons, row.beyond, again)


def _visible(actor: Actor, entity: AnyEntity, rows: Sequence[DuplicateGroup]) -> set[UUID]:
    """The records of groups that the actor sees; of pairs with another entity, while the record is still open."""
    found: set[UUID] = set()
    for beyond in {row.beyond for row in rows}:
        ids = {pk for row in rows if row.beyond == beyond for pk in row.records}
        mine = query.visible(actor, entity, "list").filter(pk__in=ids)
        if beyond and entity.is_staged:
            mine = mine.filter(status=OPEN)
        found |= set(mine.values_list("pk", flat=True))
        if beyond and access.may(actor, get(beyond), "list"):
            found |= set(query.visible(actor, get(beyond), "list").filter(pk__in=ids).values_list("pk", flat=True))
    return found


def _closed(actor: Actor, entity: AnyEntity, beyond: str) -> set[str]:
    """The signs of which the actor may not read the fields."""
    readable = access.readable(actor, entity)
    theirs = access.readable(actor, get(beyond)) if beyond else {}
    return {
        s.key
        for s in entity.signs
        if any(k not in readable for k in s.fields) or any(k not in theirs for k in s.beyond.get(beyond, ()))
    }


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
        own = found.records[:1] if found.beyond else found.records
        if query.visible(actor, entity, "update").filter(pk__in=own).count() != len(own):
            raise Refused("update")
        if answer == State.DIFFERENT:
            _part(actor, row, found.records)
        else:
            row.state = State.LATER
        row.by, row.decided_at = actor.hand, timezone.now()
        row.save()
        details = {"entity": entity.key, "records": [str(pk) for pk in found.records], "answer": answer}
        history.note_event("duplicates.decide", user=actor.hand, channel=actor.channel, details=details)


def _part(actor: Actor, row: DuplicateGroup, members: Sequence[UUID]) -> None:
    """Remember that these are different from one another; what is left of the group stays open."""
    pairs = list(combinations(members, 2))
    learning.note(actor, row, pairs, Verdict.DIFFERENT)
    said = {frozenset(map(str, pair)) for pair in pairs}
    row.pairs = [p for p in row.pairs if frozenset(p[:2]) not in said]
    row.state = State.OPEN if row.pairs else State.DIFFERENT
    if row.pairs:
        row.records = list({UUID(pk) for p in row.pairs for pk in p[:2]})
        row.score = min(row.score, max(p[2] for p in row.pairs))


# ---- records that became one, and that are two again


def merged(actor: Actor, entity: AnyEntity, keeper: UUID, losers: Sequence[UUID], operation: Operation) -> None:
    """Records have become one: of groups that held them the rest stays open, and what was settled by it is closed."""
    rows = DuplicateGroup.objects.select_for_update().filter(
        Q(entity=entity.key) | Q(beyond=entity.key), records__overlap=list(losers)
    )
    now_is = {str(pk): str(keeper) for pk in losers}
    for row in rows.filter(state__in=(State.OPEN, State.LATER)):
        learning.note(actor, row, _settled(row, keeper, losers), Verdict.MERGED, operation)
        pairs = {frozenset(ids): [*ids, *p[2:]] for p in row.pairs for ids in [[now_is.get(pk, pk) for pk in p[:2]]]}
        row.pairs = [p for ids, p in pairs.items() if len(ids) > 1]
        row.records = list(dict.fromkeys(UUID(pk) for p in row.pairs for pk in p[:2])) or [keeper]
        row.again = {}
        if not row.pairs:
            _close(actor, row)
        row.save()


def _settled(row: DuplicateGroup, keeper: UUID, losers: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """The pairs of a group that a merge settles; one that stood in it by way of others is a pair with what stays."""
    held = [pk for pk in (keeper, *losers) if pk in row.records]
    if row.beyond or len(held) < 2:
        return []
    told = {frozenset(p[:2]) for p in row.pairs}
    found = [pair for pair in combinations(held, 2) if frozenset(map(str, pair)) in told]
    lone = [pk for pk in held[1:] if not any(pk in pair for pair in found)]
    return [*found, *((held[0], pk) for pk in lone)]


def _close(actor: Actor, row: DuplicateGroup) -> None:
    row.state, row.by, row.decided_at = State.MERGED, actor.hand, timezone.now()


def apart(entity: AnyEntity, operation: Operation, keeper: UUID, losers: Sequence[UUID]) -> None:
    """A merge was taken back: what it had settled is open again, in the group that it stood in, and nothing learned."""
    said = DuplicateVerdict.objects.filter(operation=operation, verdict=Verdict.MERGED)
    again = {"keep": str(keeper), "others": [str(pk) for pk in losers], "values": operation.choices}
    by_group: dict[UUID, list[DuplicateVerdict]] = {}
    for verdict in said:
        if verdict.group:
            by_group.setdefault(verdict.group, []).append(verdict)
    for pk, verdicts in by_group.items():
        row = _opened(entity, pk, keeper)
        fresh = [[str(v.left), str(v.right), v.score or ALIKE, v.reasons] for v in verdicts]
        told = {frozenset(p[:2]) for p in fresh}
        row.pairs = [*fresh, *(p for p in row.pairs if frozenset(p[:2]) not in told)]
        row.records = list({UUID(pk) for p in row.pairs for pk in p[:2]})
        row.score = max(p[2] for p in row.pairs)
        row.state, row.by, row.decided_at, row.again = State.OPEN, None, None, again
        row.save()
    said.delete()


def _opened(entity: AnyEntity, pk: UUID, keeper: UUID) -> DuplicateGroup:
    """The group, or what the finder has made of it since."""
    rows = DuplicateGroup.objects.select_for_update()
    found = rows.filter(pk=pk).first()
    if found is None:
        found = rows.filter(entity=entity.key, beyond="", state=State.OPEN, records__contains=[keeper]).first()
    return found or DuplicateGroup(pk=pk, entity=entity.key)


# ---- records that were joined with one of another entity


def joined(actor: Actor, entity: AnyEntity, record: UUID, others: Sequence[UUID]) -> None:
    """A record now belongs to others, of other entities: the pairs that said so are settled."""
    rows = DuplicateGroup.objects.select_for_update().filter(entity=entity.key, records__contains=[record])
    for row in rows.filter(state__in=(State.OPEN, State.LATER)).exclude(beyond=""):
        if set(row.records) & set(others):
            learning.note(actor, row, [(row.records[0], row.records[1])], Verdict.MERGED)
            _close(actor, row)
            row.save()


def released(entity: AnyEntity, record: UUID) -> None:
    """What `joined` did was taken back."""
    rows = DuplicateGroup.objects.filter(entity=entity.key, records__contains=[record], state=State.MERGED)
    ids = list(rows.exclude(beyond="").values_list("pk", flat=True))
    DuplicateVerdict.objects.filter(entity=entity.key, group__in=ids, verdict=Verdict.MERGED).delete()
    rows.filter(pk__in=ids).update(state=State.OPEN, by=None, decided_at=None)
