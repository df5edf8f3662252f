"""Imports and exports as jobs: what a person started, how far it is, and what came of it.

A job has phases: read (the file is being read), map (the person looks at the columns), check (trial run), checked,
run, done. The machine works in read, check and run; `state` says whether it does. An import writes in batches
(batches.py): a job that is killed is followed by another that goes on where it stands.
"""

from __future__ import annotations

import datetime as dt
import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from zhike.base.ids import uuid7
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.deed_jobs import go_on
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.mishaps import MISHAPS, full, is_lost, words
from zhike.engine.models import Job, StoredFile
from zhike.engine.tabular import Table, TabularError, open_table, read
from zhike.engine.tabular.messages import message

from . import batches, gone, leaving, mappings
from .model import Plan, Stopped, to_json
from .planning import make
from .pulse import Pulse, Still, calm
from .report import write_left_out
from .writing import tidy_writing

AT_ONCE_ROWS = 2_000  # imports up to this size are done while the browser waits
AT_ONCE_BYTES = 2 * 1024 * 1024
AT_ONCE_EXPORT = 10_000
STALE = dt.timedelta(seconds=60)
FORGOTTEN = dt.timedelta(hours=1)  # a job that waits so long has lost its place in the queue
DAYS = 30
SET = "import_set"  # the kind of a job that does several imports, one after another (set_jobs.py)
FIXES, LONGEST_FIX = 2_000, 2_000
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


def has_begun(job: Job) -> bool:
    """Whether an import has written something already."""
    return job.kind == "import" and job.options.get("phase") == "run" and job.options.get("after", 0) > 0


def is_paused(job: Job) -> bool:
    """Whether an import rests, with some of its rows written."""
    return has_begun(job) and job.state == State.READY and not job.options.get("queued")


def pause(job: Job) -> None:
    """Let an import rest after the batch it is in; it waits for `go_on`."""
    with transaction.atomic():
        rows = Job.objects.select_for_update().filter(state__in=(State.READY, State.RUNNING), options__phase="run")
        found = rows.filter(pk=job.pk, kind="import").first()
        if found is not None:
            found.options, found.state, found.updated_at = {**found.options, "queued": ""}, State.READY, timezone.now()
            found.save(update_fields=["options", "state", "updated_at"])


def abandoned() -> list[tuple[UUID, str]]:
    """Jobs whose worker is gone, each with a new ticket. What cannot be gone on with begins its phase again."""
    now = timezone.now()
    with transaction.atomic():
        rows = Job.objects.select_for_update(skip_locked=True).filter(kind__in=("import", "export", SET))
        rows = rows.filter(options__queued__gt="")
        running = rows.filter(state=State.RUNNING, updated_at__lt=now - STALE)
        waiting = rows.filter(state=State.READY, updated_at__lt=now - FORGOTTEN)
        return [(job.pk, _again(job)) for job in (*running, *waiting)]


def _again(job: Job) -> str:
    job.refresh_from_db()
    return go_on(job) if has_begun(job) else queue(job, job.options["phase"])


def perform(pk: UUID, ticket: str, *, watched: bool = True) -> None:
    """Do the phase that a job waits for. A ticket that is no longer the job's own does nothing.

    `watched` tells the progress to others, every second, over a connection of its own.
    """
    from .work import WORK  # it uses what stands here

    taken = Job.objects.filter(pk=pk, state=State.READY, options__queued=ticket)
    if not taken.update(state=State.RUNNING, updated_at=timezone.now()):
        return
    job = Job.objects.select_related("source", "user", "user__department").get(pk=pk)
    job.options = {**job.options, "started": timezone.now().isoformat()}
    job.save(update_fields=["options"])
    pulse = Pulse(pk, ticket, job.done, job.total) if watched else Still()
    with override(job.options.get("language") or None), pulse:
        try:
            with calm():
                WORK[job.kind, job.options["phase"]](job, ticket, pulse)
        except Stopped:
            return
        except (Invalid, Refused, Missing, TabularError, OSError) as error:
            job.refresh_from_db(fields=["options", "result"])
            lacking = gone.told(job) if isinstance(error, Refused) else ""
            fail(job, ticket, lacking or reason(error))
        except MISHAPS as error:
            if is_lost(error):
                connection.close()  # another worker goes on when the database is there again
                return
            fail(job, ticket, words(error) or odd())
            if not words(error):
                raise
        except Exception:
            fail(job, ticket, odd())
            raise


