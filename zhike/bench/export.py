"""What it costs to take a long list out as a file, beside a plain COPY of the same columns in the same run.

Ours asks for rights, writes names for keys, keeps formulas out, notes and marks the file; the COPY does none of that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from time import perf_counter

from django.db import connection

from . import Figure, Options, at_least, load, within

KEYS = (
    "name", "number", "kind", "tier", "status", "phone", "email", "region", "industry", "annual_revenue", "owner",
    "last_contact_at", "next_follow_up_on",
)  # fmt: skip
GOALS = {"csv": 100_000, "xlsx": 15_000, "jsonl": 0, "parquet": 0}  # rows a second, of the usual columns
MEMORY = 300  # MB, of the process that writes
SHEET = 1_048_575


def run(options: Options) -> list[Figure]:
    """Rows a second and peak memory of each format, with the usual columns and with all."""
    figures = []
    with load.database(options, light=True):
        rows = _count()  # an import may have added to those of a kept database
        bare = {"usual": _bare(KEYS), "all": _bare(())}
        for kind, goal in GOALS.items():
            for what, keys in (("usual", KEYS), ("all", ())):
                if kind == "xlsx" and rows > SHEET:
                    continue
                seconds, memory, size = _apart(kind, keys)
                name = f"export: {kind}, {what} columns"
                figures.append(
                    at_least(name, rows / seconds, "rows/s", rows / bare[what], goal if what == "usual" else 0)
                )
                figures.append(within(f"{name}, memory", memory, "MB", size, MEMORY))
    return figures


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers_account WHERE deleted_at IS NULL")
        return int(cursor.fetchone()[0])


def _bare(keys: tuple[str, ...]) -> float:
    """Seconds of a COPY of the columns to nowhere."""
    from zhike.engine.entity import get  # needs Django set up

    entity = get("account")
    held = [a for a in entity.attributes.values() if a.column and (not keys or a.key in keys)]
    columns = ", ".join(f'"{a.column}"' for a in held if a.kind.key != "json")
    begun = perf_counter()
    with connection.cursor() as cursor:
        statement = f"COPY (SELECT {columns} FROM customers_account WHERE deleted_at IS NULL) TO STDOUT"  # noqa: S608
        with cursor.copy(statement) as copy:
            for _part in copy:
                pass
    return perf_counter() - begun


def _apart(kind: str, keys: tuple[str, ...]) -> tuple[float, float, float]:
    """Seconds, peak memory and size of the file in MB, of an export in a process of its own."""
    work = [sys.executable, "-m", "zhike.bench.export_apart", kind, ",".join(keys)]
    answer = subprocess.run(work, check=True, capture_output=True, text=True)
    seconds, memory, size = json.loads(answer.stdout.splitlines()[-1])
    return seconds, memory, size
