"""Links as SQL: between the outer row of a subquery and its own rows. Fields themselves are SQL by `Attribute`."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, F, Func, JSONField, OuterRef, Q, TextField, UUIDField, Value
from django.db.models.functions import Cast

from zhike.engine.fields import among
from zhike.engine.kinds import Attribute


def holds(a: Attribute, value: Any) -> Q:
    """Rows whose field, a list, has this in it."""
    if a.custom:
        return Q(custom__contains={a.key: a.kept([value])})
    return Q(**{f"{a.path}__contains": [value]})


def is_blank(a: Attribute) -> Q:
    """Rows whose field is empty."""
    if a.custom or a.kind.blank is None:
        return Q(**{f"{a.path}__isnull": True})
    return Q(**{a.path: list(a.kind.blank) if isinstance(a.kind.blank, tuple) else a.kind.blank})


def is_one_of(a: Attribute, values: list[Any]) -> Q:
    """Rows whose field is one of the values."""
    if not a.custom:
        return Q(**{f"{a.path}__in": values})
    found = Q(pk__in=())
    for value in values:
        found |= a.equals(value)
    return found


def target_of(a: Attribute) -> Q:
    """For rows of the target, inside a subquery: what the link `a` of the outer row leads to."""
    several = a.kind.key == "links"
    if a.custom and several:
        own = Cast(F("pk"), TextField())
        return Q(Func(OuterRef(a.path), own, function="jsonb_exists", output_field=BooleanField()))
    if a.custom:
        return Q(pk=a.typed(OuterRef("custom")))
    return Q(among(F("pk"), OuterRef(a.column))) if several else Q(pk=OuterRef(a.column))


def points_here(a: Attribute) -> Q:
    """For rows that have the link `a`, inside a subquery: those that point to the outer row."""
    several = a.kind.key == "links"
    if a.custom:
        held: Any = Cast(OuterRef("pk"), TextField())
        held = Func(held, function="jsonb_build_array", output_field=JSONField()) if several else held
        key = Value(a.key, output_field=TextField())
        return Q(custom__contains=Func(key, held, function="jsonb_build_object", output_field=JSONField()))
    if several:
        one = Func(OuterRef("pk"), template="ARRAY[%(expressions)s]", output_field=ArrayField(UUIDField()))
        return Q(**{f"{a.column}__contains": one})
    return Q(**{a.column: OuterRef("pk")})
