"""Taking an operation back: a write like any other, with the rights of now, out of what the history says was before.

Row by row: a change goes back to the values before it, what was made goes to the recycle bin, what was deleted comes
out of it. A row that somebody has changed since stays as it is, and that is told. What else the operation had written
in the same transaction on behalf of a row (its phone numbers, its relations) goes back with it. Taking back is itself
an operation, so it can be taken back too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from . import access, history, operations, records
from .access import Actor
from .attempts import CONFLICT, RIGHT, Outcome, attempt, reached
from .entity import AnyEntity, entities, get
from .errors import Invalid, Missing, Wrong
from .models import Operation, OperationStep
from .operations import Tally

AT_ONCE = 500  # larger operations are taken back by the worker
BATCH = 1_000
GONE = "deleted_at"
CUSTOM = "custom"
State = Operation.State
Way = Callable[[Actor, Operation, OperationStep, Operation], Outcome]
WAYS: dict[str, Way] = {}  # action -> how it is taken back, where that is another way than row by row
_MISSING: Any = object()  # a custom field that was not there


@dataclass
class Net:
    """What an operation did to one row in all: columns before and after; `last` is its last row in the history."""

    entity: str
    record: UUID
    made: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    last: int = 0

    @property
    def deleted(self) -> bool:
        """Whether the operation moved the row to the recycle bin, or out of it."""
        return GONE in self.after


def undo(actor: Actor, pk: UUID) -> Operation:
    """Take an operation back here and now; gives the operation that did it, with what was skipped and why.

    Raises Missing where there is none of the actor or none of its rows is within reach any more, Invalid where it is
    too old or taken back already.
    """
    with transaction.atomic():
        found = required(actor, pk, lock=True)
        made = operations.begin(actor, get(found.entity), found.right, keys=found.keys, of=found, record=found.record)
        for step in found.steps.order_by("-pk"):
            take_back(actor, found, step, made)
        if set(made.skipped) == {RIGHT} and not made.rows:
            raise Missing
        close(found, made)
    return made


def required(actor: Actor, pk: UUID, *, lock: bool = False) -> Operation:
    """An operation of the actor that can be taken back; raises as `undo`."""
    found = operations.find(actor, pk, lock=lock)
    if not operations.is_open(found):
        text = _("This cannot be undone any more: it was undone already, or it is older than %(n)s days.")
        raise Invalid([{"": [Wrong(text % {"n": operations.days(found)}, "closed")]}])
    return found


def take_back(actor: Actor, operation: Operation, step: OperationStep, made: Operation) -> Outcome:
    """Take one step back as a step of `made`. Raises Refused where the actor has lost the right altogether."""
    if operation.action in WAYS:
        return WAYS[operation.action](actor, operation, step, made)
    entity = get(operation.entity)
    nets = read(step)
    own = {n.record: n for n in nets if n.entity == entity.key}
    others = [n for n in nets if n.entity != entity.key]
    outcome = Outcome()
    mark = operations.marked()
    stood = _standing([n for n in others if not n.made and not n.deleted])
    ids = sorted(own)
    for start in range(0, len(ids), BATCH):
        _rows(actor, operation, entity, [own[pk] for pk in ids[start : start + BATCH]], outcome)
    done = set(outcome.done)
    followed = Followed(actor, entity, [own[pk] for pk in ids if pk in done], [own[pk] for pk in ids if pk not in done])
    followed.hanging(others)
    followed.beside([n for n in others if n.record in stood])
    rows = max(step.rows, len(own)) - len(outcome.skipped)
    operations.add(actor, made, mark, Tally(rows, outcome.counts()))
    return outcome


def close(operation: Operation, made: Operation) -> None:
    """Say of an operation how far it is taken back; of what that one had taken back, that it stands again."""
    operation.state = State.PARTLY if made.skipped else State.UNDONE
    operation.save(update_fields=["state"])
    if operation.of_id and not made.skipped:
        Operation.objects.filter(pk=operation.of_id).update(state=State.DONE)


def read(step: OperationStep) -> list[Net]:
    """What a step did, row by row, out of the history. Numbers stay exact."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, entity, record, action, changes::text, details = '{}' FROM engine_history"
            " WHERE tx = %s AND id > %s AND id <= %s AND record IS NOT NULL ORDER BY id",
            [step.tx, step.first, step.last],
        )
        rows = cursor.fetchall()
    found: dict[tuple[str, UUID], Net] = {}
    for pk, entity, record, action, text, plain in rows:
        if entity not in entities() or not plain or action == "erase":
            continue
        net = found.setdefault((entity, record), Net(entity, record))
        net.last = pk
        changes = json.loads(text, parse_float=Decimal)
        if not changes:
            net.made = True
        for column, (before, after) in _flat(changes):
            net.before.setdefault(column, before)
            net.after[column] = after
    return list(found.values())


