"""Texts kept in rows in three languages: {"zh-hans": …, "zh-hant": …, "en": …}."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import lazy
from django.utils.translation import get_language

from zhike.base.i18n import LANGUAGES


def localized(labels: Mapping[str, str] | None) -> str:
    """The text in the reader's language, else in the first language that has one, else empty."""
    if not labels:
        return ""
    wanted = (get_language() or "").lower()
    return next((text for lang in (wanted, *LANGUAGES) if (text := labels.get(lang))), "")


# The same, found when it is shown: for labels that outlive the request of one reader.
lazily = lazy(localized, str)
