"""What the worker runs: imports and exports that take longer than a page may, and tidying up after them."""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app

from zhike.engine import recycle
from zhike.engine.models import Job
from zhike.engine.transfer import jobs


def start(job: Job, phase: str, *, at_once: bool = False) -> None:
    """Do a phase of a job: here and now when it is small, else in the worker."""
    ticket = jobs.queue(job, phase)
    if at_once:
        jobs.perform(job.pk, ticket, watched=False)
    else:
        transfer.defer(job=str(job.pk), ticket=ticket)


@app.task(name="zhike.transfer", queue="transfer")
def transfer(job: str, ticket: str) -> None:
    """One phase of an import or export; a ticket counts once, however often the worker is given it."""
    jobs.perform(UUID(job), ticket)


@app.periodic(cron="17 3 * * *")
@app.task(name="zhike.transfer.tidy", queue="transfer", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every night: forget the files of old imports and exports."""
    jobs.tidy()


@app.periodic(cron="41 3 * * *")
@app.task(name="zhike.recycle", pass_context=False)
def empty_bin(timestamp: int) -> None:
    """Every night: empty what has been in the recycle bin for 30 days."""
    recycle.empty()
