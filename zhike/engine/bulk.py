"""Many rows changed at once, each to values of its own, in time that grows with the rows and not with their square."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

PLAIN = (
    models.CharField,
    models.TextField,
    models.UUIDField,
    models.DateField,
    models.BooleanField,
    models.IntegerField,
    models.DecimalField,
)  # fmt: skip  psycopg knows these types by itself


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


def _counted(f: models.Field[Any, Any]) -> bool:
    """Whether the database numbers the rows by itself."""
    return isinstance(f, models.AutoField | models.BigAutoField)


def _way(f: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How a value of a field is sent; none where it goes as it is."""
    if isinstance(f, ArrayField) and isinstance(f.base_field, PLAIN):
        return array if isinstance(f.base_field, models.CharField | models.TextField) else None
    if isinstance(f, PLAIN) and type(f).get_db_prep_save is models.Field.get_db_prep_save:
        return None
    return partial(f.get_db_prep_save, connection=connection)


def array(texts: Sequence[str] | None) -> str | None:
    """Texts as PostgreSQL writes an array of them."""
    if texts is None:
        return None
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * max(0, len(texts) - 1):
        joined = '","'.join(text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return f'{{"{joined}"}}' if texts else "{}"


def insert(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Store new rows by COPY, which spares the parsing of a statement as long as the data."""
    fields, quote = [f for f in model._meta.concrete_fields if not _counted(f)], connection.ops.quote_name
    for f in fields:
        if getattr(f, "auto_now_add", False) or getattr(f, "auto_now", False):
            for row in rows:
                if getattr(row, f.attname) is None:
                    f.pre_save(row, add=True)
    names = ", ".join(quote(str(f.column)) for f in fields)
    sql = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN"
    ways = [(str(f.attname), _way(f)) for f in fields]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row([getattr(row, name) if way is None else way(getattr(row, name)) for name, way in ways])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
