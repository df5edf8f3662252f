"""What an import consists of: how columns are read, what became of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

Mode = Literal["create", "update", "both"]
MODES: tuple[Mode, ...] = ("both", "create", "update")
NUMBER = "number"  # the running number of an entity: it finds a record again and is never written
ORIGIN = {"created_at", "created_by"}  # what a record brings along from where it was; never written otherwise
KEPT = 1_000  # problems kept for showing; all of them are counted, and all errors go to the error file
COUNTS = ("rows", "new", "updated", "unchanged", "duplicates", "skipped", "errors")
Progress = Callable[[int, int, str], None]


class Column(msgspec.Struct, kw_only=True):
    """How one column is read. `index` counts from 0; `field` is empty for a column that is not imported.

    `part` is the piece that the column gives of a value made of several: family, given, middle of a name; province,
    city, district of a region; a label such as 金额 for an amount that stands behind it in a remark; "more" for a
    further number, mail, line or word. `words` map texts of the file to keys of choices, to ids or names of records,
    or to "" for nothing. `order` is dmy or mdy for days written like 03/04/2026, `scale` 10000 for amounts in 万元.
    `constant` stands in for the cells of a column that the file does not have; `index` is then -1.
    """

    index: int
    header: str
    field: str = ""
    part: str = ""
    words: dict[str, str] = {}
    order: str = ""
    scale: int = 1
    constant: str = ""
    samples: list[str] = []
    confidence: float = 0.0
    reason: str = ""
    unknown: dict[str, int] = {}
    ambiguous: bool = False


class Plan(msgspec.Struct, kw_only=True):
    """How a file is read and what may happen to records that exist already.

    `match` are the fields by which they are found again; empty means the best of the entity's keys for each row.
    `leave_doubles` leaves out rows that look like a record which is there already, though they do not lead to it by
    `match`; otherwise they are imported with a warning. `quiet` tells nobody: no notices, no webhooks, no reactions of
    other parts. `pool` is the id of the pool into which new records go that no owner is named for.
    """

    columns: list[Column]
    match: list[str] = []
    mode: Mode = "both"
    empty_only: bool = False
    quiet: bool = True
    leave_doubles: bool = False
    pool: str = ""
    rows: int = 0

    def fields(self) -> set[str]:
        """The fields that some column feeds."""
        return {c.field for c in self.columns if c.field}

    def of(self, field: str) -> list[Column]:
        """The columns that feed a field, in the order of the file."""
        return [c for c in self.columns if c.field == field]


class Problem(msgspec.Struct, kw_only=True):
    """What was found in a row; `row` as a spreadsheet counts, `column` from 0, none for the row as a whole.

    Equal warnings are kept once, with the first row and their `count`.
    """

    row: int
    text: str
    column: int | None = None
    header: str = ""
    value: str = ""
    level: Literal["error", "warning"] = "error"
    code: str = ""
    count: int = 1


class Sum(msgspec.Struct, kw_only=True):
    """The amounts of a column: `cells` that hold one, their sum, and how much of that stands in rows that were left
    out, or in rows whose record a later row gave another amount. read = stored + left_out + repeated, where nothing
    else has changed the records."""

    cells: int = 0
    read: Decimal = Decimal(0)
    left_out: Decimal = Decimal(0)
    repeated: Decimal = Decimal(0)


class Result(msgspec.Struct, kw_only=True):
    """What became of the rows of a file.

    rows = new + updated + unchanged + duplicates + skipped + errors. `warnings` counts remarks, not rows; `kinds`
    counts all problems by level and heading. `gaps` are columns of links and days with the first row that has nothing
    there, and how many have not; `sums` are the amounts of each column.
    """

    rows: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    skipped: int = 0
    errors: int = 0
    warnings: int = 0
    dry: bool = False
    problems: list[Problem] = []
    kinds: dict[str, int] = {}
    gaps: dict[str, list[int]] = {}
    sums: dict[str, Sum] = {}

    def tell(self, p: Problem) -> None:
        """Count a problem, by level and heading."""
        name = f"{p.level}:{p.header}"
        self.kinds[name] = self.kinds.get(name, 0) + 1
        self.warnings += p.level == "warning"

    def join(self, more: Result) -> None:
        """Add what became of further rows."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for key, (row, count) in more.gaps.items():
            gap = self.gaps.setdefault(key, [row, 0])
            gap[1] += count
        for key, s in more.sums.items():
            total = self.sums.setdefault(key, Sum())
            total.cells, total.read = total.cells + s.cells, total.read + s.read
            total.left_out, total.repeated = total.left_out + s.left_out, total.repeated + s.repeated

    def counts(self) -> dict[str, int | bool]:
        """The numbers alone."""
        return {"dry_run": self.dry, **{name: getattr(self, name) for name in (*COUNTS, "warnings")}}


class Stopped(Exception):
    """Somebody stopped the work, or it was given to another worker; nothing is written."""


def to_json(value: Plan | Result) -> dict[str, Any]:
    """As plain data, for a job."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def plan_of(data: Mapping[str, Any]) -> Plan:
    """A plan from plain data; raises msgspec.ValidationError."""
    return msgspec.convert(data, Plan)


def result_of(data: Mapping[str, Any]) -> Result:
    """A result from plain data."""
    return msgspec.convert(data, Result)
