"""Real data against figures published for it, through the import, the pages, the export and the database."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum

from zhike.base import calendar_cn, uscc
from zhike.base.models import User
from zhike.engine import transfer
from zhike.modules.customers.models import Account
from zhike.modules.sales.models import Deal

from . import Figure, Options, exact, figure, scratch
from .maven import compare, load

WORKING_DAYS = {2023: 249, 2024: 251, 2025: 248}
SALES = Decimal("16117548.237")
EXACT_SUM = {
    "customers.xlsx", "customers_gb18030.csv", "customers_gbk_semicolon_quoted.csv", "customers_gbk_tab.txt",
    "customers_utf16le_bom_tab.txt", "customers_utf8_bom_crlf.csv", "customers_utf8_lf.csv", "vcard30_utf8.vcf",
    "vcard40_utf8.vcf",
}  # fmt: skip
ROUNDED_SUM = {"customers_messy_report.xlsx"}  # whose amounts were rounded when it was made; the others have none


def run(options: Options) -> list[Figure]:
    """Every figure with what was expected (goal), what came out (value), and what raw SQL or the file says."""
    data = Path(options["data"])
    expected = json.loads((data / "expected.json").read_text("utf-8"))
    found = [*_codes(data), *_holidays()]
    with scratch.database(options["server"], "real"):
        load.make_firm()
        found += _customers(data / "native" / "derived_zh_customers")
        found += _maven(data / "b2b_pipeline" / "maven_crm", expected["maven_crm"])
    return found


def _codes(data: Path) -> Iterator[Figure]:
    with (data / "chinese" / "stdnum_cn" / "uscc_valid_and_mutated.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["valid"] == "1", uscc.problem(row["code"]) is None) for row in csv.DictReader(file)]
    for is_valid, name, count in ((True, "accepted", 200), (False, "refused", 395)):
        got = sum(judged is is_valid for told, judged in rows if told is is_valid)
        by_hand = sum(told is is_valid for told, _judged in rows)
        yield exact(f"credit codes {name}", got, count, "codes", by_hand=by_hand)


def _holidays() -> Iterator[Figure]:
    for year, days in WORKING_DAYS.items():
        yield exact(f"working days of {year}", calendar_cn.working_days_in(year), days, "days")


# ---- the same customers in twenty files


def _customers(folder: Path) -> Iterator[Figure]:
    """Each file into an empty base, told nothing but that it holds customers, and then once more."""
    with (folder / "_truth.csv").open(encoding="utf-8", newline="") as file:
        truth = list(csv.DictReader(file))
    total = sum((Decimal(row["sales"]) for row in truth), Decimal(0))
    for path in sorted(folder.iterdir()):
        if path.name.startswith("_"):
            continue
        by_hand = [len(truth), len({row["name"] for row in truth}), _carried(path, total), 0]
        goal = [790, 771, _carried(path, SALES), 0]
        name = f"{path.name}: customers, names, sum, new when imported again"
        yield exact(name, _twice(path), goal, by_hand=by_hand)


def _carried(path: Path, total: Decimal) -> str:
    """The sum as far as the file carries amounts."""
    return _shown(path, total if path.name in EXACT_SUM | ROUNDED_SUM else None)


def _shown(path: Path, total: Decimal | None) -> str:
    """A sum to the last place, or in whole yuan where the file has rounded amounts."""
    if total is None:
        return "none"
    return f"{total.quantize(Decimal(1)) if path.name in ROUNDED_SUM else total.normalize():f}"


def _twice(path: Path) -> list[Any]:
    with transaction.atomic():
        transfer.import_file("account", path, username=load.ADMIN)
        rows = Account._base_manager.filter(deleted_at=None)
        total = rows.aggregate(total=Sum("prior_sales"))["total"]
        found = [rows.count(), rows.values("name").distinct().count(), _shown(path, total)]
        again = transfer.import_file("account", path, username=load.ADMIN)
        transaction.set_rollback(True)
    return [*found, again["new"]]


# ---- Maven


def _maven(folder: Path, expected: Mapping[str, Any]) -> Iterator[Figure]:
    told: dict[str, list[dict[str, Any]]] = {}
    for one in load.TAKES:
        begun = perf_counter()
        result = load.take(folder, one)
        told.setdefault(one.mapping, result["problems"])
        if one.entity == "deal":
            by_hand = _copied(folder / "sales_pipeline.csv")
            yield figure("Maven: import of 8,800 deals", perf_counter() - begun - by_hand, "s", by_hand)
            yield exact("Maven: rows that were left out", result["errors"], 0, "rows")
    yield from _quirks(told, expected)
    yield from compare.compare(expected)
    again = load.take(folder, load.TAKES[-1])
    yield exact("Maven: new and unchanged deals when imported again", [again["new"], again["unchanged"]], [0, 8_800])


def _copied(path: Path) -> float:
    """Seconds to copy the rows of the file into a bare table."""
    begun = perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        columns = "id text, agent text, product text, account text, stage text, engaged text, closed text, value text"
        cursor.execute(f"CREATE TEMP TABLE by_hand ({columns}) ON COMMIT DROP")
        with path.open(encoding="utf-8", newline="") as file, cursor.copy("COPY by_hand FROM STDIN") as copy:
            for row in list(csv.reader(file))[1:]:
                copy.write_row(row)
    return perf_counter() - begun


def _quirks(told: Mapping[str, list[dict[str, Any]]], expected: Mapping[str, Any]) -> Iterator[Figure]:
    """What is odd in the data is told by warnings, with how often; nothing is dropped."""

    def warned(mapping: str, column: str, value: str) -> int:
        return sum(p["count"] for p in told[mapping] if (p["column"], p["value"]) == (column, value))

    yield exact("Maven, warned: product GTXPro", warned("deals", "product", "GTXPro"), 1_480, "rows")
    yield exact("Maven, warned: sector technolgy", warned("accounts", "sector", "technolgy"), 12, "rows")
    yield exact("Maven, warned: Philipines", warned("accounts", "office_location", "Philipines"), 1, "rows")
    for column, name, count in (
        ("account", "deals without an account", expected["nulls"]["account"]),
        ("engage_date", "deals without an engage date", expected["nulls"]["engage_date"]),
    ):
        said = [p["text"] for p in told["deals"] if (p["column"], p["value"]) == (column, "")]
        yield exact(f"Maven, warned: {name}", said, [f"{count} of 8800 rows have nothing here."])
    idle = User.objects.exclude(manager=None).exclude(pk__in=Deal._base_manager.values("owner"))
    names = sorted(expected["agents_in_team_without_any_opportunity"])
    yield exact("Maven: sellers without a deal", sorted(idle.values_list("name", flat=True)), names)
