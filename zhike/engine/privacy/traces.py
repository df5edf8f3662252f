"""The history of one person, pseudonymised: what happened stays, the values go."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection

from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.entity import entities

from .blank import columns
from .needles import Needles
from .persons import Around


def redact(needles: Needles, where: Around, by: Actor | None, reason: str, *, everywhere: bool = True) -> int:
    """Take the person's values out of the history of all records; how many records had some."""
    count = 0
    for (entity, record), fields in _found(needles, where, everywhere=everywhere).items():
        history.redact(entity, record, sorted(fields), by, reason)
        count += 1
    return count


def _found(needles: Needles, where: Around, *, everywhere: bool) -> dict[tuple[str, UUID], set[str]]:
    own = {pk: set(columns(entities()[key])) for key, ids in where.own.items() for pk in ids}
    near = {pk for ids in where.near.values() for pk in ids}
    found: dict[tuple[str, UUID], set[str]] = {}
    for entity, record, changes, details in _rows(needles, [*own, *near], everywhere=everywhere):
        if record is None:
            continue
        fields = found.setdefault((entity, record), set())
        for key, value in (*changes.items(), *details.items()):
            whole = key in own.get(record, ())
            if whole or _holds(needles, value, named=record in own or record in near):
                fields.add(key)
    return {at: fields for at, fields in found.items() if fields}


def _holds(needles: Needles, value: Any, *, named: bool) -> bool:
    pattern = needles.any if named else needles.mark
    return pattern is not None and pattern.search(json.dumps(value, ensure_ascii=False)) is not None


def _rows(needles: Needles, records: Collection[UUID], *, everywhere: bool) -> list[tuple[str, UUID | None, Any, Any]]:
    sql = "SELECT entity, record, changes::text, details::text FROM engine_history WHERE action <> 'redact' AND ("
    sql += "record = ANY(%s)"
    values: list[Any] = [list(records)]
    if needles.marks and everywhere:
        sql += " OR changes::text ~* %s OR details::text ~* %s"
        values += ["|".join(needles.marks)] * 2
    with connection.cursor() as cursor:
        cursor.execute(sql + ")", values)
        return [(e, r, json.loads(c), json.loads(d)) for e, r, c, d in cursor.fetchall()]
