"""Personal values out of the rows about one person: fields emptied, a token where something must stand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.utils import timezone

from zhike.engine import words
from zhike.engine.entity import AnyEntity

from .persons import PERSONAL, Ids


def empty_of(f: models.Field[Any, Any], token: str) -> Any:
    """What stands in a field whose value is erased."""
    if isinstance(f, ArrayField):
        return []
    if isinstance(f, models.JSONField):
        return {}
    if f.null:
        return None
    if isinstance(f, models.CharField | models.TextField):
        return "" if f.blank else token[: f.max_length or None]
    if isinstance(f, models.BooleanField):
        return False
    return f.get_default() if f.has_default() else 0


def columns(entity: AnyEntity) -> dict[str, models.Field[Any, Any]]:
    """The columns that are emptied in a row about a person: personal and sensitive ones, and own fields."""
    fields = {f.attname: f for f in entity.model._meta.concrete_fields}
    wanted = [a.column for a in entity.attributes.values() if a.column and a.data_class in PERSONAL and not a.is_link]
    return {name: fields[name] for name in (*wanted, *(["custom"] if "custom" in fields else []))}


def blank_rows(entity: AnyEntity, ids: set[UUID], token: str) -> int:
    """Empty the personal fields of rows; those that must differ from each other get a number behind the token."""
    unique = {entity.attributes[k].column for keys in entity.unique for k in keys}
    fields = columns(entity)
    rows = entity.rows("erasure of one person's data").filter(pk__in=ids).order_by("pk")
    for n, pk in enumerate(rows.values_list("pk", flat=True), 1):
        values = {name: empty_of(f, token) for name, f in fields.items()}
        for name in unique & fields.keys():
            if isinstance(fields[name], models.CharField):
                values[name] = f"{token}{n}"[: fields[name].max_length]
        moved = {"version": F("version") + 1, "updated_at": timezone.now()}
        entity.rows("erasure of one person's data").filter(pk=pk).update(**values, **moved)
    reindex(entity, ids)
    return len(ids)


def reindex(entity: AnyEntity, ids: set[UUID]) -> None:
    """What rows are found and sorted by, from what they hold now."""
    if not any(f.name == "search_grams" for f in entity.model._meta.concrete_fields):
        return
    for record in entity.rows("the search index follows").filter(pk__in=ids):
        names = words.index(entity, record)
        values = {name: getattr(record, name) for name in names}
        entity.rows("the search index follows").filter(pk=record.pk).update(**values)


def blank_all(own: Ids, token: str) -> dict[str, int]:
    """Empty all rows about one person; how many, by entity."""
    from zhike.engine.entity import get

    return {key: blank_rows(get(key), ids, token) for key, ids in own.items()}
