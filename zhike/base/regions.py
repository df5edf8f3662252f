"""Administrative divisions of China: GB/T 2260 codes, their names, their tree, and addresses.

A code has six digits: province, city, county. Depth varies: districts of Beijing, Tianjin, Shanghai and
Chongqing stand directly below the municipality; Dongguan, Zhongshan, Danzhou and Jiayuguan have no
districts; some counties stand directly below the province. Divisions that were dissolved keep their row
with the year and the successor, so old records stay readable.
Source: data/README.md (GB/T 2260-2007 with the yearly changes of the Ministry of Civil Affairs).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from zhike.base.fold import fold
from zhike.base.pinyin import company


class Address(NamedTuple):
    """What was read: the deepest division, the text after it, and candidates it could not choose.

    `candidates` is filled when the text names a division that several codes share; `code` is then what
    is certain (the province or city before it), or None.
    """

    code: str | None
    rest: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """One division; `valid_from` and `valid_to` are years, "" when open, `successor` a code."""

    code: str
    name: str
    hant: str
    english: str
    valid_from: str = ""
    valid_to: str = ""
    successor: str = ""

    @property
    def is_current(self) -> bool:
        """Tell whether the division still exists."""
        return not self.valid_to

    @property
    def is_zone(self) -> bool:
        """Tell whether this is a development zone known to statistics only, not to GB/T 2260."""
        return not self.code.endswith("00") and "71" <= self.code[4:] <= "80"


@cache
def table() -> dict[str, Region]:
    """Return every division by code, dissolved ones included, in the order of the codes."""
    source = Path(__file__).parent / "data" / "regions.tsv"
    found: dict[str, Region] = {}
    for line in source.read_text("utf-8").splitlines():
        code, name, hant, *rest = line.split("\t")
        found[code] = Region(code, name, hant or name, *rest)
    return found


def find(code: str) -> Region | None:
    """Return the division of a code; 2 and 4 digits and placeholders such as 110100 are accepted."""
    code = code.strip().ljust(6, "0")
    known = table()
    if code in known:
        return known[code]
    if code.endswith("00") and code.isdigit() and len(code) == 6:
        # 110100 "市辖区" or 419000 "省直辖县级行政区划" only stand for the province.
        return known.get(code[:2] + "0000") if code[2:4] in ("01", "02", "90") else None
    return None


def exists(code: str) -> bool:
    """Tell whether this is a code to store: six digits, in the table (dissolved divisions too)."""
    return code in table()


def problem(code: str) -> str | None:
    """Say what is wrong with a code: "format", "unknown", "dissolved" (see its successor), or None."""
    code = code.strip()
    if not code.isdigit() or len(code) not in (2, 4, 6):
        return "format"
    region = find(code)
    if region is None:
        return "unknown"
    return None if region.is_current else "dissolved"


def name(code: str, lang: str = "zh-hans") -> str:
    """Return the name of a division in "zh-hans", "zh-hant" or "en"; "" for an unknown code."""
    region = find(code)
    if region is None:
        return ""
    if lang.lower().startswith("en"):
        return region.english
    return region.hant if _is_traditional(lang) else region.name


def _is_traditional(lang: str) -> bool:
    return any(mark in lang.lower() for mark in ("hant", "tw", "hk", "mo"))


def path(code: str) -> list[str]:
    """Return the codes from the province down to this division (1 to 3 of them)."""
    region = find(code)
    if region is None:
        return []
    codes = (region.code[:2] + "0000", region.code[:4] + "00", region.code)
    return list(dict.fromkeys(step for step in codes if step in table()))


def path_names(code: str, lang: str = "zh-hans") -> list[str]:
    """Return the names from the province down, in one language."""
    return [name(step, lang) for step in path(code)]


def full_name(code: str, lang: str = "zh-hans") -> str:
    """Return the names from the province down: "广东省深圳市南山区", "Nanshan District, Shenzhen, Guangdong"."""
    names = path_names(code, lang)
    return ", ".join(reversed(names)) if lang.lower().startswith("en") else "".join(names)


def parent(code: str) -> str | None:
    """Return the code one level up, None for a province."""
    steps = path(code)
    return steps[-2] if len(steps) > 1 else None


@cache
def _children() -> dict[str, tuple[str, ...]]:
    below: dict[str, list[str]] = defaultdict(list)
    for code in table():
        below[parent(code) or ""].append(code)
    return {code: tuple(codes) for code, codes in below.items()}


def children(code: str = "", *, dissolved: bool = False, zones: bool = True) -> list[str]:
    """Return the codes one level below; of "" the 34 provinces. Dissolved ones only on demand."""
    region = find(code) if code else None
    if code and region is None:
        return []
    below = _children().get(region.code if region else "", ())
    known = table()
    return [child for child in below if (dissolved or known[child].is_current) and (zones or not known[child].is_zone)]


@cache
def _index() -> list[tuple[str, str]]:
    """Return (code, searchable text) of current divisions, provinces first, then cities."""
    rows = []
    for region in sorted(table().values(), key=lambda region: (_depth(region.code), region.code)):
        if region.is_current:
            spoken = company(region.name)
            texts = (fold(full_name(region.code)), spoken.full, spoken.initials, region.code)
            rows.append((region.code, "\n".join((*texts, region.english.lower()))))
    return rows


def _depth(code: str) -> int:
    return 2 if code.endswith("0000") else 4 if code.endswith("00") else 6


def search(text: str, *, limit: int = 20) -> list[str]:
    """Return the codes whose name, pinyin, initials, English name or code holds every word of the text.

    Divisions whose own name starts with the text come first, then the higher ones.
    """
    words = [fold(word) for word in text.split()]
    if not words:
        return []
    found = [code for code, hay in _index() if all(word in hay for word in words)]
    known = table()
    found.sort(key=lambda code: not fold(known[code].name).startswith(words[-1]))
    return found[:limit]


def parse(address: str) -> Address:
    """Return (code, rest, candidates) of an address; see zhike.base.addresses."""
    # addresses builds on the table here.
    from zhike.base import addresses

    return addresses.parse(address)
