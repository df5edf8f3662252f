"""The drill of the archive: what a copy that went back to some second must hold, table by table."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.launch.test_pitr import Firm, firm, hasty
from zhike.backup import copying, pitr
from zhike.backup.pitr import tables

__all__ = ["hasty"]
KINDS = """
CREATE TABLE things (id int PRIMARY KEY, name text, doc json);
INSERT INTO things SELECT n, 'thing ' || n, json_build_object('n', n) FROM generate_series(1, 500) n;
CREATE UNLOGGED TABLE fleeting (id int); INSERT INTO fleeting VALUES (1)
"""
LATER = """
UPDATE things SET name = 'another' WHERE id % 7 = 0; DELETE FROM things WHERE id % 11 = 0;
INSERT INTO things VALUES (1000, 'new', '{}'); ALTER TABLE things ADD COLUMN more int DEFAULT 7;
INSERT INTO fleeting VALUES (2); CREATE TABLE fresh AS SELECT 1 AS id
"""


@pytest.fixture
def one(home: Path, tmp_path: Path, postgres: Any, django_db_setup: None) -> Iterator[Firm]:
    """An installation with all tables, its archive begun."""
    source = postgres.scratch("drilled")
    with firm(home, tmp_path / "out") as found:
        copying.copy(source, found.server.url)
        postgres.drop("drilled")
        with psycopg.connect(found.server.url) as connection:
            connection.execute(KINDS)
        found.base()
        yield found


def drilled(one: Firm, at: dt.datetime) -> list[str]:
    assert one.server.cluster
    _plan, problems = pitr.drill(one.server, one.home, one.folder, pitr.Target(at))
    return problems


def test_a_table_that_differs_is_named_and_what_changed_since_is_not(
    one: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(one.server.url) as slow:  # begun before that second, committed after it
        slow.execute("UPDATE things SET name = 'slow' WHERE id = 13")
        one.write(5)
        at = one.known[-1][0]
        one.write(5)
    with psycopg.connect(one.server.url) as connection:
        connection.execute(LATER)
    one.write(2)
    one.cover()
    real = tables.compare

    def harmed(copy: Any, live: Any) -> list[str]:
        assert real(copy, live) == []
        copy.execute("UPDATE things SET name = 'harmed' WHERE id IN (1, 2)")
        copy.execute("DELETE FROM things WHERE id = 3")
        return real(copy, live)

    monkeypatch.setattr(tables, "compare", harmed)
    assert drilled(one, at) == ["things: 3 rows that stood then are missing in the copy or are not as they were"]


@pytest.mark.long
def test_any_of_several_moments_holds_all_tables(one: Firm) -> None:
    dice = random.Random(17)
    for n in range(30):
        one.write(5)
        with psycopg.connect(one.server.url) as connection:
            connection.execute("UPDATE things SET name = name || '.' WHERE id %% 30 = %s", [n])
            connection.execute("DELETE FROM things WHERE id = %s", [n])
        if n % 10 == 5:
            one.switch()
    one.cover()
    ((since, until, _missing),) = pitr.spans(one.archive.windows())
    for _n in range(8):
        assert drilled(one, since + (until - since) * dice.random()) == []
