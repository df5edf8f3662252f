"""Names of firms by the hundred thousand: their keys, and which pairs of them are worth comparing.

Whole lists are folded as one text, line by line, because a call for each name costs ten times as much. Two names that
`firms.similarity` takes for one share one of six things, so that nothing is compared with everything: the key without
legal form, the key without the place in front, the signs of it in whatever order, its sound, all but one sign, or
how they begin.
"""

from __future__ import annotations

import gc
import re
import unicodedata
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

from zhike.base import fold, names, pinyin

from . import firms

CROWD = 60  # names that share one thing, above which it says nothing
_JUNK = re.compile(r"[^\w\n]+|_+")
_FORM = re.compile(rf"{names.COMPANY_FORMS}$", re.MULTILINE)
_SLOW = re.compile(r"公司.|分公司$|支行$|分行$|分店$|办事处$|代表处$|营业部$|第|[a-z]|[零一二三四五六七八九十百\d]分")
_PLACE_START = 2
_AT_ONCE = 50_000  # names that are folded as one text: what they are on the way there takes several times their memory


@dataclass(frozen=True, slots=True)
class Keys:
    """What of each name is compared, in the order of the names; a branch is part of it behind a line end."""

    key: list[str]
    core: list[str]


def keys(texts: Sequence[str]) -> Keys:
    """The keys of many names; an empty name has empty ones."""
    found = Keys([], [])
    for start in range(0, len(texts), _AT_ONCE):
        some = _keys(texts[start : start + _AT_ONCE])
        found.key.extend(some.key)
        found.core.extend(some.core)
    return found


def _keys(texts: Sequence[str]) -> Keys:
    text = unicodedata.normalize("NFKC", "\n".join(t.replace("\n", " ").replace("\r", " ") for t in texts))
    text = unicodedata.normalize("NFKC", text.casefold()).translate(fold.table())
    text = _JUNK.sub("", text)
    found = Keys(_FORM.sub("", text).split("\n"), [])
    for n, (whole, key) in enumerate(zip(text.split("\n"), found.key, strict=True)):
        if _SLOW.search(whole):
            firm = firms.parse(texts[n])
            tail = f"\t{firm.branch}" if firm.branch else ""
            found.key[n] = firm.key + tail
            found.core.append(firm.core + tail)
            continue
        found.key[n] = key if len(key) > 1 else whole
        found.core.append(_core(found.key[n]))
    return found


def _core(key: str) -> str:
    """Without the divisions in front, as `names.similarity_key` does it."""
    places = _places()
    for _ in range(3):
        here = next((p for p in places.get(key[:_PLACE_START], ()) if key.startswith(p)), "")
        if not here or len(key) - len(here) < 2:
            return key
        key = key[len(here) :]
    return key


@cache
def _places() -> dict[str, tuple[str, ...]]:
    """Names of divisions by their first two signs, the longest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for place in names.places():
        found[place[:_PLACE_START]].append(place)
    return {start: tuple(sorted(some, key=len, reverse=True)) for start, some in found.items()}


def pairs(known: Keys, border: int = 0) -> set[tuple[int, int]]:
    """Pairs of names that may be one firm, the smaller number first; with a border, those across it alone."""
    found: set[tuple[int, int]] = set()
    with _no_collecting():
        _pairs(known, found, border)
    return found


def _pairs(known: Keys, found: set[tuple[int, int]], border: int) -> None:
    for blocks in (known.key, known.core, map(_signs, known.key), _sounds(known.key), _openings(known)):
        found.update(_together(blocks, border))
    found.update(pair for pair in _one_less(known) if not border or pair[0] < border <= pair[1])


def _signs(key: str) -> str:
    return "".join(sorted(key))


def _sounds(found: Sequence[str]) -> Iterator[str]:
    """Each sign turned into one that stands for its usual sound."""
    first: dict[str, str] = {}
    table = {}
    for char in set[str]().union(*found):
        read = pinyin.syllables(char) if char > "\u3400" else ()
        if read:
            table[ord(char)] = first.setdefault(read[0], char)
    return (key.translate(table) for key in found)


def _together(blocks: Iterable[str], border: int) -> Iterator[tuple[int, int]]:
    """Pairs that share a block that is no crowd. Their numbers stand for the blocks: should two meet in one, a pair
    more is compared."""
    first: dict[int, int] = {}
    more: dict[int, list[int]] = {}
    for n, block in enumerate(blocks):
        if len(block) < 2:
            continue
        number = hash(block)
        begun = first.setdefault(number, n)
        if begun != n:
            more.setdefault(number, [begun]).append(n)
    for found in more.values():
        if len(found) <= CROWD:
            apart = bisect(found, border - 1)
            yield from product(found[:apart], found[apart:]) if border else combinations(found, 2)


def _one_less(known: Keys) -> Iterator[tuple[int, int]]:
    """Pairs where one has a sign more than the other; behind the brand of long names the openings have found them."""
    places: dict[str, int] = {}
    doubles: dict[str, list[int]] = {}
    for n, key in enumerate(known.key):
        begun = places.setdefault(key, n)
        if begun != n:
            doubles.setdefault(key, []).append(n)
    held = places.keys()
    for n, (key, core) in enumerate(zip(known.key, known.core, strict=True)):
        size = len(key)
        if size < 4:
            continue
        ends = size if size <= firms.LONG else min(size, max(0, size - len(core)) + firms.BRAND + 1)
        shorter = held & {key[:i] + key[i + 1 :] for i in range(ends)}
        for one in shorter:
            for each in (places[one], *doubles.get(one, ())[:CROWD]):
                yield (n, each) if n < each else (each, n)


def _openings(known: Keys) -> Iterator[str]:
    """The place and the brand of long names: what is mistaken behind them is found among those that share them."""
    for key, core in zip(known.key, known.core, strict=True):
        place = len(key) - len(core) if key.endswith(core) else 0
        yield key[: place + firms.BRAND] if len(key) >= firms.LONG else ""


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of texts that all stay: looking for garbage among them again and again takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
