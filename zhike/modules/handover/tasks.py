"""What the worker does for hand-overs."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog

from . import continuity, running, watching


@app.periodic(cron="* * * * *")
@app.task(name="zhike.handover.resume", queueing_lock="handover.resume", pass_context=False)
def resume(timestamp: int) -> None:
    """Every minute: go on where a worker was killed."""
    for pk in running.abandoned():
        running.perform_later.defer(handover=str(pk))


@app.periodic(cron="23 2 * * *")
@app.task(name="zhike.handover.count", queueing_lock="handover.count", pass_context=False)
@catalog.fresh()
def count(timestamp: int) -> None:
    """Every night: continuity of all customers."""
    continuity.count()


@app.periodic(cron="33 7 * * *")
@app.task(name="zhike.handover.watch", queueing_lock="handover.watch", pass_context=False)
@catalog.fresh()
def watch(timestamp: int) -> None:
    """Every morning: who was handed over and heard nothing from us; watches that are over."""
    watching.alarm()
