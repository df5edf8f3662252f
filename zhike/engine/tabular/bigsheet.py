"""Long sheets of xlsx workbooks, a row at a time: no cell is kept longer than its row, texts lie in a file.

The library for spreadsheets holds all cells of a sheet; beyond some million that is more memory than a reader may use.
Values come as that library gives them. Formulas come as the values that the spreadsheet last computed.
"""

from __future__ import annotations

import html
import io
import mmap
import re
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from .errors import TabularError
from .layout import Row
from .model import Cell, column_number

CHUNK = 1 << 18
GAP = 1_000  # so many missing rows are given as empty ones; more are a gap
_ZERO, _ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001  a spreadsheet knows no zone
# Built-in formats of days and times; of lengths of time.
_DAYS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_SPANS = frozenset((46,))
_QUOTED = re.compile(r'"[^"]*"|\\.|\[(?![hms]+\])[^\]]*\]|_.|\*.', re.IGNORECASE)
_SPAN = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_HEX = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DIGITS = "0123456789"
LONGEST = 64 << 20  # bytes of a row
_ROW = re.compile(r'<row r="(\d{1,7})"')
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})\d{1,7}"([^>]*?)(?:/>|>(?:<f(?:[^>]*/>|[^>]*>[^<]*</f>))?'
    r"(?:<v(?: [^>]*)?>([^<]*)</v>|<is><t(?: [^>]*)?>([^<]*)</t></is>|<v/>)?</c>)"
)
_TYPE, _STYLE = re.compile(r' t="(\w+)"'), re.compile(r' s="(\d+)"')


def parse(
    file: IO[bytes], start: Callable[..., None], end: Callable[..., None], text: Callable[..., None]
) -> Iterator[None]:
    """Feed XML to handlers of local names; comes back after each piece. Raises TabularError for what is no XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    names: dict[str, str] = {}

    def local(name: str) -> str:
        return names.get(name) or names.setdefault(name, name.rpartition(":")[2])

    parser.StartElementHandler = lambda name, given: start(local(name), given)
    parser.EndElementHandler = lambda name: end(local(name))
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _refuse
    try:
        while piece := file.read(CHUNK):
            parser.Parse(piece, False)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise TabularError("broken", detail=str(error)[:100]) from None


def _refuse(*_of: object) -> None:
    raise TabularError("broken", detail="entity")


class Texts:
    """The shared texts of a workbook: their bytes in a file, and where each begins."""

    def __init__(self, archive: zipfile.ZipFile, name: str, allow: Callable[[int], None]) -> None:
        self._starts = array("Q", [0])
        self._bytes: Any = b""
        if name not in archive.namelist():
            return
        with archive.open(name) as source, tempfile.TemporaryFile(dir=Path.cwd()) as file:
            taken = _Taken(file, self._starts)
            for _piece in parse(source, taken.start, taken.end, taken.text):
                pass
            file.flush()
            size = self._starts[-1]
            allow(size + 8 * len(self._starts))
            if size:
                self._bytes = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)

    def __getitem__(self, place: int) -> str:
        if not 0 <= place < len(self._starts) - 1:
            return ""
        return str(self._bytes[self._starts[place] : self._starts[place + 1]], "utf-8", "replace")


class _Taken:
    """Takes the elements of the shared texts."""

    def __init__(self, file: IO[bytes], starts: array[int]) -> None:
        self._file, self._starts, self._size = file, starts, 0
        self._parts: list[str] = []
        self._skipped, self._wanted = 0, False

    def start(self, tag: str, _given: dict[str, str]) -> None:
        if tag == "si":
            self._parts.clear()
        elif tag == "rPh":  # how a text is read aloud
            self._skipped += 1
        elif tag == "t":
            self._wanted = not self._skipped

    def text(self, piece: str) -> None:
        if self._wanted:
            self._parts.append(piece)

    def end(self, tag: str) -> None:
        if tag == "t":
            self._wanted = False
        elif tag == "rPh":
            self._skipped -= 1
        elif tag == "si":
            self._size += self._file.write(unescaped("".join(self._parts)).encode("utf-8", "replace"))
            self._starts.append(self._size)


def unescaped(text: str) -> str:
    """A text with the characters that XML cannot hold: _x000D_ is a carriage return."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class Book:
    """The names of the sheets of a workbook, where they lie, its texts and formats."""

    def __init__(self, path: Path, allow: Callable[[int], None]) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
            self.places: dict[str, str] = {}  # sheets of cells by name -> entry of the archive
            self.shown: list[str] = []
            self.zero = _ZERO
            self._workbook()
            self.texts = Texts(self._archive, self._entry("xl/sharedStrings.xml"), allow)
            self.formats = self._styles()
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError) as error:
            raise TabularError("broken", detail=str(error)[:100]) from None

    def _entry(self, name: str) -> str:
        """An entry by its name, whatever the case."""
        return next((n for n in self._archive.namelist() if n.lower() == name.lower()), name)

    def _elements(self, name: str) -> Iterator[tuple[str, dict[str, str]]]:
        found: list[tuple[str, dict[str, str]]] = []
        with self._archive.open(self._entry(name)) as file:
            for _piece in parse(file, lambda tag, given: found.append((tag, given)), lambda _t: None, lambda _t: None):
                pass
        yield from found

    def _workbook(self) -> None:
        targets = {
            given["Id"]: given["Target"]
            for tag, given in self._elements("xl/_rels/workbook.xml.rels")
            if tag == "Relationship" and given.get("Type", "").endswith("/worksheet")
        }
        for tag, given in self._elements("xl/workbook.xml"):
            if tag == "workbookPr" and given.get("date1904") in ("1", "true"):
                self.zero = _ZERO_1904
            elif tag == "sheet":
                which = next((value for key, value in given.items() if key.rpartition(":")[2] == "id"), "")
                if which in targets:
                    place = targets[which]
                    self.places[given["name"]] = self._entry(place.lstrip("/") if place[0] == "/" else f"xl/{place}")
                    if given.get("state", "visible") == "visible":
                        self.shown.append(given["name"])

    def _styles(self) -> list[str]:
        """What each style of cells makes of a number: "day", "span" or ""."""
        if self._entry("xl/styles.xml") not in self._archive.namelist():
            return []
        own: dict[str, str] = {}
        found: list[str] = []
        inside = False
        for tag, given in self._elements("xl/styles.xml"):
            if tag == "numFmt":
                own[given.get("numFmtId", "")] = _format(given.get("formatCode", ""))
            elif tag in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                inside = tag == "cellXfs"
            elif tag == "xf" and inside:
                which = given.get("numFmtId", "0")
                built = "day" if int(which) in _DAYS else "span" if int(which) in _SPANS else ""
                found.append(own.get(which, built))
        return found

    def rows(self, name: str, left: int, end: int) -> Iterator[Row]:
        """Rows of a sheet with their numbers: the cells of the columns `left` (from 0) to before `end`."""
        sheet = _Sheet(self, left, end - left)
        try:
            with self._archive.open(self.places[name]) as file:
                head = file.read(CHUNK)
                known = re.search(rb"<sheetData\s*>", head)
            with self._archive.open(self.places[name]) as file:
                if known:
                    yield from _quickly(file, sheet, known.end())
                    return
                for _piece in parse(file, sheet.start, sheet.end, sheet.text):
                    yield from sheet.taken()
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise TabularError("broken", detail=str(error)[:100]) from None


