"""An import from its first row to its last: a trial run that writes nothing, or batches that are one transaction each.

What a batch has written stays whatever becomes of the next, and all of them together are one operation, which can be
taken back for a week (operations.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import islice
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from zhike.engine import access, numbering, operations, outbox
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Operation
from zhike.engine.tabular import Table
from zhike.engine.tabular.messages import note_message

from .cells import problem
from .importer import Chunk, Collision, Importer, Taken
from .model import Plan, Problem, Progress, Result, Stopped
from .rehearsal import Rehearsal
from .report import Tally

CHUNK = 1_000
TRIES = 4
AGAIN = ("40P01", "40001")  # deadlock, serialization failure: nothing was written, the batch is done once more


def run(
    actor: Actor,
    entity: AnyEntity,
    table: Table,
    plan: Plan,
    *,
    dry: bool,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    tally: Tally | None = None,
) -> Result:
    """Import a table as planned, batch by batch, or only try to. Rows in error are left out, all others are written.

    `stop` is asked after each batch. Raises Refused without the right to import, Stopped.
    """
    access.require(actor, entity, "import")
    who, counted = replace(actor, channel="import"), tally or Tally()

    def told(taken: Taken) -> None:
        counted.take(taken)
        if progress:
            progress(counted.result.rows, table.row_count, "")
        if stop and stop():
            raise Stopped

    if dry:
        _rehearse(who, entity, table, plan, told)
    else:
        _write(who, entity, table, plan, told)
    counted.result.dry = dry
    counted.add(gaps(plan, counted.result))
    counted.close()
    return counted.result


def _rehearse(actor: Actor, entity: AnyEntity, table: Table, plan: Plan, told: Callable[[Taken], None]) -> None:
    """The very same without writing, where the actor reaches all records anyhow; else it is written and taken back."""
    light = reaches_all(actor, entity)
    with transaction.atomic(), numbering.trial(), closing(Rehearsal()) as rehearsal:
        importer = Importer(actor, entity, plan, rehearsal=rehearsal) if light else _importer(actor, entity, plan)
        for chunk in chunks(table):
            told(importer.take(chunk, careful=True))
        transaction.set_rollback(True)


def reaches_all(actor: Actor, entity: AnyEntity) -> bool:
    """Whether no record that the actor could write would be out of their reach."""
    actions = ("read", "create", "update", *(("transfer",) if entity.has_owner else ()))
    return all(
        access.scope(actor, entity, action) == "all" and not access.bounds(actor, entity, action) for action in actions
    )


def _importer(actor: Actor, entity: AnyEntity, plan: Plan) -> Importer:
    """One that remembers in this process from which rows records came."""
    seen: dict[UUID, int] = {}

    def recall(ids: Iterable[UUID]) -> dict[UUID, int]:
        return {pk: seen[pk] for pk in ids if pk in seen}

    importer = Importer(actor, entity, plan, recall=recall)
    importer.remember = lambda taken: seen.update({pk: row for pk, (row, _made) in taken.records.items()})
    return importer


def _write(actor: Actor, entity: AnyEntity, table: Table, plan: Plan, told: Callable[[Taken], None]) -> None:
    importer = _importer(actor, entity, plan)
    operation: Operation | None = None
    for chunk in chunks(table):
        with transaction.atomic():
            operation, taken = batch(importer, chunk, operation)
        told(taken)


def batch(importer: Importer, chunk: Chunk, operation: Operation | None) -> tuple[Operation | None, Taken]:
    """One batch, as a step of the operation; inside a transaction of the caller's."""
    actor, entity, plan = importer.actor, importer.entity, importer.plan
    mark = operations.marked()
    with outbox.quiet() if plan.quiet else nullcontext():
        taken = _take(importer, chunk)
    written = operations.Tally(taken.result.new + taken.result.updated)
    if written.rows:
        operation = operation or operations.begin(actor, entity, "update", name="import", keys=sorted(plan.fields()))
        operations.add(actor, operation, mark, written)
    return operation, taken


def _take(importer: Importer, chunk: Chunk) -> Taken:
    """A batch; once more where somebody else was at the same records at the same moment."""
    for n in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return importer.take(chunk, careful=n == TRIES)
        except Collision:
            pass
        except OperationalError as error:
            if n == TRIES or getattr(error.__cause__, "sqlstate", "") not in AGAIN:
                raise
        importer.begin()
    raise AssertionError


def chunks(table: Table, *, after: int = 0, size: int = CHUNK) -> Iterator[Chunk]:
    """Rows beyond row `after`, with the reasons why the reader of the file refuses them."""
    refused = table.refused_rows()
    rows = ((row, [str(note_message(n)) for n in refused.get(row[0], ())]) for row in table.rows() if row[0] > after)
    while chunk := list(islice(rows, size)):
        yield chunk


def gaps(plan: Plan, result: Result) -> list[Problem]:
    """Columns of links and days that some rows leave open: one remark each."""
    found = []
    for key, (first, count) in result.gaps.items():
        if 0 < count < result.rows:
            said = _("%(count)s of %(rows)s rows have nothing here.") % {"count": count, "rows": result.rows}
            found.append(problem(first, plan.of(key)[0], "", said, level="warning", code="empty"))
    return found
