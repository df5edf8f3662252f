"""Guess which column is which field, from the headings in Chinese or English and from the values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from .aliases import ALIASES, index
from .folding import fold, fold_bare, has_han
from .layout import blank
from .model import Cell

# Prefixes that CRM and mail programs put before every heading.
_PREFIX = re.compile(
    r"^(person|people|organi[sz]ation|deal|lead|contact|account|company|客户|联系人|线索|商机)"
    r"\s*[-–:.：/]\s*",
    re.IGNORECASE,
)
_REPEAT = re.compile(r"\s*\(?\d+\)?$")
_AGAIN = re.compile(r"^(.+?)(?: \1)+$")  # the same heading in several rows
_MAIL = re.compile(r"^[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}$")
_MOBILE = re.compile(r"^(?:\+?86|0086)?1[3-9]\d{9}$")
_PHONE = re.compile(r"^\+?[\d()\-\s]{7,20}(?:\s*(?:转|ext\.?|x|#)\s*\d+)?$", re.IGNORECASE)
_USCC = re.compile(r"^[0-9A-HJ-NP-RTUW-Y]{2}\d{6}[0-9A-HJ-NP-RTUW-Y]{10}$")
_MONEY = re.compile(
    r"^\s*(?:[¥￥$€£]|RMB|CNY|USD)\s*[+-]?[\d,]+(?:\.\d+)?\s*$|^[\d,]+(?:\.\d+)?\s*(?:元|万|万元|亿)$", re.IGNORECASE
)
_NUMBER = re.compile(r"^[+-]?\d[\d,]*(?:\.\d+)?$")
_DATE = re.compile(r"^\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}|^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_URL = re.compile(r"^(?:https?://|www\.)\S+$", re.IGNORECASE)
_COMPANY = re.compile(
    r"(公司|集团|厂|中心|商行|事务所|医院|学校|大学|银行|酒店|合作社)$"
    r"|\b(Ltd|Inc|LLC|GmbH|Corp|Co)\b\.?$",
    re.IGNORECASE,
)

SAME_MEANING = {"mobile": "phone", "phone": "mobile", "company": "name", "name": "company", "customer": "name"}
NAME_PARTS = ("family_name", "given_name", "middle_name")


@dataclass(frozen=True)
class FieldSpec:
    """A field that a column may feed; `meanings` name entries of `aliases.ALIASES`."""

    key: str
    labels: Sequence[str] = ()
    aliases: Sequence[str] = ()
    kind: str = "text"
    meanings: Sequence[str] = ()


@dataclass(frozen=True)
class Guess:
    """What one column is taken for.

    `reason` is one of exact, alias, part, similar, values, composed, duplicate, unknown, empty.
    `part` says which piece of a composed name the column gives; `same_as` names the field that
    another column already feeds (a second phone, for example).
    """

    column: int
    field_key: str | None
    confidence: float
    reason: str
    header: str = ""
    meaning: str | None = None
    part: str | None = None
    same_as: str | None = None


@dataclass
class _Column:
    place: int
    header: str
    values: list[Cell]
    meaning: str | None = None
    certainty: float = 0.0
    value_meaning: str | None = None
    names: tuple[str, ...] = field(default=())
    beside: bool = False  # a phone of another kind than the mobile one that stands beside it


def _variants(header: str) -> tuple[str, ...]:
    """Foldings of a heading, the most literal first."""
    header = _AGAIN.sub(r"\1", header.strip())
    bare = _PREFIX.sub("", header)
    tries = [fold(header) or header.strip(), fold_bare(header), fold(bare), fold_bare(bare)]
    tries += [fold(_REPEAT.sub("", bare)), fold_bare(re.sub(r"[*＊]|必填|选填", "", header))]
    if "-" in bare:
        tries += [fold(bare.split("-")[0])] if "value" not in bare.lower() else []
    return tuple(dict.fromkeys(one for one in tries if one))


def meaning_of(header: str) -> tuple[str | None, float]:
    """The meaning that a heading alone tells, and how surely (0 to 1)."""
    for place, name in enumerate(_variants(header)):
        if name in index():
            return index()[name], 0.95 if place == 0 else 0.9
    folded = fold_bare(_PREFIX.sub("", header))
    return _contained(folded)


def _contained(folded: str) -> tuple[str | None, float]:
    """The longest known heading inside this one; one at its end says what the column is."""
    found = [
        (folded.endswith(name), len(name), meaning)
        for name, meaning in index().items()
        if name in folded and len(name) >= (2 if has_han(name) else 4)
    ]
    if not found:
        return None, 0.0
    last, size, meaning = max(found, key=lambda match: match[:2])
    share = size / len(folded)
    return (meaning, 0.55 + 0.25 * share) if share >= (0.15 if last else 0.4) else (None, 0.0)


def _share(values: list[Cell], test: Callable[[str], object]) -> float:
    texts = [str(value).strip() for value in values]
    return sum(bool(test(text)) for text in texts) / len(texts)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\-()]", "", text)


def meaning_of_values(values: Sequence[Cell]) -> tuple[str | None, float]:
    """The meaning that samples alone tell: mails, phones, credit codes, dates, money, sites, firms."""
    filled = [value for value in values if not blank(value)]
    if not filled:
        return None, 0.0
    tests: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("email", _MAIL.match),
        ("uscc", lambda text: _USCC.match(text) and not text.isdigit()),
        ("mobile", lambda text: _MOBILE.match(_squeezed(text))),
        ("date", _DATE.match),
        ("amount", _MONEY.match),
        ("website", _URL.match),
        ("company", _COMPANY.search),
        ("phone", lambda text: _PHONE.match(text) and 7 <= len(re.sub(r"\D", "", text)) <= 15),
    )
    for meaning, test in tests:
        share = _share(filled, test)
        if share >= 0.6:
            return meaning, 0.4 + 0.2 * share
    if all(isinstance(value, date) for value in filled):
        return "date", 0.6
    return None, 0.0


def _fits(kind: str, values: list[Cell]) -> bool:
    """Whether samples can be values of the kind; kinds of free text take anything."""
    filled = [value for value in values if not blank(value)]
    if not filled:
        return True
    if kind == "email":
        return _share(filled, lambda text: "@" in text) >= 0.5
    if kind == "phone":
        return _share(filled, lambda text: len(re.sub(r"\D", "", text)) >= 5) >= 0.5
    if kind in ("date", "datetime", "date-time"):
        return _share(filled, lambda text: re.search(r"\d", text)) >= 0.5
    if kind in ("money", "integer", "decimal", "percent"):
        return all(isinstance(value, (int, Decimal)) for value in filled) or (
            _share(filled, lambda text: re.search(r"\d", text) and not _DATE.match(text)) >= 0.5
        )
    return True


def _field_names(spec: FieldSpec) -> dict[str, float]:
    names = {fold(label): 1.0 for label in spec.labels}
    names.setdefault(fold(spec.key), 0.98)
    for alias in spec.aliases:
        names.setdefault(fold(alias), 0.95)
    return {name: weight for name, weight in names.items() if name}


def _meanings(spec: FieldSpec) -> tuple[str, ...]:
    """Meanings of a field: those it names, or what its own key and labels are listed under."""
    if spec.meanings:
        return tuple(spec.meanings)
    if spec.key in ALIASES:
        return (spec.key,)
    found = [index()[fold(name)] for name in (*spec.labels, spec.key) if fold(name) in index()]
    return tuple(dict.fromkeys(found))


def _match(column: _Column, spec: FieldSpec) -> tuple[float, str]:
    """How well a column feeds a field, and why."""
    names = _field_names(spec)
    for place, variant in enumerate(column.names):
        if variant in names:
            return names[variant] - (0.0 if place == 0 else 0.05), "exact"
    meanings = _meanings(spec)
    if column.meaning in meanings:
        rank = meanings.index(column.meaning) * 0.02 + (0.04 if column.beside and "mobile" in meanings else 0.0)
        return column.certainty - rank, "alias" if column.certainty >= 0.85 else "part"
    similar = max(
        (difflib.SequenceMatcher(None, column.names[0], name).ratio() for name in names), default=0.0
    ) if column.names and column.meaning is None else 0.0  # fmt: skip
    if similar >= 0.8 and len(column.names[0]) > 2:
        return 0.65 * similar, "similar"
    if column.meaning is None and column.value_meaning in meanings:
        return 0.5, "values"
    wider = SAME_MEANING.get(column.meaning or "")
    if wider in meanings and (column.meaning in ("mobile", "phone") or column.certainty >= 0.9):
        return column.certainty - 0.15, "alias"
    return 0.0, "unknown"


def _columns(headers: Sequence[str], samples: Sequence[Sequence[Cell]]) -> list[_Column]:
    columns = []
    for place, header in enumerate(headers):
        values = [row[place] for row in samples if place < len(row)]
        column = _Column(place, header, values, names=_variants(header))
        column.meaning, column.certainty = meaning_of(header)
        column.value_meaning, sure = meaning_of_values(values)
        if column.meaning is None and column.value_meaning is not None:
            column.certainty = sure
        columns.append(column)
    _tell_apart(columns)
    return columns


def _tell_apart(columns: list[_Column]) -> None:
    """Headings that mean another thing beside certain others: a given name, a form of address."""
    meanings = {column.meaning for column in columns}
    names = {name for column in columns for name in column.names[:1]}
    for column in columns:
        if column.meaning == "name" and column.names[:1] == (fold("名字"),):
            if "family_name" in meanings and "given_name" not in meanings:
                column.meaning, column.names = "given_name", ()
        elif column.names[:1] == ("title",) and "jobtitle" in names:
            column.meaning = "salutation"


def guess(headers: Sequence[str], samples: Sequence[Sequence[Cell]], fields: Sequence[FieldSpec]) -> list[Guess]:
    """One guess per column, in order; `samples` are rows of cells."""
    columns = _columns(headers, samples)
    if any("phone" in _meanings(spec) and "mobile" not in _meanings(spec) for spec in fields):
        _set_beside(columns)
    pairs: list[tuple[float, int, int, str]] = []
    for column in columns:
        for order, spec in enumerate(fields):
            confidence, reason = _match(column, spec)
            if confidence and not _fits(spec.kind, column.values):
                confidence -= 0.7
            if confidence and all(blank(value) for value in column.values) and samples:
                confidence -= 0.2
            if confidence >= 0.35:
                pairs.append((confidence, column.place, order, reason))
    taken = _assign(pairs)
    _name_first(columns, taken, fields)
    found = [_one(column, taken.get(column.place), fields, taken) for column in columns]
    return _compose_names(found, fields)


def _set_beside(columns: list[_Column]) -> None:
    """Where a field for other phones exists, they do not compete with a mobile one for its field."""
    mobile = any(column.meaning == "mobile" for column in columns)
    for column in columns:
        column.beside = mobile and column.meaning == "phone"


def _name_first(columns: list[_Column], taken: dict[int, tuple[int, float, str]], fields: Sequence[FieldSpec]) -> None:
    """ "Customer" is the name of the record itself where nothing else is."""
    own = next((order for order, spec in enumerate(fields) if "name" in _meanings(spec)), None)
    named = {order for order, _confidence, _reason in taken.values()}
    if own is None or own in named or any(column.meaning in NAME_PARTS for column in columns):
        return
    for column in columns:
        if column.meaning == "customer" and column.place in taken and taken[column.place][2] == "alias":
            taken[column.place] = (own, taken[column.place][1], "alias")
            return


def _assign(pairs: list[tuple[float, int, int, str]]) -> dict[int, tuple[int, float, str]]:
    """Best pairs first; a column feeds one field and a field is fed by one column."""
    pairs.sort(key=lambda pair: (-round(pair[0], 4), pair[1], pair[2]))
    taken: dict[int, tuple[int, float, str]] = {}
    used: set[int] = set()
    for confidence, place, order, reason in pairs:
        if place not in taken and order not in used:
            taken[place] = (order, confidence, reason)
            used.add(order)
    return taken


def _one(
    column: _Column,
    choice: tuple[int, float, str] | None,
    fields: Sequence[FieldSpec],
    taken: dict[int, tuple[int, float, str]],
) -> Guess:
    meaning = column.meaning or column.value_meaning
    if choice is not None:
        order, confidence, reason = choice
        return Guess(column.place, fields[order].key, round(confidence, 2), reason, column.header, meaning)
    for order, _, _ in taken.values():
        wanted = _meanings(fields[order])
        if meaning in wanted or (meaning in ("phone", "mobile") and set(wanted) & {"phone", "mobile"}):
            return Guess(column.place, None, 0.0, "duplicate", column.header, meaning, None, fields[order].key)
    reason = "empty" if all(blank(value) for value in column.values) else "unknown"
    return Guess(column.place, None, 0.0, reason, column.header, meaning)


def _compose_names(found: list[Guess], fields: Sequence[FieldSpec]) -> list[Guess]:
    """Let family and given name feed the name together when no column carries the whole name."""
    if not any(one.meaning in ("family_name", "given_name") for one in found):
        return found
    keys = [spec.key for spec in fields if "name" in _meanings(spec)]
    if not keys or any(one.field_key and one.meaning in NAME_PARTS for one in found):
        return found
    key = keys[0]
    whole = next((one for one in found if one.field_key == key), None)
    full = whole is not None and whole.meaning == "name" and whole.confidence >= 0.85
    result = []
    for one in found:
        if one.meaning in NAME_PARTS:
            result.append(_name_part(one, key, full=full))
        elif one is whole and not full:
            result.append(replace(one, field_key=None, confidence=0.0, reason="duplicate", same_as=key))
        else:
            result.append(one)
    return result


def _name_part(one: Guess, key: str, *, full: bool) -> Guess:
    part = (one.meaning or "").removesuffix("_name")
    if full:
        return replace(one, reason="duplicate", part=part, same_as=key)
    return replace(one, field_key=key, confidence=0.85, reason="composed", part=part, same_as=None)


def compose_name(*, family: Cell = None, given: Cell = None, middle: Cell = None) -> str:
    """A whole name: 欧阳 + 娜 is 欧阳娜, Smith + John is John Smith."""
    family_text, given_text, middle_text = (
        "" if blank(part) else str(part).strip() for part in (family, given, middle)
    )
    if has_han(family_text + given_text):
        return family_text + middle_text + given_text
    return " ".join(part for part in (given_text, middle_text, family_text) if part)


def name_parts(guesses: Sequence[Guess], cells: Sequence[Cell]) -> str | None:
    """The composed name of one row, or None when the guesses compose none."""
    parts: dict[str, Cell] = {one.part: cells[one.column] for one in guesses if one.reason == "composed" and one.part}
    if not parts:
        return None
    return compose_name(family=parts.get("family"), given=parts.get("given"), middle=parts.get("middle"))
