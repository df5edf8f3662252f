"""Objects of a JSON file as rows: one object a line, or one array of objects; a column for every key that occurs.

Objects within objects become columns of their own ("address.city"), lists of plain values one text. Numbers stay exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from .encoding import errors_for
from .errors import TabularError
from .model import Cell, Limits, Notes

CHUNK = 1024 * 1024
LONGEST_NUMBER = 400
INSIDE = 3  # objects within objects that become columns; deeper ones stay JSON
_SIGNS = re.compile(r'\\.|["\\\[\]{}]', re.DOTALL)
_GAP = re.compile(r"[\s,]*")
Pairs = list[tuple[str, Any]]


class _Object(list[tuple[str, Any]]):
    """The keys and values of an object as they stand, doubles and all."""


def _number(text: str) -> Any:
    """A number without rounding; one too long or too great to be one is a text."""
    if len(text) > LONGEST_NUMBER:
        return text
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if abs(value.adjusted()) > LONGEST_NUMBER:
        return text
    return int(value) if re.fullmatch(r"-?\d+", text) else value


_decoder = json.JSONDecoder(object_pairs_hook=_Object, parse_float=_number, parse_int=_number, parse_constant=str)


def _depth(text: str, most: int) -> None:
    """Raise too_deep for what is nested more than `most` times; the parser would fall over it."""
    if text.count("[") + text.count("{") <= most:
        return
    depth, inside = 0, False
    for found in _SIGNS.finditer(text):
        if found[0] == '"':
            inside = not inside
        elif not inside and len(found[0]) == 1:
            depth += 1 if found[0] in "[{" else -1
            if depth > most:
                raise TabularError("too_deep", limit=most)


def _lines(path: Path, encoding: str, limits: Limits) -> Iterator[tuple[int, str]]:
    """(line from 1, text) of a file with one object a line."""
    with path.open(encoding=encoding, errors=errors_for(encoding), newline="\n") as file:
        number = 0
        while line := file.readline(4 * limits.cell_bytes + 1):
            number += 1
            if len(line) > 4 * limits.cell_bytes:
                raise TabularError("line_too_long", row=number, size=len(line))
            if text := line.strip().lstrip("\ufeff").replace("\x00", ""):
                yield number, text


def _elements(path: Path, encoding: str, limits: Limits) -> Iterator[tuple[int, str]]:
    """(place from 1, text) of the objects in one array; the last text may be cut off."""
    number = depth = 0
    text, inside = "", False
    for sign, piece in _signs(path, encoding, limits):
        text += piece
        if sign == '"':
            inside = not inside
        elif sign in "[{" and not inside:
            depth += 1
            if depth == 1:
                text = ""  # the array itself
            elif depth > limits.depth:
                raise TabularError("too_deep", row=number + 1, limit=limits.depth)
        elif sign in "]}" and not inside:
            depth -= 1
            if depth == 1:
                number += 1
                yield number, _GAP.sub("", text, count=1).replace("\x00", "")
                text = ""
            elif not depth:
                return
        if len(text) > 4 * limits.cell_bytes:
            raise TabularError("line_too_long", row=number + 1, size=len(text))
    if text.strip(" \t\r\n,]"):
        yield number + 1, text.strip()


def _signs(path: Path, encoding: str, limits: Limits) -> Iterator[tuple[str, str]]:
    """(sign, text up to and with it) for every sign that opens, closes or quotes; escaped quotes are none."""
    with path.open(encoding=encoding, errors=errors_for(encoding)) as file:
        rest = ""
        while more := file.read(CHUNK):
            rest, place = rest + more, 0
            for found in _SIGNS.finditer(rest):
                if found.end() > len(rest) - 2 and found[0] == "\\":
                    break  # what is escaped stands in the next chunk
                yield found[0][-1] if len(found[0]) == 1 else "", rest[place : found.end()]
                place = found.end()
            rest = rest[place:]
            if len(rest) > 4 * limits.cell_bytes:
                raise TabularError("line_too_long", row=1, size=len(rest))
        yield "", rest


def _objects(path: Path, encoding: str, notes: Notes, limits: Limits) -> Iterator[tuple[int, _Object]]:
    with path.open(encoding=encoding, errors=errors_for(encoding)) as file:
        array = file.read(4096).lstrip("\ufeff \t\r\n").startswith("[")
    waiting: int | None = None  # a broken one, of which it is not known yet whether it is the last
    for row, text in (_elements if array else _lines)(path, encoding, limits):
        if waiting is not None:
            notes.add("json_broken", row=waiting)
            waiting = None
        _depth(text, limits.depth)
        try:
            found = _decoder.decode(text)
        except (ValueError, RecursionError):
            waiting = row
            continue
        if isinstance(found, _Object):
            yield row, found
        else:
            notes.add("json_broken", row=row)
    if waiting is not None:
        notes.add("record_cut", row=waiting)


def _flat(found: Pairs, row: int, notes: Notes, before: str = "", depth: int = 1) -> dict[str, Any]:
    """One value for each key; of a key that occurs twice the first one counts, and that is told."""
    cells: dict[str, Any] = {}
    for name, value in found:
        key = f"{before}{name}".strip()[:200] or "-"
        inner = {key: value}
        if isinstance(value, _Object) and depth < INSIDE:
            inner = _flat(value, row, notes, f"{key}.", depth + 1)
        for column, one in inner.items():
            if column in cells:
                notes.add("key_again", row=row, field=column[:60])
            else:
                cells[column] = one
    return cells


def _plain(value: Any) -> Any:
    """What `json` can write again: pairs as objects, decimals as numbers."""
    if isinstance(value, _Object):
        return {key: _plain(one) for key, one in value}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Decimal) else value


def _cell(value: Any) -> Cell:
    if isinstance(value, list):
        if not isinstance(value, _Object) and all(isinstance(one, (str, int, Decimal)) for one in value):
            return "; ".join(str(one) for one in value) or None
        return json.dumps(_plain(value), ensure_ascii=False) if value else None
    return value if value != "" else None


def read(
    path: Path, encoding: str, *, notes: Notes, limits: Limits
) -> tuple[list[str], Iterator[tuple[int, list[Cell]]]]:
    """Headings in the order met, and the rows; the file is gone through twice, never kept. Raises TabularError."""
    headers: dict[str, None] = {}
    count = 0
    for row, found in _objects(path, encoding, Notes(keep=0), limits):
        count += 1
        if count > limits.rows:
            raise TabularError("too_many_rows", limit=limits.rows, row=row)
        headers.update(dict.fromkeys(_flat(found, row, Notes(keep=0))))
        if len(headers) > limits.columns:
            raise TabularError("too_many_columns", columns=len(headers), limit=limits.columns)
    if not count:
        raise TabularError("no_rows")
    return list(headers), _rows(path, encoding, list(headers), notes, limits)


def _rows(
    path: Path, encoding: str, headers: list[str], notes: Notes, limits: Limits
) -> Iterator[tuple[int, list[Cell]]]:
    for row, found in _objects(path, encoding, notes, limits):
        flat = _flat(found, row, notes)
        cells = [_cell(flat.get(header)) for header in headers]
        for column, cell in enumerate(cells):
            if isinstance(cell, str) and len(cell) > limits.cell_chars:
                size, limit = len(cell), limits.cell_chars
                notes.add("cell_too_long", row=row, column=column, refuses=True, size=size, limit=limit)
                cells[column] = cell[:limit]
        yield row, cells
