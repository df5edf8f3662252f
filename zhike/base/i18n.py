"""The reader's language, as one of the three that Zhike speaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

LANGUAGES = ("zh-hans", "zh-hant", "en")


def language() -> str:
    """zh-hans, zh-hant or en: the active language, zh-hans where none is active."""
    active = (get_language() or "").lower()
    return active if active in LANGUAGES else "zh-hans"


def listed(texts: Iterable[str]) -> str:
    """The texts in a row, with the mark that the reader's language puts between them."""
    return pgettext("between the items of a list", ", ").join(texts)


def day(value: dt.date | dt.datetime | None) -> str:
    """11月21日 周六, with the year where it is another one."""
    if value is None:
        return ""
    date = timezone.localtime(value).date() if isinstance(value, dt.datetime) else value
    week = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")][date.weekday()]
    if language() == "en":
        return f"{week} {date:%-d %b}" + ("" if date.year == timezone.localdate().year else f" {date.year}")
    year = "" if date.year == timezone.localdate().year else f"{date.year}年"
    return f"{year}{date.month}月{date.day}日 {week}"
