"""Folding text for search and duplicates: one form for full width, case, scripts and blanks.

What is stored is never folded, only the columns made for searching: `search_text`
joins the folded parts of a record, `grams` are the distinct bigrams kept in a text[] with a GIN index,
`query_forms` gives the folded terms to look for with LIKE. A change of `fold`, `grams` or the table
data/fold.tsv changes stored values: raise VERSION, and rebuild the columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

VERSION = 1
SEPARATOR = "\n"
_HAN = "\u3400-\u9fff"
_HAN_BLANK = re.compile(rf"(?<=[{_HAN}])\s+|\s+(?=[{_HAN}])")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f]")
_PHONE = re.compile(r"[+\d\s\-()]+", re.ASCII)
_WHOLE_NUMBER = 11
_HAS_HAN = re.compile(f"[{_HAN}]")
_HAS_LATIN = re.compile("[a-z]")


@cache
def _table() -> dict[int, str]:
    """Map code points to their folded character: traditional and variant forms, dots in names."""
    table = {0x2022: "·", 0x30FB: "·", 0x2019: "'", 0x2018: "'", 0x301C: "~"}
    for line in (Path(__file__).parent / "data" / "fold.tsv").read_text("utf-8").splitlines():
        simplified, _, variants = line.partition("\t")
        table.update(dict.fromkeys(map(ord, variants), simplified))
    return table


def fold(text: str) -> str:
    """Return the form two equal-looking texts share.

    NFKC, case folded, traditional to simplified character by character, invisible characters removed,
    blanks collapsed, and removed beside Han characters ("华为 技术" = "华为技术").
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_table())
    text = " ".join(text.replace("\x00", "").split())
    return _HAN_BLANK.sub("", text) if " " in text else text


def search_text(parts: Iterable[str]) -> str:
    """Join the folded parts of a record, distinct and in order, so that no gram crosses a part."""
    folded = (fold(part) for part in parts)
    return SEPARATOR.join(dict.fromkeys(part for part in folded if part))


def grams(text: str) -> list[str]:
    """Return the distinct bigrams of a folded text, sorted; none spans a blank or two parts."""
    pairs = {a + b for a, b in pairwise(text)}
    return sorted(pair for pair in pairs if not (pair[0].isspace() or pair[1].isspace()))


def query_grams(term: str) -> list[str]:
    """Return the bigrams a folded term asks for; empty for a single character (LIKE alone then)."""
    return grams(term)


def query_terms(query: str) -> list[str]:
    """Cut what a person typed at its blanks into folded terms; every one of them must be found.

    A whole telephone number ("+86 138 0013 8000") is one term.
    """
    number = unicodedata.normalize("NFKC", query)
    if _PHONE.fullmatch(number) and sum(map(str.isdigit, number)) >= _WHOLE_NUMBER:
        return [re.sub(r"\s", "", number)]
    return list(dict.fromkeys(folded for word in query.split() if (folded := fold(word))))


def query_forms(term: str) -> list[str]:
    """Return the forms of one folded term, any of which may be found.

    A term of Han and Latin letters ("宝gang") may be half-typed pinyin, so its pinyin form is added; a
    number is also searched without blanks, dashes and the 86 in front.
    """
    # pinyin needs fold for its tables of readings.
    from zhike.base import pinyin

    forms = [term]
    if _HAS_HAN.search(term) and _HAS_LATIN.search(term):
        forms.append(pinyin.plain(term))
    if re.fullmatch(r"\+?[\d\-()]{4,}", term):
        digits = re.sub(r"\D", "", term)
        forms.append(re.sub(r"^(?:0086|86)(?=\d{10,})", "", digits))
    return list(dict.fromkeys(forms))


def like(term: str) -> str:
    """Return the LIKE pattern that finds a folded term anywhere (escape character: backslash)."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", term) + "%"
