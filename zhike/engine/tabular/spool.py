"""The file between the reading child and its parent: framed rows first, the description last.

Layout: frames of a 4-byte length and a MessagePack list of rows; then the MessagePack
description; then 8 bytes with the place where the description starts. A day or a time is
a list of one ISO text, a decimal a list of two, so that texts stay texts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO

import msgspec

from .errors import TabularError
from .model import Cell, Meta

BATCH = 200
_encoder = msgspec.msgpack.Encoder()
_rows_decoder = msgspec.msgpack.Decoder(list[tuple[int, list[object]]])
_meta_decoder = msgspec.msgpack.Decoder(Meta)
_SIMPLE = (bool, type(None))


def _pack(cell: Cell) -> object:
    if isinstance(cell, str):
        return cell.replace("\x00", "")  # PostgreSQL keeps none, and no reader may let one through
    if isinstance(cell, _SIMPLE):
        return cell
    if isinstance(cell, int):
        return cell if -(2**63) <= cell < 2**63 else [str(cell), ""]
    if isinstance(cell, Decimal):
        return [str(cell), ""]
    return [cell.isoformat()]


def _unpack(cell: object) -> Cell:
    if not isinstance(cell, list):
        return cell  # type: ignore[return-value]
    if len(cell) == 2:
        return Decimal(cell[0])
    text = cell[0]
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


class Writer:
    """Writes rows as they come, then the description."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._batch: list[tuple[int, Sequence[object]]] = []
        self.count = 0

    def row(self, number: int, cells: list[Cell]) -> None:
        """One row of cells of any type."""
        self.texts(number, [_pack(cell) for cell in cells])

    def texts(self, number: int, cells: Sequence[object]) -> None:
        """One row whose cells need no packing: texts without NUL, and None."""
        self._batch.append((number, cells))
        self.count += 1
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            frame = _encoder.encode(self._batch)
            self._file.write(struct.pack("<I", len(frame)))
            self._file.write(frame)
            self._batch.clear()

    def close(self, meta: Meta) -> None:
        self._flush()
        place = self._file.tell()
        self._file.write(_encoder.encode(meta))
        self._file.write(struct.pack("<Q", place))
        self._file.flush()


def read_meta(path: Path) -> Meta:
    """The description at the end; raises broken_spool when the writer did not finish."""
    try:
        with path.open("rb") as file:
            file.seek(-8, 2)
            end = file.tell()
            (place,) = struct.unpack("<Q", file.read(8))
            file.seek(place)
            return _meta_decoder.decode(file.read(end - place))
    except (OSError, struct.error, msgspec.DecodeError, msgspec.ValidationError):
        raise TabularError("reader_died") from None


def read_rows(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    """Rows in order, a batch in memory at a time."""
    with path.open("rb") as file:
        file.seek(-8, 2)
        (end,) = struct.unpack("<Q", file.read(8))
        file.seek(0)
        while file.tell() < end:
            (size,) = struct.unpack("<I", file.read(4))
            for number, cells in _rows_decoder.decode(file.read(size)):
                yield number, [_unpack(cell) for cell in cells]
