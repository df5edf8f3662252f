"""Find the header row of a sheet and tell records from titles, blanks, totals and footers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain

from .aliases import index, total_words
from .errors import TabularError
from .folding import fold, fold_bare
from .model import Cell, Limits, Notes, column_letter
from .ragged import Profile

HEAD_ROWS = 40
HEADER_SEARCH = 25
LABEL_CHARS = 40
MOST_HEADERS = 3  # rows of headings, one above the other
Row = tuple[int, list[Cell]]

_VALUE = re.compile(
    r"""^\s*(?:
        [¥￥$€£]?\s*[+-]?[\d,]*\.?\d+\s*[%元万亿]*      # number, money, percent
      | \+?[\d\s()\-]{7,}                               # phone
      | \d{1,4}[-/.年]\d{1,2}([-/.月]\d{1,4}日?)?.*      # date
      | \d{1,2}:\d{2}(:\d{2})?
      | [^@\s]+@[^@\s]+\.[^@\s]+
      | (?:https?://|www\.)\S+
    )\s*$""",
    re.VERBOSE,
)
_DIGIT = re.compile(r"\d")
_PERIOD = re.compile(r"^\s*(?:(?:19|20)\d\d年?|(?:0?[1-9]|1[0-2])月|Q[1-4])\s*$", re.IGNORECASE)
_FOOTER = re.compile(
    r"^\s*(制表|填表|审核|审批|复核|备注|说明|注|导出|打印|统计|数据来源|共\s*\d+|总共|第\s*\d+\s*页|以上|end\b|prepared|source|note|page)",
    re.IGNORECASE,
)
# How a row of totals or a remark may begin, in either script.
_SUSPECT = re.compile(rf"\s*[合总總小共汇匯彙累本tsgｔｓｇ]|{_FOOTER.pattern}", re.IGNORECASE)


@dataclass
class Arranged:
    """A sheet's header and an iterator of its records."""

    headers: list[str]
    header_row: int | None
    rows: Iterator[Row]
    score: float = 0.0
    known: int = field(default=0)


def blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _filled(cells: list[Cell]) -> int:
    return sum(not blank(cell) for cell in cells)


def _first(cells: list[Cell]) -> Cell:
    for cell in cells:
        if cell is not None and not blank(cell):
            return cell
    return None


def _trimmed(cells: list[Cell]) -> int:
    size = len(cells)
    while size and blank(cells[size - 1]):
        size -= 1
    return size


def label_like(cell: Cell) -> bool:
    """Whether a cell could be the heading of a column; years and months are headings too."""
    if _PERIOD.match(str(cell)):
        return True
    return isinstance(cell, str) and len(cell.strip()) <= LABEL_CHARS and not _VALUE.match(cell)


def known_label(cell: Cell) -> bool:
    if not isinstance(cell, str) or len(cell) > LABEL_CHARS:
        return False
    return fold(cell) in index() or fold_bare(cell) in index()


def _usual_width(head: list[Row]) -> int:
    widths = Counter(_trimmed(cells) for _, cells in head)
    several = {width: count for width, count in widths.items() if width > 1}
    if not several or widths[1] > 2 * sum(several.values()):
        return 1
    return max(several, key=lambda width: (several[width], width))


def _header_score(place: int, head: list[Row], width: int) -> float:
    cells = head[place][1]
    filled = _filled(cells)
    if filled < min(2, width) or filled < 0.5 * width:
        return -99.0
    known = sum(known_label(cell) for cell in cells)
    labels = sum(label_like(cell) for cell in cells if not blank(cell))
    distinct = len({fold(str(cell)) for cell in cells if not blank(cell)})
    below = head[place + 1 : place + 6]
    gain = labels / filled - _label_share(below)
    repeated = distinct / filled
    # Without one familiar heading the first row that could be a header is the best bet.
    descent = 0.1 if known else 0.5
    return 2.0 * min(known, 4) + 2.0 * (labels / filled) + repeated + 2.0 * gain - descent * place


def _label_share(rows: list[Row]) -> float:
    cells = [cell for _, row in rows for cell in row if not blank(cell)]
    return sum(label_like(cell) for cell in cells) / len(cells) if cells else 0.5


def find_header(head: list[Row]) -> tuple[int | None, float]:
    """Index in `head` of the header row and its score; None when the rows carry no header."""
    if not head:
        return None, 0.0
    width = _usual_width(head)
    scores = [_header_score(place, head, width) for place in range(min(len(head), HEADER_SEARCH))]
    best = max(range(len(scores)), key=lambda place: scores[place])
    best = next((place for place in range(best - MOST_HEADERS) if _same_headings(head, place, best)), best)
    cells = [cell for cell in head[best][1] if not blank(cell)]
    known = sum(known_label(cell) for cell in cells)
    labels = sum(label_like(cell) for cell in cells)
    # A row with values in it is a header only when its headings are familiar ones.
    if known >= 2 or (known and len(cells) <= 2) or (labels >= 0.8 * len(cells) and cells):
        return best, scores[best]
    return None, scores[best]


def _is_lower_half(head: list[Row], place: int) -> bool:
    """Whether the row after the header completes it: familiar headings, some below an empty one."""
    if place + 1 >= len(head) or head[place + 1][0] != head[place][0] + 1:
        return False
    upper, lower = head[place][1], head[place + 1][1]
    filled = [column for column, cell in enumerate(lower) if not blank(cell)]
    gaps = [column for column in filled if column >= len(upper) or blank(upper[column])]
    known = sum(known_label(lower[column]) for column in filled)
    return bool(gaps) and len(filled) < _trimmed(lower) and known >= 0.8 * len(filled)


def _upper_labels(head: list[Row], place: int, names: list[Cell]) -> None:
    """Fill gaps of a header of two rows from the upper one."""
    if not place or head[place - 1][0] != head[place][0] - 1:
        return
    upper = head[place - 1][1]
    if _filled(upper) < 2 or not all(label_like(cell) for cell in upper if not blank(cell)):
        return
    for column, cell in enumerate(upper[: len(names)]):
        if blank(names[column]) and not blank(cell):
            names[column] = cell


def _same_headings(head: list[Row], upper: int, lower: int) -> bool:
    """Whether most headings of the lower row stand in the upper one already, which then is where the table begins."""
    first, second = ({fold(str(cell)) for cell in head[place][1] if known_label(cell)} for place in (upper, lower))
    return len(first) >= 2 and len(first & second) >= 0.8 * len(first)


def _top(head: list[Row], place: int) -> int:
    """Index of the first of several full rows of headings that stand one above the other."""
    named = [column for column, cell in enumerate(head[place][1]) if not blank(cell)]
    top = place
    while top and place - top < MOST_HEADERS - 1 and head[top - 1][0] == head[top][0] - 1:
        cells = head[top - 1][1]
        if len(named) < 2 or [column for column, cell in enumerate(cells) if not blank(cell)] != named:
            break
        if not all(label_like(cell) for cell in cells if not blank(cell)):
            break
        top -= 1
    return top


def _join_above(head: list[Row], place: int, names: list[Cell]) -> None:
    """Put the texts of full rows of headings together, column by column, the upper one first."""
    for _number, cells in reversed(head[_top(head, place) : place]):
        for column, cell in enumerate(cells[: len(names)]):
            if not blank(cell):
                names[column] = f"{_label_text(cell)} {_label_text(names[column])}".strip()


def name_columns(names: list[Cell], notes: Notes, row: int | None) -> list[str]:
    """Headings as unique texts: blank ones by letter, repeated ones numbered."""
    headers: list[str] = []
    taken: set[str] = set()
    for column, cell in enumerate(names):
        text = re.sub(r"\s+", " ", _label_text(cell)).strip().lstrip("\ufeff")
        if not text:
            text = column_letter(column)
            if row is not None:
                notes.add("header_blank", row=row, column=column)
        unique, count = text, 1
        while unique.casefold() in taken:
            count += 1
            unique = f"{text} ({count})"
        if unique != text:
            notes.add("header_repeated", row=row, column=column, header=text)
        taken.add(unique.casefold())
        headers.append(unique[:200])
    return headers


def _label_text(cell: Cell) -> str:
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    return "" if cell is None else str(cell)


class Layout:
    """Arranges raw rows: first the header, then what is a record and what is not."""

    def __init__(self, *, notes: Notes, limits: Limits, ragged: bool) -> None:
        self._notes = notes
        self._limits = limits
        self._ragged = ragged
        self._headers: list[str] = []
        self._folded: list[str] = []
        self._usual = 0
        self._digits = False
        self._other_table = 0  # the row where headings of other columns were met
        self._profile = Profile([], 1)
        self.mend: Callable[[list[str], int], list[str] | None] | None = None
        self.joint = ","

    def arrange(self, rows: Iterable[Row]) -> Arranged:
        """Header and records; raises empty, only_headers later, too_many_columns."""
        stream = iter(rows)
        head: list[Row] = []
        for number, cells in stream:
            if _filled(cells):
                head.append((number, cells))
            if len(head) >= HEAD_ROWS:
                break
        if not head:
            raise TabularError("no_rows")
        place, score = find_header(head)
        if place is not None and _is_lower_half(head, place):
            place += 1
        body = head[place + 1 :] if place is not None else head
        header_row = None if place is None else head[place][0]
        self._width(body, len(head[place][1]) if place is not None and self.joint == " " else 0)
        self._note_above(head[: _top(head, place)] if place is not None else [])
        names = self._names(head, place)
        self._headers = name_columns(names, self._notes, header_row)
        self._folded = [fold(_label_text(cell)) for cell in names]
        self._digits = bool(self._folded) and _DIGIT.search(self._folded[0]) is not None
        if header_row is None:
            self._notes.add("no_header")
        known = sum(known_label(name) for name in self._headers) if place is not None else 0
        records = self._records(chain(body, stream))
        return Arranged(self._headers, header_row, records, score, known)

    def _note_above(self, above: list[Row]) -> None:
        """Titles above the header say nothing; rows with several cells may have been records."""
        several = [number for number, cells in above if _filled(cells) > 1]
        if several:
            self._notes.add("rows_above", row=several[0], count=len(several))

    def _width(self, body: list[Row], told: int) -> None:
        """How many cells most rows have, unless the headings alone tell, and what such rows look like."""
        sizes = Counter(len(cells) for _, cells in body)
        self._usual = told or (sizes.most_common(1)[0][0] if sizes else 0)
        if self._ragged:
            even = [cells for _, cells in body if len(cells) == self._usual]
            self._profile = Profile(even, self._usual)

    def _names(self, head: list[Row], place: int | None) -> list[Cell]:
        rows = head[place + 1 :] if place is not None else head
        widths = Counter(_trimmed(cells) for _, cells in rows)
        width = max((size for size, count in widths.items() if count * 5 >= len(rows)), default=0)
        if self.joint == " " and place is not None:
            width = 0  # blanks stand in cells as well, so that only the headings say how many there are
        if place is None:
            names: list[Cell] = [None] * (max(width, self._usual) if self._ragged else width)
        else:
            names = list(head[place][1][: max(_trimmed(head[place][1]), width)])
            names += [None] * (width - len(names))
            _upper_labels(head, place, names)
            _join_above(head, place, names)
        if len(names) > self._limits.columns:
            raise TabularError("too_many_columns", columns=len(names), limit=self._limits.columns)
        return names

    def _records(self, rows: Iterable[Row]) -> Iterator[Row]:
        width = len(self._headers)
        count = 0
        for number, cells in rows:
            first = _first(cells)
            if first is None or (isinstance(first, str) and self._skipped(number, cells, first, width)):
                continue
            if self._other_table:
                self._notes.add("second_table", row=self._other_table, count=1 + sum(_filled(c) > 0 for _n, c in rows))
                return
            count += 1
            if count > self._limits.rows:
                raise TabularError("too_many_rows", limit=self._limits.rows, row=number)
            yield number, self._fitted(number, cells, width)

    def _skipped(self, number: int, cells: list[Cell], first: str, width: int) -> bool:
        """Whether a row that begins with a text is none of the records: totals, a remark, the headings once more."""
        some = len(cells) - cells.count(None)  # cells of blanks count: for most rows it is enough that they are many
        if some <= max(1, 0.6 * width) or _SUSPECT.match(first):
            filled = _filled(cells)
            if filled <= max(1, 0.6 * width) and width > 1 and self._is_total(first):
                self._notes.add("total_row", row=number, text=first.strip()[:60])
                return True
            if filled == 1 and width >= 4 and _FOOTER.match(first):
                self._notes.add("footer_row", row=number, text=first.strip()[:60])
                return True
        if self._may_repeat(first) and self._repeats_header(cells, _filled(cells), width):
            self._other_table = number if _filled(cells) != sum(map(bool, self._folded)) else 0
            if not self._other_table:
                self._notes.add("header_again", row=number)
            return True
        return False

    def _may_repeat(self, first: str) -> bool:
        """A quick look before the exact one: headings seldom hold digits, codes and names of records often do."""
        return len(first) <= LABEL_CHARS and (self._digits or _DIGIT.search(first) is None)

    @staticmethod
    def _is_total(text: str) -> bool:
        return fold_bare(text) in total_words()

    def _repeats_header(self, cells: list[Cell], filled: int, width: int) -> bool:
        if width < 2 or filled < 2 or fold(str(cells[0] or "")) != self._folded[0]:
            return False
        same = sum(
            bool(name) and isinstance(cell, str) and fold(cell) == name
            for cell, name in zip(cells, self._folded, strict=False)
        )
        return same >= 2 and same >= 0.8 * filled

    def _fitted(self, number: int, cells: list[Cell], width: int) -> list[Cell]:
        if self._ragged and len(cells) != self._usual:
            cells = self._mended(number, cells, width)
        if len(cells) != width:
            cells = cells[:width] + [None] * (width - len(cells))
        limit = self._limits.cell_chars
        for column, cell in enumerate(cells):
            if cell.__class__ is str and len(cell) > limit:
                cells[column] = self._shortened(number, column, cell)
        return cells

    def _mended(self, number: int, cells: list[Cell], width: int) -> list[Cell]:
        texts = None
        if self.mend is not None:
            texts = self.mend(["" if cell is None else str(cell) for cell in cells], self._usual)
        if texts is not None:
            self._notes.add("other_delimiter", row=number)
            return [text or None for text in texts]
        mended = self._profile.mended(cells, self.joint)
        if mended is not None:
            self._notes.add(mended[1], row=number, cells=len(cells), expected=width)
            return mended[0]
        self._note_ragged(number, cells, width)
        return cells

    def _note_ragged(self, number: int, cells: list[Cell], width: int) -> None:
        if len(cells) > max(self._usual, width):
            lost = any(not blank(cell) for cell in cells[width:])
            self._notes.add("row_longer", row=number, refuses=lost, cells=len(cells), expected=width)
        elif len(cells) < width:
            self._notes.add("row_shorter", row=number, cells=len(cells), expected=width)

    def _shortened(self, number: int, column: int, cell: str) -> str:
        limit = self._limits.cell_chars
        self._notes.add("cell_too_long", row=number, column=column, refuses=True, size=len(cell), limit=limit)
        return cell[:limit]


def plain(cell: Cell) -> Cell:
    """A number without needless decimals: 3.0 is 3, a phone read as a float is its digits."""
    if isinstance(cell, Decimal) and cell == cell.to_integral_value() and abs(cell) < 10**18:
        return int(cell)
    return cell
