"""What the worker does for what is planned."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog
from zhike.jobs import tasks

from . import recurring, reminders


@app.periodic(cron="* * * * *")
@app.task(name="zhike.activities.remind", queueing_lock="remind", pass_context=False)
@catalog.fresh()
def remind(timestamp: int) -> None:
    """Every minute: reminders whose moment has come; what they are sent by goes at once."""
    if reminders.remind():
        tasks.send_notices_soon()


@app.periodic(cron="4-59/10 * * * *")
@app.task(name="zhike.activities.missed", queueing_lock="missed", pass_context=False)
@catalog.fresh()
def missed(timestamp: int) -> None:
    """Every ten minutes: what was missed, told from the morning of the next working day on."""
    reminders.missed()


@app.periodic(cron="* * * * *")
@app.task(name="zhike.activities.repeat", queueing_lock="repeat", pass_context=False)
@catalog.fresh()
def repeat(timestamp: int) -> None:
    """Every minute: the next of what repeats."""
    recurring.go_on()


@app.periodic(cron="47 3 * * *")
@app.task(name="zhike.activities.tidy", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every night: forget reminders of times long past."""
    reminders.tidy()
