"""Address cards (RFC 6350, vCard 4.0; RFC 2426, 3.0) of customers, contacts and whatever has a name and a number.

Which field is what on a card is known from what import makes of cards: an entity's `meanings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from zhike.base import pinyin, regions
from zhike.base.i18n import language
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute, Masked

from .source import Source

MARK = "X-ZHIKE-EXPORT"
MEANINGS = {
    "name": "FN", "company": "ORG", "department": "ORG2", "position": "TITLE", "region": "REGION", "address": "STREET",
    "website": "URL", "birthday": "BDAY", "tags": "CATEGORIES", "remark": "NOTE", "wechat": "X-WECHAT", "qq": "X-QQ",
}  # fmt: skip
FOLD = 75  # bytes of a line, RFC 6350 3.2
_SPECIAL = re.compile(r"([\\,;])")
_HAN = re.compile(r"[\u3400-\u9fff·]+$")
_MOBILE = re.compile(r"\+861[3-9]\d{9}$")


def suits(entity: AnyEntity) -> bool:
    """Whether a record is somebody or some firm that can be called."""
    return {"name", "company", "phone"} <= entity.meanings.keys() and bool(entity.menu)


def _part(entity: AnyEntity, a: Attribute) -> str:
    """What a field is on a card; "" for one that has no place there."""
    if a.kind.key in ("phone", "email"):
        return {"phone": "TEL", "email": "EMAIL"}[a.kind.key]
    said = [MEANINGS[m] for m, field in entity.meanings.items() if field == a.key and m in MEANINGS]
    return "FN" if a.key == entity.title else said[0] if said else ""


def fields(entity: AnyEntity, shown: Sequence[Attribute]) -> list[Attribute]:
    """The fields that have a place on a card."""
    return [a for a in shown if _part(entity, a)]


def writer(source: Source, version: str, mark: str) -> Callable[[UUID, Sequence[Any], Any], bytes]:
    """What makes the card of a row."""
    entity = source.entity
    places = [(n, a, _part(entity, a)) for n, a in enumerate(source.shown)]
    firm = entity.meanings.get("company") == entity.title

    def card(pk: UUID, values: Sequence[Any], labels: Any) -> bytes:
        found: dict[str, list[tuple[Attribute, Any]]] = {}
        for n, a, part in places:
            if values[n] not in (None, "", [], ()):
                found.setdefault(part, []).append((a, values[n]))
        lines = ["BEGIN:VCARD", f"VERSION:{version}", *_who(found, labels, firm=firm, four=version == "4.0")]
        lines += [*_reach(found, four=version == "4.0"), *_rest(found, labels)]
        lines += [f"UID:urn:uuid:{pk}", f"{MARK}:{_escaped(mark)}", "END:VCARD"]
        return "".join(map(_folded, lines)).encode()

    return card


Found = dict[str, list[tuple[Attribute, Any]]]


def _one(found: Found, part: str, labels: Any) -> str:
    return next((a.kind.text(a, value, labels) for a, value in found.get(part, ())), "")


def _who(found: Found, labels: Any, *, firm: bool, four: bool) -> Iterator[str]:
    name = _one(found, "FN", labels)
    family, given = ("", "") if firm else _halves(name)
    yield f"FN:{_escaped(name)}"
    yield f"N:{_escaped(family)};{_escaped(given)};;;"
    company, inner = name if firm else _one(found, "ORG", labels), _one(found, "ORG2", labels)
    if company or inner:
        yield "ORG:" + ";".join(map(_escaped, [company, inner] if inner else [company]))
    if firm:
        yield "KIND:org" if four else "X-ABSHOWAS:COMPANY"
    if title := _one(found, "TITLE", labels):
        yield f"TITLE:{_escaped(title)}"


def _halves(name: str) -> tuple[str, str]:
    """Family and given name: of Chinese names by the known surnames, of others the last word is the family's."""
    if _HAN.match(name):
        cut = 2 if len(name) > 2 and pinyin.is_surname(name[:2]) else 1
        return name[:cut], name[cut:]
    given, _space, family = name.rpartition(" ")
    return (family, given) if given else ("", name)


def _reach(found: Found, *, four: bool) -> Iterator[str]:
    for _a, value in found.get("TEL", ()):
        kind = ("cell" if four else "CELL,VOICE") if _MOBILE.match(value) else ("work,voice" if four else "WORK,VOICE")
        kind = f'"{kind}"' if four and "," in kind else kind
        number, _sign, extension = str(value).partition(";ext=")
        if four and not isinstance(value, Masked) and number.startswith("+"):
            uri = f"tel:{number};ext={extension}" if extension else f"tel:{number}"
            yield f"TEL;VALUE=uri;TYPE={kind}:{uri}"
        else:
            yield f"TEL;TYPE={kind}:{_escaped(number)}" + (f"\\;ext={extension}" if extension else "")
    for _a, value in found.get("EMAIL", ()):
        yield f"EMAIL:{_escaped(value)}" if four else f"EMAIL;TYPE=INTERNET:{_escaped(value)}"


def _rest(found: Found, labels: Any) -> Iterator[str]:
    street = " ".join(str(value) for _a, value in found.get("STREET", ()))
    code = next((value for _a, value in found.get("REGION", ())), "")
    if street or code:
        names = regions.path_names(code, language()) if code else []
        city, state = "".join(names[1:]), (names[0] if names else "")
        parts = ("", "", street, city, state, "", "")
        yield "ADR:" + ";".join(map(_escaped, parts))
    for part in ("URL", "BDAY", "NOTE", "X-WECHAT", "X-QQ"):
        for a, value in found.get(part, ()):
            yield f"{part}:{value if part == 'URL' else _escaped(a.kind.text(a, value, labels))}"
    for a, value in found.get("CATEGORIES", ()):
        names = [labels[a.target, pk] for pk in value if (a.target, pk) in labels]
        if names:
            yield "CATEGORIES:" + ",".join(map(_escaped, names))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", str(text)).replace("\r\n", "\n").replace("\n", "\\n").replace("\r", "\\n")


def _folded(line: str) -> str:
    """A line in pieces of at most 75 bytes, none of which ends within a character."""
    if len(line) * 3 <= FOLD or len(raw := line.encode()) <= FOLD:
        return line + "\r\n"
    pieces, start = [], 0
    while start < len(raw):
        end = min(len(raw), start + FOLD - bool(start))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(raw[start:end].decode())
        start = end
    return "\r\n ".join(pieces) + "\r\n"
