"""An import as a job writes it: a batch, what was found in it, and how far the job is, are one transaction.

So a worker that is killed at any moment is followed by another that goes on after the last whole batch, and no row is
written twice. Who imports, and what they may do, is asked anew every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from zhike.engine import access, catalog
from zhike.engine.entity import get
from zhike.engine.models import ImportedRow, ImportProblem, Job, Operation
from zhike.engine.tabular import Table

from . import leaving, running
from .importer import Chunk, Importer, Taken
from .model import Problem, Result, Stopped, plan_of, result_of, to_json
from .report import reasons

RENEW = 5.0  # seconds after which rights and configuration are read anew
AT_ONCE = 5_000
SHOWN = ("row", "column", "header", "value", "level", "text", "code", "count")
State = Job.State


def run(pk: UUID, ticket: str, rows: Table) -> None:
    """Write the rows that are not written yet, to the end. Raises Stopped where the job is paused, stopped or taken
    by another worker."""
    work = _Work(pk, ticket)
    for chunk in running.chunks(rows, after=Job.objects.get(pk=pk).options.get("after", 0)):
        work.batch(chunk)
    work.end()


class _Work:
    """One worker's hold on a job."""

    def __init__(self, pk: UUID, ticket: str) -> None:
        self._pk, self._ticket = pk, ticket
        self._importer: Importer | None = None
        self._known: catalog.Snapshot | None = None
        self._made = 0.0

    @catalog.fresh()
    @transaction.atomic
    def batch(self, chunk: Chunk) -> None:
        """One batch and the progress it makes, both or neither."""
        with connection.cursor() as cursor:  # a batch that a crash of the server takes back takes its progress along
            cursor.execute("SET LOCAL synchronous_commit = off")
        job = self._held()
        begun = job.options.get("operation")  # undone meanwhile, it stays so: what follows is another operation
        operation = Operation.objects.filter(pk=begun, state=Operation.State.DONE).first() if begun else None
        operation, taken = running.batch(self._for(job), chunk, operation)
        keep(job, "run", _together(taken.problems))
        _remember(job, taken)
        result = result_of(job.result.get("run", {}))
        result.join(taken.result)
        for p in taken.problems:
            result.tell(p)
        made = str(operation.pk) if operation else ""
        job.options = {**job.options, "after": chunk[-1][0][0], "operation": made}
        job.result, job.done = {**job.result, "run": to_json(result)}, result.rows
        job.total, job.updated_at = max(job.total, job.done), timezone.now()
        job.save(update_fields=["options", "result", "done", "total", "updated_at"])

    @transaction.atomic
    def end(self) -> None:
        """Say that all is written, and whether the amounts that were read are those that are stored."""
        job = self._held()
        result, plan = result_of(job.result.get("run", {})), plan_of(job.options["plan"])
        found = running.gaps(plan, result)
        keep(job, "run", found)
        for p in found:
            result.tell(p)
        job.options, job.state = {**job.options, "phase": "done", "queued": ""}, State.DONE
        job.result = {**job.result, "run": to_json(result), "stored": stored(job, result)}
        job.updated_at = timezone.now()
        job.save(update_fields=["options", "state", "result", "updated_at"])

    def _held(self) -> Job:
        rows = Job.objects.select_for_update(of=("self",)).select_related("user__department")
        job = rows.filter(pk=self._pk, state=State.RUNNING, options__queued=self._ticket).first()
        if job is None:
            raise Stopped
        return job

    def _for(self, job: Job) -> Importer:
        known = catalog.current()
        if self._importer is None or self._known is not known or time.monotonic() - self._made > RENEW:
            actor, entity = leaving.actor_of(job, "import"), get(job.entity)
            access.require(actor, entity, "import")

            def recall(ids: Iterable[UUID]) -> dict[UUID, int]:
                rows = ImportedRow.objects.filter(job=self._pk, record__in=list(ids))
                return dict(rows.values_list("record", "row"))

            self._importer = Importer(actor, entity, plan_of(job.options["plan"]), recall=recall)
            self._known, self._made = known, time.monotonic()
        return self._importer


