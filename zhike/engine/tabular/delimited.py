"""Rows of a text file with separators: the dialect is found by trying, broken quotes are mended.

The standard parser runs in its strict mode; only a record it refuses is read again by `split_record`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .encoding import errors_for
from .errors import TabularError
from .model import MARK, RUNS, RUNS_INSIDE, SPLITS, Limits, Notes

DELIMITERS = (",", "\t", ";", "|")
RARE_DELIMITERS = ("%", "\x1f", "^")
SAMPLE_CHARS = 256 * 1024
SAMPLE_RECORDS = 300
MEND_LINES = 60
EVEN = 0.9  # below this no usual separator divides the rows evenly
BLANK_ROWS, BLANK_COLUMNS = 8, 4
Record = tuple[int, list[str]]

_DIRECTIVE = re.compile(r"\ufeff?sep=(.)\r?\n?$", re.IGNORECASE)
_ESCAPED = re.compile(rf"'+{RUNS}")
_ESCAPED_INSIDE = re.compile(rf"{SPLITS}'(?='*{RUNS_INSIDE})")
_AS_TEXT = re.compile(r'^="([^"]*)"$')


@dataclass(frozen=True)
class Dialect:
    delimiter: str = ","
    quote: str = '"'
    backslash: bool = False
    skip_space: bool = False
    directive: bool = False

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=True,
            skipinitialspace=self.skip_space,
            strict=True,
        )


def unescape(cell: str) -> str:
    """Take back the apostrophe that keeps a spreadsheet from running a cell, and the ="text" form."""
    if "'" in cell:
        cell = _ESCAPED_INSIDE.sub("", cell)
    if cell[:1] == "'" and _ESCAPED.match(cell):
        return cell[1:]
    if cell[:2] == '="':
        found = _AS_TEXT.match(cell)
        return found.group(1) if found else cell
    return cell


def sniff_dialect(sample: str) -> Dialect:
    """The dialect in which most records of the sample have the same number of cells."""
    directive = _DIRECTIVE.match(sample.split("\n", 1)[0])
    if directive:
        return Dialect(delimiter=directive.group(1), quote=_quote(sample), directive=True)
    best, best_score = Dialect(quote=_quote(sample)), 0.0
    for place, delimiter in enumerate((*DELIMITERS, *RARE_DELIMITERS)):
        dialect = _tuned(sample, delimiter)
        score = _evenness(sample, dialect) - 0.001 * place
        if delimiter in RARE_DELIMITERS:
            score -= 0.5
        if score > best_score:
            best, best_score = dialect, score
    if best_score < EVEN and _by_blanks(sample):
        return _tuned(sample, " ")
    return best


def _by_blanks(sample: str) -> bool:
    """Whether blanks separate the cells: no row has fewer than the headings, many have as many, quotes hold texts."""
    widths = [len(cells) for cells in _sample_records(sample, _tuned(sample, " ")) if any(cells)]
    if len(widths) < BLANK_ROWS or widths[0] < BLANK_COLUMNS or ' "' not in sample:
        return False
    return min(widths) >= widths[0] and widths.count(widths[0]) > len(widths) / 4


def _quote(sample: str) -> str:
    single = len(re.findall(r"(?:^|[,;\t|])'(?:[^'\n]*)'(?=[,;\t|\r\n])", sample, re.MULTILINE))
    double = len(re.findall(r'(?:^|[,;\t|] ?)"', sample, re.MULTILINE))
    return "'" if single > 2 and not double else '"'


def _tuned(sample: str, delimiter: str) -> Dialect:
    quote = _quote(sample)
    spaced = sample.count(delimiter + " ")
    skip = bool(spaced) and not delimiter.isspace() and spaced > 0.8 * _outer_count(sample, delimiter, quote)
    return Dialect(delimiter, quote, _backslashed(sample, delimiter, quote), skip)


def _outer_count(sample: str, delimiter: str, quote: str) -> int:
    bare = re.sub(f"{quote}[^{quote}]*{quote}", "", sample)
    return max(bare.count(delimiter), 1)


def _backslashed(sample: str, delimiter: str, quote: str) -> bool:
    """Whether quotes inside quoted cells are escaped by a backslash."""
    escaped = re.findall(re.escape("\\" + quote) + r"(?=(.?))", sample)
    inner = [after for after in escaped if after not in (delimiter, "\r", "\n", "")]
    return bool(inner) and (quote + quote) not in sample.replace("\\" + quote, "")


def _evenness(sample: str, dialect: Dialect) -> float:
    widths = [len(cells) for cells in _sample_records(sample, dialect) if any(cells)]
    if not widths:
        return 0.0
    width, hits = Counter(widths).most_common(1)[0]
    wider = [count for count in widths if count > 1]
    if width == 1 and len(wider) >= 2:
        width, hits = Counter(wider).most_common(1)[0]
        hits = hits if hits > len(widths) / 3 else 0
    if width == 1:
        return 0.0
    return hits / len(widths) + min(width, 20) * 0.01


def _sample_records(sample: str, dialect: Dialect) -> list[list[str]]:
    lines = _clean(iter(sample.splitlines(keepends=True)), Notes(keep=0), dialect)
    found = []
    for _, cells in Records(lines, dialect, Notes(keep=0)):
        found.append(cells)
        if len(found) >= SAMPLE_RECORDS:
            break
    return found[:-1] if len(found) > 3 else found


@dataclass
class Split:
    """One record cut by hand: its cells, which of them were quoted, and whether a quote stayed open."""

    cells: list[str]
    quoted: list[bool]
    open: bool = False


def split_record(text: str, dialect: Dialect, *, literal_open: bool = False) -> Split:
    """Cut one record whose quotes are wrong; `literal_open` reads an unclosed quote as a character."""
    text = text.rstrip("\r\n")
    found = Split([], [])
    place = 0
    while True:
        if dialect.skip_space:
            while text[place : place + 1] == " ":
                place += 1
        closed = None
        if text[place : place + 1] == dialect.quote:
            closed = _quoted(text, place, dialect)
            if closed is None and not literal_open and not _stray(text, place, dialect):
                found.open = True
                return found
        if closed is not None:
            cell, place = closed
        else:
            end = text.find(dialect.delimiter, place)
            end = len(text) if end < 0 else end
            cell, place = text[place:end], end
        found.cells.append(cell)
        found.quoted.append(closed is not None)
        if place >= len(text):
            return found
        place += len(dialect.delimiter)


def _stray(text: str, start: int, dialect: Dialect) -> bool:
    """A quote that is followed by what looks like the opening quote of a later cell."""
    later = text.find(dialect.delimiter + dialect.quote, start + 1)
    return later > 0


def _quoted(text: str, start: int, dialect: Dialect) -> tuple[str, int] | None:
    quote, delimiter = dialect.quote, dialect.delimiter
    parts: list[str] = []
    place = start + 1
    while True:
        end = text.find(quote, place)
        if end < 0:
            return None
        after = text[end + 1 : end + 2]
        if after in ("", delimiter):
            parts.append(text[place:end])
            return "".join(parts), end + 1
        if after == quote:
            parts.append(text[place : end + 1])
            place = end + 2
        elif text[end - 1] == delimiter and end > start + 1:
            return None
        else:
            parts.append(text[place : end + 1])
            place = end + 1


class _Lines:
    """A line source that remembers what one record took, so that it can be given back."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._back: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._source)
        self.taken.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))

    def peek(self, count: int) -> list[str]:
        while len(self._back) < count:
            line = next(self._source, None)
            if line is None:
                break
            self._back.append(line)
        return list(self._back)[:count]


