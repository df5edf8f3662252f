"""How common the grams of a search are, as the database counted them last: only how a search is run depends on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from django.db import connection
from django.db.models import Q

from .entity import AnyEntity

COMMON = 0.01  # of the rows: so many are found quickest by walking through the newest ones
NEWEST = 3_000  # rows that are walked through
TELLING = 4  # grams of a word that are looked for
KEPT = 300  # seconds


T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class _Kept(Generic[T]):
    """What is known until the database is asked again."""

    value: T
    until: float = field(default_factory=lambda: monotonic() + KEPT)


_grams: dict[str, _Kept[Mapping[str, float]]] = {}
_since: dict[tuple[str, str], _Kept[dt.datetime | None]] = {}


def is_common(entity: AnyEntity, grams: Iterable[str]) -> bool:
    """Whether each of the grams is in so many rows that some of the newest will hold them."""
    known = _known(entity)
    return min((known.get(g, 0) for g in grams), default=0) >= COMMON


def rarest(entity: AnyEntity, grams: Iterable[str]) -> list[str]:
    """The few grams that cut most: to read where the others stand takes longer than to look at what is left."""
    known = _known(entity)
    return sorted(sorted(grams, key=lambda g: known.get(g, 0))[:TELLING])


def newest_if_common(entity: AnyEntity, grams: Iterable[str], among: Q | None = None) -> dt.datetime | None:
    """Since when the newest rows changed, where all the grams are so common that some of those will hold them.

    The newest of all rows, or of those `among` them that a condition names: a department reads its own.
    """
    if not is_common(entity, grams):
        return None
    q = among or Q()
    return _once(_since, (entity.key, str(q)), lambda: _newest(entity, q))


def _once(kept: dict[K, _Kept[T]], key: K, read: Callable[[], T]) -> T:
    now = monotonic()
    if key not in kept or kept[key].until < now:
        for old in [k for k, what in kept.items() if what.until < now]:
            del kept[old]
        kept[key] = _Kept(read())
    return kept[key].value


def _known(entity: AnyEntity) -> Mapping[str, float]:
    return _once(_grams, entity.model._meta.db_table, lambda: _common(entity))


def _common(entity: AnyEntity) -> Mapping[str, float]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats"
            " WHERE schemaname = current_schema() AND tablename = %s AND attname = 'search_grams'",
            [entity.model._meta.db_table],
        )
        elements, frequencies = next(iter(cursor.fetchall()), None) or ((), ())
    return dict(zip(elements or (), frequencies or (), strict=False))


def _newest(entity: AnyEntity, among: Q) -> dt.datetime | None:
    rows = entity.rows().filter(among, deleted_at=None).order_by("-updated_at")
    found: dt.datetime | None = rows.values_list("updated_at", flat=True)[NEWEST : NEWEST + 1].first()
    return found
