"""The order of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute


def order(sort: str, known: Mapping[str, Attribute], entity: AnyEntity) -> list[Any]:
    """What a list is ordered by; Invalid for a field that is not known or has no order."""
    if not sort:
        return [F("updated_at").desc(), F("pk").desc()]
    key = sort.removeprefix("-")
    a = known.get(key)
    if a is None or not a.kind.sortable:
        raise Invalid([{key: [Wrong(_("This list cannot be sorted by %(name)s.") % {"name": key[:60]})]}])
    if a.expression is not None:
        by: Any = a.expression()
    elif a.kind.key == "user":
        by = F(f"{a.key}__pinyin")
    elif key == entity.title and entity.has_owner:
        by = F("pinyin")
    else:
        by = F(a.column)
    last = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_last=True)
    return [last, F("pk").desc()]
