"""Real histories, taken in as sets of linked tables: the totals of the data come out, to the unit.

The normal run takes the first rows of each; the whole is taken in the long one.
"""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zhike.engine.entity import get
from zhike.engine.tabular import read
from zhike.modules.customers.models import Account
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal

from . import orders
from .conftest import load, planned

FOREIGN = ("phone", "fax", "city", "region", "country", "postal_code")  # numbers and places of other countries
NORTHWIND = {
    "customers": {"columns": {**dict.fromkeys(FOREIGN, ""), "contact_name": "", "company_name": "name"}},
    "products": {"columns": {"product_id": "code", "product_name": "name", "unit_price": ""}},
    "orders": {
        "columns": {
            "order_id": "name", "customer_id": "x_customer", "order_date": "x_day", "freight": "x_freight",
            "ship_name": "", "employee_id": "",
        }
    },
    "order_details": {
        "columns": {
            "line": "name", "order_id": "x_order", "product_id": "x_product", "unit_price": "x_price",
            "quantity": "x_quantity", "discount": "x_discount",
        }
    },
}  # fmt: skip
LINES = {
    "columns": {
        "Line": "name", "InvoiceNo": "x_invoice", "StockCode": "x_item", "Description": "x_about",
        "Quantity": "x_quantity", "InvoiceDate": "x_day", "UnitPrice": "x_price", "CustomerID": "x_customer",
    },
    "match": ["name"],
}  # fmt: skip
MQL: dict[str, Any] = {
    "columns": {
        "mql_id": "external_id",
        "origin": "keyword",
        "landing_page_id": "",
        "first_contact_date": "created_at",
    },
    "also": [{"column": "mql_id", "field": "name"}],
}
CLOSED = {
    "columns": {
        "mql_id": "external_id", "won_date": "closed_on", "seller_id": "account", "has_company": "",
        "declared_monthly_revenue": "amount",
    },
    "also": [{"column": "mql_id", "field": "lead"}, {"column": "mql_id", "field": "name"}],
    "constants": {"stage": "won"},
}  # fmt: skip
SELLERS = {"columns": {"seller_id": "external_id"}, "also": [{"column": "seller_id", "field": "name"}]}


@pytest.fixture
def folder(native: Path) -> Path:
    """The folder of the data."""
    return native.parent


def lines() -> list[Any]:
    """What is stored of order lines."""
    return list(get("x_line").rows("a test counts").filter(deleted_at=None).values_list("custom", flat=True))


