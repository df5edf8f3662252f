"""What tables hold, in a few bytes: the same before and after, or something is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import gettext as _
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from .model import Table, Told

# Numbers that a server gives to words (enum) and to names (regclass) are others after a restore.
TABLES = """
SELECT c.relname, coalesce(bool_or(t.typtype = 'e' OR t.typname LIKE 'reg%'), false)
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type e ON e.oid = a.atttypid
LEFT JOIN pg_type t ON t.oid = coalesce(nullif(e.typelem, 0), e.oid)
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
GROUP BY c.relname ORDER BY c.relname
"""
# The sum does not depend on the order of the rows. Kinds without a hash of their own (json) are taken as text too.
BY_VALUE = "SELECT count(*), coalesce(sum(hash_record_extended(t, 0)::numeric), 0) FROM {} t"
BY_TEXT = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} t"
COLUMNS = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1
"""


def columns_of(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """The columns of each table, in their order."""
    return {str(name): list(columns) for name, columns in connection.execute(COLUMNS).fetchall()}


def digests(
    connection: psycopg.Connection[Any], told: Told | None = None, columns: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Table]:
    """Rows and digest of each table, by its name, as the connection's transaction sees them.

    With `columns`, of these tables and columns alone.
    """
    names = [(str(name), bool(has_numbers)) for name, has_numbers in connection.execute(TABLES).fetchall()]
    if columns is not None:
        names = [(name, has_numbers) for name, has_numbers in names if name in columns]
    connection.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'")
    found = {}
    for n, (name, has_numbers) in enumerate(names, 1):
        chosen = (
            sql.SQL("(SELECT {} FROM {})").format(
                sql.SQL(", ").join(map(sql.Identifier, columns[name])), sql.Identifier(name)
            )
            if columns
            else sql.Identifier(name)
        )
        found[name] = _digest(connection, chosen, (BY_TEXT,) if has_numbers else (BY_VALUE, BY_TEXT))
        if told:
            told(n, len(names), _("tables"))
    return found


def _digest(connection: psycopg.Connection[Any], table: sql.Composable, ways: Sequence[LiteralString]) -> Table:
    for statement in ways:
        try:
            with connection.transaction():
                row = connection.execute(sql.SQL(statement).format(table)).fetchone()
        except psycopg.errors.UndefinedFunction:
            continue
        return Table(int((row or (0, 0))[0]), str((row or (0, 0))[1]))
    raise AssertionError(table)


def differences(wanted: dict[str, Table] | Any, now: dict[str, Table]) -> list[str]:
    """The tables that are not as they were, with how many rows they had and have."""
    return [
        _("%(table)s: %(before)s rows then, %(after)s now")
        % {"table": name, "before": _rows(wanted.get(name)), "after": _rows(now.get(name))}
        for name in sorted({*wanted, *now})
        if wanted.get(name) != now.get(name)
    ]


def _rows(table: Table | None) -> str:
    return f"{table.rows:,}" if table else "–"
