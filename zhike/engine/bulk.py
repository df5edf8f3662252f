"""Many rows changed at once, each to values of its own, in time that grows with the rows and not with their square."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone

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
    """Whether all columns hold single values, or arrays of texts or ids, which are sent as text."""
    arrays = (f for f in model._meta.concrete_fields if f.attname in columns and isinstance(f, ArrayField))
    return all(_array_type(f) for f in arrays)


def _array_type(f: models.Field[Any, Any]) -> str:
    """What the text of an array is cast to, "" for what is no array of texts or ids; arrays of arrays do not exist."""
    way = _way(f) if isinstance(f, ArrayField) else None
    return "text[]" if way is array else "uuid[]" if way is ids else ""


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
    casts = {c: _array_type(fields[c]) for c in columns}
    sets = ", ".join(f"{quote(c)} = v.{quote(c)}{'::' if cast else ''}{cast}" for c, cast in casts.items())
    arrays = ", ".join(f"%s::{'text' if casts[c] else fields[c].db_type(connection)}[]" for c in columns)
    names = ", ".join(quote(c) for c in columns)
    sql = (
        f"UPDATE {quote(model._meta.db_table)} AS t SET {sets} "  # noqa: S608  names of columns, never values
        f"FROM unnest(%s::uuid[], {arrays}) AS v(id, {names}) WHERE t.id = v.id"
    )
    texts = {c: _way(fields[c]) for c, cast in casts.items() if cast}
    ways = {c: texts.get(c) or partial(fields[c].get_db_prep_save, connection=connection) for c in columns}
    values = [[ways[c](row[c]) for row in data.values()] for c in columns]
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(data), *values])
        return int(cursor.rowcount)


Way = Callable[[Any], Any]


def _counted(f: models.Field[Any, Any]) -> bool:
    """Whether the database numbers the rows by itself."""
    return isinstance(f, models.AutoField | models.BigAutoField)


def _way(f: models.Field[Any, Any]) -> Way | None:
    """How a value of a field is sent; none where it goes as it is."""
    if isinstance(f, models.ForeignKey):
        return _way(f.target_field)
    if isinstance(f, ArrayField) and isinstance(f.base_field, PLAIN):
        if isinstance(f.base_field, models.CharField | models.TextField):
            return array
        return ids if isinstance(f.base_field, models.UUIDField) else None
    if isinstance(f, models.DateTimeField):
        return None
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


def ids(several: Sequence[UUID] | None) -> str | None:
    """Ids as PostgreSQL writes an array of them."""
    return None if several is None else _ids(tuple(several))


@lru_cache(256)  # many records lie in few departments
def _ids(several: tuple[UUID, ...]) -> str:
    return f"{{{','.join(map(str, several))}}}"


def insert(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    """Store new rows by COPY, which spares the parsing of a statement as long as the data.

    Rows are asked for one by one: what it takes to finish them is done while the database stores those before.
    """
    fields = [f for f in model._meta.concrete_fields if not _counted(f)]
    timed = [f for f in fields if getattr(f, "auto_now_add", False) or getattr(f, "auto_now", False)]
    pick = itemgetter(*(str(f.attname) for f in fields))
    stored: list[models.Model] = []

    def values(row: models.Model) -> list[Any]:
        for f in timed:
            if getattr(row, f.attname) is None:
                f.pre_save(row, add=True)
        stored.append(row)
        return list(pick(vars(row)))

    _copy(model, fields, map(values, rows))
    for row in stored:
        row._state.adding, row._state.db = False, connection.alias


def lay_down(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store new rows that nobody needs as objects, given by some of their columns; the others have their defaults."""
    fields = {str(f.attname): f for f in model._meta.concrete_fields if not _counted(f)}
    others = [f for name, f in fields.items() if name not in columns]
    now = timezone.now()
    made: list[Way] = [_default(f, now) for f in others]
    _copy(model, [*(fields[name] for name in columns), *others], ([*row, *(way(None) for way in made)] for row in rows))


def _default(f: models.Field[Any, Any], now: dt.datetime) -> Way:
    if getattr(f, "auto_now_add", False) or getattr(f, "auto_now", False):
        return lambda _none: now
    if f.has_default() and callable(f.default):
        return lambda _none: f.default()
    value = f.get_default()
    return lambda _none: value


def _copy(model: type[models.Model], fields: Sequence[models.Field[Any, Any]], rows: Iterable[list[Any]]) -> None:
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(f.column)) for f in fields)
    sql = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN"
    ways = [(n, way) for n, f in enumerate(fields) if (way := _way(f)) is not None]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(sql) as copy:
        for row in rows:
            for n, way in ways:
                row[n] = way(row[n])
            copy.write_row(row)
