"""Weigh an xlsx before any spreadsheet library touches it: entries, real sizes, extent, long texts."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from . import opendoc
from .errors import TabularError
from .model import Limits, column_letter, column_number

CHUNK = 256 * 1024
OVERLAP = 4_096  # a tag that is longer is none
_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})(\d{1,7})"[^>]*?(/?)>')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
SPARSE = 50  # an xlsx sheet of which less than one place in so many is filled has stray cells far from its rows
_MERGES = 20_000  # of one sheet
_LONG = re.compile(rb"[^<]{32768}")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml$", re.IGNORECASE)


@dataclass
class Weight:
    """What the file really unpacks to and how far its filled cells reach."""

    unpacked: int = 0
    cells: int = 0
    rows: int = 0
    columns: int = 0
    kind: str = "xlsx"
    sheets: dict[str, Extent] = field(default_factory=dict)  # of xlsx: entry of the archive -> how far it reaches


@dataclass
class Extent:
    """How far the filled cells of one sheet reach, columns from 1, and which cells are merged."""

    cells: int = 0
    rows: int = 0
    first: int = 0
    columns: int = 0
    merged: list[str] = field(default_factory=list)


def weigh(path: Path, *, limits: Limits) -> Weight:
    """Inflate everything once within the limits; raises zip_bomb, broken, not_a_table and others."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OverflowError) as error:
        raise TabularError("broken", detail=str(error)[:100]) from None
    if len(infos) > limits.entries:
        raise TabularError("zip_bomb", reason="entries", count=len(infos), limit=limits.entries)
    kind = _kind({info.filename for info in infos})
    if any(info.flag_bits & 1 for info in infos):
        raise TabularError("password")
    refuse_overlap(infos)
    weight = Weight(kind=kind)
    with path.open("rb") as file:
        for info in infos:
            _weigh_entry(file, info, weight, limits)
    _refuse_extent(weight, limits)
    return weight


def _kind(names: set[str]) -> str:
    kind = kind_of(names)
    if kind in ("document", "archive"):
        raise TabularError("not_a_table", found=kind)
    return kind


def kind_of(names: set[str]) -> str:
    """What an archive with these entries is: xlsx, ods, a document, or an archive of files."""
    if "xl/workbook.xml" in names or any(_SHEET.match(name) for name in names):
        return "xlsx"
    if "xl/workbook.bin" in names:
        raise TabularError("unsupported", found="xlsb")
    if "content.xml" in names and "mimetype" in names:
        return "ods"
    if "[Content_Types].xml" in names:
        return "document"
    return "archive"


def refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise TabularError("zip_bomb", reason="overlap", count=len(infos), limit=0)
        end = info.header_offset + 30 + info.compress_size


def inflated(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The entry's bytes as they really unpack, whatever size the directory claims."""
    file.seek(info.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise TabularError("broken", detail=info.filename[:60])
    name_size, extra_size = struct.unpack("<HH", header[26:30])
    file.seek(name_size + extra_size, 1)
    left = info.compress_size
    if info.compress_type == zipfile.ZIP_STORED:
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece
    elif info.compress_type == zipfile.ZIP_DEFLATED:
        yield from _deflated(file, left, info)
    else:
        raise TabularError("broken", detail=info.filename[:60])


def _deflated(file: BinaryIO, left: int, info: zipfile.ZipInfo) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-15)
    try:
        while not inflater.eof:
            source = inflater.unconsumed_tail
            if not source:
                source = file.read(min(CHUNK, left))
                left -= len(source)
            piece = inflater.decompress(source, CHUNK)
            if not piece and not source:
                raise TabularError("broken", detail=info.filename[:60])
            yield piece
    except zlib.error:
        raise TabularError("broken", detail=info.filename[:60]) from None


def _weigh_entry(file: BinaryIO, info: zipfile.ZipInfo, weight: Weight, limits: Limits) -> None:
    size = run = 0
    sheet = _SHEET.match(info.filename) is not None
    content = weight.kind == "ods" and info.filename == "content.xml"
    texts = sheet or content or info.filename.lower() == "xl/sharedstrings.xml"
    tail = b""
    table = opendoc.Table() if content else None
    for piece in inflated(file, info):
        size += len(piece)
        weight.unpacked += len(piece)
        _refuse_size(size, info, weight, limits)
        if texts:
            run = _longest_run(piece, run, limits)
        if sheet:
            extent = weight.sheets.setdefault(info.filename, Extent())
            tail = _measure(tail + piece, extent)
        elif table is not None:
            table.feed(piece)
            weight.cells, weight.rows, weight.columns = table.cells, table.rows, table.columns
            _refuse_extent(weight, limits)
    if sheet and (found := weight.sheets.get(info.filename)) is not None:
        weight.cells += found.cells
        weight.rows, weight.columns = max(weight.rows, found.rows), max(weight.columns, found.columns)
    if size != info.file_size and not info.flag_bits & 0x08:
        raise TabularError("broken", detail=info.filename[:60])


def _refuse_size(size: int, info: zipfile.ZipInfo, weight: Weight, limits: Limits) -> None:
    if weight.unpacked > limits.unpacked_bytes:
        raise TabularError("zip_bomb", reason="size", count=weight.unpacked, limit=limits.unpacked_bytes)
    if size > limits.ratio_floor and size > limits.unpacked_ratio * max(info.compress_size, 1):
        raise TabularError("zip_bomb", reason="ratio", count=size, limit=limits.unpacked_ratio)


def _longest_run(piece: bytes, run: int, limits: Limits) -> int:
    """Length of the text still open at the end of the piece; raises when one grows too long."""
    first = piece.find(b"<")
    if first < 0:
        run += len(piece)
    else:
        run = len(piece) - piece.rfind(b"<")
    if run > limits.cell_bytes:
        raise TabularError("cell_too_long", size=run, limit=limits.cell_chars)
    return run


def _measure(text: bytes, extent: Extent) -> bytes:
    """Count the cells of a piece of a sheet; what is to be seen again with the next one."""
    cut = text.rfind(b">") + 1
    whole, rest = text[:cut], text[cut:]
    filled = [(letters, row) for letters, row, closed in _CELL.findall(whole) if not closed]
    if filled:
        extent.cells += len(filled)
        extent.rows = max(extent.rows, *(int(row) for row in {row for _letters, row in filled}))
        columns = [column_number(name.decode()) for name in {letters for letters, _row in filled}]
        extent.columns = max(extent.columns, *columns)
        extent.first = min(extent.first or columns[0], *columns)
    if b"mergeCell" in whole:
        seen = (m[1].decode() for m in _MERGED.finditer(whole))
        extent.merged += islice(seen, max(0, _MERGES - len(extent.merged)))
    return rest[-OVERLAP:]


def _refuse_extent(weight: Weight, limits: Limits) -> None:
    if weight.columns > limits.columns:
        raise TabularError(
            "too_many_columns",
            columns=weight.columns,
            limit=limits.columns,
            letter=column_letter(weight.columns - 1),
        )
    # Titles and blank rows above and between come on top of the records themselves.
    rows = limits.sheet_rows if weight.kind == "xlsx" else limits.book_rows
    if weight.rows > rows + 1_000:
        raise TabularError("too_many_rows", limit=rows, row=weight.rows)
    places = weight.rows * weight.columns
    if places > limits.cells and (weight.kind != "xlsx" or weight.cells * SPARSE < places):
        raise TabularError("too_many_cells", cells=weight.rows * weight.columns, limit=limits.cells)
