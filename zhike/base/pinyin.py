"""Pinyin of company and person names: for searching by full pinyin or initials, and for sorting.

Readings come from the package pypinyin (characters and its dictionary of words), corrected by
data/readings.tsv: usual readings of characters in names, place and trade words, and surnames
(曾 zēng, 单 shàn, 尉迟 yùchí …). The sort key orders like the collation
zh-u-co-pinyin-kn-true-kr-digit-latn-hani: numbers by value, then Latin, then Han by pinyin and tone;
it is plain text to be compared byte by byte (COLLATE "C").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice, product
from pathlib import Path

from pypinyin.constants import PHRASES_DICT, PINYIN_DICT
from pypinyin.contrib.tone_convert import to_tone3
from pypinyin.seg import mmseg

from zhike.base.fold import fold

MAX_ALTERNATIVES = 8
MAX_CONFUSED = 16
_SOUNDS = re.compile(r"[zcs]h?|(?:an|en|in)g?(?![aeiou])|.")
_CONFUSED = {
    short + more: (short + more, short if more else short + other)
    for shorts, other in (("z c s", "h"), ("an en in", "g"))
    for short in shorts.split()
    for more in ("", other)
} | {"l": ("l", "n"), "n": ("n", "l")}
_MAX_SORTED = 80
_LONGEST_PHRASE = 4


@dataclass(frozen=True, slots=True)
class Pinyin:
    """Pinyin of one name: `full` "huaweijishu", `initials` "hwjs", other readings, and a sort key.

    `alternatives` holds the full and initial forms of other readings of its polyphonic characters,
    at most 2 × MAX_ALTERNATIVES of them.
    """

    full: str
    initials: str
    sort_key: str
    alternatives: tuple[str, ...] = ()

    @property
    def search_parts(self) -> tuple[str, ...]:
        """Return all distinct forms to put into a search text."""
        return tuple(dict.fromkeys(filter(None, (self.initials, self.full, *self.alternatives))))


@dataclass(frozen=True, slots=True)
class _Tables:
    chars: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[str, ...]]
    surnames: dict[str, tuple[str, ...]]
    ambiguous: frozenset[str]


@cache
def _tables() -> _Tables:
    chars: dict[str, tuple[str, ...]] = {}
    phrases: dict[str, tuple[str, ...]] = {}
    surnames: dict[str, tuple[str, ...]] = {}
    source = Path(__file__).parent / "data" / "readings.tsv"
    for line in source.read_text("utf-8").splitlines():
        text, readings, surname = line.split("\t")
        if readings:
            (chars if len(text) == 1 else phrases)[text] = tuple(readings.split())
        if surname:
            surnames[text] = tuple(surname.split())
    ambiguous = {char for char, readings_ in chars.items() if len(readings_) > 1}
    return _Tables(chars, phrases, surnames, frozenset(ambiguous.union(*phrases)))


@lru_cache(maxsize=1 << 15)
def _reading(char: str) -> str:
    """Return the usual reading of a folded character with its tone ("zhang1"), "" when it has none."""
    known = _tables().chars.get(char)
    if known:
        return known[0]
    accented = PINYIN_DICT.get(ord(char), "").split(",")[0]
    return _numbered(accented) if accented else ""


@lru_cache(maxsize=1 << 13)
def _numbered(accented: str) -> str:
    return to_tone3(accented, neutral_tone_with_five=True, v_to_u=False).replace("ü", "v")


def _in_words(text: str, readings: list[str]) -> None:
    """Correct the readings of polyphonic characters that stand in a known word."""
    tables = _tables()
    for word, start in _words(text):
        own = tables.phrases.get(word)
        for offset, char in enumerate(word):
            if own:
                readings[start + offset] = own[offset]
            elif char in tables.ambiguous:
                found = _numbered(PHRASES_DICT[word][offset][0])
                if found[:-1] in {reading[:-1] for reading in tables.chars.get(char, ())}:
                    readings[start + offset] = found


def _words(text: str) -> list[tuple[str, int]]:
    """Cut out the words with known readings: our own first, then those of pypinyin."""
    phrases = _tables().phrases
    found: list[tuple[str, int]] = []
    position = start = 0
    while position < len(text):
        for length in range(_LONGEST_PHRASE, 1, -1):
            if text[position : position + length] in phrases:
                found += _library_words(text[start:position], start)
                found.append((text[position : position + length], position))
                position += length
                start = position
                break
        else:
            position += 1
    return found + _library_words(text[start:], start)


def _library_words(text: str, start: int) -> list[tuple[str, int]]:
    found = []
    for word in mmseg.seg.cut(text):
        if len(word) > 1 and word in PHRASES_DICT and len(PHRASES_DICT[word]) == len(word):
            found.append((word, start))
        start += len(word)
    return found


@lru_cache(maxsize=1 << 13)
def company(name: str) -> Pinyin:
    """Return the pinyin of a company, product or place name, word by word ("长沙银行" changsha yinhang)."""
    text = fold(name)
    return _build(text, _readings(text))


@lru_cache(maxsize=1 << 13)
def person(name: str) -> Pinyin:
    """Return the pinyin of a person's name, with the readings surnames have (单 shàn, 万俟 mòqí)."""
    text = fold(name).replace(" ", "") if not name.isascii() else fold(name)
    readings = _readings(text)
    surnames = _tables().surnames
    choices: tuple[str, ...] = ()
    if len(text) > 2 and text[:2] in surnames:
        readings[:2] = surnames[text[:2]]
    elif text[:1] in surnames:
        choices = surnames[text[0]]
        readings[0] = choices[0]
    return _build(text, readings, surname=choices)


