"""From the cells of a row to the values of a record."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.base import amount, datetext, mail, phone
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Wrong
from zhike.engine.kinds import Attribute, several
from zhike.engine.tabular import Cell, compose_name
from zhike.engine.tabular.values import CellValueError, blank, boolean, labelled_amount, number, percent
from zhike.engine.tabular.write import escape

from .links import Finder, Names, Stages
from .model import Column, Plan, Problem

SOFT = frozenset({"choice", "multichoice", "link", "links", "user", "department", "region", "industry"})
NUMBERS = frozenset({"money", "decimal", "integer", "percent"})
NAME_PARTS = ("family", "given", "middle")
PLACE_PARTS = ("province", "city", "district")
CACHE = 20_000
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # choices of the wizard are ids


@dataclass
class Draft:
    """A row on its way to a record: clean values by field, and what was found wrong."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    keys: dict[tuple[str, ...], tuple[Any, ...]] = field(default_factory=dict)  # by what it is found again

    @property
    def bad(self) -> bool:
        """Whether the row must be left out."""
        return any(p.level == "error" for p in self.problems)


class Reader:
    """Reads rows as a plan says."""

    def __init__(self, entity: AnyEntity, plan: Plan, finders: Mapping[str, Finder], *, escaped: bool) -> None:
        self.entity, self.plan, self.finders, self.escaped = entity, plan, finders, escaped
        first = ("pipeline",)  # a stage is looked for in the pipeline of its row
        keys = sorted(plan.fields(), key=lambda k: (k not in first, min(c.index for c in plan.of(k))))
        self.fields = [(entity.attributes[k], plan.of(k)) for k in keys]
        self._seen: dict[tuple[str, str], Any] = {}

    def prepare(self, rows: Sequence[tuple[int, list[Cell]]]) -> None:
        """Look up the names of linked records in a chunk of rows."""
        for a, columns in self.fields:
            finder = self.finders.get(a.key)
            if finder is not None:
                texts = (
                    c.words.get(t, t) for _n, cells in rows for c in columns for t in names_in(a, cell_of(cells, c))
                )
                finder.prepare(texts)

    def links_to(self, key: str) -> list[tuple[Attribute, Column, Names]]:
        """The columns that lead to records of an entity, with what finds those."""
        links = [(a, c, self.finders.get(a.key)) for a, columns in self.fields if a.target == key for c in columns]
        return [(a, c, finder) for a, c, finder in links if isinstance(finder, Names)]

    def draft(self, row: int, cells: list[Cell]) -> Draft:
        """The values of one row."""
        found = Draft(row)
        for a, columns in self.fields:
            raw = self._raw(a, columns, cells)
            if blank(raw):
                continue
            try:
                value = self._value(a, columns[0], raw, found)
            except Wrong as wrong:
                soft = a.kind.key in SOFT and not a.required
                text = _("%(text)s It is left empty.") % {"text": wrong.text} if soft else wrong.text
                found.problems.append(problem(row, columns[0], raw, text, level="warning" if soft else "error"))
                continue
            if value is not None and value != "" and value != []:
                found.values[a.key] = value
        return found

    def _raw(self, a: Attribute, columns: Sequence[Column], cells: list[Cell]) -> Cell:
        """The cell of a field, or what its several cells come to together."""
        if len(columns) == 1 and columns[0].part not in NAME_PARTS:
            return self._told(a, columns[0], cell_of(cells, columns[0]))
        parts = [(c, self._told(a, c, cell_of(cells, c))) for c in columns]
        if columns[0].part in NAME_PARTS:
            named = {c.part: cell for c, cell in parts}
            return compose_name(family=named.get("family"), given=named.get("given"), middle=named.get("middle"))
        texts = [text_of(cell) for _c, cell in _in_order(a, parts) if not blank(cell)]
        return JOINTS.get(a.kind.key, " ").join(dict.fromkeys(texts))

    def _told(self, a: Attribute, c: Column, cell: Cell) -> Cell:
        """An amount behind its label in a remark; texts that a spreadsheet was kept from computing."""
        if isinstance(cell, str):
            if a.kind.key in NUMBERS and c.part and c.part != "more":
                return labelled_amount(cell, c.part)
            if self.escaped and cell.startswith("'") and escape(cell[1:]) == cell:
                return cell[1:]
        return cell

    def _value(self, a: Attribute, c: Column, raw: Cell, draft: Draft) -> Any:
        if a.is_link:
            return self._linked(a, c, raw, draft)
        if a.kind.key in CACHED:
            return self._cached(a, c, raw)
        convert = CONVERT.get(a.kind.key)
        if convert is None:
            return a.kind.clean(a, text_of(raw))
        return convert(a, c, raw)

    def _cached(self, a: Attribute, c: Column, raw: Cell) -> Any:
        """Words come again and again: what they mean is found out once."""
        text = text_of(raw).strip()
        if (a.key, text) not in self._seen:
            if len(self._seen) > CACHE:
                self._seen.clear()
            try:
                self._seen[a.key, text] = CACHED[a.kind.key](a, c, text)
            except Wrong as wrong:
                self._seen[a.key, text] = wrong
        found = self._seen[a.key, text]
        if isinstance(found, Wrong):
            raise found
        return found

    def _linked(self, a: Attribute, c: Column, raw: Cell, draft: Draft) -> Any:
        found = [pk for text in names_in(a, raw) if (pk := self._link(a, c, text, raw, draft))]
        if a.kind.key == "links":
            return found
        return found[0] if found else None

    def _link(self, a: Attribute, c: Column, text: str, raw: Cell, draft: Draft) -> UUID | None:
        finder, text = self.finders[a.key], c.words.get(text, text)
        if not text or ID.fullmatch(text):
            return UUID(text) if text else None
        found = finder.find(text, draft.values.get("pipeline")) if isinstance(finder, Stages) else finder.find(text)
        if found.problem:
            if a.kind.key != "links":
                raise Wrong(found.problem, "unknown")
            draft.problems.append(problem(draft.row, c, text, found.problem, level="warning", code="unknown"))
        elif found.note:
            draft.problems.append(problem(draft.row, c, raw, found.note, level="warning", code="folded"))
        return found.id


