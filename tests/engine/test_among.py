"""Many values at once are looked for through an index, whatever the number of records."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Q

from zhike.engine import records
from zhike.engine.entity import declared, get
from zhike.engine.transfer.match import indexed

NAMES = {"user", "department", "product", "tag", "holiday"}  # few: read as a whole
MANY = [f"{n}@example.com" for n in range(500)]


def test_what_finds_a_record_again_has_an_index() -> None:
    lacking = []
    for entity in declared().values():
        ways = [*entity.unique, *entity.match, *(sign.fields for sign in entity.signs if sign.how == "same")]
        if entity.key not in NAMES:
            lacking += [
                (entity.key, way)
                for way in ways
                if set(way) != {entity.title}
                and not any(indexed(entity, key) for key in way)
                and entity.title not in way
            ]
    assert lacking == []


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["phone", "email", "external_id", "uscc", "name_key"])
def test_hundreds_of_values_use_the_index(key: str) -> None:
    rows = get("account").rows("a plan").filter(**{f"{key}__among": MANY}, deleted_at=None)
    sql, values = rows.order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan


def found(where: Q) -> set[str]:
    return set(get("account").rows("what a condition finds").filter(where).values_list("name", flat=True))


def test_among_finds_what_in_finds(firm: Any) -> None:
    actor = firm.actor("seller")
    made = records.create_many(
        actor,
        get("account"),
        [
            {"name": "甲公司", "email": "a@example.com"},
            {"name": '乙\\"公司,{}'},
            {"name": "丙公司", "email": "c@example.com"},
        ],
    )
    for values in (["a@example.com", "c@example.com"], [], ["x"], ['{"a@example.com"}']):
        assert found(Q(email__among=values)) == found(Q(email__in=values))
    names = [r.name for r in made]
    assert found(Q(name__among=names)) == set(names)
    ids = [made[0].pk, made[1].pk, uuid4()]
    assert found(Q(pk__among=ids)) == set(names[:2])
    assert found(Q(owner__among=[firm.seller.pk])) == set(names)
    assert found(Q(email__among=["", None])) == set()  # what is empty is like nothing
    assert found(~Q(email__among=["a@example.com"])) == set(names[1:])
