"""Read any file of rows in a confined child process."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Self

import msgspec
from django.conf import settings

from zhike.engine.confined import Died, run

from . import spool as spooled
from .child import Job
from .errors import TabularError
from .model import Cell, Limits, Meta, MiB, Note


class Table:
    """A file that was read: its description, and its rows as often as they are asked for."""

    def __init__(self, spool: Path, meta: Meta) -> None:
        self.kind = meta.kind
        self.encoding = meta.encoding
        self.delimiter = meta.delimiter
        self.sheets = meta.sheets
        self.sheet = meta.sheet
        self.header_row = meta.header_row
        self.headers = meta.headers
        self.row_count = meta.row_count
        self.notes: list[Note] = meta.notes
        self.note_counts = meta.note_counts
        self._spool = spool
        self.corrected: Mapping[int, Mapping[str, str]] = {}  # row -> column (as text, from 0) -> what stands there now

    def rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """(row number as a spreadsheet shows it, cells), every time from the start."""
        rows = spooled.read_rows(self._spool)
        return self._with_corrections(rows) if self.corrected else rows

    def _with_corrections(self, rows: Iterator[tuple[int, list[Cell]]]) -> Iterator[tuple[int, list[Cell]]]:
        for number, cells in rows:
            for column, text in self.corrected.get(number, {}).items():
                place = int(column)
                cells.extend([None] * (place + 1 - len(cells)))
                cells[place] = text or None
            yield number, cells

    def head(self, count: int = 20) -> list[list[Cell]]:
        """Cells of the first records, for samples."""
        return [cells for _, cells in islice(self.rows(), count)]

    def refused_rows(self) -> dict[int, list[Note]]:
        """Row number -> notes that forbid importing the row as it is."""
        found: dict[int, list[Note]] = {}
        for note in self.notes:
            if note.refuses and note.row is not None:
                found.setdefault(note.row, []).append(note)
        return found

    def close(self) -> None:
        """Remove the rows kept on disk, when `read` made the place for them."""
        cleaner = getattr(self, "_cleaner", None)
        if cleaner is not None:
            cleaner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_table(spool: Path) -> Table:
    """A table read before into `spool`; raises the error that reading it ended with."""
    meta = spooled.read_meta(spool)
    if meta.failure is not None:
        raise TabularError(meta.failure.code, **meta.failure.params)
    return Table(spool, meta)


def read(
    path: Path | str,
    *,
    name: str | None = None,
    limits: Limits | None = None,
    sheet: str | None = None,
    spool: Path | None = None,
) -> Table:
    """Read a file of rows; raises TabularError.

    `name` is the file's name as the user knows it. Rows are kept in `spool`, which
    `open_table` can open again, or in a temporary place that goes with the table.
    """
    source = Path(path)
    limits = limits or allowed()
    if not source.is_file():
        raise TabularError("unreadable", detail="")
    size = source.stat().st_size
    if not size:
        raise TabularError("empty")
    if size > limits.file_bytes:
        raise TabularError("file_too_large", size=size, limit=limits.file_bytes)
    if spool is not None:
        _run(source, name or source.name, limits, sheet, spool)
        return open_table(spool)
    return _read_temporary(source, name or source.name, limits, sheet)


def allowed() -> Limits:
    """The limits of this installation: IMPORT_ROWS and IMPORT_BYTES of its settings."""
    if not settings.configured:
        return Limits()
    return Limits(rows=settings.IMPORT_ROWS, file_bytes=settings.IMPORT_BYTES)


def _read_temporary(source: Path, name: str, limits: Limits, sheet: str | None) -> Table:
    folder = Path(tempfile.mkdtemp(prefix="zhike-read-"))
    try:
        _run(source, name, limits, sheet, folder / "rows")
        table = open_table(folder / "rows")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    table._cleaner = weakref.finalize(table, shutil.rmtree, folder, ignore_errors=True)  # type: ignore[attr-defined]
    return table


def _run(source: Path, name: str, limits: Limits, sheet: str | None, spool: Path) -> None:
    seconds = limits.seconds + limits.seconds_per_mib * source.stat().st_size / MiB
    job = Job(str(source.resolve()), name, str(spool.resolve()), limits, sheet, int(seconds) + 1)
    argument = msgspec.json.encode(job).decode()
    try:
        run("zhike.engine.tabular.child", argument, folder=spool.resolve().parent, seconds=seconds)
    except Died as died:
        found = {"seconds": int(seconds)} if died.code == "too_slow" else {}
        raise TabularError(died.code, **found) from None
