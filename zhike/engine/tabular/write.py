"""Write rows to xlsx and csv so that no cell ever runs as a formula and reading back gives the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import xlsxwriter

from .model import MARK, RUNS, RUNS_INSIDE, SPLITS, Cell

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

CELL_CHARS = 32_767
SHEET_ROWS = 1_048_576
MARK_SHEET = "Zhike"
_RISKY = re.compile(rf"'*{RUNS}")
_RISKY_INSIDE = re.compile(rf"{SPLITS}(?='*{RUNS_INSIDE})")
_NEGATIVE = re.compile(r"^-\d{1,15}(\.\d+)?$")
_ILLEGAL_NAME = re.compile(r"[\[\]:*?/\\]")
EXACT_DIGITS = 15


def escape(text: str) -> str:
    """A text that a spreadsheet shows and never computes; plain negative numbers stay as they are."""
    if _RISKY.match(text) and not _NEGATIVE.match(text):
        return "'" + text
    return text


class _Sheet:
    """Streams rows into one worksheet, each cell by its own type."""

    def __init__(self, sheet: Worksheet, *, day: Format, time: Format, text: Format) -> None:
        self._sheet = sheet
        self._day, self._time, self._text = day, time, text

    def row(self, number: int, cells: Sequence[Cell]) -> None:
        for column, cell in enumerate(cells):
            self._cell(number, column, cell)

    def _cell(self, row: int, column: int, cell: Cell) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, bool):
            self._sheet.write_boolean(row, column, cell)
        elif isinstance(cell, (int, Decimal)):
            self._number(row, column, cell)
        elif isinstance(cell, datetime):
            self._sheet.write_datetime(row, column, cell.replace(tzinfo=None), self._time)
        elif isinstance(cell, date):
            self._sheet.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), self._day)  # noqa: DTZ001
        else:
            self._sheet.write_string(row, column, str(cell)[:CELL_CHARS], self._text)

    def _number(self, row: int, column: int, cell: int | Decimal) -> None:
        """Numbers that a spreadsheet would round are written as text."""
        digits = len(Decimal(cell).as_tuple().digits)
        if digits > EXACT_DIGITS or not Decimal(cell).is_finite():
            self._sheet.write_string(row, column, str(cell), self._text)
        else:
            self._sheet.write_number(row, column, float(cell))


def write_xlsx(
    path: Path,
    headers: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    sheet: str = "Sheet1",
    mark: Sequence[tuple[str, str]] = (),
) -> int:
    """Write one sheet with constant memory; returns the number of rows. Raises ValueError beyond a sheet.

    `mark` (label, text) goes to a second sheet: who made the file, and when.
    """
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False})
    try:
        page = book.add_worksheet(_ILLEGAL_NAME.sub(" ", sheet)[:31].strip("'") or "Sheet1")
        page.freeze_panes(1, 0)
        bold = book.add_format({"bold": True, "num_format": "@"})
        for column, header in enumerate(headers):
            page.write_string(0, column, header, bold)
        writer = _Sheet(
            page,
            day=book.add_format({"num_format": "yyyy-mm-dd"}),
            time=book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            text=book.add_format({"num_format": "@"}),
        )
        count = 0
        for cells in rows:
            count += 1
            if count >= SHEET_ROWS:
                raise ValueError("too many rows for one sheet")
            writer.row(count, cells)
        if mark:
            about = book.add_worksheet(MARK_SHEET)
            for number, line in enumerate(mark):
                for column, text in enumerate(line):
                    about.write_string(number, column, text)
        return count
    finally:
        book.close()


def quoted(text: str) -> str:
    """A text as a field of a csv, escaped at its start and after every sign that may separate cells, and in quotes."""
    if not text:
        return ""
    safe = _RISKY_INSIDE.sub("'", escape(text.replace("\x00", "")))
    return '"' + safe.replace('"', '""') + '"'


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None).isoformat(" ", "seconds")
    if isinstance(cell, str):
        return quoted(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def write_csv(
    path: Path, headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, mark: Sequence[tuple[str, str]] = ()
) -> int:
    """Write UTF-8 with a byte order mark, as spreadsheets expect; returns the number of rows.

    `mark` (label, text) goes to a last line that reading leaves out: who made the file, and when.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(",".join(map(quoted, headers)) + "\r\n")
        count = 0
        for cells in rows:
            file.write(",".join(map(_text, cells)) + "\r\n")
            count += 1
        if mark:
            file.write(quoted(MARK + "; ".join(f"{label}: {text}" for label, text in mark)) + "\r\n")
        return count
