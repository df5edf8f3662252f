"""Folding text for search and duplicates: one form for full width, case, scripts and blanks.

What is stored is never folded, only the columns made for searching: `search_text` joins the folded parts of a record,
one to a line, `grams` are what is kept of it in a text[] with a GIN index, `query_forms` gives the folded terms to look
for with LIKE. A change of `fold`, `grams`, `search_text` or the table data/fold.tsv changes stored values: raise
VERSION, and the columns are made anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from operator import add
from pathlib import Path

VERSION = 3
SEPARATOR = "\n"
_HAN = "\u3400-\u9fff"
_HAN_BLANK = re.compile(rf"(?<=[{_HAN}])\s+|\s+(?=[{_HAN}])")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f]")
_PHONE = re.compile(r"[+\d\s\-()]+", re.ASCII)
_WHOLE_NUMBER = 11
_NAME = 100  # letters up to which a text is remembered
ENDING = 4  # digits of a number by which people look for it
_SHORTEST_SLIP, _LONGEST_SLIP = 5, 16  # letters of a word in which a slip is looked for
LETTERS = 4  # Latin letters and digits with which a part begins
_SHORT = 4  # parts up to this length are also kept whole
_HAS_HAN = re.compile(f"[{_HAN}]")
_HAS_LATIN = re.compile("[a-z]")


@cache
def table() -> dict[int, str]:
    """Map code points to their folded character: traditional and variant forms, dots in names."""
    found = {0x2022: "·", 0x30FB: "·", 0x2019: "'", 0x2018: "'", 0x301C: "~"}
    for line in (Path(__file__).parent / "data" / "fold.tsv").read_text("utf-8").splitlines():
        simplified, _, variants = line.partition("\t")
        found.update(dict.fromkeys(map(ord, variants), simplified))
    return found


def variants() -> dict[str, str]:
    """Return traditional and other forms of characters with the simplified one each is folded to."""
    return {chr(code): simplified for code, simplified in table().items() if code > 0x2FFF}


def fold(text: str) -> str:
    """Return the form two equal-looking texts share.

    NFKC, case folded, traditional to simplified character by character, invisible characters removed,
    blanks collapsed, and removed beside Han characters ("华为 技术" = "华为技术").
    """
    return _fold_name(text) if len(text) <= _NAME else _fold(text)


def _fold(text: str) -> str:
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(table())
    text = " ".join(text.replace("\x00", "").split())
    return _HAN_BLANK.sub("", text) if " " in text else text


_fold_name = lru_cache(1 << 14)(_fold)  # while a record is written, its names are folded again and again


def search_text(parts: Iterable[str]) -> str:
    """Join the folded parts of a record, distinct and in order: each stands between two line ends."""
    folded = (fold(part) for part in parts)
    lines = SEPARATOR.join(dict.fromkeys(part for part in folded if part))
    return f"{SEPARATOR}{lines}{SEPARATOR}" if lines else ""


def grams(text: str) -> list[str]:
    """Return what the index keeps of a search text, distinct and sorted.

    Bigrams, none over a blank; single characters, other than Latin letters and digits; and with a line end beside
    them the first one and two characters of each part, its first four where they are Latin letters or digits, its last
    four where they are digits, and a short part whole.
    """
    found = _pairs(text)
    found |= found_chars(text)
    for part in text.split(SEPARATOR):
        if part:
            found |= {begin(part[:1]), begin(part[:2]), _opening(part)}
            if part[-ENDING:].isdecimal() and len(part) >= ENDING:
                found.add(part[-ENDING:] + SEPARATOR)
            if len(part) <= _SHORT:
                found.add(f"{SEPARATOR}{part}{SEPARATOR}")
    return sorted(found)


def _pairs(text: str) -> set[str]:
    found: set[str] = set()
    for word in text.split():
        found.update(map(add, word, word[1:]))
    return found


def found_chars(text: str) -> set[str]:
    """Return the characters of a text that are looked for one by one: Chinese ones above all."""
    return {char for char in set(text) if char > "\x7f" and not char.isspace()}


def begin(term: str) -> str:
    """Return the gram of a part that begins with a term of one or two characters, or of four Latin letters."""
    return SEPARATOR + term


def query_grams(term: str) -> list[str]:
    """Return the grams of whatever holds a folded term; of one Latin letter or digit, what begins with it."""
    if len(term) == 1:
        return [term] if found_chars(term) else [begin(term)]
    return sorted(_pairs(term) or found_chars(term))


def begin_grams(term: str) -> list[str]:
    """Return the grams of whatever has a part that begins with a folded term."""
    return sorted({_opening(term), *_pairs(term[1:])})


def _opening(term: str) -> str:
    """Return the longest gram that is kept of the beginning of a part."""
    is_long = len(term) >= LETTERS and term[:LETTERS].isascii()
    return begin(term[: LETTERS if is_long else 2])


def exact_grams(term: str) -> list[str]:
    """Return the grams of whatever has a part that is a folded term."""
    return [f"{SEPARATOR}{term}{SEPARATOR}"] if len(term) <= _SHORT else begin_grams(term)


def end_grams(digits: str) -> list[str]:
    """Return the grams of whatever has a part that ends with at least four digits."""
    return [digits[-ENDING:] + SEPARATOR]


def pattern(term: str) -> str:
    """Return what the text holds where a folded term is found; one Latin letter or digit must begin a part."""
    return term if len(term) > 1 or found_chars(term) else begin(term)


def query_terms(query: str) -> list[str]:
    """Cut what a person typed at its blanks into folded terms; every one of them must be found.

    A whole telephone number ("+86 138 0013 8000") is one term.
    """
    number = unicodedata.normalize("NFKC", query)
    if _PHONE.fullmatch(number) and sum(map(str.isdigit, number)) >= _WHOLE_NUMBER:
        return [re.sub(r"\s", "", number)]
    return list(dict.fromkeys(folded for word in query.split() if (folded := fold(word))))


def all_grams(query: str) -> list[str]:
    """Return the grams of all terms of what a person typed."""
    return [gram for term in query_terms(query) for gram in query_grams(term)]


def query_forms(term: str) -> list[str]:
    """Return the forms of one folded term, any of which may be found.

    A term of Han and Latin letters ("宝gang", "宝gjt") may be half-typed pinyin, so its pinyin and its initials are
    added; a number is also searched without blanks, dashes and the 86 in front.
    """
    # pinyin needs fold for its tables of readings.
    from zhike.base import pinyin

    forms = [term]
    if _HAS_HAN.search(term) and _HAS_LATIN.search(term):
        forms += pinyin.mixed(term)
    if re.fullmatch(r"\+?[\d\-()]{4,}", term):
        digits = re.sub(r"\D", "", term)
        forms.append(re.sub(r"^(?:0086|86)(?=\d{10,})", "", digits))
    return list(dict.fromkeys(form for form in forms if form))


def may_slip(word: str) -> bool:
    """Return whether a folded word is long enough to be looked for with one sign wrong."""
    if found_chars(word):
        return 2 <= len(word) <= _LONGEST_SLIP
    return word.isalpha() and _SHORTEST_SLIP <= len(word) <= _LONGEST_SLIP


def slips(word: str) -> list[tuple[str, list[str]]]:
    """Return (pattern, grams) of the texts that are one slip away from a folded word.

    One sign wrong, missing, too many, or two swapped. Latin words must stand at the beginning of a part.
    """
    is_latin = not found_chars(word)
    found: list[tuple[str, list[str]]] = []
    for n in range(len(word)):
        left, right = word[:n], word[n + 1 :]
        if len(word) > 2:  # of two Chinese characters one alone says too little
            found.append((f"{_any(left, right, '?')}|{_any(left, word[n:], '')}", _fragments(left, right, is_latin)))
        if right and right[0] != word[n]:
            swapped = left + right[0] + word[n] + right[1:]
            found.append((re.escape(swapped), begin_grams(swapped) if is_latin else query_grams(swapped)))
    return [(_anchored(pattern) if is_latin else pattern, grams_) for pattern, grams_ in found]


def _any(left: str, right: str, times: str) -> str:
    return f"{re.escape(left)}[^\n]{times}{re.escape(right)}"


def _anchored(pattern: str) -> str:
    return f"{SEPARATOR}(?:{pattern})"


def _fragments(left: str, right: str, is_latin: bool) -> list[str]:
    """Return the grams of what is left of a word on both sides of the slip."""
    found = _pairs(left) | _pairs(right)
    if is_latin:
        return sorted(found | ({_opening(left)} if left else set()))
    return sorted(found | {part for part in (left, right) if len(part) == 1})


def like(term: str) -> str:
    """Return the LIKE pattern that finds a folded term anywhere (escape character: backslash)."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", term) + "%"
