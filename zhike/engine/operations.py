"""What people did, as things that can be taken back: who, when, what, how many.

An operation stores no values. The history has each row before and after, written by the database itself, so an
operation only names which rows of the history are its own: the transaction, and where in it. One truth serves the log
and undo alike; what the law has erased from the history cannot come back through here, and a trigger cannot forget a
column that a second list of values would have to be taught.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from . import access, history
from .access import Actor
from .entity import AnyEntity
from .errors import Missing
from .models import Operation, OperationStep

DAYS = 7  # how long an operation can be taken back
MERGE_DAYS = 30  # how long a merge can: as long as what went lies in the recycle bin
KEPT_DAYS = 30  # how long the task centre shows it
State = Operation.State


@dataclass
class Tally:
    """What a piece of work tells of itself while it is recorded: rows done, and how many were skipped and why."""

    rows: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    operation: Operation | None = None


@contextmanager
def recording(
    actor: Actor,
    entity: AnyEntity,
    action: str,
    *,
    keys: Collection[str] = (),
    rows: int = 1,
    record: UUID | None = None,
) -> Iterator[Tally]:
    """What is written inside is one operation of the actor, in one transaction; nothing is kept where nothing changed.

    `action` is the right it takes: create, update, transfer, delete, restore or a declared action; `keys` the fields
    given. The work may correct `rows` in the tally.
    """
    with transaction.atomic():
        mark = marked()
        tally = Tally(rows)
        yield tally
        if action in access.EXPLICIT or marked() == mark:
            return
        tally.operation = begin(actor, entity, action, keys=keys, record=record)
        add(actor, tally.operation, mark, tally)


def begin(
    actor: Actor, entity: AnyEntity, action: str, *, keys: Collection[str] = (), record: UUID | None = None,
    of: Operation | None = None, name: str = "",
) -> Operation:  # fmt: skip
    """A new operation without rows; `action` is the right that it takes, `name` what it is called if not so."""
    return Operation.objects.create(
        user=actor.user, by=actor.by, channel=actor.channel, entity=entity.key, action="undo" if of else name or action,
        right=action, keys=sorted(keys), of=of, record=record,
    )  # fmt: skip


def marked() -> tuple[int, int]:
    """Where the running transaction stands in the history: its number, and its last row there (0 for none)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH now AS MATERIALIZED (SELECT zhike_tx() AS tx) SELECT now.tx, coalesce((SELECT max(h.id)"
            " FROM engine_history h WHERE h.tx = now.tx), 0) FROM now"
        )
        row: tuple[int, int] = cursor.fetchone()
    return row


def add(actor: Actor, operation: Operation, mark: tuple[int, int], tally: Tally, *, filter_text: str = "") -> None:
    """One more step: what this transaction has written since `mark`.

    Many at once leave an entry of their own in the log: how many, of what, by which filter; never values.
    """
    tx, last = marked()
    if last > mark[1]:
        OperationStep.objects.create(operation=operation, tx=tx, first=mark[1], last=last, rows=tally.rows)
    operation.rows += tally.rows
    skipped = dict(operation.skipped)
    for reason, n in tally.skipped.items():
        skipped[reason] = skipped.get(reason, 0) + n
    operation.skipped = skipped
    operation.save(update_fields=["rows", "skipped"])
    if tally.rows > 1:
        details: dict[str, Any] = {"rows": tally.rows, "fields": operation.keys, "doing": operation.right}
        details |= {"filter": filter_text[:500]} if filter_text else {}
        history.note(actor, "undo" if operation.of_id else "bulk", entity=operation.entity, details=details)


def mine(actor: Actor) -> QuerySet[Operation]:
    """The operations of a person, those done for them too; whoever works for somebody sees their own alone."""
    found = Operation.objects.filter(user=actor.user)
    return found.filter(by=actor.by) if actor.by else found


def recent(actor: Actor, limit: int = 50) -> Sequence[Operation]:
    """What can still be taken back or was, newest first."""
    now = timezone.now()
    lately = Q(at__gte=now - dt.timedelta(days=DAYS))
    lately |= Q(at__gte=now - dt.timedelta(days=MERGE_DAYS), action="merge", state=State.DONE)
    return list(mine(actor).filter(lately, rows__gt=0).select_related("of", "by").order_by("-at")[:limit])


def find(actor: Actor, pk: UUID, *, lock: bool = False) -> Operation:
    """An operation of the actor; Missing when it is another's."""
    rows = mine(actor).select_for_update(of=("self",)) if lock else mine(actor)
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def days(operation: Operation) -> int:
    """For how many days it can be taken back."""
    return MERGE_DAYS if operation.action == "merge" else DAYS


def is_open(operation: Operation) -> bool:
    """Whether it can be taken back now. A merge goes back as a whole, once; it is then done anew, not done again."""
    if operation.right == "merge" and (operation.of_id or operation.state != State.DONE):
        return False
    fresh = operation.at >= timezone.now() - dt.timedelta(days=days(operation))
    return fresh and operation.rows > 0 and operation.state != State.UNDONE


def tidy() -> int:
    """Forget operations that nobody is shown any more; how many."""
    old = timezone.now() - dt.timedelta(days=KEPT_DAYS)
    return Operation.objects.filter(Q(at__lt=old)).delete()[1].get("engine.Operation", 0)
