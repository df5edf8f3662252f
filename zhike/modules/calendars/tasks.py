"""What the worker does for calendars: a run for everybody whose time has come."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from zhike.engine import catalog

from . import accounts, sync


def soon(account: UUID) -> None:
    """A run as soon as a worker is free; one that waits already is enough."""
    with suppress(AlreadyEnqueued), transaction.atomic():
        step.configure(queueing_lock=f"caldav:{account}").defer(account=str(account))


@app.task(name="zhike.caldav", queue="caldav", priority=-20)
@catalog.fresh()
def step(account: str) -> None:
    """Keep one person's calendar in step."""
    sync.run(UUID(account))


@app.periodic(cron="* * * * *")
@app.task(name="zhike.caldav.due", queue="caldav", queueing_lock="caldav.due", pass_context=False)
def begin(timestamp: int) -> None:
    """Every minute: the calendars whose time has come."""
    for account in accounts.due(timezone.now()):
        soon(account)
