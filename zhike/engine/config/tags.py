"""Tags of the firm: how often each is used, who may make them, and two made one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from zhike.base.models import Role
from zhike.engine import history, rights
from zhike.engine.access import Actor
from zhike.engine.entity import declared, get
from zhike.engine.errors import Missing

from .lifecycle import check_office

TAG = "tag"


def _columns() -> Iterator[tuple[str, str]]:
    """(table, column) of every list of tags."""
    for e in declared().values():
        for a in e.declared.values():
            if a.kind.key == "links" and a.target == TAG and a.column:
                yield e.model._meta.db_table, a.column


def counts() -> dict[UUID, int]:
    """On how many records each tag is."""
    found: dict[UUID, int] = {}
    with connection.cursor() as cursor:
        for table, column in _columns():
            t, c = connection.ops.quote_name(table), connection.ops.quote_name(column)
            cursor.execute(
                f"SELECT tag, count(*) FROM {t}, unnest({c}) tag "  # noqa: S608 names of the models
                "WHERE deleted_at IS NULL GROUP BY tag"
            )
            for tag, n in cursor.fetchall():
                found[tag] = found.get(tag, 0) + n
    return found


def makers() -> list[str]:
    """The roles that may make tags."""
    roles = Role.objects.filter(deleted_at=None).order_by("name")
    return [r.name for r in roles if rights.now(r).cell(TAG, "create")]


@transaction.atomic
def merge(actor: Actor, old: UUID, new: UUID) -> int:
    """Put `new` wherever `old` is, also in saved views, and delete `old`; on how many records it was.

    Records of everybody are changed: it is the firm's list. Each leaves its step in the history.
    """
    check_office(actor)
    rows: Any = get(TAG).rows("the list of tags is the firm's").filter(deleted_at=None)
    gone = rows.filter(pk=old).first()
    if gone is None or old == new or not rows.filter(pk=new).exists():
        raise Missing
    history.acting(actor, "merge")
    touched = 0
    with connection.cursor() as cursor:
        for table, column in _columns():
            t, c = connection.ops.quote_name(table), connection.ops.quote_name(column)
            cursor.execute(
                f"UPDATE {t} SET {c} = CASE WHEN %s = ANY({c}) THEN array_remove({c}, %s) "  # noqa: S608 as above
                f"ELSE array_replace({c}, %s, %s) END, version = version + 1 WHERE {c} @> ARRAY[%s]",
                [new, old, old, new, old],
            )
            touched += cursor.rowcount
        cursor.execute(
            "UPDATE engine_savedview SET query = replace(query::text, %s, %s)::jsonb WHERE query::text LIKE %s",
            [str(old), str(new), f"%{old}%"],
        )
    gone.delete()
    history.note(actor, "merge", entity=TAG, record=new, details={"rows": touched})
    return touched
