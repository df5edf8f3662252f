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


class Profile:
    """How often each shape occurs in each column of well-formed rows."""

    def __init__(self, rows: Sequence[Sequence[Cell]], width: int) -> None:
        self._width = width
        self._columns = [Counter(shape(row[column]) for row in rows) for column in range(width)]
        self._count = len(rows)

    def fit(self, cells: Sequence[Cell]) -> float:
        """0 to 1: how well the cells agree with their columns."""
        if not self._count:
            return 0.0
        total = sum(column[shape(cell)] for column, cell in zip(self._columns, cells, strict=False))
        return total / self._count / self._width

    def realigned(self, cells: list[Cell]) -> list[Cell] | None:
        """The cells without the one blank that shifted them, when that is clearly what happened."""
        if len(cells) != self._width + 1 or self._count < 5:
            return None
        tries = [
            (self.fit(cells[:place] + cells[place + 1 :]), place) for place, cell in enumerate(cells) if cell is None
        ]
        if not tries:
            return None
        best, place = max(tries, key=lambda found: found[0])
        if best < 0.5 or best < 1.3 * self.fit(cells[: self._width]):
            return None
        return cells[:place] + cells[place + 1 :]
