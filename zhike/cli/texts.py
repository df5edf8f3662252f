"""Speaks the language of the person at the terminal: ZHIKE_LANG, else the locale of the system."""

import gettext
import os
from pathlib import Path

LOCALE = Path(__file__).resolve().parents[1] / "locale"
TRADITIONAL = ("hant", "tw", "hk", "mo")


def language() -> str:
    """One of zh_Hans, zh_Hant and en."""
    for name in ("ZHIKE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            break
    else:
        return "en"
    tag = value.partition(".")[0].replace("-", "_").lower()
    if not tag.startswith("zh"):
        return "en"
    return "zh_Hant" if any(part in tag.split("_") for part in TRADITIONAL) else "zh_Hans"


def install() -> None:
    """Makes plain `gettext` calls, those of argparse included, answer in that language."""
    os.environ["LANGUAGE"] = language()
    gettext.bindtextdomain("django", str(LOCALE))
    gettext.textdomain("django")


def of_argparse() -> tuple[str, ...]:
    """The words of the standard library's help pages, listed so that they are collected for translation."""
    _ = gettext.gettext
    return (
        _("usage: "),
        _("positional arguments"),
        _("options"),
        _("show this help message and exit"),
        _("the following arguments are required: %s"),
        _("unrecognized arguments: %s"),
        _("argument %(argument_name)s: %(message)s"),
        _("invalid choice: %(value)r (choose from %(choices)s)"),
        _("invalid %(type)s value: %(value)r"),
        _("expected one argument"),
        _("%(prog)s: error: %(message)s\n"),
    )
