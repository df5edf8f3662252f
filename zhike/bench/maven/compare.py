"""The published figures of the data set, against pages, export and database."""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection
from django.test import Client

from zhike.base.models import User
from zhike.bench import Figure, exact, site
from zhike.engine import transfer
from zhike.engine.access import Actor
from zhike.modules.sales import figures

from .load import ADMIN

QUARTERS = {
    "2017Q1": ("2017-01-01", "2017-03-31"),
    "2017Q2": ("2017-04-01", "2017-06-30"),
    "2017Q3": ("2017-07-01", "2017-09-30"),
    "2017Q4": ("2017-10-01", "2017-12-31"),
}
SQL = """
SELECT u.name, p.name, t.status, t.amount::bigint, t.closed_on, t.closed_on - t.started_on
FROM sales_deal t JOIN base_user u ON u.id = t.owner_id JOIN base_department p ON p.id = t.department_id
WHERE t.deleted_at IS NULL
"""


@dataclass
class Sum:
    """Won and closed deals, and what the won ones brought."""

    won: int = 0
    closed: int = 0
    revenue: int = 0

    def add(self, status: str, amount: int) -> None:
        """Count one closed deal."""
        self.closed += 1
        if status == "won":
            self.won += 1
            self.revenue += amount

    @property
    def rate(self) -> float:
        """Percent won of closed."""
        return round(self.won / self.closed * 100, 2) if self.closed else 0.0


@dataclass
class Seen:
    """The figures as one way of looking gives them."""

    total: Sum = field(default_factory=Sum)
    sellers: dict[str, Sum] = field(default_factory=dict)
    offices: dict[str, Sum] = field(default_factory=dict)
    quarters: dict[str, Sum] = field(default_factory=dict)
    days: float | None = None

    def plain(self) -> dict[str, Any]:
        """Name of a figure -> what came out."""
        best = max(self.sellers, key=lambda name: self.sellers[name].revenue)
        found: dict[str, Any] = {
            "deals won": self.total.won,
            "revenue won": self.total.revenue,
            "win rate of closed deals, %": self.total.rate,
            "mean days to win": self.days,
            "best seller": best,
            "best seller, won of closed": [self.sellers[best].won, self.sellers[best].closed],
            "best seller, revenue": self.sellers[best].revenue,
            "sellers with won, closed and revenue as published": {
                n: [s.won, s.closed, s.revenue] for n, s in self.sellers.items()
            },
        }
        for name, office in sorted(self.offices.items()):
            found |= {f"{name}, win rate, %": office.rate, f"{name}, revenue": office.revenue}
        for name, quarter in sorted(self.quarters.items()):
            found |= {f"{name}, won": quarter.won, f"{name}, revenue": quarter.revenue}
            found[f"{name}, win rate, %"] = quarter.rate
        return found


def published(expected: Mapping[str, Any]) -> dict[str, Any]:
    """The same from the published figures."""
    seen = Seen(days=round(expected["avg_sales_cycle_days_won"], 1))
    for name, group in (("sellers", "per_agent"), ("offices", "per_regional_office")):
        for key, row in expected[group].items():
            getattr(seen, name)[key] = Sum(row["won"], row["closed"], row["revenue"])
    closed = sum(s.closed for s in seen.sellers.values())
    seen.total = Sum(sum(expected["by_stage"][s] for s in ("Won",)), closed, expected["won_revenue_total"])
    found = seen.plain()
    found["win rate of closed deals, %"] = round(expected["win_rate_closed"] * 100, 2)
    for name, row in expected["won_by_quarter"].items():
        found |= {f"{name}, won": row["deals"], f"{name}, revenue": row["revenue"]}
        found[f"{name}, win rate, %"] = round(expected["closed_by_quarter_win_rate"][name] * 100, 2)
    return found


def compare(expected: Mapping[str, Any]) -> Iterator[Figure]:
    """Each figure from the report pages and from the export, with the database's beside it."""
    actor = Actor(User.objects.get(username=ADMIN))
    wanted, hand = published(expected), _database().plain()
    for source, seen in (("pages", _pages(actor)), ("export", _export())):
        got = seen.plain()
        for name, value in wanted.items():
            compared = (got[name], value, hand[name])
            if isinstance(value, dict):
                compared = _all(*compared)
            shown, known, by_hand = compared
            yield exact(f"Maven, {source}: {name}", shown, known, by_hand=by_hand)
    yield _page(actor.user, wanted)


def _all(got: Mapping[str, Any], known: Mapping[str, Any], by_hand: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many of all agree."""
    right, hand = (sum(found.get(k) == v for k, v in known.items()) for found in (got, by_hand))
    return right, len(known), hand


def _tally(rows: Sequence[tuple[str, str, str, Any, Any, Any]]) -> Seen:
    """From rows of (seller, office, status, amount, day closed, days)."""
    seen, days = Seen(), list[int]()
    for seller, office, status, amount, closed_on, taken in rows:
        if status not in ("won", "lost"):
            continue
        quarter = f"{closed_on.year}Q{(closed_on.month + 2) // 3}"
        for place in (
            seen.total,
            seen.sellers.setdefault(seller, Sum()),
            seen.offices.setdefault(office, Sum()),
            seen.quarters.setdefault(quarter, Sum()),
        ):
            place.add(status, int(amount or 0))
        if status == "won":
            days.append(taken)
    seen.days = round(sum(days) / len(days), 1)
    return seen


def _database() -> Seen:
    with connection.cursor() as cursor:
        cursor.execute(SQL)
        return _tally(cursor.fetchall())


def _export() -> Seen:
    """From what `zhike export deal` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        transfer.export_file("deal", path, username=ADMIN)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    return _tally([_row(row) for row in rows if row["Owner"] is not None])  # the last line says who made the file


def _row(row: Mapping[str, str]) -> tuple[str, str, str, Any, Any, Any]:
    closed, started = (dt.date.fromisoformat(row[k]) if row[k] else None for k in ("Closed on", "Started on"))
    days = (closed - started).days if closed and started else None
    amount = Decimal(row["Amount"].replace(",", "")) if row["Amount"] else None
    return row["Owner"], row["Owning department"], row["Status"].lower(), amount, closed, days


def _pages(actor: Actor) -> Seen:
    """From the functions behind the report pages."""
    found = figures.team(actor, "all")
    seen = Seen(total=_sum(found.total), days=figures.days_to_win(found.total))
    for (department, owner), cells in found.sellers.items():
        if cells["closed"].n:
            seen.sellers[found.names["user", owner]] = _sum(cells)
        seen.offices.setdefault(found.names["department", department], Sum())
    for (department,), cells in found.departments.items():
        seen.offices[found.names["department", department]] = _sum(cells)
    for name, (first, last) in QUARTERS.items():
        won = figures.deals(actor, f"status__eq=won&closed_on__between={first},{last}")
        closed = figures.deals(actor, f"status__in=won,lost&closed_on__between={first},{last}")
        seen.quarters[name] = Sum(won.n, closed.n, int(won["amount"]))
    return seen


def _sum(cells: Mapping[str, Any]) -> Sum:
    return Sum(cells["won"].n, cells["closed"].n, int(cells["won"]["amount"] or 0))


def _page(user: User, wanted: Mapping[str, Any]) -> Figure:
    """What the list of won deals says in its HTML."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    page = client.get("/deal/", {"view": "", "status__eq": "won"}).content.decode()
    if later := site.later(page):
        page = client.get(later).content.decode()
    texts = [f"{wanted['deals won']:,}", f"{wanted['revenue won']:,}"]
    return exact("Maven, page: count and sum under the list", [t for t in texts if t in page], texts)