def _flat(changes: Mapping[str, Any]) -> Iterable[tuple[str, tuple[Any, Any]]]:
    """Columns with both sides; a custom field is a column of its own, so that changes of two do not meet."""
    for column, (before, after) in changes.items():
        if column == CUSTOM and isinstance(before, dict) and isinstance(after, dict):
            for key in before.keys() | after.keys():
                pair = before.get(key, _MISSING), after.get(key, _MISSING)
                if pair[0] is _MISSING or pair[1] is _MISSING or pair[0] != pair[1]:
                    yield f"{CUSTOM}.{key}", pair
        else:
            yield column, (before, after)


def _rows(actor: Actor, operation: Operation, entity: AnyEntity, nets: Sequence[Net], outcome: Outcome) -> None:
    """The rows of the operation itself, in three heaps: made, deleted or restored, changed."""
    bulk = operation.rows > 1
    made = [n for n in nets if n.made and n.after.get(GONE) is None]
    binned = [n for n in nets if n not in made and n.deleted and n.after[GONE] is not None]
    back = [n for n in nets if n not in made and n.deleted and n.after[GONE] is None and not n.made]
    changed = [n for n in nets if not n.made and not n.deleted]
    for heap, action, write in (
        (made, "delete", lambda ids: records.delete_many(actor, entity, ids)),
        (back, "delete", lambda ids: _bin_again(actor, entity, ids, {n.record: n for n in back})),
        (binned, "restore", lambda ids: _restore(actor, entity, ids)),
        (changed, operation.right, lambda ids: _revert(actor, operation, entity, ids, {n.record: n for n in changed})),
    ):
        if not heap:
            continue
        access.require(actor, entity, action)
        ids = reached(actor, entity, action, [n.record for n in heap], bulk=bulk)
        outcome.skip([n.record for n in heap if n.record not in ids], RIGHT)
        same = _unchanged(entity, [n for n in heap if n.record in ids])
        outcome.skip([n.record for n in heap if n.record in ids and n.record not in same], CONFLICT)
        attempt([n.record for n in heap if n.record in same], write, outcome)


def _bin_again(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], nets: Mapping[UUID, Net]) -> None:
    """Back into the bin, since when they lay there before: whoever put them there can still take them out."""
    records.delete_many(actor, entity, ids)
    rows = entity.rows("reached by the caller")
    by_time: dict[Any, list[UUID]] = {}
    for pk in ids:
        by_time.setdefault(columns(entity, None, {GONE: nets[pk].before[GONE]})[GONE], []).append(pk)
    for at, some in by_time.items():
        rows.filter(pk__in=some).update(deleted_at=at)


