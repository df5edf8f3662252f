"""Imports and exports as jobs: what a person started, how far it is, and what came of it.

A job has phases: read (the file is being read), map (the person looks at the columns), check (trial run), checked,
run, done. The machine works in read, check and run; `state` says whether it does. All that an import writes, and the
job's own end, are one transaction: a job that is killed leaves nothing, and a job that says done has written all.
"""

from __future__ import annotations

import datetime as dt
import errno
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from zhike.base.ids import uuid7
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Job, StoredFile
from zhike.engine.tabular import Table, TabularError, open_table, read
from zhike.engine.tabular.messages import message

from . import leaving
from .export import export
from .formats import FORMATS
from .model import Plan, Result, Stopped, plan_of, to_json
from .planning import make
from .report import Tally
from .running import run
from .writing import place, store, tidy_writing

AT_ONCE_ROWS = 2_000  # imports up to this size are done while the browser waits
AT_ONCE_BYTES = 2 * 1024 * 1024
AT_ONCE_EXPORT = 10_000
STALE = dt.timedelta(seconds=60)
BEAT = 1.0
DAYS = 30
State = Job.State


def begin(actor: Actor, entity: AnyEntity, source: StoredFile) -> Job:
    """A new import of an uploaded file; nothing is read yet. Raises Refused without the right to import."""
    access.require(actor, entity, "import")
    options = {"phase": "read", "name": source.name, "language": get_language() or "", "sheet": ""}
    options |= leaving.acting(actor)
    return Job.objects.create(kind="import", entity=entity.key, user=actor.user, source=source, options=options)


def mine(actor: Actor, pk: UUID, kind: str = "") -> Job:
    """A job of the actor; Missing when it is another's."""
    found = Job.objects.select_related("source", "report").filter(pk=pk, user=actor.user.pk, deleted_at=None).first()
    if found is None or (kind and found.kind != kind):
        raise Missing
    return found


def is_stale(job: Job) -> bool:
    """Whether the process that worked on a job is gone: it tells every second that it is there."""
    return job.state == State.RUNNING and timezone.now() - job.updated_at > STALE


def is_busy(job: Job) -> bool:
    """Whether the machine is at work on a job, or about to be."""
    waiting = job.state == State.READY and bool(job.options.get("queued"))
    return waiting or (job.state == State.RUNNING and not is_stale(job))


def queue(job: Job, phase: str) -> str:
    """Mark a job as waiting for the worker; gives the ticket that lets exactly one worker do it."""
    ticket = str(uuid7())
    job.options = {**job.options, "phase": phase, "queued": ticket}
    job.state, job.done, job.result = State.READY, 0, {k: v for k, v in job.result.items() if k != "error"}
    job.updated_at = timezone.now()
    job.save(update_fields=["options", "state", "done", "result", "updated_at"])
    return ticket


def cancel(job: Job) -> None:
    """Stop a job; what it was writing is taken back."""
    changed = Job.objects.filter(pk=job.pk, state__in=(State.READY, State.RUNNING))
    changed.update(state=State.CANCELLED, updated_at=timezone.now())


def perform(pk: UUID, ticket: str, *, watched: bool = True) -> None:
    """Do the phase that a job waits for. A ticket that is no longer the job's own does nothing.

    `watched` tells the progress to others, every second, over a connection of its own.
    """
    taken = Job.objects.filter(pk=pk, state=State.READY, options__queued=ticket)
    if not taken.update(state=State.RUNNING, updated_at=timezone.now()):
        return
    job = Job.objects.select_related("source", "user", "user__department").get(pk=pk)
    job.options = {**job.options, "started": timezone.now().isoformat()}
    job.save(update_fields=["options"])
    pulse = Pulse(pk, ticket) if watched else Still()
    with override(job.options.get("language") or None), pulse:
        try:
            _WORK[job.kind, job.options["phase"]](job, ticket, pulse)
        except Stopped:
            return
        except (Invalid, Refused, Missing, TabularError, OSError, DatabaseError) as error:
            fail(job, ticket, reason(error))
        except Exception:
            fail(job, ticket, _("Something went wrong; nothing was written. Try again, or tell your administrator."))
            raise