def _quickly(file: IO[bytes], sheet: _Sheet, begin: int) -> Iterator[Row]:
    """Rows in the shape in which all programs write them, cut out by their ends; others are parsed one by one."""
    file.read(begin)
    rest, over = b"", False
    while not over:
        piece = file.read(CHUNK)
        whole = rest + piece
        if (end := whole.find(b"</sheetData", max(0, len(rest) - 20))) >= 0 or not piece:
            whole, over = whole[: end if end >= 0 else len(whole)], True
        *rows, rest = whole.split(b"</row>")
        if len(rest) > LONGEST:
            raise TabularError("broken", detail="row")
        for row in rows:
            text = row.decode("utf-8")
            place = text.rfind("<row")
            if place < 0 or not sheet.quick(text[place:]):
                for _piece in parse(io.BytesIO(b"<d>" + row + b"</row></d>"), sheet.start, sheet.end, sheet.text):
                    pass
        yield from sheet.taken()
    if rest.strip() and not re.fullmatch(rb"\s*(<row[^>]*/>\s*)*", rest):
        raise TabularError("broken", detail="row")


def _format(code: str) -> str:
    """What a format of the user's own makes of a number."""
    plain = _QUOTED.sub("", code.partition(";")[0])
    if _SPAN.search(plain):
        return "span"
    return "day" if re.search(r"[dmyhs年月日]", plain.lower()) and "general" not in plain.lower() else ""