def _restore(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> None:
    if records.restore_many(actor, entity, ids) != len(ids):
        raise Missing


def _revert(
    actor: Actor, operation: Operation, entity: AnyEntity, ids: Sequence[UUID], nets: Mapping[UUID, Net]
) -> None:
    """Put values back; a field that the actor gave then must be one that they may write now."""
    rows = entity.rows("reached by the caller").in_bulk(list(ids))
    links = {a.column: key for key, a in entity.attributes.items() if a.is_link and a.editable and a.column}
    back: dict[UUID, dict[str, Any]] = {}
    wrong: list[Mapping[str, list[Wrong]]] = []
    for pk in ids:
        status = rows[pk].status if entity.is_staged else ""
        closed = [k for k in operation.keys if k not in access.writable(actor, entity, status)]
        back[pk] = columns(entity, rows[pk], nets[pk].before)
        text = _("You may not write this field any more.")
        if history.ERASED in nets[pk].before.values():
            closed, text = [""], _("What it was before has been erased.")
        wrong.append({k: [Wrong(text, "closed")] for k in closed})
    if any(wrong):
        raise Invalid(wrong)
    given = {pk: {links[c]: v for c, v in values.items() if c in links and v} for pk, values in back.items()}
    records.update_many(actor, entity, given, action=operation.right, back=back)


def columns(entity: AnyEntity, record: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the history as a model holds them; custom fields as the whole document of the record."""
    fields = {f.attname: f for f in entity.model._meta.concrete_fields}
    found = {c: _typed(fields[c], v) for c, v in values.items() if c in fields}
    custom = {c.removeprefix(f"{CUSTOM}."): v for c, v in values.items() if c.startswith(f"{CUSTOM}.")}
    if custom:
        whole = {k: v for k, v in getattr(record, CUSTOM).items() if k not in custom}
        found[CUSTOM] = whole | {k: v for k, v in custom.items() if v is not _MISSING}
    return found


def _typed(f: models.Field[Any, Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(f, ArrayField):
        return [f.base_field.to_python(v) for v in value]
    return f.to_python(value)


def _unchanged(entity: AnyEntity, nets: Sequence[Net]) -> set[UUID]:
    """The rows that stand as the operation left them. They are locked until the transaction ends."""
    rows = entity.rows("ids from the gate, compared and not shown").filter(pk__in=[n.record for n in nets])
    now = {r.pk: r for r in rows.select_for_update(of=("self",)).order_by("pk")}
    later = touched_since([n for n in nets if n.made])
    found = set()
    for n in nets:
        record = now.get(n.record)
        if record is None or n.record in later:
            continue
        stands = columns(entity, record, {c: v for c, v in n.after.items() if v != history.ERASED})
        if all(getattr(record, c) == value for c, value in stands.items()):
            found.add(n.record)
    return found


def touched_since(nets: Sequence[Net]) -> set[UUID]:
    """Rows that somebody has worked on since they were made; coming and going does not count."""
    if not nets:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT h.record FROM engine_history h JOIN unnest(%s::uuid[], %s::bigint[]) AS n(record, last)"
            " ON h.record = n.record AND h.id > n.last WHERE h.changes - 'deleted_at' <> '{}'",
            [[n.record for n in nets], [n.last for n in nets]],
        )
        return {row[0] for row in cursor.fetchall()}


def _standing(nets: Sequence[Net]) -> set[UUID]:
    """Like `_unchanged`, for rows of several entities."""
    return {pk for key in {n.entity for n in nets} for pk in _unchanged(get(key), [n for n in nets if n.entity == key])}


class Followed:
    """What an operation wrote on behalf of its rows goes back with them; no right of its own is asked, as none was
    asked when the operation wrote it. What a row that stays needs, stays."""

    def __init__(self, actor: Actor, entity: AnyEntity, done: Sequence[Net], stays: Sequence[Net]) -> None:
        self.actor, self.entity = actor, entity
        self.owners, self.named = {n.record for n in done}, {value for n in done for value in _named(n)}
        self.kept = {value for n in stays for value in _named(n)}
        self.staying = [n.record for n in stays]

    def hanging(self, others: Sequence[Net]) -> None:
        """Rows that lead to those taken back, or were made for them, and what hangs on these in turn."""
        rows = _loaded(others)
        left = [n for n in others if n.record in rows and str(n.record) not in self.kept]
        owners, named = set(self.owners), set(self.named)
        ours: list[Net] = []
        while found := [n for n in left if _hangs(get(n.entity), rows[n.record], n, owners, named)]:
            ours += found
            taken = {n.record for n in found}
            left = [n for n in left if n.record not in taken]
            moved = [n for n in found if n.made or n.deleted]
            owners |= {n.record for n in moved}
            named |= {value for n in moved for value in _named(n)}
        stands = _standing(ours)
        _set(self.actor, rows, [n for n in ours if n.record in stands])

    def beside(self, nets: Sequence[Net]) -> None:
        """Rows that those taken back lead to, which stood as the operation left them until a rule of their own moved
        them just now: the rule knows that a customer has bought nothing, not what they were before they bought."""
        reached = self._led_to(list(self.owners)) - self._led_to(self.staying)
        ours = [n for n in nets if n.record in reached]
        stands = _standing(ours)
        _set(self.actor, _loaded(ours), [n for n in ours if n.record not in stands])

    def _led_to(self, ids: Sequence[UUID]) -> set[UUID]:
        columns = [a.column for a in self.entity.attributes.values() if a.is_link and a.column]
        rows = self.entity.rows("consequences of an operation").filter(pk__in=ids).values_list(*columns)
        found = (value for row in rows for value in row) if columns else ()
        return {pk for value in found for pk in (value if isinstance(value, list) else [value]) if pk}


def _loaded(nets: Sequence[Net]) -> dict[UUID, Any]:
    return {
        pk: row
        for key in {n.entity for n in nets}
        for pk, row in get(key)
        .rows("consequences of an operation")
        .in_bulk([n.record for n in nets if n.entity == key])
        .items()
    }


def _named(net: Net) -> set[str]:
    return {value for side in (net.before, net.after) for value in side.values() if isinstance(value, str)}


def _hangs(entity: AnyEntity, record: Any, net: Net, owners: Collection[UUID], named: Collection[str]) -> bool:
    links = [a.column for a in entity.attributes.values() if a.is_link and a.column]
    return any(getattr(record, c) in owners for c in links if not isinstance(getattr(record, c), list)) or (
        (net.made or net.deleted) and str(net.record) in named
    )


def _set(actor: Actor, rows: Mapping[UUID, Any], nets: Sequence[Net]) -> None:
    if not nets:
        return
    history.acting(actor, "undo")
    now = timezone.now()
    for key in sorted({n.entity for n in nets}):
        entity, some = get(key), [n for n in nets if n.entity == key]
        changed: set[str] = {"updated_at", "version"}
        for n in some:
            record = rows[n.record]
            values = {GONE: now} if n.made and n.after.get(GONE) is None else columns(entity, record, n.before)
            for column, value in values.items():
                setattr(record, column, value)
            changed |= set(values)
            record.updated_at, record.version = now, record.version + 1
        written = [rows[n.record] for n in some]
        entity.rows("consequences of an operation").bulk_update(written, sorted(changed), batch_size=BATCH)
        for hook in entity.after_remove:
            hook([n.record for n in some])