def reason(error: BaseException) -> str:
    """Why a job failed, in words."""
    if isinstance(error, TabularError):
        return str(message(error))
    if isinstance(error, Invalid):
        return " ".join(w.text for found in error.first.values() for w in found)
    if isinstance(error, (Refused, Missing)):
        return error.text
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full()
    return _("The file could not be opened; nothing was written. Choose it again.")


def odd() -> str:
    """What is said of what nobody foresaw."""
    return _("Something went wrong on the way. Try again, or tell your administrator.")


def fail(job: Job, ticket: str, text: str) -> None:
    """Note why a job failed; a database that is gone is tried once more over a new connection."""
    rows = Job.objects.filter(pk=job.pk, options__queued=ticket, state=State.RUNNING)

    def note() -> None:
        with transaction.atomic():
            if (found := rows.select_for_update().first()) is not None:
                found.state, found.result, found.updated_at = (
                    State.FAILED,
                    {**found.result, "error": text},
                    timezone.now(),
                )
                found.save(update_fields=["state", "result", "updated_at"])

    try:
        note()
    except MISHAPS:
        connection.close()
        note()


def finish(job: Job, ticket: str, **values: Any) -> None:
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
    found = open_table(place) if place.exists() else _read(job, place)
    found.corrected = {int(row): cells for row, cells in job.options.get("fixes", {}).items()}
    yield found


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


def left_out(job: Job, phase: str, path: Path) -> int:
    """Write the rows that were left out, or would be, with the reasons, as xlsx; how many."""
    with table(job) as rows:
        return write_left_out(rows, batches.errors(job, phase), path)


def forget(job: Job) -> None:
    """Remove the rows of a job's file."""
    spool(job).unlink(missing_ok=True)


def correct(job: Job, cells: Mapping[tuple[int, int], str]) -> int:
    """Other texts for cells of the file, (row, column) -> text, as if they stood there; how many there are by now.

    Raises Invalid where there are more than FIXES: then the file itself is the place.
    """
    fixes: dict[str, dict[str, str]] = {row: dict(found) for row, found in job.options.get("fixes", {}).items()}
    for (row, column), text in cells.items():
        fixes.setdefault(str(row), {})[str(column)] = text[:LONGEST_FIX]
    count = sum(map(len, fixes.values()))
    if count > FIXES:
        raise Invalid([{"": [Wrong(_("More than %(n)s cells: correct the file itself.") % {"n": FIXES})]}])
    job.options = {**job.options, "fixes": fixes}
    job.save(update_fields=["options"])
    return count


def propose(job: Job, actor: Actor, mapping: Mapping[str, Any] | None = None) -> Plan:
    """Plan a job's file with a person's choices and keep the plan."""
    from .set_jobs import coming  # it uses what stands here

    with table(job) as rows:
        plan = make(actor, get(job.entity), rows, mapping, promised=coming(job, actor))
        if mapping:
            mappings.remember(actor, get(job.entity), rows.headers, mapping)
    job.options = {**job.options, "plan": to_json(plan), "phase": "map", "queued": ""}
    job.total = plan.rows
    job.save(update_fields=["options", "total"])
    return plan


def tidy() -> int:
    """Remove what jobs older than DAYS left behind; how many."""
    old = Job.objects.filter(updated_at__lt=timezone.now() - dt.timedelta(days=DAYS), deleted_at=None)
    tidy_writing()
    count = 0
    for job in old.select_related("source", "report"):
        forget(job)
        files = [stored for stored in (job.source, job.report) if stored is not None and not stored.record]
        job.delete()
        for stored in files:
            drop_file(stored)
        count += 1
    return count


def drop_file(stored: StoredFile) -> None:
    """Remove a file, unless another job holds it too: the sheets of a workbook share it."""
    if not Job.objects.filter(Q(source=stored) | Q(report=stored)).exists():
        stored.blob.delete(save=False)
        stored.delete()
