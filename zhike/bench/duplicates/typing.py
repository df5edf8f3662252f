"""What stands under a field while somebody types a new customer: the whole answer, over a firm that is loaded.

Beside it the same answer for letters that lead nowhere. The goal is what a person does not wait for, in milliseconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from time import perf_counter

from django.test import Client

from zhike.bench import Figure, Options, figure, load, within
from zhike.engine.entity import get

ROWS, ASKED, GOAL = 100_000, 60, 300.0


def run(options: Options) -> Iterator[Figure]:
    """p50 and p95 of the warning while names and numbers of customers are typed that are there, with a slip or not."""
    rows = min(options.get("rows") or ROWS, ROWS)
    with load.database({**options, "rows": rows}) as made:
        client = Client(SERVER_NAME="localhost")
        client.force_login(made["crowd"].sellers[500])
        some = get("account").rows("names to type").filter(deleted_at=None).order_by("id")
        known = list(some.values_list("name", "phone")[:ASKED])
        names = [name[: max(4, len(name) - 3)] for name, _phone in known] + [n[:4] + n[5:] for n, _phone in known]
        nothing = [_asked(client, "name", "x") for _n in range(ASKED)]
        taken = [_asked(client, "name", name) for name in names] + [_asked(client, "phone", p) for _n, p in known if p]
    idle = statistics.median(nothing)
    slow = statistics.quantiles(taken, n=20, method="inclusive")[18]
    yield figure(f"warning while typing, {rows:,} customers: p50", statistics.median(taken), "ms", idle)
    yield within(f"warning while typing, {rows:,} customers: p95", slow, "ms", idle, GOAL)


def _asked(client: Client, field: str, text: str) -> float:
    """Milliseconds of one answer."""
    begun = perf_counter()
    answer = client.post(f"/duplicates/account/hint/{field}", {field: text})
    if answer.status_code != 200:  # a refusal is quick, and says nothing
        raise RuntimeError(f"{field}: {answer.status_code}")
    return (perf_counter() - begun) * 1000
