"""What a file of rows looks like once read: limits, notes, cells, and their form on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256

import msgspec

KEY = 200  # characters of the number of a mail or an entry; longer ones stand as their digest
MARK = "#zhike "  # a line that says who made the file; reading leaves it out
Cell = str | int | Decimal | bool | date | datetime | None
MiB = 1024 * 1024
# How a text begins that some spreadsheet computes, in all widths of the signs, seen or unseen space before it or not.
RUNS = r"(?:[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫−]|[\t\r\n])"
# The same inside of a text, where a program that takes another sign for the separator starts a cell of its own.
SPLITS = r"(?<=[;|\t\r\n])"
RUNS_INSIDE = r"(?: *[=@＝＠]|[+-](?=\S))"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a file is accepted; sizes in bytes, time in seconds.

    `memory_bytes` holds for every file; only a file whose real cells were counted
    beforehand may use more, up to `memory_ceiling`.
    """

    file_bytes: int = 1_024 * MiB
    unpacked_bytes: int = 2_048 * MiB
    unpacked_ratio: int = 100
    ratio_floor: int = 5 * MiB
    entries: int = 2_000
    rows: int = 2_000_000
    book_rows: int = 200_000  # of a spreadsheet whose cells are held in memory
    sheet_rows: int = 1_048_576  # of an xlsx sheet, which is read a row at a time where it is long
    held_cells: int = 1_000_000  # of an xlsx sheet that is held in memory
    columns: int = 300
    cells: int = 8_000_000
    cell_chars: int = 32_767
    depth: int = 30  # parts within parts of a mail, objects within objects
    cell_bytes: int = 1 * MiB
    memory_bytes: int = 300 * MiB
    memory_ceiling: int = 1_600 * MiB
    spool_bytes: int = 3 * 1_024 * MiB
    seconds: float = 8.0
    seconds_per_mib: float = 4.0
    notes: int = 1_000


class Note(msgspec.Struct, frozen=True):
    """Something the reader noticed; `refuses` says that the row must not be imported as it is.

    `row` is counted from 1 as a spreadsheet shows it, `column` from 0.
    """

    code: str
    row: int | None = None
    column: int | None = None
    params: dict[str, str | int] = {}
    refuses: bool = False


class Failure(msgspec.Struct, frozen=True):
    code: str
    params: dict[str, str | int] = {}


class Meta(msgspec.Struct, kw_only=True):
    """Everything about a table except its rows."""

    kind: str = ""
    encoding: str | None = None
    delimiter: str | None = None
    sheets: list[str] = []
    sheet: str | None = None
    header_row: int | None = None
    headers: list[str] = []
    row_count: int = 0
    notes: list[Note] = []
    note_counts: dict[str, int] = {}
    failure: Failure | None = None


class Notes:
    """Collects notes, keeping the first ones of each code and counting all."""

    def __init__(self, *, keep: int) -> None:
        self.kept: list[Note] = []
        self.counts: dict[str, int] = {}
        self.charsets: set[str] = set()
        self._keep = keep

    def add(
        self,
        code: str,
        *,
        row: int | None = None,
        column: int | None = None,
        refuses: bool = False,
        **params: str | int,
    ) -> None:
        seen = self.counts.get(code, 0)
        self.counts[code] = seen + 1
        if seen < self._keep or refuses:
            self.kept.append(Note(code, row, column, params, refuses))


def key_of(number: str, told: Iterable[object]) -> str:
    """By what a mail or an entry of a calendar is known again: its own number, else a digest of what it says."""
    if number and len(number) <= KEY:
        return number
    text = "\x1f".join(str(part or "") for part in ((number,) if number else told))
    return f"sha256:{sha256(text.encode('utf-8', 'replace')).hexdigest()[:40]}"


def column_letter(index: int) -> str:
    """The spreadsheet's letters for a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """The column of a spreadsheet's letters, from 1: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
