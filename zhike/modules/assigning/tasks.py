"""What the worker does for assignment."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog
from zhike.engine.entity import get
from zhike.jobs import tasks

from . import answered, answering, deciding


@app.periodic(cron="* * * * *")
@app.task(name="zhike.assigning.run", queueing_lock="assign", pass_context=False)
@catalog.fresh()
def assign(timestamp: int) -> None:
    """Every minute: what nobody has is given, what nobody accepted goes on, who answered too late is told."""
    for key in deciding.ENTITIES:
        deciding.run(get(key))
    answering.lapse()
    if answered.remind():
        tasks.send_notices_soon()
