"""Many rows changed at once, each to values of its own, in time that grows with the rows and not with their square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models


def takes(model: type[models.Model], columns: set[str]) -> bool:
    """Whether all columns hold single values; arrays of arrays cannot be sent this way."""
    return not any(isinstance(f, ArrayField) for f in model._meta.concrete_fields if f.attname in columns)


def assign(model: type[models.Model], data: Mapping[UUID, Mapping[str, Any]]) -> int:
    """Set the same columns of several rows, given as id -> {column: value}; gives the number of rows changed.

    One statement whatever the number of rows: Django's bulk_update writes a CASE with a branch per row and column,
    which PostgreSQL walks through for every row.
    """
    if not data:
        return 0
    columns = list(next(iter(data.values())))
    fields = {f.attname: f for f in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(c)} = v.{quote(c)}" for c in columns)
    arrays = ", ".join(f"%s::{fields[c].db_type(connection)}[]" for c in columns)
    names = ", ".join(quote(c) for c in columns)
    sql = (
        f"UPDATE {quote(model._meta.db_table)} AS t SET {sets} "  # noqa: S608  names of columns, never values
        f"FROM unnest(%s::uuid[], {arrays}) AS v(id, {names}) WHERE t.id = v.id"
    )
    values = [[fields[c].get_db_prep_save(row[c], connection) for row in data.values()] for c in columns]
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(data), *values])
        return int(cursor.rowcount)
