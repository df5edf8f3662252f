"""Where a text was hit: the words of a search marked in it, by sound too, and the piece of a long text around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from markupsafe import Markup, escape

from zhike.base import fold, pinyin

Span = tuple[int, int]
READ_ALOUD = 200  # characters of a text in which a word is also looked for by its sound
BEFORE, LENGTH = 24, 90  # characters of a piece: before the hit, and in all


def marked(text: str, term: str) -> Markup:
    """The text with the words of `term` in <mark>, escaped."""
    return _joined(text, _spans(text, fold.query_terms(term)))


def snippet(text: str, term: str) -> Markup:
    """The piece of a long text around the first hit, marked; empty where no word stands in it."""
    found = list(_literal(*_signs(text), fold.query_terms(term)))
    if not found:
        return Markup()
    start = max(0, min(found)[0] - BEFORE)
    piece = " ".join(text[start : start + LENGTH].split())
    before, after = ("…" if start else ""), ("…" if start + LENGTH < len(text) else "")
    return Markup("%s%s%s") % (before, marked(piece, term), after)


def _joined(text: str, spans: Sequence[Span]) -> Markup:
    found, last = Markup(), 0
    for start, end in spans:
        found += escape(text[last:start]) + Markup("<mark>%s</mark>") % text[start:end]
        last = end
    return found + escape(text[last:])


def _spans(text: str, words: Sequence[str]) -> list[Span]:
    """Where the words stand, in order and apart: each by its signs, else by its sound."""
    signs, places = _signs(text)
    found = list(_literal(signs, places, words))
    for word in words:
        if len(text) <= READ_ALOUD and not any(True for _hit in _literal(signs, places, [word])):
            found += _sounded(signs, places, word)
    apart: list[Span] = []
    for start, end in sorted(found):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _signs(text: str) -> tuple[str, list[int]]:
    """The folded text without blanks, and where in the text each of its signs comes from."""
    signs: list[str] = []
    places: list[int] = []
    for n, char in enumerate(text):
        for sign in _folded(char):
            signs.append(sign)
            places.append(n)
    return "".join(signs), places


@lru_cache(maxsize=1 << 14)
def _folded(char: str) -> str:
    return fold.fold(char)


def _literal(signs: str, places: Sequence[int], words: Sequence[str]) -> Iterator[Span]:
    for word in words:
        sought = word.replace(" ", "")
        at = signs.find(sought)
        while sought and at >= 0:
            yield places[at], places[at + len(sought) - 1] + 1
            at = signs.find(sought, at + len(sought))


def _sounded(signs: str, places: Sequence[int], word: str) -> Iterator[Span]:
    """Where the word is read: full pinyin, initials, or characters and letters in turn; the last may be half typed."""
    at = 0
    while at < len(signs):
        end = _reach(signs, at, word) if signs[at] > "\x7f" else None
        if end is None:
            at += 1
        else:
            yield places[at], places[end - 1] + 1
            at = end


def _reach(signs: str, at: int, word: str) -> int | None:
    """How far the word goes when it begins at `at`; None where it does not."""

    @cache
    def reach(i: int, j: int) -> int | None:
        if j == len(word):
            return i
        if i == len(signs):
            return None
        rest = word[j:]
        steps = [1] if signs[i] == rest[0] else []
        for syllable in pinyin.syllables(signs[i]):
            if syllable.startswith(rest):
                return i + 1
            steps += [len(syllable)] if rest.startswith(syllable) else []
            steps += [1] if rest[0] == syllable[0] else []
        return next((end for step in steps if (end := reach(i + 1, j + step)) is not None), None)

    return reach(at, 0)
