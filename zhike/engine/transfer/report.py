"""Counting problems, keeping the first of them, and writing the rows left out to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
from django.utils.translation import gettext as _

from zhike.engine.tabular import Cell, Table
from zhike.engine.tabular.write import write_xlsx

from .importer import Taken
from .model import KEPT, Problem, Result

IN_MEMORY = 2_000_000
_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Problem)


class Tally:
    """Takes problems as they are found; errors go to a temporary file, so that a bad file costs no memory."""

    def __init__(self) -> None:
        self.result = Result()
        self._errors = 0
        self._said: dict[tuple[str, str], Problem] = {}
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, taken: Taken) -> None:
        """Count a batch."""
        self.result.join(taken.result)
        self.add(taken.problems)

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems; the first of each level are kept for showing."""
        for p in problems:
            self.result.tell(p)
            if p.level == "error":
                self._error(p)
            else:
                self._warning(p)

    def _error(self, p: Problem) -> None:
        self._file.write(_encoder.encode(p) + b"\n")
        self._errors += 1
        if self._errors <= KEPT:
            self.result.problems.append(p)

    def _warning(self, p: Problem) -> None:
        if (said := self._said.get((p.header, p.text))) is not None:
            said.count += 1
        elif len(self._said) < KEPT:
            self._said[p.header, p.text] = p
            self.result.problems.append(p)

    def close(self) -> None:
        """Put the kept problems in the order of the file."""
        self.result.problems.sort(key=lambda p: (p.row, p.level == "warning"))

    def problems(self) -> Iterator[Problem]:
        """All errors, then each warning once, with how often it came."""
        self._file.seek(0)
        yield from (_decoder.decode(line) for line in self._file)
        yield from self._said.values()

    def errors(self) -> Iterator[tuple[int, str]]:
        """(row, reasons) of the rows left out, in the order of the file."""
        return reasons(p for p in self.problems() if p.level == "error")


def reasons(errors: Iterable[Problem]) -> Iterator[tuple[int, str]]:
    """(row, all its reasons), from errors in the order of the file."""
    for row, found in groupby(errors, lambda p: p.row):
        texts = (_("%(label)s: %(text)s") % {"label": p.header, "text": p.text} if p.header else p.text for p in found)
        yield row, " ".join(texts)


def write_left_out(table: Table, errors: Iterator[tuple[int, str]], path: Path) -> int:
    """The rows left out as xlsx, with the columns of the file, their row number and the reason; how many."""
    headers = [*table.headers, _("Row in the file"), _("Reason")]
    return write_xlsx(path, headers, _rows(table.rows(), errors, len(table.headers)), sheet=_("Left out"))


def _rows(
    rows: Iterable[tuple[int, list[Cell]]], errors: Iterator[tuple[int, str]], width: int
) -> Iterator[Sequence[Cell]]:
    wanted = next(errors, None)
    for number, cells in rows:
        if wanted is None:
            return
        if number == wanted[0]:
            yield [*cells[:width], *[None] * (width - len(cells)), number, wanted[1]]
            wanted = next(errors, None)
