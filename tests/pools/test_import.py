"""Files whose rows go into a pool, for who keeps it; and files of records with owners, next to what these may hold."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.transfer.conftest import load
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused
from zhike.engine.models import PoolMove
from zhike.engine.tabular import read
from zhike.engine.tabular.write import write_csv
from zhike.engine.transfer import plan, run, running

from .house import make, pool


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


def test_a_trial_run_counts_what_its_own_rows_would_give(
    firm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "chunks", partial(running.chunks, size=2))
    actor = firm.actor("admin")
    assert running.reaches_all(actor, get("account"))
    make(firm, name="旧有限公司")
    pool(firm, limits={"holding": [{"most": 2, "who": str(firm.north.pk), "together": True}, {"most": 1}]})
    path = sheet(
        tmp_path, ("客户名称", "负责人"),
        ("甲有限公司", "李雷"), ("旧有限公司", "陈静"),  # 王芳 has none from here on
        ("乙有限公司", "李雷"), ("丙有限公司", "陈静"),  # one too many for 李雷
        ("丁有限公司", "王芳"), ("戊有限公司", "张伟"),  # one too many for the north
        ("丁有限公司", "陈静"), ("庚有限公司", "陈静"),  # 王芳 has none again
        ("己有限公司", "张伟"),
    )  # fmt: skip
    said = [load(actor, "account", path, dry=dry) for dry in (True, False)]
    for result in said:
        wrong = [(p.row, p.header, p.value) for p in result.problems if p.level == "error"]
        assert wrong == [(4, "负责人", ""), (7, "负责人", "")]
    assert (said[0].new, said[0].updated, said[0].errors) == (said[1].new, said[1].updated, said[1].errors)
    assert {name: owner for name, (owner, _pool) in owners().items()} == {
        "甲有限公司": "李雷", "旧有限公司": "陈静", "丙有限公司": "陈静", "丁有限公司": "陈静", "庚有限公司": "陈静",
        "己有限公司": "张伟",
    }  # fmt: skip
