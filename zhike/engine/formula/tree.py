"""What a checked formula is made of: parts with a type each, and the fields at its ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine.kinds import Attribute

TYPES = ("number", "text", "boolean", "date", "link")
OF_KIND = {
    **dict.fromkeys(("integer", "decimal", "money", "percent"), "number"),
    **dict.fromkeys(("date", "datetime"), "date"),
    **dict.fromkeys(
        ("text", "longtext", "choice", "email", "phone", "reach", "identity", "url", "address", "region", "industry"),
        "text",
    ),
    **dict.fromkeys(("link", "user", "department", "stage"), "link"),
    "boolean": "boolean",
}  # kind of a field -> type of its value in a formula; other kinds cannot be used

PUBLIC = {
    "user": ("name",),
    "department": ("name",),
    "stage": ("key", "status", "win_percent", "days_allowed"),
    "pipeline": ("key",),
}  # what formulas may read of the firm's directory, which everybody knows


@dataclass(frozen=True)
class Leaf:
    """A field of the record (`link` None), or of the one record that its field `link` points to."""

    entity: str
    attribute: Attribute
    link: Attribute | None = None

    @property
    def path(self) -> str:
        """As it is written: "amount", "account.tier"."""
        return f"{self.link.key}.{self.attribute.key}" if self.link else self.attribute.key


@dataclass(frozen=True)
class Expr:
    """A part whose type is known. `value` is a literal, a Leaf, or what an operation is told besides its parts."""

    op: str
    type: str
    args: tuple[Expr, ...] = ()
    value: Any = None
    at: int = 0

    def walk(self) -> Iterator[Expr]:
        """This part and all below it."""
        yield self
        for part in self.args:
            yield from part.walk()


def type_name(name: str) -> str:
    """A type in the reader's language."""
    names = {
        "number": _("a number"),
        "text": _("a text"),
        "boolean": _("yes or no"),
        "date": _("a date"),
        "link": _("a link"),
        "null": _("nothing"),
    }
    return names.get(name, _("something else"))
