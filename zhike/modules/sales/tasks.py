"""What the worker does for sales."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog
from zhike.jobs import tasks

from . import briefs


@app.periodic(cron="*/5 * * * *")
@app.task(name="zhike.sales.brief", queueing_lock="brief", pass_context=False)
@catalog.fresh()
def brief(timestamp: int) -> None:
    """Every five minutes: the brief for those whose hour has come."""
    if briefs.send():
        tasks.send_notices_soon()
