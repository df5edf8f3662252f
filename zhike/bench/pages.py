"""Pages against the SQL that fetches what they show (by_hand.sql), through the same connection.

The design measured the rows of a list at 3.2 times raw SQL through Django's cursor, in process, and session and person
at two thirds on top of that (design of the stack, section 2). A whole page also decides on permissions, renders frame,
filters and menus, and does so however little the reader may see; the limits below leave room for that and are there to
be lowered.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from django.db import connection
from django.test import Client

from zhike import demo
from zhike.base.models import User
from zhike.engine import guard
from zhike.engine.models import Counter
from zhike.modules.customers.models import Account

from . import Figure, Options, figure, scratch

ROLES = ("seller", "manager", "executive", "admin")
ROUNDS, WARM = 40, 4
GOALS = {"list": 14.0, "board": 20.0, "record": 14.0, "home": 16.0}
SEED = 20260101


@dataclass(frozen=True)
class Page:
    """An address, and the statements that fetch the same by hand."""

    kind: str
    name: str
    url: str
    sql: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)


def run(options: Options) -> list[Figure]:
    """50th and 95th percentile of each page for each role, in milliseconds, and their ratio to raw SQL.

    On the demo firm where one is loaded, else on one in a database of its own.
    """
    with ExitStack() as stack:
        if not _has_demo():
            stack.enter_context(scratch.database(options["server"], "pages"))
            demo.load("zh-hans", SEED, scale=options.get("scale", 1.0))
        return [found for role in ROLES for found in _role(role, options.get("rounds", ROUNDS))]


def _has_demo() -> bool:
    tables = connection.introspection.table_names()
    return Counter._meta.db_table in tables and Counter.objects.filter(entity="demo").exists()


def _role(role: str, rounds: int) -> Iterator[Figure]:
    user = User.objects.get(username=role)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    try:
        for page in _pages(role, user):
            yield from _figures(role, page, *_measure(client, page, rounds))
    finally:
        client.logout()


def _by_hand() -> dict[str, list[str]]:
    """The statements by page."""
    text = (Path(__file__).parent / "by_hand.sql").read_text("utf-8")
    found = re.findall(r"^-- \[(.+)\]\n((?:(?!--).*\n)*)", text, re.MULTILINE)
    return {name: [sql for part in body.split(";") if (sql := part.strip())] for name, body in found}


def _pages(role: str, user: User) -> Iterator[Page]:
    scope, values = _scope(role, user)
    sql = {name: [s.replace("{scope}", scope) for s in statements] for name, statements in _by_hand().items()}
    yield Page("home", "home", "/", sql[f"home {role}"], values)
    yield Page("list", "list of deals", "/deal/?view=open", sql["list deal"], values)
    yield Page("list", "list of customers", "/account/?view=all", sql["list account"], values)
    yield Page("board", "board", "/deal/board", sql["board"], values)
    rows = guard.rows(Account, "a record to measure").filter(owner__username="seller").order_by("created_at")
    pk = rows.values_list("pk", flat=True)[0]
    yield Page("record", "record", f"/account/{pk}", sql["record"], {**values, "pk": pk})


def _scope(role: str, user: User) -> tuple[str, dict[str, Any]]:
    """What the reader may see, by hand."""
    if role == "seller":
        return "t.owner_id = %(owner)s", {"owner": user.pk}
    if role == "manager" and user.department:
        depth = len(user.department.ancestors)
        return f"(t.owner_id = %(owner)s OR t.ancestors[{depth}] = %(place)s)", {
            "owner": user.pk,
            "place": user.department_id,
        }
    return "true", {}


def _measure(client: Client, page: Page, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the page and of the statements, taken in turns so that a busy machine burdens both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(rounds + WARM):
        times = _seconds(lambda: _get(client, page.url)), _seconds(lambda: _fetch(page))
        if n >= WARM:
            for found, time in zip(taken, times, strict=True):
                found.append(time * 1000)
    return taken


def _seconds(work: Callable[[], None]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _get(client: Client, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise RuntimeError(f"{url}: {response.status_code}")


def _fetch(page: Page) -> None:
    with connection.cursor() as cursor:
        for sql in page.sql:
            cursor.execute(sql, page.values)
            cursor.fetchall()


def _figures(role: str, page: Page, whole: Sequence[float], raw: Sequence[float]) -> Iterator[Figure]:
    name = f"{role}, {page.name}"
    yield figure(f"{name}, p50", statistics.median(whole), "ms", statistics.median(raw))
    p95, by_hand = (statistics.quantiles(times, n=20, method="inclusive")[18] for times in (whole, raw))
    yield figure(f"{name}, p95", p95, "ms", by_hand, GOALS[page.kind])