def counts(result: Result) -> dict[str, Any]:
    """A result without its problems."""
    return {**to_json(result), "problems": []}


def _together(problems: Iterable[Problem]) -> list[Problem]:
    """Equal warnings once, with how often they came."""
    found: list[Problem] = []
    said: dict[tuple[str, str], Problem] = {}
    for p in problems:
        if p.level == "warning":
            if (known := said.get((p.header, p.text))) is not None:
                known.count += p.count
                continue
            said[p.header, p.text] = p
        found.append(p)
    return found


def keep(job: Job, phase: str, problems: Iterable[Problem], *, anew: bool = False) -> None:
    """Store problems of a phase, in place of those from before where it was done `anew`."""
    if anew:
        ImportProblem.objects.filter(job=job, phase=phase).delete()
    columns = ", ".join(f'"{name}"' for name in ("job_id", "phase", *SHOWN))
    with connection.cursor() as cursor, cursor.copy(f"COPY engine_importproblem ({columns}) FROM STDIN") as copy:
        for p in problems:
            copy.write_row([job.pk, phase, *(getattr(p, name) for name in SHOWN)])


def _remember(job: Job, taken: Taken) -> None:
    rows, made = [row for row, _made in taken.records.values()], [made for _row, made in taken.records.values()]
    with connection.cursor() as cursor:  # a record of an earlier batch keeps its first row
        cursor.execute(
            f"INSERT INTO {ImportedRow._meta.db_table} (job_id, record, row, made)"  # noqa: S608  our own names
            " SELECT %s, t.* FROM unnest(%s::uuid[], %s::int[], %s::bool[]) t ON CONFLICT DO NOTHING",
            [job.pk, list(taken.records), rows, made],
        )


def problems(
    job: Job, phase: str, *, level: str = "", header: str | None = None, limit: int, offset: int = 0
) -> list[Problem]:
    """What was found, errors in the order of the file among the warnings' first rows."""
    wanted = {"job": job, "phase": phase} | ({"level": level} if level else {})
    rows = ImportProblem.objects.filter(**wanted)
    rows = rows if header is None else rows.filter(header=header)
    with connection.cursor() as cursor:
        sql, values = rows.order_by().query.sql_with_params()
        cursor.execute(
            'SELECT min(row), min("column"), header, min(value), level, text, min(code), sum(count)::int'  # noqa: S608
            f" FROM ({sql}) p GROUP BY header, level, text, CASE level WHEN 'error' THEN id END"
            " ORDER BY min(row), level LIMIT %s OFFSET %s",
            [*values, limit, offset],
        )
        return [Problem(**dict(zip(SHOWN, row, strict=True))) for row in cursor.fetchall()]


def errors(job: Job, phase: str) -> Iterator[tuple[int, str]]:
    """(row, reasons) of the rows that were left out, in the order of the file."""
    rows = ImportProblem.objects.filter(job=job, phase=phase, level="error").order_by("row", "id")
    found = rows.values_list("row", "header", "text").iterator(chunk_size=AT_ONCE)
    return reasons(Problem(row=row, header=header, text=text) for row, header, text in found)


def stored(job: Job, result: Result) -> dict[str, str]:
    """The sum of each column of amounts over the records that the file was about, as they stand now."""
    attributes, found = get(job.entity).attributes, {}
    for key in result.sums.keys() & attributes.keys():  # a field may have gone since
        a = attributes[key]
        where = f"(a.custom ->> '{key}')::numeric" if a.custom else f'a."{a.column}"'
        table = get(job.entity).model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT coalesce(sum({where}), 0) FROM engine_importedrow r JOIN {table} a ON a.id = r.record"  # noqa: S608
                " WHERE r.job_id = %s",
                [job.pk],
            )
            found[key] = str(cursor.fetchone()[0])
    return found
