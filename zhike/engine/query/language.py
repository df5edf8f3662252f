"""The filter language as JSON: in addresses, saved views, stored conditions of rights, the API and MCP.

["tier", "eq", "A"]                    a field, or a field of the record that a link leads to: "account.tier"
["any", […], […]]                      also "all" and "not"
["some", "deal.account", […], …]       records of deal whose field account points here; also "none"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, cast

from django.utils.translation import gettext as _

from zhike.engine.errors import Invalid, Wrong

from .model import Clause, Condition, Group, Linked

LONGEST = 8_000  # characters of a filter
DEEPEST = 6  # groups and linked records within each other
MOST = 60  # conditions, groups and linked records in all
VALUES = 200  # values of one condition
HOPS = 3  # links that a condition follows
GROUPING = ("all", "any", "not", "some", "none")  # words that begin what is no plain condition
_GROUPS: dict[str, Literal["all", "any", "none"]] = {"all": "all", "any": "any", "not": "none"}
_LINKED = ("some", "none")


def clauses(given: Any) -> tuple[Clause, ...]:
    """One part of a filter or a list of them, as JSON text or as its values; Invalid says what is wrong, and where."""
    if isinstance(given, str):
        try:
            if len(given) > LONGEST:
                raise Wrong(_("Too long: %(n)s characters, at most %(max)s.") % {"n": len(given), "max": LONGEST})
            given = json.loads(given)
        except Wrong as wrong:
            raise Invalid([{"where": [wrong]}]) from None
        except (ValueError, RecursionError):
            raise Invalid([{"where": [Wrong(_("A filter is written as JSON."))]}]) from None
    if not isinstance(given, (list, tuple)):
        raise _invalid("where", _("Write a condition as [field, operator, value]."))
    several = not (given and isinstance(given[0], str))
    reader = _Reader()
    items = [(f"where[{n}]", part) for n, part in enumerate(given)] if several else [("where", given)]
    return tuple(reader.clause(part, place, 1) for place, part in items)


def value(clause: Clause) -> list[Any]:
    """A part of a filter as the values of its JSON."""
    if isinstance(clause, Condition):
        kept = list(clause.value) if isinstance(clause.value, (list, tuple, set)) else clause.value
        return [clause.key, clause.op, kept]
    inner = [value(part) for part in clause.parts]
    if isinstance(clause, Linked):
        return [clause.kind, clause.path, *inner]
    return ["not" if clause.kind == "none" else clause.kind, *inner]


def text(clause: Clause) -> str:
    """A part of a filter as JSON text."""
    return json.dumps(value(clause), ensure_ascii=False, separators=(",", ":"), default=str)


def crowded() -> str:
    """What is said of a filter with more than MOST parts."""
    return _("A filter has at most %(n)s parts.") % {"n": MOST}


def _invalid(place: str, message: str) -> Invalid:
    return Invalid([{"where": [Wrong(f"{place}: {message}", code="filter")]}])


class _Reader:
    """Counts what was read, so that no filter grows without bounds."""

    def __init__(self) -> None:
        self.read = 0

    def clause(self, part: Any, place: str, depth: int) -> Clause:
        """One part; `place` says where it stands."""
        self.read += 1
        if self.read > MOST:
            raise _invalid(place, crowded())
        if depth > DEEPEST:
            raise _invalid(place, _("A filter has at most %(n)s levels.") % {"n": DEEPEST})
        if not (isinstance(part, (list, tuple)) and part and isinstance(part[0], str)):
            raise _invalid(place, _("Write a condition as [field, operator, value]."))
        if part[0] in _GROUPS:
            return Group(_GROUPS[part[0]], self._parts(part, 1, place, depth))
        if part[0] in _LINKED:
            return self._linked(part, place, depth)
        return _condition(part, place)

    def _parts(self, part: Sequence[Any], begin: int, place: str, depth: int) -> tuple[Clause, ...]:
        if len(part) == begin == 1:
            raise _invalid(place, _("A group holds at least one condition."))
        return tuple(self.clause(p, f"{place}[{n}]", depth + 1) for n, p in enumerate(part[begin:], begin))

    def _linked(self, part: Sequence[Any], place: str, depth: int) -> Linked:
        path = part[1] if len(part) > 1 else None
        if not isinstance(path, str) or path.count(".") != 1 or len(path) > 130:
            raise _invalid(place, _("Say which records point here as entity.field, such as deal.account."))
        return Linked(path, cast("Literal['some', 'none']", part[0]), self._parts(part, 2, place, depth))


def _condition(part: Sequence[Any], place: str) -> Condition:
    if not (2 <= len(part) <= 3 and isinstance(part[1], str)):
        raise _invalid(place, _("Write a condition as [field, operator, value]."))
    key, op, kept = part[0], part[1], part[2] if len(part) == 3 else None
    if key.count(".") > HOPS:
        raise _invalid(place, _("A condition follows at most %(n)s links.") % {"n": HOPS})
    many = kept if isinstance(kept, (list, tuple)) else [kept]
    if len(many) > VALUES or any(not isinstance(v, (str, int, float, bool, type(None))) for v in many):
        raise _invalid(
            place, _("A value is a text, a number, true, false, or a list of at most %(n)s.") % {"n": VALUES}
        )
    return Condition(key, op, list(kept) if isinstance(kept, (list, tuple)) else kept)
