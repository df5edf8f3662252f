"""How common the grams of a search are, as the database counted them last: only how a search is run depends on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from django.db import connection

from .entity import AnyEntity

COMMON = 0.01  # of the rows: so many are found quickest by walking through the newest ones
NEWEST = 3_000  # rows that are walked through
KEPT = 300  # seconds


@dataclass
class _Table:
    """What is known of one table: how common its most common grams are, and since when its newest rows changed."""

    grams: Mapping[str, float]
    since: dt.datetime | None
    until: float = field(default_factory=lambda: monotonic() + KEPT)


_tables: dict[str, _Table] = {}


def newest_if_common(entity: AnyEntity, grams: Iterable[str]) -> dt.datetime | None:
    """Since when the newest rows changed, where all the grams are so common that some of those will hold them."""
    table = entity.model._meta.db_table
    known = _tables.get(table)
    if known is None or known.until < monotonic():
        known = _tables[table] = _read(table)
    if known.since is None:
        return None
    return known.since if min((known.grams.get(g, 0) for g in grams), default=0) >= COMMON else None


def _read(table: str) -> _Table:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats"
            " WHERE schemaname = current_schema() AND tablename = %s AND attname = 'search_grams'",
            [table],
        )
        elements, frequencies = next(iter(cursor.fetchall()), None) or ((), ())
        cursor.execute(
            f'SELECT updated_at FROM "{table}" WHERE deleted_at IS NULL'  # noqa: S608 - a model's table
            " ORDER BY updated_at DESC, id DESC OFFSET %s LIMIT 1",
            [NEWEST],
        )
        since = next(iter(cursor.fetchall()), (None,))[0]
    return _Table(dict(zip(elements or (), frequencies or (), strict=False)), since)
