"""Indexes that somebody asked for: built and dropped beside the work, never in its way.

They are for custom fields that are marked to be fast, and for names by strokes where anybody wants that order.

What is marked is compared with what is there, again and again: a build that was broken off leaves an index that is not
valid, which is dropped and built anew. Adding or removing a field touches no row and waits for nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from zhike.base.models import User

from . import catalog, owner
from .entity import entities

PREFIX = "zkx_"
LOCK = 0x7A6B78  # one builder at a time
READY, BUILDING, WAITING = "ready", "building", "waiting"


@dataclass(frozen=True)
class Index:
    """The index of one field, or of a `column` by strokes: its values in their order, and the id, where lists go on."""

    entity: str
    key: str
    table: str
    object: str = ""
    column: str = ""

    @property
    def name(self) -> str:
        """Made of what it is for, so that it is found again."""
        return PREFIX + hashlib.sha256(f"{self.entity}.{self.key}".encode()).hexdigest()[:20]

    def statement(self) -> sql.Composed:
        """What builds it. Rows of other objects in the same table are left out."""
        by = sql.SQL("(custom -> {})").format(sql.Literal(self.key))
        if self.column:
            by = sql.SQL('(zhike_strokes({}) COLLATE "C")').format(sql.Identifier(self.column))
        found = sql.SQL("CREATE INDEX CONCURRENTLY {name} ON {table} ({by}, id)").format(
            name=sql.Identifier(self.name), table=sql.Identifier(self.table), by=by
        )
        if not self.object:
            return found
        return found + sql.SQL(" WHERE object = {object}").format(object=sql.Literal(self.object))


def wanted() -> dict[str, Index]:
    """The indexes that the published configuration and the people ask for, by name."""
    found: dict[str, Index] = {}
    strokes = User.objects.filter(name_order=User.NameOrder.STROKES, is_active=True, deleted_at=None).exists()
    for entity in entities().values():
        for a in entity.attributes.values():
            if a.custom and a.indexed:
                index = Index(entity.key, a.key, entity.model._meta.db_table, entity.object)
                found[index.name] = index
        column = entity.attributes[entity.title].column if entity.title in entity.attributes else ""
        if strokes and entity.has_owner and not entity.object and column:
            index = Index(entity.key, "/strokes", entity.model._meta.db_table, column=column)
            found[index.name] = index
    return found


THERE = """
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname LIKE %s
"""


def there() -> dict[str, bool]:
    """The indexes of custom fields that the database has: name -> whether it is whole."""
    with connection.cursor() as cursor:
        cursor.execute(THERE, [PREFIX.replace("_", r"\_") + "%"])
        return dict(cursor.fetchall())


def states() -> dict[tuple[str, str], str]:
    """(entity, field) -> ready, building or waiting, for every field that is marked."""
    have = there()
    words = {True: READY, False: BUILDING, None: WAITING}
    return {(i.entity, i.key): words[have.get(name)] for name, i in wanted().items() if not i.column}


def is_due() -> bool:
    """Whether anything is to be built or dropped: one query, asked every minute."""
    return there() != dict.fromkeys(wanted(), True)


def build() -> list[str]:
    """Build what is marked and lacking, drop what is no longer marked or was left half made; what was done, in words.

    Nothing where another builder is at work.
    """
    with catalog.fresh(), owner.connected() as found:
        if not _held(found):
            return []
        done = []
        for work, statement in _steps(wanted(), there()):
            found.execute(statement)
            done.append(work)
        return done


def _held(found: psycopg.Connection[Any]) -> bool:
    row = found.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])


def _steps(want: Mapping[str, Index], have: Mapping[str, bool]) -> Iterator[tuple[str, sql.Composed]]:
    for name, whole in have.items():
        if not whole or name not in want:
            yield f"drop {name}", sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))
    for name, index in want.items():
        if not have.get(name):
            yield f"build {index.entity}.{index.key}", index.statement()
