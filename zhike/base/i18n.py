"""The reader's language, as one of the three that Zhike speaks."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import get_language, pgettext

LANGUAGES = ("zh-hans", "zh-hant", "en")


def language() -> str:
    """zh-hans, zh-hant or en: the active language, zh-hans where none is active."""
    active = (get_language() or "").lower()
    return active if active in LANGUAGES else "zh-hans"


def listed(texts: Iterable[str]) -> str:
    """The texts in a row, with the mark that the reader's language puts between them."""
    return pgettext("between the items of a list", ", ").join(texts)