class Records:
    """Iterates (record number from 1, cells); mends what can be mended and notes it."""

    def __init__(self, source: Iterator[str], dialect: Dialect, notes: Notes) -> None:
        self._lines = _Lines(source)
        self._dialect = dialect
        self._notes = notes

    def __iter__(self) -> Iterator[Record]:
        number = 0
        lines = self._lines
        while True:
            reader = self._dialect.reader(lines)
            try:
                for cells in reader:
                    number += 1
                    lines.taken.clear()
                    yield number, cells
                return
            except csv.Error as error:
                number += 1
                cells_or_none = self._mend(number, too_long="field limit" in str(error))
            lines.taken.clear()
            if cells_or_none is not None:
                yield number, cells_or_none

    def _mend(self, number: int, *, too_long: bool) -> list[str] | None:
        taken, lines = list(self._lines.taken), self._lines
        for count in range(1, min(len(taken), MEND_LINES) + 1):
            split = split_record("".join(taken[:count]), self._dialect)
            if not split.open:
                lines.give_back(taken[count:])
                self._notes.add("quotes_mended", row=number)
                return split.cells
        first = split_record(taken[0], self._dialect, literal_open=True)
        if self._is_cut(first, taken):
            self._notes.add("record_cut", row=number)
            return None
        if too_long and not self._even_below(first, taken):
            size = sum(len(line) for line in taken)
            raise TabularError("cell_too_long", row=number, size=size, limit=csv.field_size_limit())
        lines.give_back(taken[1:])
        self._notes.add("quotes_mended", row=number)
        return first.cells

    def _is_cut(self, first: Split, taken: list[str]) -> bool:
        """Whether the open quote belongs to the last, cut record and is not a slip further up."""
        if self._lines.peek(1):
            return False
        return not self._even_below(first, taken)

    def _even_below(self, first: Split, taken: list[str]) -> bool:
        """Whether the lines that an open quote swallowed look like records of their own."""
        following = [split_record(line, self._dialect, literal_open=True) for line in taken[1:6]]
        even = [len(split.cells) == len(first.cells) for split in following]
        return sum(even) * 2 > len(even) and len(first.cells) > 1