def reason(error: BaseException) -> str:
    """Why a job failed, in words."""
    if isinstance(error, TabularError):
        return str(message(error))
    if isinstance(error, Invalid):
        return " ".join(w.text for found in error.first.values() for w in found)
    if isinstance(error, (Refused, Missing)):
        return error.text
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    state = getattr(getattr(error, "__cause__", None), "sqlstate", "") or ""
    if full or state == "53100":
        return _(
            "The disk of the server is full; nothing was written. Ask the administrator to make room, then try again."
        )
    if isinstance(error, DatabaseError):
        return _("The database went away; nothing was written. Try again in a moment.")
    return _("The file could not be opened; nothing was written. Choose it again.")


def fail(job: Job, ticket: str, text: str) -> None:
    """Note why a job failed; a database that is gone is tried once more over a new connection."""
    rows = Job.objects.filter(pk=job.pk, options__queued=ticket)
    values: Any = {"state": State.FAILED, "result": {**job.result, "error": text}, "updated_at": timezone.now()}
    try:
        rows.update(**values)
    except DatabaseError:
        connection.close()
        rows.update(**values)


class Still:
    """Stands in for Pulse where nobody waits to see how far the work is."""

    stopped = False
    broken: Callable[[], None] | None = None  # what ends the statement at work, when the job is stopped

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of: object) -> None:
        return

    def __call__(self, done: int, total: int, text: str) -> None:
        """Nobody to tell."""

    def rest(self) -> None:
        """Nothing to end."""


class Pulse(Still):
    """Tells others how far a job is, and learns that it was stopped: over a connection of its own, because the work
    itself is one transaction, out of which nothing is seen."""

    def __init__(self, pk: UUID, ticket: str) -> None:
        self._pk, self._ticket = pk, ticket
        self._done = self._total = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_of: object) -> None:
        self.rest()

    def __call__(self, done: int, total: int, text: str) -> None:
        """How far the work is."""
        self._done, self._total = done, total

    def rest(self) -> None:
        """End, before the work itself writes to the row of the job."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._end.wait(BEAT):
                rows = Job.objects.filter(pk=self._pk, state=State.RUNNING, options__queued=self._ticket)
                if not rows.update(done=self._done, total=self._total, updated_at=timezone.now()):
                    self.stopped = True
                    if self.broken and not self._end.is_set():
                        self.broken()
        except DatabaseError:
            self.stopped = True
        finally:
            connection.close()


def _finish(job: Job, ticket: str, **values: Any) -> None:
    """Write the end of a phase; Stopped when the job was stopped or given to another worker."""
    rows = Job.objects.filter(pk=job.pk, state=State.RUNNING, options__queued=ticket)
    if not rows.update(updated_at=timezone.now(), **values):
        raise Stopped


def spool(job: Job) -> Path:
    """Where the rows of a job's file lie once they are read."""
    folder = Path(settings.HOME) / "imports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{job.pk}.rows"


@contextmanager
def table(job: Job) -> Iterator[Table]:
    """The rows of a job's file, read anew where they are gone; raises TabularError."""
    place = spool(job)
    if place.exists():
        yield open_table(place)
        return
    yield _read(job, place)


def _read(job: Job, place: Path) -> Table:
    if job.source is None:
        raise TabularError("unreadable", detail="")
    fresh = place.with_suffix(f".{uuid7()}")
    try:
        read(job.source.blob.path, name=job.source.name, sheet=job.options.get("sheet") or None, spool=fresh)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
    return open_table(place)


def forget(job: Job) -> None:
    """Remove the rows of a job's file."""
    spool(job).unlink(missing_ok=True)


def propose(job: Job, actor: Actor, mapping: Mapping[str, Any] | None = None) -> Plan:
    """Plan a job's file with a person's choices and keep the plan."""
    with table(job) as rows:
        plan = make(actor, get(job.entity), rows, mapping)
    job.options = {**job.options, "plan": to_json(plan), "phase": "map", "queued": ""}
    job.total = plan.rows
    job.save(update_fields=["options", "total"])
    return plan