JOINTS = {"phone": ";", "email": ";", "region": "", "address": " ", "longtext": "\n", "links": ",", "multichoice": ","}


def problem(row: int, c: Column | None, raw: object, text: str, *, level: Any = "error", code: str = "") -> Problem:
    """A problem at a cell, or at the row as a whole."""
    shown = text_of(raw)[:200]
    place, header = (c.index, c.header) if c else (None, "")
    return Problem(row=row, text=text, column=place, header=header, value=shown, level=level, code=code)


def text_of(cell: object) -> str:
    """A cell as a person would have typed it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}" if cell else "0"
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ", "minutes")
    return str(cell)


def cell_of(cells: list[Cell], c: Column) -> Cell:
    """The cell of a row that a column reads."""
    if c.constant:
        return c.constant
    return cells[c.index] if c.index < len(cells) else None


def names_in(a: Attribute, cell: Cell) -> list[str]:
    """The names in a cell of a link."""
    if blank(cell):
        return []
    if a.kind.key == "links":
        parts = [str(part) for part in several(text_of(cell).replace(" ::: ", ","))]
        return [part for part in dict.fromkeys(parts) if not part.startswith("* ")]  # groups that mail programs make
    return [" ".join(text_of(cell).split())]


def _in_order(a: Attribute, parts: list[tuple[Column, Cell]]) -> Iterable[tuple[Column, Cell]]:
    if a.kind.key != "region":
        return parts
    return sorted(parts, key=lambda p: PLACE_PARTS.index(p[0].part) if p[0].part in PLACE_PARTS else -1)


def _number(a: Attribute, c: Column, raw: Cell) -> Any:
    if isinstance(raw, str):
        try:
            value = number(raw)
        except CellValueError:
            read = amount.parse(raw)
            if read is None:
                raise Wrong(_("“%(value)s” is not a number.") % {"value": raw[:40]}) from None
            value = read
    elif isinstance(raw, (int, Decimal)) and not isinstance(raw, bool):
        value = Decimal(raw)
    else:
        raise Wrong(_("“%(value)s” is not a number.") % {"value": text_of(raw)[:40]})
    return a.kind.clean(a, value * c.scale)


def _percent(a: Attribute, _c: Column, raw: Cell) -> Any:
    try:
        return a.kind.clean(a, percent(raw))
    except CellValueError:
        raise Wrong(_("“%(value)s” is not a number.") % {"value": text_of(raw)[:40]}) from None


def _boolean(a: Attribute, _c: Column, raw: Cell) -> Any:
    try:
        return boolean(raw)
    except CellValueError:
        return a.kind.clean(a, text_of(raw))


def _date(a: Attribute, c: Column, raw: Cell) -> Any:
    if isinstance(raw, dt.date):
        return a.kind.clean(a, raw)
    text = text_of(raw)
    read = datetext.read(text, order=c.order or None)  # type: ignore[arg-type]  # dmy, mdy or none, checked with the plan
    if read.value is not None:
        return a.kind.clean(a, read.value)
    texts = {
        "no_such_day": _("There is no such day: “%(value)s”."),
        "no_such_time": _("There is no such time: “%(value)s”."),
        "ambiguous": _("“%(value)s” could be two days. Choose the order of day and month for this column."),
        "no_day": _("“%(value)s” has no day. Write it as 2026-11-21."),
    }
    found = texts.get(read.problem or "", _("“%(value)s” is not a date. Write it as 2026-11-21."))
    raise Wrong(found % {"value": text[:40]})


def _choice(a: Attribute, c: Column, text: str) -> Any:
    if text in c.words:
        return c.words[text]
    return a.kind.clean(a, text)


def _choices(a: Attribute, c: Column, text: str) -> Any:
    return a.kind.clean(a, [w for part in several(text) if (w := c.words.get(str(part), part))])


def _plain(a: Attribute, c: Column, text: str) -> Any:
    return a.kind.clean(a, c.words.get(text, text))


def _phone(a: Attribute, _c: Column, raw: Cell) -> Any:
    """One number clean; of several the text, which the write path takes apart."""
    text = text_of(raw)
    if len(phone.split(text)) > 1:
        return text
    return a.kind.clean(a, raw if isinstance(raw, int) else text)


def _email(a: Attribute, _c: Column, raw: Cell) -> Any:
    text = text_of(raw)
    return text if len(mail.split(text)) > 1 else a.kind.clean(a, text)


Convert = Callable[[Attribute, Column, Any], Any]
CACHED: dict[str, Convert] = {"choice": _choice, "multichoice": _choices, "region": _plain, "industry": _plain}
CONVERT: dict[str, Convert] = {
    "money": _number, "decimal": _number, "integer": _number, "percent": _percent, "boolean": _boolean,
    "date": _date, "datetime": _date, "phone": _phone, "email": _email,
}  # fmt: skip


def first_good(a: Attribute, value: Any) -> Any:
    """The value by which a record is found again: of several numbers or mails the first good one, clean."""
    if a.kind.key not in ("phone", "email") or not isinstance(value, str):
        return value
    parts = phone.split(value) if a.kind.key == "phone" else mail.split(value)
    if len(parts) < 2:
        return value
    for part in parts:
        try:
            return a.kind.clean(a, part)
        except Wrong:
            continue
    return ""


def further(a: Attribute, value: Any) -> list[str]:
    """The numbers or mails in a cell of several, in the form by which they are searched."""
    if a.kind.key == "phone":
        return [phone.digits(phone.parse(part)) for part in phone.split(value)]
    return [mail.key(part) for part in mail.split(value)]
