"""What every change of an owner does, on the one write path: since when, which pool, how much one holds, the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.base.models import Department, User
from zhike.engine.entity import AnyEntity
from zhike.engine.models import PoolMove

from . import clocks, settling, warning
from .document import Holding
from .known import Known, covers, of

if TYPE_CHECKING:
    from zhike.engine.records import Change

Changes = Sequence["Change[Any]"]
Kind = PoolMove.Kind
GIVING = frozenset(
    {"claim", "assign", "release", "recycle", "recall", "handover"}
)  # rights of their own to change the owner
Gains = Counter[tuple[UUID, UUID | None]]  # owner, pool -> how many records more
_gains: ContextVar[Gains | None] = ContextVar("gains", default=None)
KINDS = {"claim": Kind.CLAIM, "release": Kind.RELEASE, "recycle": Kind.RECYCLE, "recall": Kind.RECALL}


@contextmanager
def trial(gains: Gains) -> Iterator[Gains]:
    """What is judged inside comes on top of `gains`, which a trial run keeps (`gain`) as it stores nothing."""
    token = _gains.set(gains)
    try:
        yield gains
    finally:
        _gains.reset(token)


def gain(gains: Gains, changes: Changes) -> None:
    """Note who has got and lost what by changes that a trial run found good, where it is limited what one holds."""
    if not changes or not any(k.document.limits.holding for k in of(changes[0].entity)):
        return
    for c in _moved(changes):
        for owner, n in ((c.record.owner_id, 1), (None if c.is_new else c.was("owner"), -1)):
            if owner:
                gains[owner, c.record.pool_id] += n


def _moved(changes: Changes) -> list[Change[Any]]:
    return [c for c in changes if c.is_new or c.changed("owner")]


def stamp(changes: Changes) -> None:
    """Since when the owner has it, or it lies in the pool, and whose it was."""
    for c in _moved(changes):
        record = c.record
        if record.owner_id:
            record.held_since, record.pooled_at = c.at, None
        else:
            record.held_since, record.pooled_at = None, c.at
            record.pool_id = c.extra.get("pool") or record.pool_id
        record.recycle_at, record.recycle_rule = None, ""
        if not c.is_new:
            record.former_owner_id = c.was("owner") or record.former_owner_id


def run(change: Change[Any]) -> None:
    """What the actions do that only a pool gives: `extra["owner"]` gets the record, nobody where that is missing."""
    record, to = change.record, change.extra.get("owner")
    if to is None and not (change.extra.get("pool") or record.pool_id):
        change.fail("", _("There is no pool for this record. Ask your administrator for one."), "pool")
    record.owner_id = to


def release(change: Change[Any]) -> None:
    """The action `release`: the owner gives the record back to its pool, and says why."""
    _back(change, _("Say why you give it back: whoever takes it next will want to know."))


def recall(change: Change[Any]) -> None:
    """The action `recall`: who leads the owner, or keeps the pool, takes the record away, and says why."""
    _back(change, _("Say why you call it back: its owner will be told."))


def _back(change: Change[Any], asked: str) -> None:
    if change.record.owner_id is None:
        change.fail("", _("This lies in the pool already."), "pool")
    elif not change.note.strip():
        change.fail("note", asked, "required")
    else:
        run(change)


def hold(change: Change[Any]) -> None:
    """The action `hold`: the record never returns to the pool by itself."""
    change.record.is_kept = True


def unhold(change: Change[Any]) -> None:
    """The action `unhold`: the rules of the pool hold again."""
    change.record.is_kept = False


def limit(changes: Changes) -> None:
    """Nobody gets more than they may hold, whichever way; who has too much already keeps it.

    What has to leave an account that is closed at once (`extra["beyond"]`) is not held up. Taking something back is
    held to it too: else one gives records away, takes others, and undoes.
    """
    hold_to([c for c in _moved(changes) if not c.dated and not c.extra.get("beyond")])


def hold_to(changes: Changes) -> None:
    """Each of these gives a record to its owner: fail those that are beyond what the owner may hold."""
    moved = [c for c in changes if c.record.owner_id]
    found = [k for k in of(moved[0].entity) if k.document.limits.holding] if moved else []
    if not found:
        return
    people = User.objects.select_related("department").in_bulk(sorted({c.record.owner_id for c in moved}))
    if _gains.get() is None:
        lock(found, people.values())
    for known in found:
        for held in known.document.limits.holding:
            concerned = [person for _pk, person in sorted(people.items()) if concerns(held, person, known)]
            for some in [concerned] if held.together and held.who else [[person] for person in concerned]:
                _keep_within(known, held, some, moved)


def concerns(held: Holding, person: User, known: Known) -> bool:
    """Whether a limit is for somebody."""
    return covers([held.who], person) if held.who else known.has_member(person)


def _keep_within(known: Known, held: Holding, people: Sequence[User], changes: Changes) -> None:
    """Leave out what is beyond the limit of one person, or of the people of a department together."""
    getting = {person.pk for person in people}
    mine = [c for c in changes if c.record.owner_id in getting and (c.is_new or _counts(known, c)) and not c.errors]
    if held.together and held.who:  # what one gives to another is not more
        within = _belonging(held.who, {c.was("owner") for c in mine if not c.is_new})
        mine = [c for c in mine if c.is_new or c.was("owner") not in within]
    if not mine:
        return
    for c in mine[max(0, free(known, held, people[0])) :]:
        c.fail("owner", _beyond(held, people[0]), "holding")


def _counts(known: Known, c: Change[Any]) -> bool:
    return c.record.pool_id in (None, known.pool.pk)


def _belonging(department: UUID, people: Iterable[UUID | None]) -> set[UUID]:
    """Who of these is in a department or below it."""
    rows = User.objects.filter(pk__in={pk for pk in people if pk}, department__ancestors__contains=[department])
    return set(rows.values_list("pk", flat=True))


def _beyond(held: Holding, person: User) -> str:
    if held.together and held.who and (place := Department.objects.filter(pk=held.who).first()):
        text = _("The people of %(department)s may hold %(most)s records together at most.")
        return text % {"department": place.name, "most": held.most}
    return _("%(name)s may hold %(most)s records at most.") % {"name": person.name, "most": held.most}


def lock(found: Sequence[Known], people: Iterable[User]) -> None:
    """Whoever counts for one of these people at the same moment waits until this transaction ends.

    Departments first, then people, each in one order, so that two never wait for each other.
    """
    wanted = list(people)
    places = {h.who for k in found for h in k.document.limits.holding if h.together and h.who}
    keys = [*sorted(map(str, places)), *sorted(str(person.pk) for person in wanted)]
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pool:{key}"])


def free(known: Known, held: Holding, person: User) -> int:
    """How many more somebody may get just now; negative where there are too many."""
    whose = Q(owner=person.pk)
    gains = {key: n for key, n in (_gains.get() or {}).items() if key[1] in (None, known.pool.pk)}
    beside = {person.pk}
    if held.together and held.who:
        whose = Q(owner__department__ancestors__contains=[held.who])
        beside = _belonging(held.who, {owner for owner, _pool in gains})
    rows = known.entity.rows("how many somebody holds").filter(whose, Q(pool=known.pool.pk) | Q(pool=None))
    rows = rows.filter(deleted_at=None).exclude(clocks.exempt(known.entity.key, known.document.limits.uncounted))
    return held.most - rows.count() - sum(n for (owner, _pool), n in gains.items() if owner in beside)


def note(changes: Changes) -> None:
    """The dates and the pool of what was written, then the ledger: what came out of a pool, and what went into one."""
    settle_changes(changes[0].entity, changes)
    moves = [move for c in _moved(changes) if (move := _move(c)) is not None]
    PoolMove.objects.bulk_create(moves, batch_size=1_000)
    warning.recalled(moves, changes[0].actor.hand.name)


def _move(c: Change[Any]) -> PoolMove | None:
    before, after = c.was("owner"), c.record.owner_id
    if not c.record.pool_id or c.back is not None:
        return None
    if after and not before and not c.is_new:
        kind, user = (Kind.CLAIM if c.action == "claim" else Kind.ASSIGN), after
    elif not after:
        kind, user = (Kind.ENTER if c.is_new else KINDS.get(c.action, Kind.RELEASE)), before
    else:
        return None
    return PoolMove(
        pool_id=c.record.pool_id,
        entity=c.entity.key,
        record=c.record.pk,
        kind=kind,
        user_id=user,
        by_id=c.actor.hand.pk,
        at=c.at,
        reason=c.note[:300],
    )


def settle_changes(entity: AnyEntity, changes: Changes) -> None:
    """The dates of records that were written, and on the objects at hand too."""
    if not of(entity):
        return
    settling.settle(entity, [c.record.pk for c in changes])
    fresh = entity.rows("as they are stored now").filter(pk__in=[c.record.pk for c in changes])
    now = {pk: values for pk, *values in fresh.values_list("pk", "pool", "recycle_at", "recycle_rule")}
    for c in changes:
        if c.record.pk in now:
            c.record.pool_id, c.record.recycle_at, c.record.recycle_rule = now[c.record.pk]
