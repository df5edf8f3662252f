"""Many rows changed at once, each to values of its own, in time that grows with the rows and not with their square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def insert(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Store new rows by COPY, which spares the parsing of a statement as long as the data."""
    fields, quote = model._meta.concrete_fields, connection.ops.quote_name
    names = ", ".join(quote(str(f.column)) for f in fields)
    sql = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row([f.get_db_prep_save(getattr(row, f.attname), connection) for f in fields])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
