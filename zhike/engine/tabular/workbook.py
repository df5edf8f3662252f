"""Rows of xlsx and xls sheets; formulas come as the values the spreadsheet last computed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import python_calamine as calamine

from .errors import TabularError
from .layout import Arranged, Layout, Row
from .model import Cell, Limits, Notes

SHEETS_TRIED = 10
MERGED_CELLS = 200_000


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


def _merged_columns(sheet: calamine.CalamineSheet) -> dict[int, list[tuple[int, int]]]:
    """Row index -> (column, first row) of cells that repeat the value merged above them."""
    filled: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or []:
        if bottom == top:
            continue
        total += bottom - top
        if total > MERGED_CELLS:
            break
        for row in range(top + 1, bottom + 1):
            filled.setdefault(row, []).append((left, top))
    return filled


def _rows(sheet: calamine.CalamineSheet, notes: Notes) -> Iterator[Row]:
    merged = _merged_columns(sheet)
    tops: dict[tuple[int, int], Cell] = {}
    wanted = {(top, column) for cells in merged.values() for column, top in cells}
    columns = {column for _, column in wanted}
    noted = False
    for place, values in enumerate(sheet.iter_rows()):
        cells = [to_cell(value) for value in values]
        for column in columns:
            if (place, column) in wanted and column < len(cells):
                tops[place, column] = cells[column]
        # A cell merged over several rows names all of them.
        for column, top in merged.get(place, ()):
            if column < len(cells) and cells[column] is None:
                cells[column] = tops.get((top, column))
                if not noted and cells[column] is not None:
                    notes.add("merged_filled", row=place + 1, column=column)
                    noted = True
        yield place + 1, cells


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
        if wanted not in self._book.sheet_names:
            raise TabularError("no_such_sheet", sheet=wanted)
        return wanted

    def arrange(self, name: str, notes: Notes) -> Arranged:
        """Header and records of one sheet."""
        try:
            sheet = self._book.get_sheet_by_name(name)
        except calamine.CalamineError as error:
            raise TabularError("broken", detail=str(error)[:100]) from None
        return Layout(notes=notes, limits=self._limits, ragged=False).arrange(_rows(sheet, notes))

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
