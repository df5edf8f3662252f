"""A trial run leaves every table as it was, and says what the import will say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from zhike.engine import records
from zhike.engine.entity import get

from .conftest import load

Sheet = Callable[..., Path]


def digests() -> dict[str, str]:
    """A digest of all rows of each table."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1")  # noqa: S608  names of our own tables
            found[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
    return found


def test_a_dry_run_changes_nothing_and_counts_the_truth(firm: Any, sheet: Sheet) -> None:
    records.create(firm.actor("admin"), get("account"), {"name": "甲有限公司", "phone": "13800138001"})
    path = sheet(
        ["客户名称", "手机", "备注", "标签"],
        ["甲有限公司", "13800138001、13800138009", "新", "重点"], ["乙有限公司", "13800138002", "", "展会"],
        ["丙有限公司", "13", "", ""], ["乙有限公司", "13800138002", "", "展会"],
    )  # fmt: skip
    before = digests()
    dry = load(firm.actor("admin"), "account", path, dry=True)
    assert digests() == before
    real = load(firm.actor("admin"), "account", path)
    assert dry.dry
    assert not real.dry
    assert {**dry.counts(), "dry_run": False} == real.counts()
    assert (real.new, real.updated, real.duplicates, real.errors) == (1, 1, 1, 1)
    assert [(p.row, p.text) for p in dry.problems] == [(p.row, p.text) for p in real.problems]
    assert digests() != before
