"""Rows of xlsx and xls sheets; formulas come as the values the spreadsheet last computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import python_calamine as calamine

from .archive import Extent
from .bigsheet import Book
from .errors import TabularError
from .layout import Arranged, Layout, Row
from .model import Cell, Limits, Notes, column_number

SHEETS_TRIED = 10
MERGED_CELLS = 200_000
Range = tuple[tuple[int, int], tuple[int, int]]  # (row, column) of the first and the last cell


def to_cell(value: object) -> Cell:
    """A value of the library as one of ours: whole floats are integers, others exact decimals."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    if isinstance(value, timedelta):
        return str(value)
    return value  # type: ignore[return-value]


def _number(value: float) -> Cell:
    if value.is_integer() and abs(value) < 1e15:
        return int(value)
    return Decimal(repr(value)) if math.isfinite(value) else None


def _merged_columns(ranges: Iterable[Range]) -> dict[int, list[tuple[int, int]]]:
    """Row index -> (column, first row) of cells that repeat the value merged above them."""
    filled: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for (top, left), (bottom, _) in ranges:
        if bottom == top:
            continue
        total += bottom - top
        if total > MERGED_CELLS:
            break
        for row in range(top + 1, bottom + 1):
            filled.setdefault(row, []).append((left, top))
    return filled


def _held(sheet: calamine.CalamineSheet) -> Iterator[Row]:
    for place, values in enumerate(sheet.iter_rows(), 1):
        yield place, [to_cell(value) for value in values]


def _moved(ranges: Iterable[Range], left: int) -> list[Range]:
    """Ranges counted from the first column that is used."""
    return [((top, a - left), (bottom, b - left)) for (top, a), (bottom, b) in ranges if a >= left]


def _filled_down(rows: Iterable[Row], ranges: Iterable[Range], notes: Notes) -> Iterator[Row]:
    """Rows with what is merged over several of them in each; ranges count from 0."""
    merged = _merged_columns(ranges)
    if not merged:
        yield from rows
        return
    tops: dict[tuple[int, int], Cell] = {}
    wanted = {(top, column) for cells in merged.values() for column, top in cells}
    columns = {column for _, column in wanted}
    noted = False
    for number, cells in rows:
        place = number - 1
        for column in columns:
            if (place, column) in wanted and column < len(cells):
                tops[place, column] = cells[column]
        # A cell merged over several rows names all of them.
        for column, top in merged.get(place, ()):
            if column < len(cells) and cells[column] is None:
                cells[column] = tops.get((top, column))
                if not noted and cells[column] is not None:
                    notes.add("merged_filled", row=number, column=column)
                    noted = True
        yield number, cells


def _visible(book: calamine.CalamineWorkbook) -> list[str]:
    tables = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
    shown = [sheet for sheet in tables if sheet.visible == calamine.SheetVisibleEnum.Visible]
    return [sheet.name for sheet in shown or tables]


class Workbook:
    """An open xlsx or xls file."""

    def __init__(self, path: Path, *, limits: Limits) -> None:
        self._limits = msgspec.structs.replace(limits, rows=min(limits.rows, limits.book_rows))
        try:
            self._book = calamine.load_workbook(str(path))
            self.sheets = _visible(self._book)
        except calamine.PasswordError:
            raise TabularError("password") from None
        except calamine.CalamineError as error:
            if "password" in str(error).lower():
                raise TabularError("password") from None
            raise TabularError("broken", detail=str(error)[:100]) from None
        if not self.sheets:
            raise TabularError("no_rows")

    def choose(self, wanted: str | None) -> str:
        """The wanted sheet, or the first that looks like a list of records."""
        if wanted is None:
            return self._likeliest()
        if wanted not in self._names():
            raise TabularError("no_such_sheet", sheet=wanted)
        return wanted

    def _names(self) -> Collection[str]:
        return self._book.sheet_names

    def arrange(self, name: str, notes: Notes) -> Arranged:
        """Header and records of one sheet."""
        try:
            sheet = self._book.get_sheet_by_name(name)
        except calamine.CalamineError as error:
            raise TabularError("broken", detail=str(error)[:100]) from None
        ranges = _moved(sheet.merged_cell_ranges or [], (sheet.start or (0, 0))[1])
        rows = _filled_down(_held(sheet), ranges, notes)
        return Layout(notes=notes, limits=self._limits, ragged=False).arrange(rows)

    def _likeliest(self) -> str:
        if len(self.sheets) == 1:
            return self.sheets[0]
        ranked: list[tuple[int, int, str]] = []
        for place, name in enumerate(self.sheets[:SHEETS_TRIED]):
            try:
                arranged = self.arrange(name, Notes(keep=0))
                if next(arranged.rows, None) is None:
                    continue
            except TabularError:
                continue
            if arranged.known >= 2:
                return name
            ranked.append((-arranged.known, place, name))
        return min(ranked)[2] if ranked else self.sheets[0]


class LongWorkbook(Workbook):
    """An open xlsx file with a sheet too long to be held in memory; `extents` are those of its sheets by their entry.

    `allow` is told how many bytes beside the rows are needed.
    """

    def __init__(
        self, path: Path, *, limits: Limits, extents: Mapping[str, Extent], allow: Callable[[int], None]
    ) -> None:  # fmt: skip
        self._limits = limits
        self._extents = extents
        self._long = Book(path, allow)
        self.sheets = self._long.shown or list(self._long.places)
        if not self.sheets:
            raise TabularError("no_rows")

    def _names(self) -> Collection[str]:
        return self._long.places

    def arrange(self, name: str, notes: Notes) -> Arranged:
        """Header and records of one sheet."""
        extent = self._extents.get(self._long.places[name], Extent())
        left = max(extent.first - 1, 0)
        merged = ((_place(one), _place(other)) for one, _sep, other in (text.partition(":") for text in extent.merged))
        ranges = _moved(merged, left)
        rows = _filled_down(self._long.rows(name, left, extent.columns), ranges, notes)
        return Layout(notes=notes, limits=self._limits, ragged=False).arrange(rows)


def _place(name: str) -> tuple[int, int]:
    """Row and column of a cell, from 0."""
    letters = name.rstrip("0123456789")
    return int(name[len(letters) :]) - 1, column_number(letters) - 1
