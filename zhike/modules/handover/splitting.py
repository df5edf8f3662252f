"""Who gets what: the rules of a plan applied to everything that somebody has, without writing any of it.

Customers are split by the rules; what hangs on a customer, on a lead or on a deal goes where that goes. What hangs on
nothing that is handed over follows the rules of its own entity, then the last one, which names all others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from zhike.base.models import User
from zhike.engine import leaving, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.models import OwnerPeriod, Share
from zhike.engine.pools.known import is_pooled

from . import services
from .models import Handover, HandoverItem, HandoverShare

Way, Rest, State = HandoverShare.Way, Handover.Rest, HandoverItem.State
HANGING = ("account", "lead", "deal", "contact")  # links along which a record goes, best first
Held = tuple[str, UUID]


@dataclass(frozen=True)
class Part:
    """Where one record goes: to a person or, with None, to its pool; by which rule; on which customer it hangs."""

    to: UUID | None
    rule: int | None = None
    of: UUID | None = None


@dataclass
class Split:
    """A plan worked out: what goes where, and who stands for the manager."""

    manager: UUID
    parts: dict[Held, Part] = field(default_factory=dict)
    loads: Counter[UUID] = field(default_factory=Counter)  # customers of each possible successor, those of now and then

    def of(self, entity: str) -> dict[UUID, Part]:
        """The records of one entity."""
        return {pk: part for (key, pk), part in self.parts.items() if key == entity}


def ranks() -> dict[str, int]:
    """The order in which entities go: customers first, then as modules are, so that what hangs comes after."""
    keys = [e.key for e in leaving.owned()]
    return {key: n for n, key in enumerate(sorted(keys, key=lambda k: (k != "account", keys.index(k))))}


def work_out(handover: Handover) -> Split:
    """All open records of who leaves, each with who gets it. Customers that a rule names by a condition are found as
    who planned it sees them; what they do not see goes with the rest."""
    manager = services.manager_of(handover.person)
    split = Split(manager.pk if manager else handover.author_id)
    rules = list(handover.shares.all())
    for key in ranks():
        entity = get(key)
        links = [k for k in HANGING if k in entity.attributes and k != key and entity.attributes[k].column]
        found = list(_rows(handover, entity).order_by("pk").values_list("pk", *links))
        left = [pk for pk, *ends in found if not _along(split, key, pk, dict(zip(links, ends, strict=True)))]
        for share in (r for r in rules if r.entity == key):
            chosen = _chosen(handover, share, left)
            for pk, to in _shared(split, handover, share, chosen):
                split.parts[key, pk] = Part(to, share.order)
            left = [pk for pk in left if (key, pk) not in split.parts]
        rest = _rest(handover, split, entity)
        for pk in left:
            split.parts[key, pk] = Part(rest)
    return split


def _rows(handover: Handover, entity: AnyEntity) -> Any:
    """What is open; with closed deals and leads too, all of those."""
    if handover.with_closed and entity.is_staged:
        return entity.rows(leaving.WHY).filter(owner=handover.person_id, deleted_at=None)
    return leaving.rows(entity, handover.person_id)


def _along(split: Split, key: str, pk: UUID, ends: Mapping[str, UUID | None]) -> bool:
    """Whether a record goes where something goes that it hangs on. Into a pool only customers and leads go."""
    for link, end in ends.items():
        part = split.parts.get((link, end)) if end else None
        if part is not None:
            of = end if link == "account" else part.of
            split.parts[key, pk] = Part(part.to or split.manager, part.rule, of)
            return True
    return False


def _chosen(handover: Handover, share: HandoverShare, left: Sequence[UUID]) -> list[UUID]:
    if share.ids:
        ticked = set(share.ids)
        return [pk for pk in left if pk in ticked]
    if not share.where:
        return list(left)
    entity = get(share.entity)
    view = query.parse(share.where)
    mine = query.select(Actor(handover.author), entity, view.but(sort="", group="")).order_by()
    met = set(mine.filter(owner=handover.person_id).values_list("pk", flat=True))
    return [pk for pk in left if pk in met]


def _rest(handover: Handover, split: Split, entity: AnyEntity) -> UUID | None:
    if handover.rest == Rest.PERSON and handover.rest_to_id:
        return handover.rest_to_id
    return None if handover.rest == Rest.POOL and is_pooled(entity) else split.manager


def _shared(
    split: Split, handover: Handover, share: HandoverShare, chosen: Sequence[UUID]
) -> Iterable[tuple[UUID, UUID | None]]:
    if share.way == Way.EVEN:
        return _evenly(split, share, chosen)
    if share.way == Way.FORMER:
        return _former(handover, share, chosen)
    to = {Way.POOL: None, Way.MANAGER: split.manager}.get(Way(share.way), share.people[0] if share.people else None)
    return [(pk, to) for pk in chosen]


def _evenly(split: Split, share: HandoverShare, chosen: Sequence[UUID]) -> Iterator[tuple[UUID, UUID]]:
    """Each to who has least by then, counting what they have now; among equals the first who was named."""
    entity = get(share.entity)
    for pk in share.people:
        if pk not in split.loads:
            split.loads[pk] = leaving.rows(entity, pk).count()
    heap = [(split.loads[pk], n, pk) for n, pk in enumerate(share.people)]
    heapq.heapify(heap)
    for record in chosen:
        load, n, pk = heap[0]
        heapq.heapreplace(heap, (load + 1, n, pk))
        split.loads[pk] = load + 1
        yield record, pk


def _former(handover: Handover, share: HandoverShare, chosen: Sequence[UUID]) -> Iterator[tuple[UUID, UUID]]:
    """To who had the record last before, else to who works on it as a member of its team; of `people` where named."""
    known: dict[UUID, UUID] = {}
    able = User.objects.filter(is_active=True, deleted_at=None).exclude(pk=handover.person_id)
    if share.people:
        able = able.filter(pk__in=share.people)
    able_ids = set(able.values_list("pk", flat=True))
    teams = Share.objects.filter(entity=share.entity, record__in=chosen, kind=Share.Kind.USER).order_by("-level", "at")
    for record, pk in teams.values_list("record", "target"):
        if pk in able_ids:
            known.setdefault(record, pk)
    periods = OwnerPeriod.objects.filter(entity=share.entity, record__in=chosen).order_by("from_at")
    known |= {record: pk for record, pk in periods.values_list("record", "owner") if pk in able_ids}
    return ((pk, known[pk]) for pk in chosen if pk in known)


def sync(handover: Handover) -> Split:
    """Store where each record goes as the rules say now. What was given by hand, and what has gone, stays as it is."""
    split = work_out(handover)
    rank, kept = ranks(), {(i.entity, i.record): i for i in handover.items.all()}
    by_hand = {i.record: i.to_id for i in kept.values() if i.by_hand and i.entity == "account"}
    fresh: list[HandoverItem] = []
    moved: list[HandoverItem] = []
    for (key, pk), part in split.parts.items():
        to = by_hand.get(part.of, part.to) if part.of else part.to
        item = kept.get((key, pk))
        if item is None:
            fresh.append(
                HandoverItem(
                    handover=handover, entity=key, record=pk, rank=rank[key], of=part.of, giver_id=handover.person_id,
                    to_id=to, rule=part.rule,
                )
            )  # fmt: skip
        elif item.state == State.PLANNED and not item.by_hand and (item.to_id, item.rule, item.of) != (
            to, part.rule, part.of
        ):  # fmt: skip
            item.to_id, item.rule, item.of = to, part.rule, part.of
            moved.append(item)
    gone = [
        i.pk for held, i in kept.items() if held not in split.parts and i.state == State.PLANNED and not i.handed_at
    ]
    HandoverItem.objects.filter(pk__in=gone).delete()
    HandoverItem.objects.bulk_create(fresh, batch_size=1_000)
    HandoverItem.objects.bulk_update(moved, ["to", "rule", "of"], batch_size=1_000)
    return split
