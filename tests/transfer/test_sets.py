"""Linked tables in one go: what each is, in which order, a trial of all of them, what a person says otherwise."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from zhike.engine import transfer
from zhike.engine.errors import Invalid
from zhike.engine.tabular import TabularError, bundle
from zhike.engine.tabular.model import Limits
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact
from zhike.modules.sales.models import Deal

Rows = Sequence[Sequence[Any]]
# In the wrong order on purpose; the contact is linked by name, the deal by number, the call by the contact's number.
SHEETS: dict[str, Rows] = {
    "说明": [["请勿修改"]],
    "跟进记录": [["主题", "活动类型", "关联联系人 ID", "完成时间"], ["首次拜访", "visit", "K-1", "2026-03-01 10:00"]],
    "商机": [["商机名称", "客户编号", "金额"], ["一期", "C-1", 1000], ["二期", "C-2", 2500.5]],
    "联系人": [["姓名", "公司", "手机", "联系人编号"], ["张三", "甲有限公司", "13800138001", "K-1"]],
    "客户": [["客户名称", "客户编号"], ["甲有限公司", "C-1"], ["乙有限公司", "C-2"]],
}


def book(path: Path, sheets: Mapping[str, Rows] = SHEETS) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    made.save(path)
    return path


def archive(path: Path, sheets: Mapping[str, Rows] = SHEETS, *, suffix: str = ".csv") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("__MACOSX/._客户.csv", b"\0")
        for name, rows in sheets.items():
            if len(rows) > 1:
                lines = "\n".join(",".join(map(str, row)) for row in rows)
                made.writestr(f"导出/{name}{suffix}", lines.encode("utf-8-sig"))
    return path


def stored() -> dict[str, Any]:
    return {
        "accounts": sorted(Account._base_manager.filter(deleted_at=None).values_list("name", "external_id")),
        "contacts": list(Contact._base_manager.filter(deleted_at=None).values_list("name", "account__name")),
        "deals": sorted(Deal._base_manager.filter(deleted_at=None).values_list("name", "account__external_id")),
        "activities": list(
            Activity._base_manager.filter(deleted_at=None).values_list("subject", "contact__name", "account__name")
        ),
    }


ALL = {
    "accounts": [("乙有限公司", "C-2"), ("甲有限公司", "C-1")],
    "contacts": [("张三", "甲有限公司")],
    "deals": [("一期", "C-1"), ("二期", "C-2")],
    "activities": [("首次拜访", "张三", "甲有限公司")],
}


def orders(found: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(part["entity"], part["new"], part["errors"]) for part in found["parts"]]


@pytest.mark.parametrize("make", [book, archive])
def test_a_set_finds_its_entities_and_its_order(make: Any, firm: Any, tmp_path: Path) -> None:
    path = make(tmp_path / ("a.xlsx" if make is book else "a.zip"))
    nothing = stored()
    dry = transfer.import_set([path], username="admin", dry_run=True)
    expected = [("account", 2, 0), ("contact", 1, 0), ("deal", 2, 0), ("activity", 1, 0)]
    assert [p["text"] for part in dry["parts"] for p in part["problems"]] == []
    assert orders(dry) == expected
    assert stored() == nothing
    found = transfer.import_set([path], username="admin")
    assert orders(found) == expected
    assert stored() == ALL
    assert (found["not_imported"], found["left_out"]) == ([], [])


def test_several_files_and_what_is_said_of_them(firm: Any, tmp_path: Path) -> None:
    for name, rows in SHEETS.items():
        if len(rows) > 1:
            (tmp_path / f"{name}.csv").write_text("\n".join(",".join(map(str, r)) for r in rows), "utf-8")
    paths = sorted(tmp_path.glob("*.csv"))
    found = transfer.import_set(paths, username="admin", chosen={"跟进记录": "", "商机.csv": ""})
    assert [part["entity"] for part in found["parts"]] == ["account", "contact"]
    assert found["left_out"] == ["商机.csv", "跟进记录.csv"]
    with pytest.raises(Invalid):
        transfer.import_set(paths, username="admin", chosen={"没有": "account"})
    with pytest.raises(Invalid):
        transfer.import_set(paths, username="admin", chosen={"客户": "nothing"})


def test_it_stops_before_the_first_table_in_error(firm: Any, tmp_path: Path) -> None:
    wrong = {**SHEETS, "联系人": [*SHEETS["联系人"], ["李四", "甲有限公司", "13", "K-2"]]}
    path = book(tmp_path / "a.xlsx", wrong)
    dry = transfer.import_set([path], username="admin", dry_run=True)
    assert orders(dry)[1] == ("contact", 1, 1)
    found = transfer.import_set([path], username="admin")
    assert [(part["entity"], part["written"]) for part in found["parts"]] == [("account", True), ("contact", False)]
    assert found["not_imported"] == ["a.xlsx › 联系人", "a.xlsx › 跟进记录", "a.xlsx › 商机"]
    assert (len(stored()["accounts"]), stored()["contacts"], stored()["deals"]) == (2, [], [])
    errors = tmp_path / "errors"
    found = transfer.import_set([path], username="admin", anyway=True, errors=errors)
    assert stored() == ALL
    assert [place.name for place in errors.iterdir()] == ["2 contact.xlsx"]


def test_a_table_that_is_nothing_known_is_asked_about(firm: Any, tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", {"客户": SHEETS["客户"], "Blatt3": [["aa", "bb"], ["1", "2"]]})
    with pytest.raises(Invalid):
        transfer.import_set([path], username="admin")
    found = transfer.import_set([path], username="admin", chosen={"Blatt3": ""})
    assert orders(found) == [("account", 2, 0)]


@pytest.mark.parametrize("name", ["nobody.txt", "../../evil.csv"])
def test_a_bundle_keeps_to_its_folder(name: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "a.zip", tmp_path / "out" / "in"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(name, b"a,b\n1,2\n")
    ((_shown, place),) = bundle.unpack(path, folder, Limits())
    assert (place.parent, place.read_bytes()) == (folder, b"a,b\n1,2\n")
    assert not (tmp_path / "evil.csv").exists()


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_names_in_a_bundle_of_an_old_program(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        info = zipfile.ZipInfo("x" * len("客户.csv".encode(codec)))
        made.writestr(info, b"a,b\n1,2\n")
    path.write_bytes(path.read_bytes().replace(info.filename.encode(), "客户.csv".encode(codec)))
    ((shown, _place),) = bundle.unpack(path, tmp_path / "out", Limits())
    assert shown == "客户.csv"


def test_a_bomb_and_a_broken_bundle_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.csv", b"0" * 30_000_000)
    with pytest.raises(TabularError, match="zip_bomb"):
        bundle.unpack(bomb, tmp_path / "1", Limits())
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as made:
        for n in range(bundle.MOST + 1):
            made.writestr(f"{n}.csv", b"a")
    with pytest.raises(TabularError, match="zip_bomb"):
        bundle.unpack(many, tmp_path / "2", Limits())
    bomb.write_bytes(bomb.read_bytes()[:-30])
    with pytest.raises(TabularError, match="broken"):
        bundle.unpack(bomb, tmp_path / "3", Limits())
    assert bundle.unpack(book(tmp_path / "b.xlsx"), tmp_path / "4", Limits()) == []
