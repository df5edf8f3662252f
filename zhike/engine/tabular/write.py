"""Write rows to xlsx and csv so that no cell ever runs as a formula and reading back gives the same."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import xlsxwriter

from .model import MARK, RUNS, RUNS_INSIDE, SPLITS, Cell
from .sheet import pour

Mark = Sequence[tuple[str, str]] | Callable[[int], Sequence[tuple[str, str]]]
MARK_SHEET = "Zhike"
_RISKY = re.compile(rf"'*{RUNS}")
_RISKY_INSIDE = re.compile(rf"{SPLITS}(?='*{RUNS_INSIDE})")
_NEGATIVE = re.compile(r"^-\d{1,15}(\.\d+)?$")
_ILLEGAL_NAME = re.compile(r"[\[\]:*?/\\]")


def escape(text: str) -> str:
    """A text that a spreadsheet shows and never computes; plain negative numbers stay as they are."""
    if _RISKY.match(text) and not _NEGATIVE.match(text):
        return "'" + text
    return text


def write_xlsx(
    path: Path,
    headers: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    sheet: str = "Sheet1",
    mark: Mark = (),
    widths: Sequence[int] = (),
) -> int:
    """Write one sheet with constant memory; returns the number of rows. Raises TooManyRows beyond a sheet.

    `mark` (label, text) goes to a second sheet: who made the file, and when; it may depend on the number of rows.
    `widths` of columns are in characters; with them the heading stands out and filters.
    """

    def make(frame: Path, count: int) -> None:
        with xlsxwriter.Workbook(str(frame), {"strings_to_formulas": False}) as book:
            _frame(book, headers, sheet, widths, count)
            if lines := marked(mark, count):
                about = book.add_worksheet(MARK_SHEET)
                about.set_column(0, 0, 16)
                about.set_column(1, 1, 60)
                for number, line in enumerate(lines):
                    for column, text in enumerate(line):
                        about.write_string(number, column, text)

    return pour(make, path, rows, columns=len(headers))


def _frame(book: xlsxwriter.Workbook, headers: Sequence[str], sheet: str, widths: Sequence[int], count: int) -> None:
    """The sheet without its rows."""
    page = book.add_worksheet(_ILLEGAL_NAME.sub(" ", sheet)[:31].strip("'") or "Sheet1")
    page.freeze_panes(1, 0)
    styled = {"bg_color": "#F1F5F9", "bottom": 1, "bottom_color": "#94A3B8"} if widths else {}
    head = book.add_format({"bold": True, "num_format": "@", **styled})
    for column, number in enumerate(("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "@")):
        page.write_blank(1, column, None, book.add_format({"num_format": number}))  # tells `pour` the styles
    for column, header in enumerate(headers):
        page.write_string(0, column, header, head)
    for column, width in enumerate(widths):
        page.set_column(column, column, width)
    if widths:
        page.autofilter(0, 0, count, len(headers) - 1)


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


def csv_line(cells: Iterable[Cell]) -> str:
    """One row with its end."""
    return ",".join(map(_text, cells)) + "\r\n"


def marked(mark: Mark, count: int) -> Sequence[tuple[str, str]]:
    """The lines of a mark for so many rows."""
    return mark(count) if callable(mark) else mark


def write_csv(path: Path, headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, mark: Mark = ()) -> int:
    """Write UTF-8 with a byte order mark, as spreadsheets expect; returns the number of rows.

    `mark` (label, text) goes to a last line that reading leaves out: who made the file, and when.
    """
    return write_lines(path, headers, (csv_line(cells).encode() for cells in rows), mark=mark)


def write_lines(path: Path, headers: Sequence[str], lines: Iterable[bytes], *, mark: Mark = ()) -> int:
    """The same of rows that are lines already."""
    with path.open("wb", buffering=1 << 20) as file:
        file.write(codecs.BOM_UTF8 + csv_line(headers).encode())
        count = 0
        for line in lines:
            file.write(line)
            count += 1
        if found := marked(mark, count):
            file.write(csv_line([MARK + "; ".join(f"{label}: {text}" for label, text in found)]).encode())
        return count
