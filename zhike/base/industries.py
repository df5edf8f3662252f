"""Industries: the tree of GB/T 4754-2017, section (a letter), division, group and class (2, 3, 4 digits).

Source: data/README.md. Codes are prefix-hierarchical below the section; any level may be stored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zhike.base.fold import fold
from zhike.base.pinyin import company

_PREFIXED = re.compile(r"[A-T](\d{2,4})")
_CODED = re.compile(r"([A-Ta-t]\d{2,4}|[A-Ta-t]|\d{2,4})[\s:.,、-]*(?=[\u4e00-\u9fff])")
# What people call industries in lists of eight to twelve entries.
_SHORT_NAMES = {
    "it": "I", "互联网": "64", "软件": "65", "电信": "63", "金融": "J", "银行": "66", "证券": "67",
    "保险": "68", "制造": "C", "生产": "C", "汽车": "36", "医药": "27", "能源": "D", "建筑": "E",
    "商业服务": "L", "物流": "G", "运输": "G", "贸易": "F", "批发": "51", "零售": "52", "餐饮": "62",
    "酒店": "61", "政府": "S", "文化传媒": "R", "传媒": "R", "医疗": "Q", "农林牧渔": "A",
}  # fmt: skip
_FORMAT = re.compile(r"[A-T]|\d{2,4}")


@dataclass(frozen=True, slots=True)
class Industry:
    """One entry; `english` is "" below the divisions."""

    code: str
    name: str
    hant: str
    english: str
    section: str


@cache
def table() -> dict[str, Industry]:
    """Return every entry by code, in the order of the standard."""
    source = Path(__file__).parent / "data" / "industries.tsv"
    found: dict[str, Industry] = {}
    section = ""
    for line in source.read_text("utf-8").splitlines():
        code, name, hant, english = (*line.split("\t"), "", "")[:4]
        section = code if code.isalpha() else section
        found[code] = Industry(code, name, hant or name, english, section)
    return found


def normalise(code: str) -> str:
    """Return the code as the standard writes it: "c3911" and "C39" become "3911" and "39"."""
    code = code.strip().upper()
    prefixed = _PREFIXED.fullmatch(code)
    return prefixed.group(1) if prefixed else code


def find(code: str) -> Industry | None:
    """Return the entry of a code, with or without its section letter in front."""
    entry = table().get(normalise(code))
    given = code.strip().upper()[:1]
    return entry if entry and (given.isdigit() or given == entry.section) else None


def exists(code: str) -> bool:
    """Tell whether this is a code to store, as the standard writes it."""
    return code in table()


def problem(code: str) -> str | None:
    """Say what is wrong with a code: "format", "unknown", or None."""
    if not _FORMAT.fullmatch(normalise(code)):
        return "format"
    return None if find(code) else "unknown"


def name(code: str, lang: str = "zh-hans") -> str:
    """Return the name in "zh-hans", "zh-hant" or "en" (below divisions Chinese); "" when unknown."""
    entry = find(code)
    if entry is None:
        return ""
    if lang.lower().startswith("en"):
        return entry.english or entry.name
    traditional = any(mark in lang.lower() for mark in ("hant", "tw", "hk", "mo"))
    return entry.hant if traditional else entry.name


def path(code: str) -> list[str]:
    """Return the codes from the section down to this entry (1 to 4 of them)."""
    entry = find(code)
    if entry is None:
        return []
    if entry.code.isalpha():
        return [entry.code]
    return [entry.section, *(entry.code[:length] for length in range(2, len(entry.code) + 1))]


def path_names(code: str, lang: str = "zh-hans") -> list[str]:
    """Return the names from the section down, in one language."""
    return [name(step, lang) for step in path(code)]


@cache
def _children() -> dict[str, tuple[str, ...]]:
    below: dict[str, list[str]] = defaultdict(list)
    for code in table():
        steps = path(code)
        below[steps[-2] if len(steps) > 1 else ""].append(code)
    return {code: tuple(codes) for code, codes in below.items()}


def children(code: str = "") -> list[str]:
    """Return the codes one level below; of "" the 20 sections."""
    return list(_children().get(normalise(code), ()))


def below(code: str) -> list[str]:
    """Return the code and every code below it, for a filter on a branch of the tree."""
    entry = find(code)
    if entry is None:
        return []
    if entry.code.isalpha():
        return [other.code for other in table().values() if other.section == entry.code]
    return [other for other in table() if other.startswith(entry.code)]


@cache
def _by_name() -> dict[str, str]:
    """Map folded names in every language to the highest code that bears them."""
    found: dict[str, str] = {}
    for entry in sorted(table().values(), key=lambda entry: (len(entry.code), entry.code.isdigit())):
        for text in filter(None, (entry.name, entry.hant, entry.english)):
            found.setdefault(fold(text), entry.code)
    return _SHORT_NAMES | found


def match(text: str) -> str | None:
    """Return the code a cell means: a code, a name in any language, "C39 计算机…", "制造业/汽车制造业".

    Short names in common use (IT, 金融, 政府) stand for their section or division. None when unknown.
    """
    pieces = [piece.strip() for piece in re.split(r"[/>|\\]+|\s-\s", text) if piece.strip()]
    if not pieces:
        return None
    last = pieces[-1]
    if entry := find(last):
        return entry.code
    coded = _CODED.match(last)
    if coded and (entry := find(coded.group(1))):
        return entry.code
    folded = fold(last)
    return _by_name().get(folded) or _by_name().get(folded + "业")


@cache
def _index() -> list[tuple[str, str]]:
    rows = []
    for entry in sorted(table().values(), key=lambda entry: len(entry.code)):
        spoken = company(entry.name)
        texts = (fold(entry.name), fold(entry.hant), entry.english.lower())
        rows.append((entry.code, "\n".join((*texts, spoken.full, spoken.initials, entry.code))))
    return rows


def search(text: str, *, limit: int = 20) -> list[str]:
    """Return the codes whose name, pinyin, initials or code holds every word, higher levels first."""
    words = [fold(word) for word in text.split()]
    if not words:
        return []
    return [code for code, hay in _index() if all(word in hay for word in words)][:limit]
