"""The rows of a worksheet as XML, streamed into a workbook that XlsxWriter has made around them.

XlsxWriter writes styles, widths and all other parts; cell by cell it is four times slower than this on long lists.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from .model import Cell, column_letter

CELL_CHARS = 32_767
SHEET_ROWS = 1_048_576
EXACT_DIGITS = 15
BLOCK = 1 << 18
LEVEL = 3  # of compression: little larger than the usual 6, in two thirds of the time
_DAY_ZERO = date(1899, 12, 30).toordinal()
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_SPECIAL = re.compile("[&<>\x00-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|^\\s|\\s$")
FIRST = "xl/worksheets/sheet1.xml"
FIRST_DAY = 61  # before March 1900 not all spreadsheets count days alike


class TooManyRows(ValueError):
    """A worksheet ends at 1,048,576 rows."""


def _text(text: str) -> str:
    text = text[:CELL_CHARS]
    if not _SPECIAL.search(text):
        return f"<t>{text}</t>"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _ILLEGAL.sub(lambda found: f"_x{ord(found[0]):04X}_", text)  # as spreadsheets write what XML cannot hold
    return f'<t xml:space="preserve">{text}</t>'


def _number(cell: int | Decimal) -> str | None:
    """Digits as they are; None for a number that a spreadsheet would round."""
    found = Decimal(cell)
    if not found.is_finite() or len(found.as_tuple().digits) > EXACT_DIGITS:
        return None
    return f"{found:f}"


def row_xml(number: int, cells: Sequence[Cell], names: Sequence[str], styles: tuple[str, str, str]) -> str:
    """One row; `styles` are the places of the styles for days, moments and texts."""
    day, moment, plain = styles
    found = []
    for name, cell in zip(names, cells, strict=False):
        if cell is None or cell == "":
            continue
        if isinstance(cell, str):
            shown = f' s="{plain}" t="inlineStr"><is>{_text(cell)}</is></c>'
        elif isinstance(cell, bool):
            shown = f' t="b"><v>{int(cell)}</v></c>'
        elif isinstance(cell, (int, Decimal)):
            digits = _number(cell)
            shown = f"><v>{digits}</v></c>" if digits is not None else _long(str(cell), plain)
        elif cell.toordinal() - _DAY_ZERO < FIRST_DAY:
            shown = _long(str(cell), plain)
        elif isinstance(cell, datetime):
            since = cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
            shown = f' s="{moment}"><v>{cell.toordinal() - _DAY_ZERO + since / 86_400:.16g}</v></c>'
        else:
            shown = f' s="{day}"><v>{cell.toordinal() - _DAY_ZERO}</v></c>'
        found.append(f'<c r="{name}{number}"{shown}')
    return f'<row r="{number}">{"".join(found)}</row>'


def _long(text: str, style: str) -> str:
    return f' s="{style}" t="inlineStr"><is>{_text(text)}</is></c>'


def pour(
    make: Callable[[Path, int], None],
    path: Path,
    rows: Iterable[Sequence[Cell]],
    *,
    columns: int,
) -> int:
    """Write `rows` below the heading of the first sheet of a workbook to `path`; how many.

    `make` writes the workbook without its rows, for so many of them; the second row of its first sheet has a cell each
    in the style of days, of moments and of texts. Raises TooManyRows.
    """
    names = [column_letter(column) for column in range(columns)]
    with tempfile.TemporaryDirectory(prefix="zhike-sheet-") as folder:
        frame = Path(folder) / "frame.xlsx"
        make(frame, 0)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as to:
            with to.open(FIRST, "w", force_zip64=True) as sheet:
                head, styles, _tail = _sides(frame)
                sheet.write(head)
                count = _blocks(sheet, (row_xml(n, cells, names, styles) for n, cells in enumerate(rows, 2)))
                make(frame, count)
                sheet.write(_sides(frame)[2])
            with zipfile.ZipFile(frame) as parts:
                for item in parts.infolist():
                    if item.filename != FIRST:
                        to.writestr(item.filename, parts.read(item.filename))
    return count


def _sides(frame: Path) -> tuple[bytes, tuple[str, str, str], bytes]:
    """The first sheet before its rows, the styles of days, moments and texts, and what follows the rows."""
    with zipfile.ZipFile(frame) as parts:
        head, sign, tail = parts.read(FIRST).partition(b"</sheetData>")
    head, _row, sample = re.sub(rb"<dimension [^>]*/>", b"", head).partition(b'<row r="2"')
    day, moment, text = (found.decode() for found in re.findall(rb' s="(\d+)"', sample))
    return head, (day, moment, text), sign + tail


def _blocks(sheet: IO[bytes], rows: Iterable[str]) -> int:
    """Rows in blocks; compression runs beside the making of the next ones. The thread ends with what it was given."""
    count, size = 0, 0
    block: list[str] = []
    with ThreadPoolExecutor(1) as beside:
        before: Future[Any] | None = None
        for row in rows:
            count += 1
            if count >= SHEET_ROWS:
                raise TooManyRows
            block.append(row)
            size += len(row)
            if size >= BLOCK:
                if before:
                    before.result()
                before = beside.submit(sheet.write, "".join(block).encode())
                block, size = [], 0
        if before:
            before.result()
        sheet.write("".join(block).encode())
    return count
