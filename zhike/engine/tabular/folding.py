"""Fold headings and choices so that spelling variants meet: width, case, script, punctuation."""

from __future__ import annotations

import re
from functools import lru_cache

from zhike.base.fold import fold as fold_text

_NOISE = re.compile(r"[\W_]+")
_BRACKETS = re.compile(r"[(（\[【<《][^)）\]】>》]*[)）\]】>》]")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Letters, digits and Han characters only: narrow, lower case, simplified."""
    return _NOISE.sub("", fold_text(text))


def fold_bare(text: str) -> str:
    """Like fold, without what stands in brackets: units, "required" marks, hints."""
    return fold(_BRACKETS.sub("", text)) or fold(text)


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None
