"""What the worker does for persons."""

from __future__ import annotations

from procrastinate.contrib.django import app

from . import consents


@app.periodic(cron="20 0 * * *")  # UTC: 8:20 in Shanghai
@app.task(name="zhike.customers.remind", pass_context=False)
def remind(timestamp: int) -> None:
    """Every morning: tell of requests whose time runs out."""
    consents.remind()
