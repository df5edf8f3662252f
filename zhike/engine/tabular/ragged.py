"""Put the cells of a row with one separator too many back under the columns they belong to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .model import Cell

_SHAPES = (
    ("integer", re.compile(r"^[+-]?\d{1,9}$")),
    ("digits", re.compile(r"^\d{10,}$")),
    ("money", re.compile(r"^[¥￥$€£]\s*[\d,]+(\.\d+)?$")),
    ("decimal", re.compile(r"^[+-]?[\d,]+\.\d+$")),
    ("date", re.compile(r"^\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}")),
    ("time", re.compile(r"^\d{1,2}:\d{2}")),
    ("mail", re.compile(r"^\S+@\S+\.\S+$")),
    ("url", re.compile(r"^https?://")),
    ("code", re.compile(r"^(?=.*\d)[A-Za-z0-9_-]{3,20}$")),
)


def shape(cell: Cell) -> str:
    """What a cell looks like: blank, one of the shapes above, or a text of some length."""
    text = "" if cell is None else str(cell).strip()
    if not text:
        return "blank"
    for name, pattern in _SHAPES:
        if pattern.match(text):
            return name
    return f"text{min(len(text), 200).bit_length()}"


ENOUGH = 5  # well-formed rows from which shapes are learnt
FITS, CLEARLY = 0.5, 1.3
MOSTLY = 0.6
MOST_JOINED, MOST_QUOTES = 12, 8


class Profile:
    """How often each shape occurs in each column of well-formed rows."""

    def __init__(self, rows: Sequence[Sequence[Cell]], width: int) -> None:
        self._width = width
        self._columns = [Counter(shape(row[column]) for row in rows) for column in range(width)]
        self._count = len(rows)
        texts = [sum(count for name, count in one.items() if name.startswith("text")) for one in self._columns]
        self.texts = [count / max(self._count, 1) for count in texts]

    def fit(self, cells: Sequence[Cell]) -> float:
        """0 to 1: how well the cells agree with their columns."""
        if not self._count:
            return 0.0
        total = sum(column[shape(cell)] for column, cell in zip(self._columns, cells, strict=False))
        return total / self._count / self._width

    def mended(self, cells: list[Cell], joint: str) -> tuple[list[Cell], str] | None:
        """The cells of a row as they were meant, and the note that tells what was done; None where that is not clear.

        Three slips are known: a blank cell too many, a separator inside of a text without quotes, and a quote where
        the separator before it is missing. `joint` is the separator.
        """
        if self._count < ENOUGH:
            return None
        found = self._best([(cells[:n] + cells[n + 1 :], n) for n in self._extra(cells)], cells)
        if found is not None:
            return found, "row_realigned"
        found = self._best(self._joins(cells, joint), cells)
        if found is not None:
            return found, "row_joined"
        found = self._best(self._cuts(cells, joint), cells)
        return None if found is None else (found, "row_cut_apart")

    def _extra(self, cells: list[Cell]) -> list[int]:
        if len(cells) != self._width + 1:
            return []
        return [place for place, cell in enumerate(cells) if cell is None]

    def _joins(self, cells: list[Cell], joint: str) -> list[tuple[list[Cell], int]]:
        """The row with its surplus cells put together at each column that usually holds a text."""
        more = len(cells) - self._width
        if not 0 < more <= MOST_JOINED:
            return []
        tries = []
        for place in range(self._width):
            pieces = cells[place : place + more + 1]
            if self.texts[place] >= MOSTLY and None not in pieces:
                whole = joint.join(str(piece) for piece in pieces)
                tries.append(([*cells[:place], whole, *cells[place + more + 1 :]], place))
        return tries

    def _cuts(self, cells: list[Cell], joint: str) -> list[tuple[list[Cell], int]]:
        """The row with one cell cut at a quote inside of it, what follows put together up to the closing quote."""
        tries = []
        for place, cell in enumerate(cells):
            if not isinstance(cell, str) or '"' not in cell[:-1]:
                continue
            for found in list(re.finditer('"', cell[:-1]))[:MOST_QUOTES]:
                left, right = cell[: found.start()], cell[found.end() :]
                for last in range(place, min(place + MOST_JOINED, len(cells))):
                    tail = joint.join([right, *("" if c is None else str(c) for c in cells[place + 1 : last + 1])])
                    if last > place and not tail.endswith('"'):
                        continue
                    row = [*cells[:place], left or None, tail.removesuffix('"'), *cells[last + 1 :]]
                    if len(row) == self._width:
                        tries.append((row, place))
        return tries

    def _best(self, tries: list[tuple[list[Cell], int]], cells: list[Cell]) -> list[Cell] | None:
        """The row that fits its columns best, when that is clearly what was meant."""
        if not tries:
            return None
        ranked = sorted(((self.fit(row), -place, row) for row, place in tries), key=lambda one: one[:2], reverse=True)
        best, _place, row = ranked[0]
        if best < FITS or best < CLEARLY * self.fit(cells[: self._width]):
            return None
        return row
