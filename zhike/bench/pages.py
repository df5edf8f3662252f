"""Pages of the demo firm, each against the same data read by hand-written SQL through the same connection.

A request goes through the whole stack: middleware, session, permissions, queries, Jinja2. Goals: a list page with
Jinja2 cost 5.8 times its bare query where nothing but the rows was on it (docs/decisions/0001); a page of Zhike also
carries session, permissions, menu, filters, totals and 50 rows of linked cells.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client

from zhike import demo
from zhike.base.models import User
from zhike.engine import guard
from zhike.engine.entity import get

from . import Figure, Options, figure, scratch

RUNS = 25
GOALS = {"list": 30, "board": 30, "record": 40, "home": 40}

LIST = """
SELECT a.id, a.name, a.tier, a.status, a.phone, a.region, a.industry, u.id, u.name, a.last_contact_at,
       a.next_follow_up_on, a.version
FROM customers_account a LEFT JOIN base_user u ON u.id = a.owner_id
WHERE a.deleted_at IS NULL AND (%(all)s OR a.owner_id = %(user)s OR a.ancestors[%(depth)s] = %(department)s)
ORDER BY a.updated_at DESC, a.id DESC LIMIT 51
"""
BOARD = """
SELECT * FROM (
    SELECT d.id, d.name, c.name AS customer, u.name AS owner, d.amount, d.stage_at, d.next_step, d.next_follow_up_on, s.labels,
           row_number() OVER (PARTITION BY d.stage_id ORDER BY d.stage_at DESC) AS place,
           count(*) OVER (PARTITION BY d.stage_id), sum(d.amount) OVER (PARTITION BY d.stage_id),
           sum(d.amount * d.probability / 100) OVER (PARTITION BY d.stage_id)
    FROM sales_deal d JOIN engine_stage s ON s.id = d.stage_id JOIN engine_pipeline p ON p.id = d.pipeline_id
    LEFT JOIN customers_account c ON c.id = d.account_id LEFT JOIN base_user u ON u.id = d.owner_id
    WHERE p.is_current AND d.deleted_at IS NULL AND (s.status = 'open' OR d.closed_at >= now() - interval '90 days')
      AND (%(all)s OR d.owner_id = %(user)s OR d.ancestors[%(depth)s] = %(department)s)
) x WHERE place <= 30
"""
RECORD = (
    "SELECT a.*, u.name FROM customers_account a LEFT JOIN base_user u ON u.id = a.owner_id WHERE a.id = %(record)s",
    "SELECT t.*, u.name FROM activities_activity t LEFT JOIN base_user u ON u.id = t.owner_id WHERE t.account_id = %(record)s "
    "AND t.deleted_at IS NULL ORDER BY t.due_at DESC LIMIT 80",
    "SELECT id, name, position, role, phone, attitude FROM customers_contact WHERE account_id = %(record)s LIMIT 5",
    "SELECT id, name, stage_id, amount, owner_id FROM sales_deal WHERE account_id = %(record)s LIMIT 5",
    "SELECT id, value, kind FROM customers_contactpoint WHERE account_id = %(record)s LIMIT 5",
    "SELECT id, detail FROM customers_address WHERE account_id = %(record)s LIMIT 5",
    "SELECT id, contact_id, role FROM customers_affiliation WHERE account_id = %(record)s LIMIT 5",
    "SELECT id, name FROM leads_lead WHERE account_id = %(record)s LIMIT 5",
    "SELECT * FROM engine_history WHERE record = %(record)s ORDER BY id DESC LIMIT 60",
    "SELECT * FROM engine_ownerperiod WHERE record = %(record)s",
)
HOME = (
    "SELECT t.id, t.subject, t.kind, t.due_at, a.name FROM activities_activity t "
    "LEFT JOIN customers_account a ON a.id = t.account_id WHERE t.status = 'planned' AND t.deleted_at IS NULL AND t.due_at < now() "
    "AND (%(all)s OR t.owner_id = %(user)s OR t.ancestors[%(depth)s] = %(department)s) ORDER BY t.due_at LIMIT 8",
    "SELECT status, forecast, count(*), sum(amount), sum(amount * probability / 100) FROM sales_deal d WHERE d.deleted_at IS NULL "
    "AND (%(all)s OR d.owner_id = %(user)s OR d.ancestors[%(depth)s] = %(department)s) GROUP BY 1, 2",
    "SELECT date_trunc('month', closed_on), count(*), sum(amount) FROM sales_deal d WHERE d.status = 'won' AND d.deleted_at IS NULL "
    "AND (%(all)s OR d.owner_id = %(user)s OR d.ancestors[%(depth)s] = %(department)s) GROUP BY 1",
    "SELECT d.id, d.name, d.amount, c.name, d.stage_at FROM sales_deal d LEFT JOIN customers_account c ON c.id = d.account_id "
    "WHERE d.status = 'open' AND d.next_follow_up_on IS NULL AND d.deleted_at IS NULL "
    "AND (%(all)s OR d.owner_id = %(user)s OR d.ancestors[%(depth)s] = %(department)s) ORDER BY d.amount DESC NULLS LAST LIMIT 8",
    "SELECT d.owner_id, count(*), sum(d.amount) FROM sales_deal d WHERE d.status = 'won' AND d.closed_on >= date_trunc('quarter', now()) "
    "AND (%(all)s OR d.owner_id = %(user)s OR d.ancestors[%(depth)s] = %(department)s) GROUP BY 1 ORDER BY 3 DESC LIMIT 10",
)


def run(options: Options) -> list[Figure]:
    """p50 and p95, in milliseconds, of list, board, record and home for the four people of the demo firm."""
    with scratch.database(options["server"], "pages"):
        demo.load()
        found: list[Figure] = []
        for who in ("seller", "manager", "executive", "admin"):
            found += _person(User.objects.select_related("department").get(username=who), who)
    return found


def _person(user: User, who: str) -> list[Figure]:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    record = guard.rows(get("account").model, "any that the person sees").filter(owner__department=user.department)
    chosen = record.order_by("-last_contact_at").values_list("pk", flat=True).first()
    anyone = guard.rows(get("account").model, "any that the person sees").order_by("-last_contact_at")
    values = {
        "user": user.pk,
        "department": user.department_id,
        "depth": len(user.department.ancestors) if user.department else 1,
        "all": who in ("executive", "admin"),
        "record": chosen if who == "manager" and chosen else _own(user, anyone),
    }
    if who == "seller":
        values["department"] = None
    pages: dict[str, tuple[str, tuple[str, ...]]] = {
        "list": ("/account/?view=", (LIST,)),
        "board": ("/deal/board", (BOARD,)),
        "record": (f"/account/{values['record']}", RECORD),
        "home": ("/", HOME),
    }
    found = []
    for page, (path, queries) in pages.items():
        by_page = measure(lambda path=path: fetch(client, path))  # type: ignore[misc]  # bound at once
        by_hand = measure(lambda queries=queries: sql(queries, values))  # type: ignore[misc]
        for n, name in enumerate(("p50", "p95")):
            found.append(figure(f"{page}, {who}, {name}", by_page[n], "ms", by_hand[n], GOALS[page]))
    return found


def _own(user: User, rows: Any) -> Any:
    return rows.filter(owner=user).values_list("pk", flat=True).first() or rows.values_list("pk", flat=True).first()


def fetch(client: Client, path: str) -> None:
    """One page through the whole stack."""
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")


def sql(queries: tuple[str, ...], values: dict[str, Any]) -> None:
    """The same data by hand."""
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query, values)
            cursor.fetchall()


def measure(work: Callable[[], None]) -> tuple[float, float]:
    """p50 and p95 of the work, in milliseconds, after warming up."""
    for _n in range(3):
        work()
    times = []
    for _n in range(RUNS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[18]
