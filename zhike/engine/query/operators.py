"""One field, one operator, one value: as SQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q
from django.utils import timezone

from zhike.base.models import Department, User
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.kinds import Attribute

from .columns import holds, is_blank, is_one_of
from .periods import moment, period

OURS = ("mine", "below")  # of people: those of the reader's department; those of it and all below


def leaf(a: Attribute, op: str, value: Any, actor: Actor) -> Q:
    """Rows of which it holds; Wrong for a value that the field cannot have."""
    if op == "empty":
        return is_blank(a) if str(value).lower() not in ("0", "false") else ~is_blank(a)
    if op == "within":
        return _between(a, *period(str(value)))
    if op in ("in", "between"):
        parts = value if isinstance(value, (list, tuple, set)) else str(value or "").split(",")
        return _any_of(a, list(parts), actor) if op == "in" else _between(a, *_ends(a, list(parts), actor))
    if (found := _ours(a, value, actor)) is not None:
        return ~found if op == "ne" else found
    return _single(a, op, _read(a, value, actor))


def _ends(a: Attribute, parts: list[Any], actor: Actor) -> tuple[Any, Any]:
    low, high = (*(_read(a, part, actor) for part in parts), None, None)[:2]
    return low, high


def _ours(a: Attribute, value: Any, actor: Actor) -> Q | None:
    """Words for the reader's own people and department, as far as `_read` does not know them."""
    if a.target == "user" and value in OURS:
        return _colleagues(a, str(value), actor)
    nowhere = value == "mine" and a.target == "department" and actor.user.department_id is None
    return access.NOBODY if nowhere else None


def _read(a: Attribute, raw: Any, actor: Actor) -> Any:
    if raw == "me" and a.target == "user":
        return actor.user.pk
    if raw == "mine" and a.target == "department":
        return actor.user.department_id
    return a.kind.operand(a, raw)


def _colleagues(a: Attribute, word: str, actor: Actor) -> Q:
    own = actor.user.department_id
    if own is None:
        return access.NOBODY
    where = {"department": own} if word == "mine" else {"department__ancestors__contains": [own]}
    people = User.objects.filter(**where).values_list("pk", flat=True)
    return is_one_of(a, list(people)) if a.custom else Q(**{f"{a.path}__in": people})


def _any_of(a: Attribute, parts: list[Any], actor: Actor) -> Q:
    words = [part for part in parts if a.target == "user" and part in OURS]
    found = is_one_of(a, [_read(a, part, actor) for part in parts if part not in words])
    for word in words:
        found |= _colleagues(a, word, actor)
    return found


def _single(a: Attribute, op: str, value: Any) -> Q:
    """One value, one operator; a day on either side of a comparison with a moment means the whole day."""
    midnight = isinstance(value, dt.datetime) and timezone.localtime(value).time() == dt.time()
    if midnight and op in ("eq", "lte"):
        found = _compare(a, "lt", value + dt.timedelta(days=1))
        return found & _compare(a, "gte", value) if op == "eq" else found
    if op in ("eq", "ne"):
        return a.equals(value) if op == "eq" else ~a.equals(value)
    if op == "under":
        return _under(a, value)
    if op == "has":
        return holds(a, value)
    return Q(**{f"{a.path}__icontains": value}) if op == "contains" else _compare(a, op, value)


def _compare(a: Attribute, lookup: str, value: Any) -> Q:
    return Q(**{f"{a.path}__{lookup}": a.kept(value)})


def _between(a: Attribute, low: Any, high: Any) -> Q:
    """Both ends included; for moments a closing day counts to its end."""
    found = Q()
    moments = a.kind.key == "datetime"
    if low is not None:
        found &= _compare(a, "gte", moment(low) if moments else low)
    if high is not None:
        found &= _compare(a, "lt", moment(high) + dt.timedelta(days=1)) if moments else _compare(a, "lte", high)
    return found


def _under(a: Attribute, value: Any) -> Q:
    """A node of a tree and all below it."""
    if a.kind.key == "department":
        below = Department.objects.filter(ancestors__contains=[value]).values_list("pk", flat=True)
        return is_one_of(a, list(below)) if a.custom else Q(**{f"{a.path}__in": below})
    if a.kind.key == "region":
        return Q(**{f"{a.path}__startswith": str(value).removesuffix("00").removesuffix("00")})
    if str(value).isalpha():
        from zhike.base import industries  # the code table is only read where a whole section is asked for

        divisions = a.equals(value)
        for code in industries.children(str(value)):
            divisions |= Q(**{f"{a.path}__startswith": code})
        return divisions
    return Q(**{f"{a.path}__startswith": str(value)})
