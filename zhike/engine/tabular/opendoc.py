"""How far the cells of an OpenDocument table reach once everything that is repeated is written out."""

from __future__ import annotations

import re

_TAG = re.compile(rb"<(/?)table:(table-row|table|table-cell|covered-table-cell)(?=[\s/>])([^<>]*?)(/?)>")
_COLUMNS = re.compile(rb'number-columns-repeated="(\d{1,9})"')
_ROWS = re.compile(rb'number-rows-repeated="(\d{1,9})"')
KEEP = 4_096  # a tag that is longer is none


def _times(pattern: re.Pattern[bytes], attributes: bytes) -> int:
    found = pattern.search(attributes)
    return int(found[1]) if found else 1


class Table:
    """Fed with the bytes of content.xml; `rows` and `columns` are the largest extent of filled cells of any table."""

    def __init__(self) -> None:
        self.cells = self.rows = self.columns = 0
        self._tail = b""
        self._row = self._place = self._width = 0
        self._times = 1

    def feed(self, piece: bytes) -> None:
        """Count what the next bytes hold."""
        text = self._tail + piece
        end = 0
        for found in _TAG.finditer(text):
            end = found.end()
            self._tag(found[1] + found[2], found[3], closed=bool(found[4]))
        self._tail = text[max(end, len(text) - KEEP) :]

    def _tag(self, name: bytes, attributes: bytes, *, closed: bool) -> None:
        if name == b"table":  # the next sheet
            self._row = 0
        elif name == b"table-row":
            self._place = self._width = 0
            self._times = _times(_ROWS, attributes)
            self._row += self._times if closed else 0
        elif name in (b"table-cell", b"covered-table-cell"):
            self._place += _times(_COLUMNS, attributes)
            # An empty cell closes at once, unless it carries its value in an attribute.
            if not closed or b"office:value" in attributes or b"-value=" in attributes:
                self._width = self._place
        elif name == b"/table-row":
            self._row += self._times
            if self._width:
                self.cells += self._width * self._times
                self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._width)
