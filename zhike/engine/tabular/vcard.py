"""Cards of a vCard file (2.1, 3.0, 4.0) as rows: one card a row, one column per kind of value."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .encoding import errors_for, rank
from .errors import TabularError
from .model import Cell, Limits, Notes

_SKIPPED = re.compile(
    "(BEGIN|END|VERSION|PRODID|PHOTO|LOGO|SOUND|KEY|REV|LABEL|SORT-STRING|AGENT|MAILER|CLASS|SOURCE"
    "|X-AB.*|X-PHONETIC-.*|X-.*ANNOTATIONS|X-ZHIKE-.*)$"
)
_SIMPLE = {
    "FN": "Full Name",
    "TITLE": "Job Title",
    "ROLE": "Role",
    "NICKNAME": "Nickname",
    "BDAY": "Birthday",
    "NOTE": "Note",
    "CATEGORIES": "Categories",
    "URL": "Website",
    "UID": "UID",
    "GENDER": "Gender",
}
_ORDER = (
    "Full Name", "Family Name", "Given Name", "Middle Name", "Name Prefix", "Name Suffix", "Nickname",
    "Company", "Department", "Job Title", "Role", "Mobile", "Phone", "Fax", "Email", "Country", "State",
    "City", "Street", "Postal Code", "Website", "Birthday", "Gender", "Categories", "Note", "UID",
)  # fmt: skip
_NAME_PARTS = ("Family Name", "Given Name", "Middle Name", "Name Prefix", "Name Suffix")
_ADDRESS = {2: "Street", 3: "City", 4: "State", 5: "Postal Code", 6: "Country"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BEGIN, _END = re.compile(r"([\w-]+\.)?BEGIN:VCARD$"), re.compile(r"([\w-]+\.)?END:VCARD$")
REPEATS = 5
HEAD_CHARS = 2_000


@dataclass
class _Property:
    name: str
    params: dict[str, list[str]]
    value: str


@dataclass
class _Card:
    row: int
    cells: dict[str, str] = field(default_factory=dict)

    def put(self, column: str, value: str) -> None:
        value = value.strip()
        if not value or value in (self.cells.get(column), self.cells.get(f"{column} 2")):
            return
        for place in range(1, REPEATS + 1):
            key = column if place == 1 else f"{column} {place}"
            if key not in self.cells:
                self.cells[key] = value
                return


def logical_lines(path: Path, encoding: str) -> Iterator[str]:
    """Unfolded lines; a soft line break of quoted-printable joins lines too."""
    pieces: list[str] = []
    soft = False
    with path.open(encoding=encoding, errors=errors_for(encoding), newline=None) as file:
        for raw in file:
            line = raw.rstrip("\r\n")
            if soft and pieces[-1].endswith("="):
                pieces[-1] = pieces[-1][:-1]
                pieces.append(line.lstrip(" \t"))
            elif not line:
                continue  # some programs end their lines twice
            elif pieces and line[:1] in (" ", "\t"):
                pieces.append(line[1:])
            else:
                if pieces:
                    yield "".join(pieces)
                pieces, soft = [line], _quoted(line)
    if pieces:
        yield "".join(pieces)


def _quoted(line: str) -> bool:
    return "QUOTED-PRINTABLE" in line.partition(":")[0].upper()


def _parse(line: str) -> _Property | None:
    pieces, value = _cut(line)
    if value is None:
        return None
    name, *raw = pieces
    params: dict[str, list[str]] = {}
    for item in raw:
        key, equals, content = item.partition("=")
        key, content = (key.upper(), content) if equals else ("TYPE", key)
        if not equals and content.upper() in ("QUOTED-PRINTABLE", "BASE64", "8BIT"):
            key = "ENCODING"
        params.setdefault(key, []).extend(part.strip('" ').upper() for part in content.split(","))
    return _Property(name.rpartition(".")[2].strip().upper(), params, value)


def _cut(line: str) -> tuple[list[str], str | None]:
    """Name and parameters before the first colon outside quotes, and what follows it."""
    pieces, start, inside = [], 0, False
    for place, char in enumerate(line[:HEAD_CHARS]):
        if char == '"':
            inside = not inside
        elif char in ";:" and not inside:
            pieces.append(line[start:place])
            start = place + 1
            if char == ":":
                return pieces, line[start:]
    return [], None


def _decoded(prop: _Property, row: int, notes: Notes, encoding: str) -> str:
    wrapped = prop.params.get("ENCODING", [""])[0]
    if wrapped == "QUOTED-PRINTABLE":
        raw = quopri.decodestring(prop.value.encode(encoding, "replace"))
    elif wrapped in ("BASE64", "B"):
        try:
            raw = base64.b64decode(re.sub(r"\s", "", prop.value), validate=False)
        except (binascii.Error, ValueError):
            notes.add("value_broken", row=row, field=prop.name)
            return ""
    else:
        return prop.value
    return _charset(raw, prop.params.get("CHARSET", [""])[0], row, notes)


def _charset(raw: bytes, label: str, row: int, notes: Notes) -> str:
    """Decode by the label; a label that does not fit gives way to what the bytes say."""
    wider = {"GB2312": "gb18030", "GBK": "gb18030", "BIG5": "big5hkscs", "": "utf-8"}
    codec = wider.get(label, label)
    if label:
        notes.charsets.add(label)
    try:
        return raw.decode(codec)
    except (LookupError, UnicodeDecodeError):
        ranked = rank(raw, whole=True)
        notes.add("charset_wrong", row=row, label=label or "UTF-8")
        return raw.decode(ranked[0], errors_for(ranked[0])) if ranked else raw.decode("utf-8", "replace")


def _parts(value: str, separator: str = ";") -> list[str]:
    return [_plain(part) for part in re.split(rf"(?<!\\){separator}", value)]


def _plain(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


def _store(card: _Card, prop: _Property, value: str) -> None:
    name, types = prop.name, set(prop.params.get("TYPE", []))
    if name == "N":
        for column, part in zip(_NAME_PARTS, _parts(value), strict=False):
            card.put(column, part)
    elif name == "ORG":
        company, *departments = _parts(value)
        card.put("Company", company)
        card.put("Department", " / ".join(part for part in departments if part))
    elif name == "TEL":
        number = re.sub(r"^tel:", "", _plain(value), flags=re.IGNORECASE).replace(";ext=", " ext. ")
        kind = "Fax" if "FAX" in types else "Mobile" if types & {"CELL", "IPHONE"} else "Phone"
        card.put(kind, number)
    elif name == "EMAIL":
        card.put("Email", re.sub(r"^mailto:", "", _plain(value), flags=re.IGNORECASE))
    elif name == "ADR":
        _store_address(card, value)
    elif name in _SIMPLE:
        card.put(_SIMPLE[name], ", ".join(_parts(value, ",")) if name == "CATEGORIES" else _plain(value))
    elif name.startswith("X-") and len(value) <= 500:
        card.put(name, _plain(value))


def _store_address(card: _Card, value: str) -> None:
    parts = _parts(value)
    if any(column in card.cells for column in _ADDRESS.values()):
        text = " ".join(part.replace("\n", " ") for part in reversed(parts) if part)
        card.put("Street 2", text)
        return
    for place, column in _ADDRESS.items():
        if place < len(parts):
            card.put(column, parts[place])
    extra = " ".join(part for part in parts[:2] if part)
    if extra:
        card.cells["Street"] = f"{card.cells.get('Street', '')} {extra}".strip()


def _cards(path: Path, encoding: str, notes: Notes) -> Iterator[_Card]:
    card: _Card | None = None
    row = 0
    for line in logical_lines(path, encoding):
        upper = line.strip().upper().lstrip("\ufeff")
        if upper.endswith("BEGIN:VCARD") and _BEGIN.match(upper):
            if card is not None:
                notes.add("card_open", row=row)
            row += 1
            card = _Card(row)
        elif upper.endswith("END:VCARD") and card is not None and _END.match(upper):
            yield card
            card = None
        elif card is not None and line.strip():
            prop = _parse(line)
            if prop is None:
                notes.add("line_broken", row=row)
            elif not _SKIPPED.match(prop.name) and "VCARD" not in prop.value[:5]:
                _store(card, prop, _decoded(prop, row, notes, encoding))
    if card is not None:
        notes.add("record_cut", row=row)


def _column_order(seen: set[str]) -> list[str]:
    def key(column: str) -> tuple[int, str]:
        base = re.sub(r" \d$", "", column)
        return (_ORDER.index(base) if base in _ORDER else len(_ORDER), column)

    return sorted(seen, key=key)


def read(
    path: Path, encoding: str, *, notes: Notes, limits: Limits
) -> tuple[list[str], Iterator[tuple[int, list[Cell]]]]:
    """Headers and rows of all cards, which are gone through twice and never kept; rows are places in the file."""
    seen: set[str] = set()
    first = Notes(keep=0)
    for count, card in enumerate(_filled(path, encoding, first), 1):
        if count > limits.rows:
            raise TabularError("too_many_rows", limit=limits.rows, row=card.row)
        seen.update(card.cells)
    if not seen:
        raise TabularError("no_records")
    notes.charsets |= first.charsets
    headers = _column_order(seen)
    for extra in headers[limits.columns :]:
        notes.add("column_dropped", header=extra)
    headers = headers[: limits.columns]
    return headers, _as_rows(_filled(path, encoding, notes), headers, notes, limits)


def _filled(path: Path, encoding: str, notes: Notes) -> Iterator[_Card]:
    for card in _cards(path, encoding, notes):
        if card.cells:
            yield card
        else:
            notes.add("card_empty", row=card.row)


def _as_rows(
    cards: Iterable[_Card], headers: list[str], notes: Notes, limits: Limits
) -> Iterator[tuple[int, list[Cell]]]:
    for card in cards:
        cells: list[Cell] = []
        for column, header in enumerate(headers):
            value = card.cells.get(header)
            if value is not None and len(value) > limits.cell_chars:
                notes.add(
                    "cell_too_long", row=card.row, column=column, refuses=True,
                    size=len(value), limit=limits.cell_chars,
                )  # fmt: skip
                value = value[: limits.cell_chars]
            cells.append(value)
        yield card.row, cells
