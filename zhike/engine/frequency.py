"""How common the grams of a search are, as the database counted them last: only how a search is run depends on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, log2
from time import monotonic
from typing import Generic, TypeVar

from django.db import connection
from django.db.models import Q

from .entity import AnyEntity

COMMON = 0.01  # of the rows: so many are found quickest by walking through the newest ones
NEWEST = 3_000  # rows that are walked through for such
SOUGHT = 75  # hits that a longer walk is made for: somewhat more than are ranked
TELLING = 4  # grams of a word that are looked for
KEPT = 300  # seconds


T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class _Kept(Generic[T]):
    """What is known until the database is asked again."""

    value: T
    until: float = field(default_factory=lambda: monotonic() + KEPT)


@dataclass(frozen=True)
class _Table:
    """How many rows a table has, and in what share of them its most common grams are."""

    rows: float
    shares: Mapping[str, float]

    def least(self, grams: Iterable[str]) -> float:
        """The share of rows with the rarest of some grams; 0 for one that is rare."""
        return min((self.shares.get(g, 0) for g in grams), default=0)


_tables: dict[str, _Kept[_Table]] = {}
_since: dict[tuple[str, str, int], _Kept[dt.datetime | None]] = {}


def is_common(entity: AnyEntity, grams: Iterable[str]) -> bool:
    """Whether each of the grams is in so many rows that some of the newest will hold them."""
    return _table(entity).least(grams) >= COMMON


def rarest(entity: AnyEntity, grams: Iterable[str]) -> list[str]:
    """The few grams that cut most: to read where the others stand takes longer than to look at what is left."""
    shares = _table(entity).shares
    return sorted(sorted(grams, key=lambda g: shares.get(g, 0))[:TELLING])


def newest_if_common(entity: AnyEntity, grams: Iterable[str], among: Q | None = None) -> dt.datetime | None:
    """Since when the newest rows changed, where all the grams are so common that some of those will hold them.

    The newest of all rows, or of those `among` them that a condition names: a department reads its own. Of a great
    table more rows are walked through, as long as fewer than the index would find.
    """
    table = _table(entity)
    share, size = table.least(grams), NEWEST
    if share < COMMON:
        size = 2 ** ceil(log2(SOUGHT / share)) if share and not among else 0
        if not 0 < size < share * table.rows:
            return None
    return _once(_since, (entity.key, str(among or ""), size), lambda: _newest(entity, among or Q(), size))


def _table(entity: AnyEntity) -> _Table:
    return _once(_tables, entity.model._meta.db_table, lambda: _read(entity.model._meta.db_table))


def _once(kept: dict[K, _Kept[T]], key: K, read: Callable[[], T]) -> T:
    now = monotonic()
    if key not in kept or kept[key].until < now:
        for old in [k for k, what in kept.items() if what.until < now]:
            del kept[old]
        kept[key] = _Kept(read())
    return kept[key].value


def _read(table: str) -> _Table:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.reltuples, s.most_common_elems::text::text[], s.most_common_elem_freqs FROM pg_class c"
            " JOIN pg_stats s ON s.schemaname = current_schema() AND s.tablename = c.relname"
            " AND s.attname = 'search_grams' WHERE c.oid = %s::regclass",
            [table],
        )
        rows, elements, shares = next(iter(cursor.fetchall()), (0, (), ()))
    return _Table(rows, dict(zip(elements or (), shares or (), strict=False)))


def _newest(entity: AnyEntity, among: Q, size: int) -> dt.datetime | None:
    rows = entity.rows().filter(among, deleted_at=None).order_by("-updated_at")
    found: dt.datetime | None = rows.values_list("updated_at", flat=True)[size : size + 1].first()
    return found
