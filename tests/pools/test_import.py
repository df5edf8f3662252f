"""Files whose rows go into a pool, for who keeps it; and files of records with owners, next to what these may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.transfer.conftest import load
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused
from zhike.engine.models import PoolMove
from zhike.engine.tabular import read
from zhike.engine.tabular.write import write_csv
from zhike.engine.transfer import plan, run

from .house import pool


def sheet(place: Path, *rows: tuple[str, ...]) -> Path:
    path = place / "rows.csv"
    write_csv(path, list(rows[0]), rows[1:])
    return path


def owners() -> dict[str, Any]:
    rows = get("account").model._base_manager.values_list("name", "owner__name", "pool__name")
    return {name: (owner, lying) for name, owner, lying in rows}


def test_rows_without_an_owner_go_into_the_pool(firm: Any, tmp_path: Path) -> None:
    pool(firm, conditions=[["tier", "eq", "S"]])
    second = pool(firm, conditions=[["tier", "eq", "A"]])
    path = sheet(tmp_path, ("客户名称", "负责人"), ("甲有限公司", ""), ("乙有限公司", "王芳"), ("丙有限公司", ""))
    for dry in (True, False):
        result = load(firm.actor("manager"), "account", path, {"pool": str(second.pk)}, dry=dry)
        assert (result.new, result.errors) == (3, 0)
    assert owners() == {
        "甲有限公司": (None, "华北公海"),
        "乙有限公司": ("王芳", None),
        "丙有限公司": (None, "华北公海"),
    }
    assert list(PoolMove.objects.values_list("kind", "pool")) == [("enter", second.pk)] * 2


def test_only_who_keeps_the_pool_puts_into_it(firm: Any, tmp_path: Path) -> None:
    made = pool(firm)
    path = sheet(tmp_path, ("客户名称",), ("甲有限公司",))
    for who in ("seller", "executive", "stranger"):
        with pytest.raises((Invalid, Refused)):
            load(firm.actor(who), "account", path, {"pool": str(made.pk)})
    with read(path) as table:
        ready = plan(firm.actor("manager"), get("account"), table, {"pool": str(made.pk)})
        made.document = {**made.document, "admins": []}
        made.save()
        with pytest.raises(Refused):  # taken away between the plan and the run
            run(firm.actor("manager"), get("account"), table, ready, dry=False)
    assert owners() == {}


def test_nobody_gets_more_than_they_may_hold_by_a_file(firm: Any, tmp_path: Path) -> None:
    pool(firm, limits={"holding": [{"most": 2}]})
    path = sheet(tmp_path, ("客户名称",), *((f"第{n}有限公司",) for n in range(4)))
    result = load(firm.actor("seller"), "account", path)
    assert (result.new, result.errors) == (2, 2)
    assert len(owners()) == 2
