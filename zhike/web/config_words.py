"""The configuration in words: kinds of fields, measures, parts of a layout."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

USUAL = ("text", "longtext", "integer", "money", "date", "boolean", "choice", "link")
ICONS = {
    "text": "minus",
    "longtext": "menu",
    "richtext": "notebook-pen",
    "integer": "hash",
    "decimal": "hash",
    "money": "circle-dollar-sign",
    "percent": "percent",
    "boolean": "square-check",
    "date": "calendar",
    "datetime": "clock",
    "choice": "list",
    "multichoice": "list-checks",
    "link": "link",
    "links": "share-2",
    "user": "user-round",
    "department": "network",
    "phone": "phone",
    "email": "mail",
    "url": "globe",
    "address": "map-pin",
    "region": "map",
    "industry": "briefcase",
    "identity": "key-round",
    "file": "paperclip",
    "formula": "sparkles",
    "rollup": "layers",
}
OBJECT_ICONS = (
    "package",
    "map-pin",
    "receipt-text",
    "file-check",
    "award",
    "flag",
    "calendar-check",
    "clipboard-list",
    "wallet",
    "headset",
    "megaphone",
    "trophy",
    "building",
    "briefcase",
    "shopping-cart",
    "timer",
    "star",
    "folder",
)


def kinds() -> dict[str, str]:
    """Kinds of fields as an administrator calls them."""
    return {
        "text": _("Text, one line"),
        "longtext": _("Text, several lines"),
        "richtext": _("Formatted text"),
        "integer": _("Whole number"),
        "decimal": _("Decimal number"),
        "money": _("Amount"),
        "percent": _("Percentage"),
        "boolean": _("Yes or no"),
        "date": _("Date"),
        "datetime": _("Date and time"),
        "choice": _("One of a list"),
        "multichoice": _("Several of a list"),
        "link": _("Link to a record"),
        "links": _("Links to several records"),
        "user": _("Person of the firm"),
        "department": _("Department"),
        "phone": _("Phone number"),
        "email": _("Mail address"),
        "url": _("Web address"),
        "address": _("Address"),
        "region": _("Region"),
        "industry": _("Industry"),
        "identity": _("Identity number"),
        "file": _("File"),
        "formula": _("Formula"),
        "rollup": _("Roll-up of linked records"),
        "stage": _("Stage"),
        "reach": _("Phone or mail"),
        "json": _("Data"),
    }


def measures() -> dict[str, str]:
    """What a roll-up reckons."""
    return {
        "count": _("how many"),
        "sum": _("sum"),
        "avg": _("average"),
        "min": _("smallest or earliest"),
        "max": _("largest or latest"),
        "last": _("value of the newest"),
    }


def tones() -> dict[str, str]:
    """Colours."""
    return {
        "neutral": _("grey"),
        "teal": _("teal"),
        "blue": _("blue"),
        "violet": _("violet"),
        "green": _("green"),
        "amber": _("amber"),
        "red": _("red"),
        "pink": _("pink"),
    }


def sort_of(said: Any) -> str:
    """The kind of a field of the firm as it is offered: formulas and roll-ups are kinds of their own there."""
    return next((name for name in ("formula", "rollup") if said.get(name)), str(said.get("kind", "text")))


def privacy() -> dict[str, str]:
    """Classes of data."""
    return {
        "public": _("public"),
        "internal": pgettext("class of data", "internal"),
        "personal": _("personal"),
        "sensitive": _("sensitive"),
    }
