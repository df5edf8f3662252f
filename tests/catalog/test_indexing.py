"""Indexes of custom fields: built beside the work, and whatever state a killed builder left them in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.own_database import own_database
from zhike.engine import catalog, indexing
from zhike.engine.models import Configuration, CustomRecord

FIELD = {"kind": "integer", "labels": {"en": "Seats"}, "indexed": True}
DOCUMENT: dict[str, Any] = {
    "fields": {"x_site": {"x_seats": FIELD}, "account": {"x_seats": FIELD}},
    "objects": {"x_site": {"labels": {"en": "Site"}}},
}


@pytest.fixture(scope="module")
def fresh(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database of its own: an index is built beside transactions, so none may be held open."""
    with own_database(postgres, django_db_blocker, "indexing") as found:
        yield found


def publish(document: dict[str, Any]) -> None:
    """Another configuration takes over."""
    state = Configuration.State
    Configuration.objects.filter(state=state.PUBLISHED).update(state=state.PAST)
    number = Configuration.objects.count() + 1
    Configuration.objects.create(number=number, state=state.PUBLISHED, document=document)
    catalog.assume(None)


def test_indexes_follow_the_configuration(fresh: str) -> None:
    publish(DOCUMENT)
    assert set(indexing.states().values()) == {"waiting"}
    assert sorted(indexing.build()) == ["build account.x_seats", "build x_site.x_seats"]
    assert (set(indexing.states().values()), indexing.is_due(), indexing.build()) == ({"ready"}, False, [])
    publish({})
    assert (indexing.is_due(), len(indexing.build()), indexing.there()) == (True, 2, {})


def test_a_half_made_index_is_made_anew(fresh: str) -> None:
    publish(DOCUMENT)
    name = next(n for n, index in indexing.wanted().items() if index.object)
    with psycopg.connect(fresh) as busy, psycopg.connect(fresh, autocommit=True) as other:
        busy.execute("INSERT INTO engine_customrecord SELECT * FROM engine_customrecord WHERE false")
        other.execute("SET statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):  # a builder that ends while it waits for others
            other.execute(indexing.wanted()[name].statement())
        busy.rollback()
    assert indexing.states()["x_site", "x_seats"] == "building"
    assert f"drop {name}" in indexing.build()
    assert set(indexing.states().values()) == {"ready"}


def test_the_index_answers_the_order_of_the_list(fresh: str) -> None:
    publish(DOCUMENT)
    indexing.build()
    rows = [CustomRecord(object="x_site", name=str(n), custom={"x_seats": n}) for n in range(3000)]
    CustomRecord._base_manager.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE engine_customrecord")
        cursor.execute(
            "EXPLAIN SELECT id FROM engine_customrecord WHERE object = 'x_site' "
            "ORDER BY custom -> 'x_seats', id LIMIT 50"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert indexing.PREFIX in plan


def test_a_new_field_waits_for_nobody_who_works(fresh: str) -> None:
    publish({})
    with psycopg.connect(fresh) as busy:  # a transaction that has written and is not done
        busy.execute("INSERT INTO engine_counter (entity, last) VALUES ('busy', 1)")
        busy.execute("SELECT count(*) FROM customers_account")
        begun = time.monotonic()
        publish(DOCUMENT)
        assert time.monotonic() - begun < 1
        built = threading.Thread(target=_build)
        built.start()
        with psycopg.connect(fresh) as third:  # somebody who begins while the index is being built
            third.execute("SET lock_timeout = '1s'")
            third.execute("UPDATE customers_account SET remark = remark")
        busy.rollback()
        built.join(30)
    assert set(indexing.states().values()) == {"ready"}


def _build() -> None:
    try:
        indexing.build()
    finally:
        connection.close()
