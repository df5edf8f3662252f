"""Conditions as SQL: the one filter language, over the fields that its reader may use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Department
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.words import NONE

from .model import Condition
from .periods import moment, period


def open_fields(known: Mapping[str, Attribute], closed: Collection[str]) -> dict[str, Attribute]:
    """The fields that may be sorted, grouped and measured: those that the reader sees whole."""
    return {key: a for key, a in known.items() if key not in closed}


def narrow(
    rows: QuerySet[Any],
    actor: Actor,
    conditions: Sequence[Condition],
    known: Mapping[str, Attribute],
    closed: Mapping[str, Q] = NONE,
) -> QuerySet[Any]:
    """Apply conditions; every name must be a field the actor may read.

    A field of `closed` is seen in part: outside the rows that go with it, it answers to its whole value alone, or a
    filter would spell the rest.
    """
    for c in conditions:
        wanted = matching(actor, c, known, closed)
        if (expression := known[c.key].expression) is not None:
            rows = rows.alias(**{c.key: expression()})
        rows = rows.filter(wanted)
    return rows


def matching(actor: Actor, c: Condition, known: Mapping[str, Attribute], closed: Mapping[str, Q] = NONE) -> Q:
    """One condition, over the column of its field, or an alias of its key where it is computed; Invalid as above."""
    a = known.get(c.key)
    rows = closed.get(c.key)
    if a is None or c.op not in a.kind.ops or (rows == access.NOBODY and c.op not in ("eq", "empty")):
        raise Invalid([{c.key: [Wrong(_("There is no such filter: %(name)s.") % {"name": f"{c.key} {c.op}"[:80]})]}])
    try:
        if rows is None or c.op == "empty":
            return _q(a, c, actor)
        if c.op == "eq":
            return Q(**{a.column: a.kind.clean(a, c.value) or None})
        return _q(a, c, actor) & rows
    except Wrong as wrong:
        raise Invalid([{c.key: [wrong]}]) from None


def _q(a: Attribute, c: Condition, actor: Actor) -> Q:
    name = a.column or a.key
    if c.op == "empty":
        blank = Q(**{f"{name}__isnull": True}) if a.kind.blank is None else Q(**{name: a.kind.blank or []})
        if a.kind.blank == "":
            blank = Q(**{name: ""})
        return blank if str(c.value) not in ("0", "false") else ~blank
    if c.op == "within":
        start, end = period(str(c.value))
        return _between(a, name, start, end)
    if c.op in ("in", "between"):
        parts = c.value if isinstance(c.value, (list, tuple, set)) else str(c.value or "").split(",")
        values = [_operand(a, part, actor) for part in parts]
        if c.op == "in":
            return Q(**{f"{name}__in": values})
        low, high = (*values, None, None)[:2]
        return _between(a, name, low, high)
    value = _operand(a, c.value, actor)
    return _single(a, name, c.op, value)


def _single(a: Attribute, name: str, op: str, value: Any) -> Q:
    """One value, one operator; a day on either side of a comparison with a moment means the whole day."""
    midnight = isinstance(value, dt.datetime) and timezone.localtime(value).time() == dt.time()
    if midnight and op in ("eq", "lte"):
        found = Q(**{f"{name}__lt": value + dt.timedelta(days=1)})
        return found & Q(**{f"{name}__gte": value}) if op == "eq" else found
    if op == "ne":
        return ~Q(**{name: value})
    if op == "under":
        return _under(a, name, value)
    lookup = {"eq": name, "has": f"{name}__contains", "contains": f"{name}__icontains"}.get(op, f"{name}__{op}")
    return Q(**{lookup: [value] if op == "has" else value})


def _operand(a: Attribute, raw: Any, actor: Actor) -> Any:
    if raw == "me" and a.target == "user":
        return actor.user.pk
    if raw == "mine" and a.target == "department":
        return actor.user.department_id
    return a.kind.operand(a, raw)


def _between(a: Attribute, name: str, low: Any, high: Any) -> Q:
    """Both ends included; for moments a closing day counts to its end."""
    found = Q()
    if a.kind.key == "datetime":
        if low is not None:
            found &= Q(**{f"{name}__gte": moment(low)})
        if high is not None:
            found &= Q(**{f"{name}__lt": moment(high) + dt.timedelta(days=1)})
        return found
    if low is not None:
        found &= Q(**{f"{name}__gte": low})
    return found & Q(**{f"{name}__lte": high}) if high is not None else found


def _under(a: Attribute, name: str, value: Any) -> Q:
    """A node of a tree and all below it."""
    if a.kind.key == "department":
        below = Department.objects.filter(ancestors__contains=[value]).values("pk")
        return Q(**{f"{name}__in": below})
    if a.kind.key == "region":
        return Q(**{f"{name}__startswith": str(value).removesuffix("00").removesuffix("00")})
    if str(value).isalpha():
        from zhike.base import industries  # the code table is only read where a whole section is asked for

        divisions = Q()
        for code in industries.children(str(value)):
            divisions |= Q(**{f"{name}__startswith": code})
        return divisions | Q(**{name: value})
    return Q(**{f"{name}__startswith": str(value)})
