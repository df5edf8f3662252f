"""The reader's language, as one of the three that Zhike speaks."""

from __future__ import annotations

from django.utils.translation import get_language

LANGUAGES = ("zh-hans", "zh-hant", "en")


def language() -> str:
    """zh-hans, zh-hant or en: the active language, zh-hans where none is active."""
    active = (get_language() or "").lower()
    return active if active in LANGUAGES else "zh-hans"