class _Sheet:
    """Takes the elements of a sheet; whole rows lie in `ready`."""

    def __init__(self, book: Book, left: int, width: int) -> None:
        self.ready: list[Row] = []
        self._book, self._left, self._width = book, left, width
        self._columns: dict[str, int] = {}
        self._kinds: dict[str, tuple[str, str]] = {}  # attributes of a cell but its place -> type and style
        self._cells: list[Cell] = []
        self._row = self._next = 0
        self._open = False  # whether the number of the row at hand is not known yet
        self._kind = self._style = ""
        self._parts: list[str] = []
        self._value = ""
        self._wanted = False
        self._skipped = 0

    def taken(self) -> list[Row]:
        """The rows that are whole by now; they are given once."""
        found, self.ready = self.ready, []
        return found

    def quick(self, row: str) -> bool:
        """Take a row, without its end, if it has the usual shape."""
        head = _ROW.match(row)
        found = _CELL.findall(row)
        if head is None or len(found) != row.count("<c") or "<!" in row:
            return False
        cells: list[Cell] = [None] * self._width
        for letters, given, value, inside in found:
            known = self._kinds.get(given)
            if known is None:
                if " r=" in given:
                    return False
                known = self._kinds[given] = (_said(_TYPE, given), _said(_STYLE, given))
            if text := value or inside:
                column = self._columns.get(letters)
                if column is None:
                    column = self._columns[letters] = column_number(letters) - 1 - self._left
                if 0 <= column < self._width:
                    self._kind, self._style = known
                    cells[column] = self._cell(_plain(text))
        self._begin(int(head[1]))
        self.ready.append((self._row, cells))
        return True

    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "v" or tag == "t":
            self._wanted = not self._skipped
            if tag == "v":
                self._parts.clear()
        elif tag == "c":
            place = given.get("r")
            if place is not None:
                letters = place.rstrip(_DIGITS)
                if self._open:
                    self._begin(int(place[len(letters) :]))
                column = self._columns.get(letters)
                self._next = (
                    column
                    if column is not None
                    else self._columns.setdefault(letters, column_number(letters) - 1 - self._left)
                )
            self._kind, self._style = given.get("t", ""), given.get("s", "")
            self._parts.clear()
        elif tag == "row":
            if "r" in given:
                self._begin(int(given["r"]))
            else:
                self._open = True
            self._next = 0
            self._cells = [None] * self._width
        elif tag == "rPh":
            self._skipped += 1

    def _begin(self, number: int) -> None:
        if number - self._row <= GAP:
            self.ready += [(n, [None] * self._width) for n in range(self._row + 1, number)]
        self._row, self._open = number, False

    def text(self, piece: str) -> None:
        if self._wanted:
            self._parts.append(piece)

    def end(self, tag: str) -> None:
        if tag == "v" or tag == "t":
            self._wanted = False
        elif tag == "c":
            if self._parts and 0 <= self._next < self._width:
                self._cells[self._next] = self._cell("".join(self._parts))
            self._next += 1
        elif tag == "row":
            if self._open:
                self._begin(self._row + 1)
            self.ready.append((self._row, self._cells))
        elif tag == "rPh":
            self._skipped -= 1

    def _cell(self, text: str) -> Cell:
        kind = self._kind
        if kind == "s":
            return self._book.texts[int(text)] or None
        if kind == "" or kind == "n":
            style = int(self._style) if self._style else -1
            formats = self._book.formats
            told = formats[style] if 0 <= style < len(formats) else ""
            return self._number(text.strip(), told)
        if kind == "b":
            return text.strip() not in ("0", "false")
        if kind == "d":
            return _iso(text)
        return unescaped(text) or None  # texts in place, of formulas, and errors

    def _number(self, text: str, told: str) -> Cell:
        from .workbook import to_cell  # which chooses between this reader and the library

        if not told and text.isdigit() and len(text) < 16:
            return int(text)
        try:
            value = float(text)
        except ValueError:
            return text or None
        if not told:
            return to_cell(value)
        if told == "span":
            return str(timedelta(days=value))
        if not -600_000 < value < 2_958_466:
            return to_cell(value)
        return _moment(value, self._book.zero)


def _moment(value: float, zero: datetime) -> Cell:
    """A day, a moment or a time of day."""
    from .workbook import to_cell

    found = zero + timedelta(milliseconds=round(value * 86_400_000))
    if 0 <= value < 1:
        return to_cell(found.time())
    return found.date() if value.is_integer() else found


def _said(pattern: re.Pattern[str], given: str) -> str:
    found = pattern.search(given)
    return found[1] if found else ""


def _plain(text: str) -> str:
    """What XML means by a text."""
    if "&" in text:
        text = html.unescape(text)
    return text.replace("\r\n", "\n") if "\r" in text else text


def _iso(text: str) -> Cell:
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", ""))
    except ValueError:
        return text or None
    return found.date() if len(text.strip()) == 10 else found
