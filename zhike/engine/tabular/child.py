"""The limited process that opens foreign files: `python -m zhike.engine.tabular.child JOB`.

JOB is a JSON text made by `reader.read`. The outcome, good or bad, goes to the spool file.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zhike.engine import confined

from . import delimited, encoding, html_table, sniff, spool, vcard
from .errors import TabularError
from .layout import Arranged, Layout
from .model import Cell, Failure, Limits, Meta, Notes

if TYPE_CHECKING:
    from .workbook import Workbook

if sys.platform != "win32":  # there only the time limit of the parent holds
    import resource

BYTES_PER_CELL = 220


class Job(msgspec.Struct, frozen=True):
    path: str
    name: str
    spool: str
    limits: Limits
    sheet: str | None
    seconds: int


def confine(job: Job) -> None:
    """Bound memory, processor time and output before the file is opened."""
    limits = job.limits
    confined.confine(
        seconds=job.seconds, output=limits.spool_bytes, memory=limits.memory_bytes, ceiling=limits.memory_ceiling
    )


def _allow(size: int, limits: Limits) -> None:
    """More memory for what was counted while the archive was weighed."""
    if sys.platform != "win32":
        wanted = min(limits.memory_bytes + size, limits.memory_ceiling)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, limits.memory_ceiling))


class Reading:
    """One file on its way to the spool."""

    def __init__(self, job: Job, writer: spool.Writer) -> None:
        self._job = job
        self._path = Path(job.path)
        self._limits = job.limits
        self._writer = writer
        self.notes = Notes(keep=job.limits.notes)
        self.meta = Meta()

    def run(self) -> None:
        size = self._path.stat().st_size
        if size > self._limits.file_bytes:
            raise TabularError("file_too_large", size=size, limit=self._limits.file_bytes)
        kind = sniff.kind_of(self._path, self._job.name)
        if kind == "xml":
            raise TabularError("unsupported", found="xml")
        opened = {
            "zip": self._zip, "xls": self._xls, "vcard": self._vcard, "html": self._html, "json": self._json,
            "ics": self._ics, "eml": self._mail, "mbox": self._mail,
        }  # fmt: skip
        self.meta.kind = kind
        opened.get(kind, self._csv)()
        expected = sniff.expected_kinds(self._job.name)
        if expected and self.meta.kind not in expected:
            self.notes.add("other_kind", kind=self.meta.kind, name=self._job.name[-80:])

    def _zip(self) -> None:
        from .archive import weigh

        weight = weigh(self._path, limits=self._limits)
        self.meta.kind = weight.kind
        limits = self._limits
        if any(e.cells > limits.held_cells or e.rows > limits.book_rows for e in weight.sheets.values()):
            from .workbook import LongWorkbook

            self._sheets(
                LongWorkbook(self._path, limits=limits, extents=weight.sheets, allow=lambda size: _allow(size, limits))
            )
            return
        _allow(weight.cells * BYTES_PER_CELL, limits)
        self._book()

    def _xls(self) -> None:
        self.meta.kind = "xls"
        self._book()

    def _book(self) -> None:
        from .workbook import Workbook

        self._sheets(Workbook(self._path, limits=self._limits))

    def _sheets(self, book: Workbook) -> None:
        self.meta.sheets = book.sheets
        self.meta.sheet = book.choose(self._job.sheet)
        arranged = book.arrange(self.meta.sheet, self.notes)
        if len(book.sheets) > 1 and self._job.sheet is None:
            self.notes.add("sheets_many", sheet=self.meta.sheet, count=len(book.sheets))
        self._write(arranged)

    def _vcard(self) -> None:
        self.meta.kind = "vcard"
        codec = self._encoding()
        headers, rows = vcard.read(self._path, codec, notes=self.notes, limits=self._limits)
        if self.notes.charsets:
            self.meta.encoding = ", ".join(sorted(self.notes.charsets))
        self._write(Arranged(headers, None, rows))

    def _json(self) -> None:
        from . import jsonrows

        headers, rows = jsonrows.read(self._path, self._encoding(), notes=self.notes, limits=self._limits)
        self._write(Arranged(headers, None, rows))

    def _ics(self) -> None:
        from . import calendars

        headers, rows = calendars.read(self._path, self._encoding(), notes=self.notes, limits=self._limits)
        self._write(Arranged(headers, None, rows))

    def _mail(self) -> None:
        from . import mails

        box = self.meta.kind == "mbox"
        headers, rows = mails.read(self._path, box=box, notes=self.notes, limits=self._limits)
        self._write(Arranged(headers, None, rows))

    def _html(self) -> None:
        self.meta.kind = "html"
        codec = self._encoding()
        rows = ((number, _cells(texts)) for number, texts in html_table.rows(self._path, codec))
        self._write(Layout(notes=self.notes, limits=self._limits, ragged=False).arrange(rows))

    def _csv(self) -> None:
        self.meta.kind = "csv"
        codec = self._encoding()
        dialect, records = delimited.open_records(self._path, codec, notes=self.notes, limits=self._limits)
        self.meta.delimiter = dialect.delimiter
        layout = Layout(notes=self.notes, limits=self._limits, ragged=True)
        layout.mend = lambda cells, width: delimited.resplit(cells, width, dialect)
        layout.joint = dialect.delimiter
        self._write(layout.arrange((number, _cells(texts)) for number, texts in records), texts=True)

    def _encoding(self) -> str:
        codec = encoding.detect(self._path)
        self.meta.encoding = encoding.label(codec)
        return codec

    def _write(self, arranged: Arranged, *, texts: bool = False) -> None:
        """Rows to the spool; `texts` says that cells are texts without NUL, or nothing."""
        self.meta.headers, self.meta.header_row = arranged.headers, arranged.header_row
        write = self._writer.texts if texts else self._writer.row
        for number, cells in arranged.rows:
            write(number, cells)
        if not self._writer.count and arranged.header_row is None:
            raise TabularError("no_records")
        if not self._writer.count:
            raise TabularError("only_headers", row=arranged.header_row or 1)


def _cells(texts: list[str]) -> list[Cell]:
    whole = "".join(texts)
    if "'" not in whole and '="' not in whole:  # nothing that could be an escape: one look at the row, not at each cell
        return [text or None for text in texts]
    unescape = delimited.unescape
    return [unescape(text) if text else None for text in texts]


def _outcome(error: BaseException) -> Failure:
    if isinstance(error, TabularError):
        return Failure(error.code, error.params)
    if isinstance(error, MemoryError):
        return Failure("too_much_memory")
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return Failure("too_much_memory")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure("disk_full")
    if isinstance(error, OSError):
        return Failure("unreadable", {"detail": str(error.strerror or "")[:100]})
    return Failure("broken", {"detail": f"{type(error).__name__}: {error}"[:160]})


def main(argument: str) -> int:
    job = msgspec.json.decode(argument, type=Job)
    confine(job)
    with Path(job.spool).open("wb") as file:
        writer = spool.Writer(file)
        reading = Reading(job, writer)
        try:
            reading.run()
        except BaseException as error:
            failure = _outcome(error)
            if reading.meta.sheet is not None:
                failure.params.setdefault("sheet", reading.meta.sheet)
            reading.meta.failure = failure
        meta = reading.meta
        meta.notes, meta.note_counts = reading.notes.kept, reading.notes.counts
        meta.row_count = writer.count
        writer.close(meta)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