def _actor(job: Job) -> Actor:
    return leaving.actor_of(job, "import" if job.kind == "import" else "export")


def _do_read(job: Job, ticket: str, pulse: Still) -> None:
    with table(job) as rows:
        plan = make(_actor(job), get(job.entity), rows)
    pulse.rest()
    options = {**job.options, "plan": to_json(plan), "phase": "map", "queued": ""}
    _finish(job, ticket, state=State.READY, options=options, total=plan.rows)


def _do_check(job: Job, ticket: str, pulse: Still) -> None:
    with table(job) as rows, Tally() as tally:
        result = _run(job, rows, tally, pulse, dry=True)
        pulse.rest()
        report = _report(job, rows, tally) if result.errors else None
    options = {**job.options, "phase": "checked", "queued": ""}
    found = {**job.result, "check": to_json(result)}
    _finish(job, ticket, state=State.READY, options=options, result=found, report=report, done=result.rows)


def _do_run(job: Job, ticket: str, pulse: Still) -> None:
    with table(job) as rows, Tally() as tally:

        def finish(result: Result) -> None:
            pulse.rest()
            report = _report(job, rows, tally) if result.errors else None
            options = {**job.options, "phase": "done"}
            found = {**job.result, "run": to_json(result)}
            try:
                _finish(job, ticket, state=State.DONE, options=options, result=found, report=report, done=result.rows)
            except Stopped:
                if report is not None:
                    report.blob.delete(save=False)
                raise

        _run(job, rows, tally, pulse, dry=False, finish=finish)
    forget(job)


def _run(job: Job, rows: Table, tally: Tally, pulse: Still, *, dry: bool, finish: Any = None) -> Result:
    return run(
        _actor(job), get(job.entity), rows, plan_of(job.options["plan"]), dry=dry, progress=pulse,
        stop=lambda: pulse.stopped, tally=tally, finish=finish,
    )  # fmt: skip


def _report(job: Job, rows: Table, tally: Tally) -> StoredFile:
    stem = Path(str(job.options.get("name", "import"))).stem[:80]
    with place(".xlsx") as path:
        tally.write(rows, path)
        return store(job, path, _("%(file)s, rows left out.xlsx") % {"file": stem})


def _do_export(job: Job, ticket: str, pulse: Still) -> None:
    kind, entity = job.options["format"], get(job.entity)
    pulse.broken = getattr(
        connection.connection, "cancel_safe", None
    )  # a statement may think long before its first row

    def progress(done: int, total: int, text: str) -> None:
        pulse(done, total, text)
        if pulse.stopped:
            raise Stopped

    with place(f".{kind}") as path:
        try:
            count = export(
                _actor(job), entity, query.parse(job.options["query"]), path, kind=kind, progress=progress,
                keys=job.options.get("keys", ()), purpose=str(job.options.get("purpose", "")),
                approved=int(job.options.get("approved_rows", 0)), approved_by=str(job.options.get("approved_by", "")),
            )  # fmt: skip
        except DatabaseError:
            if pulse.stopped:
                raise Stopped from None
            raise
        pulse.rest()
        report = store(job, path, f"{entity.plural} {timezone.localdate():%Y-%m-%d}.{FORMATS[kind].suffix}")
    options = {**job.options, "phase": "done"}
    try:
        _finish(job, ticket, state=State.DONE, options=options, report=report, done=count, total=count)
    except Stopped:
        report.blob.delete(save=False)
        report.delete()
        raise


_WORK: Mapping[tuple[str, str], Any] = {
    ("import", "read"): _do_read,
    ("import", "check"): _do_check,
    ("import", "run"): _do_run,
    ("export", "run"): _do_export,
}


def tidy() -> int:
    """Remove what jobs older than DAYS left behind; how many."""
    old = Job.objects.filter(updated_at__lt=timezone.now() - dt.timedelta(days=DAYS), deleted_at=None)
    tidy_writing()
    count = 0
    for job in old.select_related("source", "report"):
        forget(job)
        for stored in (job.source, job.report):
            if stored is not None and not stored.record:
                stored.blob.delete(save=False)
                stored.delete()
        job.delete()
        count += 1
    return count
