"""What the phases of imports and exports do (jobs.py says how they are started, followed and ended)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Job

from . import batches, leaving, mappings, set_jobs, sets
from .export import export
from .formats import FORMATS
from .jobs import SET, finish, forget, table
from .model import Stopped, plan_of, to_json
from .planning import make
from .pulse import Still
from .report import Tally
from .running import run
from .writing import place, store

State = Job.State


def actor_of(job: Job) -> Actor:
    return leaving.actor_of(job, "import" if job.kind == "import" else "export")


def _do_read(job: Job, ticket: str, pulse: Still) -> None:
    actor, entity = actor_of(job), get(job.entity)
    with table(job) as rows:
        known, coming = mappings.recall(actor, entity, rows.headers), set_jobs.coming(job, actor)
        try:
            plan = make(actor, entity, rows, known, promised=coming)
        except Invalid:  # a field is gone since, or no longer theirs
            known, plan = {}, make(actor, entity, rows, promised=coming)
    pulse.rest()
    options = {**job.options, "plan": to_json(plan), "phase": "map", "queued": "", "remembered": bool(known)}
    finish(job, ticket, state=State.READY, options=options, total=plan.rows)


def _do_check(job: Job, ticket: str, pulse: Still) -> None:
    with table(job) as rows, Tally() as tally:
        before = set_jobs.opened(set_jobs.before(job))
        if before:
            me = sets.Part(job.options["name"], rows, job.entity, plan_of(job.options["plan"]))
            tallies = [*(Tally() for _part in before), tally]
            sets.rehearse(actor_of(job), [*before, me], tallies, progress=pulse, stop=lambda: pulse.stopped)
        else:
            run(
                actor_of(job), get(job.entity), rows, plan_of(job.options["plan"]), dry=True, progress=pulse,
                stop=lambda: pulse.stopped, tally=tally,
            )  # fmt: skip
        pulse.rest()
        with transaction.atomic():
            batches.keep(job, "check", tally.problems(), anew=True)
            finish(job, ticket, **set_jobs.checked(job, tally.result))


def _do_run(job: Job, ticket: str, pulse: Still) -> None:
    with table(job) as rows:
        pulse.rest()  # each batch tells how far it is
        batches.run(job.pk, ticket, rows)
    job.refresh_from_db()
    if not job.result["run"]["errors"]:  # else they are asked for, with the rows that were left out
        forget(job)


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
                actor_of(job), entity, query.parse(job.options["query"]), path, kind=kind, progress=progress,
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
        finish(job, ticket, state=State.DONE, options=options, report=report, done=count, total=count)
    except Stopped:
        report.blob.delete(save=False)
        report.delete()
        raise


WORK: Mapping[tuple[str, str], Any] = {
    ("import", "read"): _do_read,
    ("import", "check"): _do_check,
    ("import", "run"): _do_run,
    ("export", "run"): _do_export,
    (SET, "read"): set_jobs.read,
    (SET, "check"): set_jobs.check,
    (SET, "run"): set_jobs.run,
    (SET, "anyway"): set_jobs.run,
    (SET, "undo"): set_jobs.take_back,
}
