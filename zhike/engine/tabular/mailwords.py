"""Texts in the head of a mail: encoded words, bytes without a label, labels that are wrong, addresses, names, times."""

from __future__ import annotations

import base64
import binascii
import codecs
import quopri
import re
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime

from .encoding import rank

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(=\?)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What programs write for more than the label says: the wider encoding holds the narrower one.
WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932", "iso-8859-1": "cp1252", "us-ascii": "utf-8",
    "ascii": "utf-8", "utf8": "utf-8", "unicode-1-1-utf-7": "utf-7", "iso-2022-jp": "iso2022_jp_ext",
}  # fmt: skip


def decode(data: bytes, label: str = "") -> tuple[str, bool]:
    """The text of some bytes, and whether its label told the truth; never fails."""
    name = WIDER.get(label.strip().strip("\"'").lower(), label.strip().strip("\"'"))
    for tried in dict.fromkeys((name, "big5hkscs" if name == "cp950" else name)):
        try:
            if tried and codecs.lookup(tried)._is_text_encoding:
                return data.decode(tried), True
        except (LookupError, ValueError, UnicodeError):
            continue
    if name == "cp1252":
        return data.decode("latin-1"), True
    data = data.replace(b"\x00", b"")  # else they would speak for an encoding of two bytes a character
    ranked = rank(data[: 64 * 1024])
    return data.decode(ranked[0] if ranked else "utf-8", "replace"), not label and data.isascii()


def header(value: object) -> str:
    """A header as a person reads it: unfolded, decoded, on one line.

    Encoded words of one encoding that follow each other are put together as bytes first, because some programs cut
    them in the middle of a character.
    """
    text = str(value or "")
    if any("\udc80" <= char <= "\udcff" for char in text):
        text = decode(text.encode("utf-8", "surrogateescape"))[0]
    text = _BETWEEN.sub(r"\1\2", re.sub(r"\r?\n[ \t]*", " ", text))
    parts: list[str] = []
    place, label, data = 0, "", b""
    for found in _WORD.finditer(text):
        if found.start() > place or found[1].lower() != label:
            parts.append(decode(data, label)[0] if data else "")
            data = b""
        parts.append(text[place : found.start()])
        label = found[1].partition("*")[0].lower()
        data += _word_bytes(found[2], found[3])
        place = found.end()
    parts.append(decode(data, label)[0] if data else "")
    parts.append(text[place:])
    return " ".join(_CONTROL.sub("", "".join(parts)).split())


def _word_bytes(how: str, text: str) -> bytes:
    if how in "qQ":
        return quopri.decodestring(text.encode("utf-8", "replace"), header=True)
    try:
        return base64.b64decode(re.sub(r"[^A-Za-z0-9+/]", "", text) + "===")
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def people(values: list[object]) -> list[tuple[str, str]]:
    """(name, address in lower case) of the persons in some headers; addresses that are none are kept as names."""
    texts = []
    for value in values:
        text = re.sub(r"\r?\n[ \t]*", " ", str(value))
        if any("\udc80" <= char <= "\udcff" for char in text):
            text = decode(text.encode("utf-8", "surrogateescape"))[0]
        texts.append(text[:20_000])
    found = []
    for name, address in getaddresses(texts, strict=False) if _STRICT else getaddresses(texts):
        clean = header(address).strip("<> ")
        if "@" in clean and " " not in clean:
            found.append((header(name), clean.lower()))
        elif name or clean:
            found.append((header(name) or clean, ""))
    return found


_STRICT = "strict" in getaddresses.__code__.co_varnames


def shown(found: list[tuple[str, str]]) -> str:
    """Persons as they stand in a mail program."""
    return "; ".join(f"{name} <{address}>" if name and address else name or address for name, address in found)


def moment(value: object) -> datetime | None:
    """The time of a Date header, with its zone; None for what is no time."""
    text = header(value)
    for tried in (text, text.rpartition(";")[2], re.sub(r"\s*\([^)]*\)\s*$", "", text)):
        try:
            found = parsedate_to_datetime(tried.strip())
        except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
            continue
        if 1900 < found.year < 9000:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