def northwind(firm: Any, folder: Path, place: Path, count: int | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Import so many orders with what belongs to them; results and the lines of the source."""
    orders.publish()
    found = orders.northwind(folder)
    wanted = found["orders"][:count]
    ids = {row["order_id"] for row in wanted}
    details = [row for row in found["order_details"] if row["order_id"] in ids]
    details = [{**row, "line": f"{row['order_id']}-{row['product_id']}"} for row in details]
    rows = {"order_details": details, "orders": wanted, "products": found["products"], "customers": found["customers"]}
    tables = {
        name: (orders.table(place / f"{name}.csv", taken, list(taken[0])), entity, NORTHWIND.get(name))
        for (name, taken), entity in zip(rows.items(), ("x_line", "x_order", "product", ""), strict=True)
    }
    tables["customers"] = (tables["customers"][0], "", NORTHWIND["customers"])  # guessed
    dry = orders.taken(firm.actor("admin"), tables, dry=True)
    results = orders.taken(firm.actor("admin"), tables)
    assert {name: (r.new, r.errors) for name, r in dry.items()} == {
        name: (r.new, r.errors) for name, r in results.items()
    }
    assert list(results)[-1] == "order_details"
    return results, details


def net(rows: Any, price: str, quantity: str, discount: str) -> Decimal:
    each = (Decimal(str(r[price])) * Decimal(str(r[quantity])) * (1 - Decimal(str(r.get(discount) or 0))) for r in rows)
    return sum(each, Decimal(0))


def test_the_first_orders_of_northwind(firm: Any, folder: Path, tmp_path: Path) -> None:
    results, details = northwind(firm, folder, tmp_path, 20)
    assert {name: r.new for name, r in results.items()} == {
        "products": 77, "customers": 91, "orders": 20, "order_details": len(details),
    }  # fmt: skip
    assert sum(r.errors for r in results.values()) == 0
    stored = lines()
    assert round(net(stored, "x_price", "x_quantity", "x_discount"), 2) == round(
        net(details, "unit_price", "quantity", "discount"), 2
    )
    assert all(line["x_order"] and line["x_product"] for line in stored)
    assert Account._base_manager.get(external_id="ALFKI").name == "Alfreds Futterkiste"


@pytest.mark.long
def test_the_figures_of_northwind(firm: Any, folder: Path, tmp_path: Path) -> None:
    results, _details = northwind(firm, folder, tmp_path, None)
    assert {name: (r.new, r.errors) for name, r in results.items()} == {
        "products": (77, 0), "customers": (91, 0), "orders": (830, 0), "order_details": (2_155, 0),
    }  # fmt: skip
    stored = lines()
    assert round(net(stored, "x_price", "x_quantity", "x_discount"), 2) == Decimal("1265793.04")
    assert round(net(stored, "x_price", "x_quantity", "none"), 2) == Decimal("1354458.59")


def online_retail(firm: Any, folder: Path, place: Path, count: int | None) -> Counter[str]:
    """Import so many lines, with their customers, and the source's own figures."""
    orders.publish()
    known: dict[str, str] = {}
    told: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for n, row in enumerate(orders.online_retail(folder, count), 1):
        rows.append({**row, "Line": n})
        known.setdefault(row["CustomerID"], row["Country"])
        told["none"] += not row["CustomerID"]
        told["cancelled"] += row["InvoiceNo"].startswith("C")
    known.pop("", None)
    customers = [{"Customer ID": pk, "Customer Name": f"Customer {pk}", "Remark": c} for pk, c in known.items()]
    tables = {
        "lines": (orders.table(place / "lines.csv", rows, list(rows[0])), "x_line", LINES),
        "customers": (orders.table(place / "customers.csv", customers, list(customers[0])), "", None),
    }
    results = orders.taken(firm.actor("admin"), tables)
    assert {name: (r.new, r.errors) for name, r in results.items()} == {
        "customers": (len(known), 0),
        "lines": (len(rows), 0),
    }
    told["customers"], told["rows"] = len(known), len(rows)
    told["invoices"] = len({row["InvoiceNo"] for row in rows})
    told["thousandths"] = int(sum(Decimal(r["UnitPrice"]) * int(r["Quantity"]) for r in rows) * 1000)
    return told


def stored_lines() -> Counter[str]:
    stored = lines()
    found = Counter({"rows": len(stored), "customers": Account._base_manager.count()})
    found["none"] = sum("x_customer" not in line for line in stored)
    found["cancelled"] = sum(line["x_invoice"].startswith("C") for line in stored)
    found["invoices"] = len({line["x_invoice"] for line in stored})
    found["thousandths"] = int(sum(Decimal(str(r["x_price"])) * int(r["x_quantity"]) for r in stored) * 1000)
    return found


def test_the_first_lines_of_the_shop(firm: Any, folder: Path, tmp_path: Path) -> None:
    told = online_retail(firm, folder, tmp_path, 700)
    assert told["none"] > 0
    assert told["cancelled"] > 0
    assert stored_lines() == told


@pytest.mark.long
def test_the_figures_of_the_shop(firm: Any, folder: Path, tmp_path: Path) -> None:
    online_retail(firm, folder, tmp_path, None)
    found = stored_lines()
    thousandths = found.pop("thousandths")
    assert found == {
        "rows": 541_909, "customers": 4_372, "none": 135_080, "cancelled": 9_288, "invoices": 25_900,
    }  # fmt: skip
    assert round(Decimal(thousandths) / 1000, 2) == Decimal("9747747.93")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def funnel(firm: Any, folder: Path, place: Path, count: int | None) -> tuple[dict[str, tuple[int, int]], Any]:
    """Import leads and the deals that came of them; by origin how many were won of how many."""
    source = folder / "leads" / "olist_funnel"
    leads = rows_of(source / "olist_marketing_qualified_leads_dataset.csv")[:count]
    ids = {row["mql_id"] for row in leads}
    closed = [row for row in rows_of(source / "olist_closed_deals_dataset.csv") if row["mql_id"] in ids]
    sellers = [{"seller_id": pk} for pk in dict.fromkeys(row["seller_id"] for row in closed)]
    tables = {
        "sellers": (orders.table(place / "sellers.csv", sellers, ["seller_id"]), "account", SELLERS),
        "closed_deals": (orders.table(place / "closed.csv", closed, list(closed[0])), "", CLOSED),
        "qualified_leads": (orders.table(place / "leads.csv", leads, list(leads[0])), "", MQL),
    }
    results = orders.taken(firm.actor("admin"), tables)
    assert list(results)[-1] == "closed_deals"
    origins = dict(Lead._base_manager.values_list("pk", "keyword"))
    all_of, won = Counter(origins.values()), Counter(
        origins[pk] for pk in Deal._base_manager.filter(status="won").values_list("lead", flat=True)
    )  # fmt: skip
    return {key: (won[key], n) for key, n in all_of.items()}, results


def test_the_first_leads_of_olist(firm: Any, folder: Path, tmp_path: Path) -> None:
    found, results = funnel(firm, folder, tmp_path, 150)
    assert (results["qualified_leads"].new, results["qualified_leads"].errors) == (150, 0)
    assert sum(won for won, _n in found.values()) == results["closed_deals"].new > 5
    first = Lead._base_manager.get(external_id="dac32acd4db4c29c230538b72f8dd87d")
    assert first.created_at.date().isoformat() in ("2018-01-31", "2018-02-01")  # 01-02-2018, day first


@pytest.mark.long
def test_the_figures_of_olist(firm: Any, folder: Path, tmp_path: Path) -> None:
    found, results = funnel(firm, folder, tmp_path, None)
    assert (results["qualified_leads"].new, results["closed_deals"].new) == (8_000, 842)
    expected = {
        "unknown": (179, 1_099), "paid_search": (195, 1_586), "organic_search": (271, 2_296), "social": (75, 1_350),
        "email": (15, 493), "": (14, 60),
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected


def test_days_that_could_be_two_are_asked(firm: Any, folder: Path, tmp_path: Path) -> None:
    path = folder / "leads" / "olist_funnel" / "olist_marketing_qualified_leads_dataset.csv"
    open_days = [row for row in rows_of(path) if int(row["first_contact_date"][:2]) <= 12]
    few = orders.table(tmp_path / "leads.csv", open_days[:30], list(open_days[0]))
    actor = firm.actor("admin")
    with planned(actor, "lead", few, MQL) as (_table, plan):
        (column,) = plan.of("created_at")
        assert (column.ambiguous, column.order) == (True, "")
    refused = load(actor, "lead", few, MQL, dry=True)
    equal = sum(row["first_contact_date"][:2] == row["first_contact_date"][3:5] for row in open_days[:30])
    assert refused.errors + sum(p.count for p in refused.problems if p.level == "warning") >= 30 - equal
    said = {**MQL, "columns": {**MQL["columns"], "first_contact_date": {"field": "created_at", "order": "dmy"}}}
    assert load(actor, "lead", few, said).new == 30
    with read(path) as table:
        assert table.row_count == 8_000
