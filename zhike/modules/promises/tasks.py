"""What the worker does for promises."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog

from . import services


@app.periodic(cron="7 * * * *")
@app.task(name="zhike.promises.remind", pass_context=False)
@catalog.fresh()
def remind(timestamp: int) -> None:
    """Every hour: tell of promises that nobody has confirmed for a working day."""
    services.remind()