def is_surname(text: str) -> bool:
    """Whether a text is a surname of more than one character, such as 欧阳."""
    return len(text) > 1 and text in _tables().surnames


def plain(text: str) -> str:
    """Return the full pinyin of a text without blanks, Latin and digits kept ("宝gang" → "baogang")."""
    folded = fold(text)
    return _join(folded, _readings(folded), initials=False)


def mixed(text: str) -> tuple[str, ...]:
    """Return what a text of Han and Latin letters may stand for: full pinyin and initials, also as of a surname.

    "宝gang" is baogang, "宝gjt" is bgjt, "曾guo" is cengguo and zengguo.
    """
    found = [company(text), person(text)]
    return tuple(dict.fromkeys(form for p in found for form in (p.full, p.initials) if form))


def syllables(char: str) -> tuple[str, ...]:
    """Return all readings of a folded character without tones, its usual one first; () where it has none."""
    tables = _tables()
    readings = (_reading(char), *tables.chars.get(char, ()), *tables.surnames.get(char, ()))
    return tuple(dict.fromkeys(reading[:-1] for reading in readings if reading))


def fuzzy(word: str) -> tuple[str, ...]:
    """Return the pinyin that a folded word may have been meant for: its own where it is Chinese, else confused sounds.

    z zh, c ch, s sh, l n, an ang, en eng, in ing: in any combination, as far as there are at most MAX_CONFUSED of them.
    """
    if not word.isascii():
        return tuple(dict.fromkeys((company(word).full, person(word).full)))
    pieces = [_CONFUSED.get(piece, (piece,)) for piece in _SOUNDS.findall(word)]
    found = ("".join(chosen) for chosen in islice(product(*pieces), MAX_CONFUSED))
    return tuple(form for form in dict.fromkeys(found) if form != word) if word.isalpha() and len(word) > 2 else ()


def index_letter(sort_key: str) -> str:
    """Return the letter under which a list files this key: "A" to "Z", or "#"."""
    letter = sort_key[1:2] if sort_key.startswith("~") else sort_key[:1]
    return letter.upper() if "a" <= letter <= "z" else "#"


def _readings(text: str) -> list[str]:
    readings = [_reading(char) if char > "\u3006" else "" for char in text]
    if not _tables().ambiguous.isdisjoint(text):
        _in_words(text, readings)
    return readings


def _build(text: str, readings: list[str], *, surname: tuple[str, ...] = ()) -> Pinyin:
    full = _join(text, readings, initials=False)
    initials = _join(text, readings, initials=True)
    return Pinyin(full, initials, _sort_key(text, readings), _alternatives(text, readings, surname=surname))


def _join(text: str, readings: list[str], *, initials: bool) -> str:
    pieces = []
    for char, reading in zip(text, readings, strict=True):
        if reading:
            pieces.append(reading[0] if initials else reading[:-1])
        elif char.isalnum():
            pieces.append(char if char.isascii() else unicodedata.normalize("NFD", char)[0])
    return "".join(pieces)


def _alternatives(text: str, readings: list[str], *, surname: tuple[str, ...]) -> tuple[str, ...]:
    """Return full and initial forms of other readings, those nearest to the usual one first."""
    table = _tables()
    if not surname and table.ambiguous.isdisjoint(text):
        return ()
    choices: list[tuple[str, ...]] = []
    for position, (char, reading) in enumerate(zip(text, readings, strict=True)):
        others = table.chars.get(char, ()) + (surname if position == 0 else ())
        choices.append(_distinct(reading, others) if reading else (reading,))
    variants = islice(product(*reversed(choices)), 1, MAX_ALTERNATIVES + 1)
    forms: dict[str, None] = {}
    for variant in variants:
        chosen = list(reversed(variant))
        forms[_join(text, chosen, initials=True)] = None
        forms[_join(text, chosen, initials=False)] = None
    usual = {_join(text, readings, initials=True), _join(text, readings, initials=False)}
    return tuple(form for form in forms if form not in usual)


@lru_cache(1 << 12)
def _distinct(reading: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return the reading and those others that differ in more than the tone."""
    by_syllable = {reading[:-1]: reading}
    for other in others:
        by_syllable.setdefault(other[:-1], other)
    return tuple(by_syllable.values())


def _sort_key(text: str, readings: list[str]) -> str:
    """Build the key: digits as length and value, Latin as it is, Han as ~syllable, tone, character."""
    pieces: list[str] = []
    digits = ""
    for char, reading in zip(text[:_MAX_SORTED], readings, strict=False):
        if char in "0123456789":
            digits += char
            continue
        if digits:
            pieces.append(_number_key(digits))
            digits = ""
        if reading:
            pieces.append(f"~{reading}{char}")
        elif char.isascii():
            pieces.append(char if char.isalpha() else _blank(char, pieces))
        elif char.isalpha():
            pieces.append(_letter_key(char))
    if digits:
        pieces.append(_number_key(digits))
    return "".join(pieces).strip()


def _number_key(digits: str) -> str:
    value = digits.lstrip("0")
    return f"0{chr(ord('a') + min(len(value), 25))}{value}"


def _blank(char: str, pieces: list[str]) -> str:
    return " " if char not in "()[]<>\"'" and pieces and pieces[-1] != " " else ""


def _letter_key(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else f"~~{char}"
