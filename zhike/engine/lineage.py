"""Where ids of merged records lead, and which ids a record has taken over. No rights are asked: ids in, ids out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from .entity import AnyEntity
from .models import Merge

_INTO = """
WITH RECURSIVE way(loser, keeper, step) AS (
    SELECT loser, keeper, 1 FROM engine_merge WHERE entity = %(entity)s AND loser = %(pk)s
    UNION ALL
    SELECT m.loser, m.keeper, w.step + 1 FROM way w JOIN engine_merge m ON m.entity = %(entity)s AND m.loser = w.keeper
)
SELECT keeper FROM way ORDER BY step DESC LIMIT 1
"""
_TAKEN = """
WITH RECURSIVE taken(id) AS (
    SELECT loser FROM engine_merge WHERE entity = %(entity)s AND keeper = %(pk)s
    UNION ALL
    SELECT m.loser FROM taken t JOIN engine_merge m ON m.entity = %(entity)s AND m.keeper = t.id
)
SELECT id FROM taken
"""


def into(entity: str, pk: UUID) -> UUID | None:
    """The record that the id leads to now, through however many merges; None for one that was never merged."""
    with connection.cursor() as cursor:
        cursor.execute(_INTO, {"entity": entity, "pk": pk})
        row = cursor.fetchone()
    return row[0] if row else None


def ids(entity: str, pk: UUID) -> list[UUID]:
    """The id of a record and those of all that became part of it, directly or through others."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, {"entity": entity, "pk": pk})
        return [pk, *(row[0] for row in cursor.fetchall())]


def single(entity: AnyEntity, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows of the recycle bin that can come out by themselves: a merged record comes back with its merge alone."""
    return rows.exclude(Exists(Merge.objects.filter(entity=entity.key, loser=OuterRef("pk"))))


def merged(entity: AnyEntity, pks: Collection[UUID]) -> bool:
    """Whether any of these has become part of another record."""
    return Merge.objects.filter(entity=entity.key, loser__in=pks).exists()
