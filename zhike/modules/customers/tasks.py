"""What the worker does for persons."""

from __future__ import annotations

from procrastinate.contrib.django import app

from zhike.engine import catalog

from . import consents


@app.periodic(cron="20 0 * * *")  # UTC: 8:20 in Shanghai
@app.task(name="zhike.customers.remind", pass_context=False)
@catalog.fresh()
def remind(timestamp: int) -> None:
    """Every morning: tell of requests whose time runs out."""
    consents.remind()
