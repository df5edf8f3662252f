"""How alike two names of firms are, with the reason in one word.

A branch is another entity than its firm and than other branches (domain rules 3.6), so it is cut off and must be the
same. What is left is compared from strict to loose: whole, without legal form, without the place in front, with a slip
of the hand, by sound between scripts, by initials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA, Indel

from zhike.base import names, pinyin
from zhike.base.fold import fold

LONG, BRAND = 8, 3  # signs of a long name, and of what makes it known
ALIKE = 0.8  # from here on two names alone are taken for one firm
_INNER = re.compile(r"^(.{2,}?(?:有限责任公司|有限公司|(?<!分)公司))(.+)$")
_OUTER = re.compile(r"^(.{2,}?)((?:第\d+|[^\d]{2,3})?(?:分公司|支行|分行|分店|办事处|代表处|营业部))$")
_ENDING = re.compile(r"(?:分公司|分公|分)$")
_FORM = re.compile(rf"{names.COMPANY_FORMS}$")
_HAN = re.compile("[\u3400-\u9fff]")
_FOREIGN_FORM = re.compile("株式会社|주식회사|有限会社|㈜")
_WORD = re.compile(r"[^\W_]+")
_PLACE_END = re.compile(r"(?:省|市|区|县|自治区)")
_LATIN_FORMS = frozenset({
    "inc", "incorporated", "co", "company", "corp", "corporation", "ltd", "limited", "llc", "plc", "ag", "sa", "se",
    "gmbh", "group", "holding", "holdings", "nv", "bv", "kg", "oyj", "ab", "as", "spa", "srl", "pte", "pty", "lp",
    "llp", "the", "and", "of", "aktiengesellschaft", "com",
})  # fmt: skip
SCORES = {"full": 1.0, "form": 0.97, "place": 0.91, "sound": 0.86, "initials": 0.84, "begins": 0.83, "mistaken": 0.82}


@dataclass(frozen=True, slots=True)
class Firm:
    """A name taken apart; every part is folded. `core` lacks the place in front, `words` are of Latin script."""

    legal: str
    key: str
    core: str
    place: str
    branch: str
    words: tuple[str, ...]


@lru_cache(maxsize=200_000)
def parse(name: str) -> Firm:
    """Take a name apart; never fails, an empty name gives empty parts."""
    legal = names.legal_key(_FOREIGN_FORM.sub("", name))
    head, branch = _apart(legal)
    if not _HAN.search(legal):
        words = tuple(_WORD.findall(fold(name).replace("'", "").replace(".", "").replace("-", "")))
        kept = tuple(w for w in words if w not in _LATIN_FORMS) or words
        return Firm(legal, "".join(kept), "".join(kept), "", branch, kept)
    key = _FORM.sub("", head)
    key = key if len(key) > 1 else head
    core = names.similarity_key(key) if branch == "" else names.similarity_key(head)
    core = _FORM.sub("", core) or core
    place = key[: len(key) - len(core)] if key.endswith(core) else ""
    return Firm(legal, key, core, place, branch, ())


def _apart(legal: str) -> tuple[str, str]:
    """The firm and the branch of it, without the word for branch."""
    found = _INNER.match(legal) or _OUTER.match(legal)
    if not found:
        return legal, ""
    return found[1], _ENDING.sub("", found[2]) or found[2]


def similarity(a: str, b: str) -> tuple[float, str]:
    """(0 to 1, reason): full, form, place, typo, sound, initials, begins, branch, places, near, or other."""
    return alike(parse(a), parse(b))


def alike(a: Firm, b: Firm) -> tuple[float, str]:
    """As `similarity`, of names taken apart already."""
    if not a.legal or a.legal == b.legal:
        return (1.0, "full") if a.legal else (0.0, "other")
    if a.branch != b.branch and (bool(a.branch) != bool(b.branch) or OSA.distance(a.branch, b.branch) > 0):
        return min(0.4, Indel.normalized_similarity(a.key, b.key)), "branch"
    if a.key == b.key:
        return SCORES["form"], "form"
    if bool(a.words) != bool(b.words):
        return _across(a, b)
    if a.words:
        return _latin(a, b)
    return _chinese(a, b)


def _chinese(a: Firm, b: Firm) -> tuple[float, str]:
    agree = _agree(a.place, b.place)
    if a.core == b.core and len(a.core) > 1:
        if not agree:
            return 0.5, "places"
        return (SCORES["place"] if len(a.core) > 3 else ALIKE + 0.02), "place"
    best = max(_slips(a, b, agree=agree))
    if best:
        return best, "typo"
    # what differs by more than a slip is never taken for one firm by its name alone
    return min(0.75, Indel.normalized_similarity(a.key, b.key)), "near"


def _slips(a: Firm, b: Firm, *, agree: bool) -> Iterator[float]:
    """Scores of the ways in which one name can be the other with one slip."""
    yield 0.0
    yield slip(a.key, b.key, brand=len(a.place) + BRAND)
    if agree and a.place != b.place:
        yield slip(a.core, b.core, brand=BRAND) - 0.05
    # a slip in the legal form leaves more of it behind
    if OSA.distance(a.legal, b.legal, score_cutoff=1) == 1 and len(a.legal) > 4 < len(b.legal):
        yield 0.95 * slip(a.legal, b.legal)


def slip(a: str, b: str, *, brand: int = 0) -> float:
    """A score where one sign was left out, doubled, swapped, or mistaken for one that sounds alike; 0 for more.

    Any other sign instead is mostly another firm: it counts only in a long name, behind the first `brand` signs.
    """
    short = min(len(a), len(b))
    if short < 3 or OSA.distance(a, b, score_cutoff=1) > 1:
        return 0.0
    if len(a) != len(b) or sorted(a) == sorted(b):
        return 0.93 - 0.3 / short
    place, one, other = next((n, x, y) for n, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    if one.isdigit() or other.isdigit():
        return 0.0  # 第1工厂 is not 第2工厂
    if sounds_alike(one, other):
        return 0.92 - 0.3 / short
    return SCORES["mistaken"] if short >= LONG and place >= brand else 0.0


def readings(char: str) -> tuple[str, ...]:
    """How a character can be read, its usual reading first."""
    return pinyin.syllables(char)


@lru_cache(maxsize=100_000)
def sounds_alike(one: str, other: str) -> bool:
    """Whether two characters share a reading."""
    return bool(set(pinyin.syllables(one)) & set(pinyin.syllables(other)))


def _agree(a: str, b: str) -> bool:
    """Whether two places can be one: 深圳 and 广东省深圳市, or none."""
    one, other = _PLACE_END.sub("", a), _PLACE_END.sub("", b)
    return one in other or other in one


def _latin(a: Firm, b: Firm) -> tuple[float, str]:
    short, long = sorted((a.words, b.words), key=lambda w: (len(w), w))
    if set(short) == set(long):
        return SCORES["form"], "form"
    if _initials(short, long):
        return SCORES["initials"], "initials"
    if long[: len(short)] == short or (len(short) == 1 and len(short[0]) > 4 and long[0].startswith(short[0])):
        return SCORES["begins"], "begins"
    ratio = Indel.normalized_similarity(a.key, b.key)
    if min(len(a.key), len(b.key)) > 4 and OSA.distance(a.key, b.key, score_cutoff=1) <= 1:
        return max(ALIKE + 0.05, ratio), "typo"
    return min(0.75, ratio), "near"


def _initials(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """IBM, AWS, P&G: the first letters of the words of the other name."""
    return len(long) > 1 and len("".join(short)) == len(long) and "".join(short) == "".join(w[0] for w in long)


def _across(a: Firm, b: Firm) -> tuple[float, str]:
    """A Chinese name beside a Latin one, by pinyin: 华为 and Huawei."""
    han, latin = (a, b) if b.words else (b, a)
    spoken = "".join(next(iter(pinyin.syllables(c)), c) for c in han.core)
    first = latin.words[0]
    if len(first) > 3 and (spoken.startswith(first) or first.startswith(spoken)):
        return SCORES["sound"], "sound"
    head = "".join(next(iter(pinyin.syllables(c)), c) for c in han.core[:2])
    near = Indel.normalized_similarity(head, first) if len(first) > 3 else 0.0
    return min(0.75, near), "near"
