"""An import never exceeds the rights of who imports, and never tells what is out of sight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import records, transfer
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused
from zhike.engine.tabular import read
from zhike.engine.transfer import Column, Plan
from zhike.modules.customers.models import Account

from .conftest import load

Sheet = Callable[..., Path]


def grant(key: str, action: str, scope: str) -> None:
    Grant.objects.filter(role__key=key, entity="account").delete()
    for one in ("read", "create", "update", "import", "export"):
        if one != action:
            Grant.objects.create(role=Role.objects.get(key=key), entity="account", action=one, scope="own")
    if scope:
        Grant.objects.create(role=Role.objects.get(key=key), entity="account", action=action, scope=scope)


def test_without_the_right_to_import(firm: Any, sheet: Sheet) -> None:
    grant("seller", "import", "")
    with pytest.raises(Refused):
        load(firm.actor("seller"), "account", sheet(["客户名称"], ["甲有限公司"]))
    assert not Account._base_manager.exists()
    client = firm.client("seller")
    assert client.get("/account/import").status_code == 403
    assert client.post("/account/import", {}).status_code == 403


def test_without_the_right_to_create(firm: Any, sheet: Sheet) -> None:
    grant("seller", "create", "")
    result = load(firm.actor("seller"), "account", sheet(["客户名称"], ["甲有限公司"]))
    assert (result.new, result.errors) == (0, 1)
    assert not Account._base_manager.exists()


def test_a_record_out_of_sight_is_told_by_its_department_alone(firm: Any, sheet: Sheet) -> None:
    theirs = records.create(firm.actor("stranger"), get("account"), {"name": "秘密有限公司", "phone": "13800138001"})
    path = sheet(
        ["客户名称", "手机", "备注"], ["秘密有限公司", "13800138001", "抢"], ["公开有限公司", "13800138002", ""]
    )
    result = load(firm.actor("seller"), "account", path)
    assert (result.new, result.updated, result.errors) == (1, 0, 1)
    (one,) = result.problems
    assert one.row == 2
    assert "华南销售部" in one.text
    assert "陈静" not in one.text
    theirs.refresh_from_db()
    assert (theirs.remark, theirs.version) == ("", 1)


def test_a_colleagues_record_that_is_seen_but_not_to_be_changed(firm: Any, sheet: Sheet) -> None:
    Grant.objects.filter(role__key="seller", entity="account").delete()
    for action, scope in (("read", "department"), ("update", "own"), ("create", "own"), ("import", "own")):
        Grant.objects.create(role=Role.objects.get(key="seller"), entity="account", action=action, scope=scope)
    theirs = records.create(firm.actor("colleague"), get("account"), {"name": "同事有限公司"})
    result = load(firm.actor("seller"), "account", sheet(["客户名称", "备注"], ["同事有限公司", "改"]))
    assert (result.new, result.updated, result.errors) == (0, 0, 1)
    same = load(firm.actor("seller"), "account", sheet(["客户名称"], ["同事有限公司"], name="b.csv"))
    assert (same.unchanged, same.errors) == (1, 0)
    theirs.refresh_from_db()
    assert theirs.remark == ""


def test_five_hundred_records_of_others_stay_as_they_are(firm: Any, sheet: Sheet) -> None:
    names = [f"客户{n:03d}有限公司" for n in range(500)]
    records.create_many(firm.actor("stranger"), get("account"), [{"name": n} for n in names])
    before = list(Account._base_manager.order_by("pk").values_list("pk", "version", "remark", "updated_at"))
    result = load(firm.actor("seller"), "account", sheet(["客户名称", "备注"], *[[n, "改"] for n in names]))
    assert (result.errors, result.new, result.updated) == (500, 0, 0)
    assert list(Account._base_manager.order_by("pk").values_list("pk", "version", "remark", "updated_at")) == before


@pytest.mark.parametrize("level", ["hidden", "read"])
def test_a_field_that_the_role_may_not_write(firm: Any, sheet: Sheet, level: str) -> None:
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="tier", level=level)
    path = sheet(["客户名称", "客户级别"], ["甲有限公司", "A"])
    load(firm.actor("seller"), "account", path)
    assert [a.tier for a in Account._base_manager.all()] == [""]
    with pytest.raises(Invalid):
        load(firm.actor("seller"), "account", path, {"columns": {"客户级别": "tier"}})
    forged = Plan(columns=[Column(index=0, header="a", field="name"), Column(index=1, header="b", field="tier")])
    with read(path) as table, pytest.raises(Refused):
        transfer.run(firm.actor("seller"), get("account"), table, forged, dry=False)
    assert Account._base_manager.count() == 1


def test_giving_records_to_others_needs_its_own_right(firm: Any, sheet: Sheet) -> None:
    grant("seller", "transfer", "")
    path = sheet(["客户名称", "负责人"], ["甲有限公司", "李雷"], ["乙有限公司", "王芳"])
    result = load(firm.actor("seller"), "account", path)
    assert (result.new, result.errors) == (1, 1)
    assert [a.owner_id for a in Account._base_manager.all()] == [firm.seller.pk]


def test_export_gives_what_may_be_read_and_exported(firm: Any, tmp_path: Path) -> None:
    records.create(firm.actor("seller"), get("account"), {"name": "我的有限公司", "tier": "A", "phone": "13800138001"})
    records.create(firm.actor("stranger"), get("account"), {"name": "别人有限公司"})
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="tier", level="hidden")
    client = firm.client("seller")
    answer = client.get("/account/export?purpose=work&format=csv&view=all")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "我的有限公司" in text
    assert "别人有限公司" not in text
    assert str(get("account").attributes["tier"].label) not in text.splitlines()[0].split(",")
    grant("seller", "export", "")
    assert firm.client("seller").get("/account/export").status_code == 403
