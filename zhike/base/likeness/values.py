"""Values of records as they are compared: each kind has one form to compare and one measure from 0 to 1.

Kinds: firm, person, text, word, phone, mail, code, date, number, group. Words count by how rare they are among all
values of their field, so that nothing has to be told about a set of data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from itertools import pairwise
from math import log

from rapidfuzz.distance import OSA, JaroWinkler

from zhike.base import mail, uscc
from zhike.base.fold import fold

from . import firms

_HAN_RUN = re.compile("[\u3400-\u9fff]+")
_WORD = re.compile(r"[^\W_]+")
_SLIP, _NEAR = 0.88, 0.7
_SHORTEST = 4  # letters of a word in which a slip is forgiven
_LOOSE = 14  # words that are left on both sides, above which no slips are looked for
_LOCAL_DIGITS = 7


@dataclass(frozen=True)
class Weights:
    """How rare words are in one field, and how often each whole value stands there."""

    rows: int
    words: Mapping[str, int]
    wholes: Mapping[str, int]
    _kept: dict[str, float] = field(default_factory=dict)

    def of(self, word: str) -> float:
        """The weight of a word: the rarer, the heavier."""
        found = self._kept.get(word)
        if found is None:
            found = self._kept[word] = log((self.rows + 1) / (self.words.get(word, 0) + 0.5)) + 0.1
        return found


def weights(kind: str, values: Iterable[str]) -> Weights:
    """Learn the weights of one field from all its prepared values."""
    filled = [value for value in values if value]
    counts: Counter[str] = Counter()
    for value in filled:
        counts.update(set(words(value)))
    return Weights(len(filled), counts, Counter(filled))


@lru_cache(maxsize=200_000)
def words(value: str) -> tuple[str, ...]:
    """The words of a folded text; of Chinese ones pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(value):
        if not _HAN_RUN.search(word):
            found.append(word)
            continue
        for run in _HAN_RUN.findall(word):
            found += [a + b for a, b in pairwise(run)] or [run]
        found += [rest for rest in _HAN_RUN.split(word) if rest]
    return tuple(dict.fromkeys(found))


def prepare(kind: str, text: str) -> str:
    """The form in which values of a kind are compared; "" where there is none."""
    text = text.strip()
    if kind == "phone":
        digits = re.sub(r"\D", "", fold(text))
        return re.sub(r"^(?:0086|86)(?=1\d{10})", "", digits)
    if kind == "mail":
        return mail.key(text)
    if kind == "code":
        return re.sub(r"\W", "", uscc.normalise(text)).lower()
    if kind in ("date", "number"):
        return re.sub(r"[^\d.]", "", fold(text)).strip(".")
    if kind == "firm":
        return text
    return fold(unescape(text)).replace("'", "")


def compare(kind: str, a: str, b: str, rare: Weights) -> float:
    """How alike two prepared values are; both are there."""
    if a == b:
        return 1.0
    return _MEASURES[kind](a, b, rare)


def _firm(a: str, b: str, rare: Weights) -> float:
    score, why = firms.similarity(a, b)
    return score if why in ("branch", "places") else max(score, 0.98 * soft(fold(a), fold(b), rare))


def _one_slip(a: str, b: str, rare: Weights) -> float:
    """Identifiers: the same but for one slip, or another."""
    return _SLIP if min(len(a), len(b)) > 4 and OSA.distance(a, b, score_cutoff=1) <= 1 else 0.0


def _phone(a: str, b: str, rare: Weights) -> float:
    short, long = sorted((a, b), key=len)
    if len(short) >= _LOCAL_DIGITS and long.endswith(short):
        return 0.96
    return _one_slip(a, b, rare)


def _mail(a: str, b: str, rare: Weights) -> float:
    (local, _, domain), (other, _, elsewhere) = a.partition("@"), b.partition("@")
    if local == other:
        return 0.94
    if OSA.normalized_similarity(a, b) >= 0.85:
        return _SLIP
    near = JaroWinkler.similarity(local, other)
    return _NEAR if near > 0.9 else 0.3 if domain == elsewhere else 0.0


def _date(a: str, b: str, rare: Weights) -> float:
    slips = OSA.distance(a, b, score_cutoff=3)
    if slips <= 1 or (a[:4] == b[:4] and sorted(a) == sorted(b)):
        return _SLIP
    return _NEAR if slips <= 2 else 0.3 if a[:4] == b[:4] else 0.0


def _number(a: str, b: str, rare: Weights) -> float:
    try:
        one, other = float(a), float(b)
    except ValueError:
        return _one_slip(a, b, rare)
    off = abs(one - other) / max(one, other, 1e-9)
    return 0.95 if off < 0.001 else _SLIP if off < 0.02 else _NEAR if off < 0.1 else 0.3 if off < 0.3 else 0.0


def _word(a: str, b: str, rare: Weights) -> float:
    return min(0.95, max(JaroWinkler.similarity(a, b), 0.95 * soft(a, b, rare)))


def _group(a: str, b: str, rare: Weights) -> float:
    return _one_slip(a, b, rare)


def _text(a: str, b: str, rare: Weights) -> float:
    return min(0.99, soft(a, b, rare))


def _person(a: str, b: str, rare: Weights) -> float:
    return min(0.99, soft(a, b, rare, initials=True))


def soft(a: str, b: str, rare: Weights, *, initials: bool = False) -> float:
    """The weight of the words that both have, slips forgiven, among the weight of all."""
    left, right = words(a), words(b)
    if not left or not right:
        return 0.0
    shared = set(left) & set(right)
    total = sum(map(rare.of, left)) + sum(map(rare.of, right))
    both = 2 * sum(map(rare.of, shared))
    loose, others = [w for w in left if w not in shared], [w for w in right if w not in shared]
    if loose and others and len(loose) + len(others) <= _LOOSE:
        both += _forgiven(loose, others, rare, initials=initials)
    return both / total


def _forgiven(loose: Sequence[str], others: Sequence[str], rare: Weights, *, initials: bool) -> float:
    """The weight of words that one slip, or an initial, makes the same; each is used once."""
    left, both = list(others), 0.0
    for word in loose:
        best, how = "", 0.0
        for other in left:
            near = _near(word, other, initials=initials)
            if near > how:
                best, how = other, near
        if best:
            left.remove(best)
            both += how * (rare.of(word) + rare.of(best))
    return both


def _near(a: str, b: str, *, initials: bool) -> float:
    if initials and 1 in (len(a), len(b)):
        return 0.7 if a[0] == b[0] else 0.0
    if min(len(a), len(b)) < _SHORTEST or a.isdigit() or b.isdigit():
        return 0.0
    near = JaroWinkler.similarity(a, b, score_cutoff=0.85)
    return near if near and OSA.normalized_similarity(a, b) >= 0.6 else 0.0


_MEASURES: dict[str, Callable[[str, str, Weights], float]] = {
    "firm": _firm, "person": _person, "text": _text, "word": _word, "phone": _phone, "mail": _mail, "code": _one_slip,
    "date": _date, "number": _number, "group": _group,
}  # fmt: skip
KINDS = tuple(_MEASURES)
