"""What it costs to change many records and to take that back, beside one UPDATE statement over the same rows.

Both leave history through the same trigger. Ours asks for rights, runs the rules, checks links and uniqueness, keeps
versions, tells the outbox, and can be stopped, resumed and undone; the statement does none of that.
"""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

from django.db import connection, transaction

from zhike.engine import deed_jobs
from zhike.engine.access import Actor
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import get
from zhike.engine.models import Job, Operation

from . import Figure, Options, exact, figure, load, scratch

ROWS = 10_000
EVERYTHING = Chosen(where="")
VALUE = "S"
BACK = (
    "WITH was AS (SELECT record, changes -> 'tier' ->> 0 AS tier FROM engine_history WHERE action = 'update')"
    " UPDATE customers_account a SET tier = was.tier, updated_at = now(), version = version + 1 FROM was"
    " WHERE a.id = was.record"
)
FORTH = "UPDATE customers_account SET tier = %s, updated_at = now(), version = version + 1 WHERE tier <> %s"


def run(options: Options) -> list[Figure]:
    """Seconds for a trial run, an edit of all customers and its undoing, each as a job, in a database of its own."""
    with scratch.database(options["server"], "bulk") as url:
        rows = options.get("rows") or ROWS
        made, _seconds = load.make(rows, url=url, contacts=0, activities=0, deals=0, progress=options.get("progress"))
        actor, before = Actor(made.admin), _digest()
        forth = _by_hand(FORTH, [VALUE, VALUE])
        job = deed_jobs.begin(actor, get("account"), Deed("update", {"tier": VALUE}), EVERYTHING)
        tried, done = _job(job, "check"), _job(job, "run")
        operation = Operation.objects.get()
        back = _by_hand(BACK, [])
        undone = _job(deed_jobs.begin_undo(actor, operation.pk), "run")
        return [
            figure(f"trial run over {rows:,} customers", tried, "s", forth),
            figure(f"edit of {operation.rows:,} customers", done, "s", forth),
            figure(f"edit of {operation.rows:,} customers, rows a second", operation.rows / done, "rows/s", 0),
            figure(f"undo of {operation.rows:,} customers", undone, "s", back),
            exact("customers as before after the undo", _digest() == before, expected=True),
        ]


def _by_hand(sql: str, values: Any) -> float:
    """Seconds of one statement, which is rolled back."""
    with transaction.atomic(), connection.cursor() as cursor:
        begun = perf_counter()
        cursor.execute(sql, values)
        taken = perf_counter() - begun
        transaction.set_rollback(True)
    return taken


def _job(job: Job, phase: str) -> float:
    """Seconds of a phase of a job, done as the worker does it."""
    ticket = deed_jobs.queue(job, phase)
    begun = perf_counter()
    deed_jobs.perform(job.pk, ticket)
    taken = perf_counter() - begun
    job.refresh_from_db()
    if job.state == Job.State.FAILED:
        raise RuntimeError(json.dumps(job.result))
    return taken


def _digest() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg((to_jsonb(a) - '{version,updated_at}'::text[])::text, '' ORDER BY id))"
            " FROM customers_account a"
        )
        return str(cursor.fetchone()[0])
