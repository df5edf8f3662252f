"""Small checks of untrusted values: each tells what is wrong, where, and what to do, and hands back something safe."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from zhike.base.i18n import LANGUAGES

TONES = ("neutral", "teal", "blue", "violet", "green", "amber", "red", "pink")
MOST_PROBLEMS = 100
MOST_BYTES = 2_000_000
MOST_DEPTH = 14
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Problem:
    """One thing about a configuration: where (keys joined by dots), what, and whether it only warns."""

    path: str
    text: str
    warns: bool = False


class Check:
    """Collects problems; beyond a hundred nobody reads on."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def wrong(self, path: str, text: str, *, warns: bool = False) -> None:
        """Note a problem."""
        if len(self.found) < MOST_PROBLEMS:
            self.found.append(Problem(path, text, warns))

    @property
    def errors(self) -> list[Problem]:
        """What stands in the way; warnings do not."""
        return [p for p in self.found if not p.warns]

    def table(self, path: str, value: Any, known: Collection[str] | None = None, most: int = 500) -> Mapping[str, Any]:
        """A table of names to values, with no other names than `known`."""
        if not isinstance(value, Mapping):
            self.wrong(path, _("Here a table of names and values is needed."))
            return {}
        if len(value) > most:
            self.wrong(path, _("Too many entries: %(n)s, at most %(max)s.") % {"n": len(value), "max": most})
            return {}
        strange = [k for k in value if not isinstance(k, str) or (known is not None and k not in known)]
        for key in strange:
            self.wrong(f"{path}.{key!s:.60}".strip("."), _("Nothing is known by this name here. Leave it out."))
        return {k: v for k, v in value.items() if k not in strange}

    def items(self, path: str, value: Any, most: int = 200) -> Sequence[Any]:
        """A list."""
        if not isinstance(value, list | tuple):
            self.wrong(path, _("Here a list is needed."))
            return ()
        if len(value) > most:
            self.wrong(path, _("Too many entries: %(n)s, at most %(max)s.") % {"n": len(value), "max": most})
            return ()
        return value

    def text(self, path: str, value: Any, most: int = 60, *, need: bool = False) -> str:
        """A text without control characters."""
        if not isinstance(value, str):
            self.wrong(path, _("Here a text is needed."))
            return ""
        if len(value) > most:
            self.wrong(path, _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(value), "max": most})
            return ""
        if _CONTROL.search(value):
            self.wrong(path, _("The text holds characters that cannot be shown. Type it anew."))
            return ""
        if need and not value.strip():
            self.wrong(path, _("This must not be empty."))
        return value

    def one_of(self, path: str, value: Any, allowed: Iterable[str]) -> str:
        """One of the words that are allowed."""
        known = list(allowed)
        if not isinstance(value, str) or value not in known:
            said = {"value": str(value)[:40], "choices": ", ".join(known[:30])}
            self.wrong(path, _("“%(value)s” is not one of: %(choices)s.") % said)
            return ""
        return value

    def flag(self, path: str, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.wrong(path, _("Here true or false is needed."))
        return value is True

    def whole(self, path: str, value: Any, least: int, most: int) -> int | None:
        """A whole number within bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(path, _("Here a whole number from %(least)s to %(most)s is needed.") % locals_of(least, most))
            return None
        return value

    def labels(self, path: str, value: Any, most: int = 60, *, need: bool = True) -> Mapping[str, str]:
        """A name in at least one of the three languages."""
        before = len(self.found)
        table = self.table(path, value, LANGUAGES)
        found = {lang: self.text(f"{path}.{lang}", text, most) for lang, text in table.items()}
        if need and len(self.found) == before and not any(text.strip() for text in found.values()):
            self.wrong(path, _("Give a name in at least one language."))
        return found

    def key(self, path: str, key: str) -> bool:
        """A name that the firm made: x_, then small letters, digits and underscores."""
        if not re.fullmatch(r"x_[a-z0-9_]{1,38}", key):
            self.wrong(
                path, _("A key begins with x_, then small letters, digits and underscores, 40 characters at most.")
            )
            return False
        return True


def locals_of(least: int, most: int) -> dict[str, int]:
    """Bounds, for a sentence."""
    return {"least": least, "most": most}


def depth(value: Any) -> int:
    """How deep a value nests, up to a little over what is allowed; nothing of it is looked at by recursion."""
    level, here = 0, [value]
    while here and level <= MOST_DEPTH:
        level += 1
        below: list[Any] = []
        for v in here:
            if isinstance(v, Mapping):
                below += v.values()
            elif isinstance(v, list | tuple):
                below += v
        here = [v for v in below if isinstance(v, Mapping | list | tuple)]
    return level