def _clean(source: Iterator[str], notes: Notes, dialect: Dialect) -> Iterator[str]:
    """Drop NUL characters; a NUL or a backslash before a quote was meant as its escape."""
    escaped, doubled = "\\" + dialect.quote, dialect.quote * 2
    single = dialect.quote == "'"
    for number, raw in enumerate(source, 1):
        line = raw
        if "\x00" in line:
            notes.add("nul_removed", row=number)
            line = line.replace("\x00" + dialect.quote, doubled).replace("\x00", "")
        if dialect.backslash and escaped in line:
            line = line.replace(escaped, doubled)
        if single and '""' in line:
            line = line.replace('""', '"')  # the quotes were changed, what doubled the old ones was left
        yield line


def resplit(cells: list[str], width: int, dialect: Dialect) -> list[str] | None:
    """Cells of a row written with another separator than the rest, or None."""
    text = dialect.delimiter.join(cells)
    for other in (*DELIMITERS, " "):
        if other == dialect.delimiter or text.count(other) < width - 1:
            continue
        split = split_record(text, Dialect(other, dialect.quote))
        bare = [cell for cell, quoted in zip(split.cells, split.quoted, strict=True) if not quoted]
        if len(split.cells) == width > 2 and not any(dialect.delimiter in cell for cell in bare):
            return split.cells
    return None


def read_sample(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, errors=errors_for(encoding), newline="") as file:
        sample = file.read(SAMPLE_CHARS)
    return sample.replace('\x00"', '""').replace("\x00", "")


def open_records(path: Path, encoding: str, *, notes: Notes, limits: Limits) -> tuple[Dialect, Iterator[Record]]:
    """The dialect of a text file and its records as text."""
    csv.field_size_limit(limits.cell_bytes)
    dialect = sniff_dialect(read_sample(path, encoding))
    return dialect, _stream(path, encoding, dialect, notes, limits)


def _stream(path: Path, encoding: str, dialect: Dialect, notes: Notes, limits: Limits) -> Iterator[Record]:
    with path.open(encoding=encoding, errors=errors_for(encoding), newline="") as file:
        lines = _bounded(_clean(file, notes, dialect), limits)
        offset = 0
        if dialect.directive:
            next(lines, None)
            offset = 1
        for number, cells in Records(lines, dialect, notes):
            if not (cells and cells[0].startswith(MARK)):
                yield number + offset, cells


def _bounded(lines: Iterator[str], limits: Limits) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > 4 * limits.cell_bytes:
            raise TabularError("line_too_long", row=number, size=len(line))
        yield line
