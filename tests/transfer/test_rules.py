"""How rows become records: matching, words, days, amounts, several numbers in a cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import gettext

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.transfer import Result
from zhike.modules.customers.models import Account, Contact, ContactPoint, Tag

from .conftest import load, planned

Sheet = Callable[..., Path]


def counts(result: Result) -> dict[str, int]:
    """What is not zero."""
    return {k: v for k, v in result.counts().items() if v and k not in ("rows", "dry_run")}


def accounts() -> list[Account]:
    return list(Account._base_manager.order_by("created_at", "pk"))


def test_namesakes_with_other_numbers_are_others_and_equal_rows_are_one(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["姓名", "手机"],
        ["王伟", "13800138001"],
        ["王伟", "13800138002"],
        ["王伟", "13800138001"],
        ["王 伟", "+86 138 0013 8001"],
    )
    result = load(firm.actor("admin"), "account", path)
    assert counts(result) == {"new": 2, "duplicates": 2, "warnings": 2}
    assert [(p.row, p.count) for p in result.problems] == [(4, 2)]
    assert counts(load(firm.actor("admin"), "account", path)) == {"unchanged": 2, "duplicates": 2, "warnings": 2}


def test_a_later_row_adds_to_an_earlier_one(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "手机", "邮箱"], ["宏达贸易有限公司", "13800138001", ""], ["宏达贸易有限公司", "", "a@example.com"]
    )
    assert counts(load(firm.actor("admin"), "account", path)) == {"new": 1, "duplicates": 1, "warnings": 1}
    (one,) = accounts()
    assert (one.phone, one.email) == ("+8613800138001", "a@example.com")


def test_rows_of_one_record_in_different_chunks(firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.CHUNK", 2)
    rows = [
        ["客户编号", "客户名称", "备注"],
        ["1", "甲有限公司", ""],
        ["2", "乙有限公司", ""],
        ["1", "甲有限公司", "后来"],
        ["2", "乙有限公司", ""],
    ]
    result = load(firm.actor("admin"), "account", sheet(*rows))
    assert counts(result) == {"new": 2, "duplicates": 2, "warnings": 2}
    assert [a.remark for a in accounts()] == ["后来", ""]


def test_a_firm_with_another_number_is_the_same_firm(firm: Any, sheet: Sheet) -> None:
    load(firm.actor("admin"), "account", sheet(["公司名称", "电话"], ["华信科技有限公司", "010-62770334"]))
    path = sheet(["公司名称", "电话"], ["华信科技有限公司", "010-62770335"], name="b.csv")
    assert counts(load(firm.actor("admin"), "account", path)) == {"updated": 1}
    assert [a.phone for a in accounts()] == ["+861062770335"]


def test_several_numbers_in_one_cell_and_in_two_columns(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "手机", "电话"], ["天宇有限公司", "13800138001、13800138002", "010-62770334"])
    assert counts(load(firm.actor("admin"), "account", path)) == {"new": 1}
    (one,) = accounts()
    found = ContactPoint.objects.filter(account=one).values_list("digits", "is_primary")
    assert set(found) == {("13800138001", True), ("13800138002", False), ("01062770334", False)}
    assert counts(load(firm.actor("admin"), "account", path)) == {"unchanged": 1}


def test_modes_and_only_empty_fields(firm: Any, sheet: Sheet) -> None:
    load(firm.actor("admin"), "account", sheet(["客户名称", "备注"], ["甲有限公司", "旧"], ["乙有限公司", ""]))
    path = sheet(["客户名称", "备注"], ["甲有限公司", "新"], ["乙有限公司", "新"], ["丙有限公司", "新"], name="b.csv")
    assert counts(load(firm.actor("admin"), "account", path, {"mode": "create"}, dry=True)) == {
        "new": 1, "skipped": 2, "warnings": 2,
    }  # fmt: skip
    assert counts(load(firm.actor("admin"), "account", path, {"mode": "update"}, dry=True)) == {
        "updated": 2, "skipped": 1, "warnings": 1,
    }  # fmt: skip
    assert counts(load(firm.actor("admin"), "account", path, {"empty_only": True})) == {
        "new": 1, "updated": 1, "unchanged": 1,
    }  # fmt: skip
    assert {a.name: a.remark for a in accounts()} == {"甲有限公司": "旧", "乙有限公司": "新", "丙有限公司": "新"}


def test_an_empty_cell_says_nothing(firm: Any, sheet: Sheet) -> None:
    load(firm.actor("admin"), "account", sheet(["客户名称", "备注"], ["甲有限公司", "旧"]))
    assert counts(
        load(firm.actor("admin"), "account", sheet(["客户名称", "备注"], ["甲有限公司", ""], name="b.csv"))
    ) == {"unchanged": 1}
    assert [a.remark for a in accounts()] == ["旧"]


def test_errors_name_row_and_column_and_good_rows_are_written(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "手机", "成立日期", "注册资本"],
        ["甲有限公司", "13800138001", "2020-02-30", "100"],
        ["乙有限公司", "12", "2020-02-28", "100"],
        ["丙有限公司", "13800138003", "2020-02-28", "很多"],
        ["", "13800138004", "2020-02-28", "100"],
        ["丁有限公司", "13800138005.0", "2020年2月28日", "¥1,234.50"],
        ["戊有限公司", "1.38E+10", "2020/2/28", "12万"],
    )
    result = load(firm.actor("admin"), "account", path)
    assert counts(result) == {"new": 1, "errors": 5}
    assert [(p.row, p.header, p.value) for p in result.problems] == [
        (2, "成立日期", "2020-02-30"),
        (3, "手机", "12"),
        (4, "注册资本", "很多"),
        (5, "客户名称", ""),
        (7, "手机", "1.38E+10"),
    ]
    (one,) = accounts()
    assert (one.name, one.phone, one.founded_on) == ("丁有限公司", "+8613800138005", dt.date(2020, 2, 28))
    assert one.registered_capital == Decimal("1234.50")


def test_an_ambiguous_order_of_day_and_month_is_asked_for(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "成立日期"], ["甲有限公司", "03/04/2020"], ["乙有限公司", "05/06/2021"])
    with planned(firm.actor("admin"), "account", path) as (_table, plan):
        assert plan.columns[1].ambiguous
    assert counts(load(firm.actor("admin"), "account", path)) == {"errors": 2}
    chosen = {"columns": {"成立日期": {"field": "founded_on", "order": "dmy"}}}
    assert counts(load(firm.actor("admin"), "account", path, chosen)) == {"new": 2}
    assert [a.founded_on for a in accounts()] == [dt.date(2020, 4, 3), dt.date(2021, 6, 5)]


def test_the_unit_in_a_heading_counts(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "注册资本(万元)"], ["甲有限公司", "500"])
    load(firm.actor("admin"), "account", path)
    assert [a.registered_capital for a in accounts()] == [Decimal("5000000.00")]


def test_words_that_are_no_choice(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "客户来源"], ["甲有限公司", "转介绍"], ["乙有限公司", "线下"], ["丙有限公司", "线下"])
    with planned(firm.actor("admin"), "account", path) as (_table, plan):
        assert plan.columns[1].unknown == {"线下": 2}
    result = load(firm.actor("admin"), "account", path, dry=True)
    assert counts(result) == {"new": 3, "warnings": 2}
    assert [(p.row, p.header, p.value, p.level, p.count) for p in result.problems] == [
        (3, "客户来源", "线下", "warning", 2)
    ]
    words = {"columns": {"客户来源": {"field": "source", "words": {"线下": "cold_visit"}}}}
    assert counts(load(firm.actor("admin"), "account", path, words)) == {"new": 3}
    assert [a.source for a in accounts()] == ["referral", "cold_visit", "cold_visit"]


def test_names_of_people_and_records(firm: Any, sheet: Sheet) -> None:
    records.create(firm.actor("admin"), get("account"), {"name": "GTX Pro"})
    path = sheet(
        ["姓名", "公司", "负责人"],
        ["张三", "GTXPro", "王芳"], ["李四", "GTX Pro", "seller"], ["王五", "没有这家", "没有这人"],
    )  # fmt: skip
    result = load(firm.actor("admin"), "contact", path)
    assert counts(result) == {"new": 3, "warnings": 3}
    assert [(p.row, p.header, p.value, p.code) for p in result.problems] == [
        (2, "公司", "GTXPro", "folded"), (4, "公司", "没有这家", ""), (4, "负责人", "没有这人", ""),
    ]  # fmt: skip
    found = {
        c.name: (c.account.name if c.account else "", c.owner.username) for c in Contact._base_manager.all() if c.owner
    }
    assert found == {"张三": ("GTX Pro", "seller"), "李四": ("GTX Pro", "seller"), "王五": ("", "admin")}


def test_unknown_tags_become_tags(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "标签"], ["甲有限公司", "重点、展会"], ["乙有限公司", "展会"])
    with planned(firm.actor("admin"), "account", path):
        assert not Tag.objects.exists()
    assert counts(load(firm.actor("admin"), "account", path)) == {"new": 2}
    assert set(Tag.objects.values_list("name", flat=True)) == {"重点", "展会"}
    assert [len(a.tags) for a in accounts()] == [2, 1]


def test_province_and_city_are_one_region_and_a_sales_territory_is_none(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "大区", "省份", "城市"],
        ["甲有限公司", "华南", "广东", "深圳"],
        ["乙有限公司", "华东", "江苏省", ""],
    )
    load(firm.actor("admin"), "account", path)
    assert [a.region for a in accounts()] == ["440300", "320000"]


def test_a_wrong_credit_code_is_a_warning(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "统一社会信用代码"], ["甲有限公司", "91350100M000100Y43"], ["乙有限公司", "91350100M000100Y44"]
    )
    result = load(firm.actor("admin"), "account", path)
    assert counts(result) == {"new": 2, "warnings": 1}
    assert [p.row for p in result.problems] == [3]


def test_a_formula_in_a_cell_is_text(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "备注"], ["甲有限公司", "=1+1"], ["乙有限公司", "+86 手机"])
    load(firm.actor("admin"), "account", path)
    assert [a.remark for a in accounts()] == ["=1+1", "+86 手机"]


def test_a_plan_with_wrong_names_is_refused(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "备注"], ["甲有限公司", ""])
    wrong: tuple[dict[str, Any], ...] = (
        {"columns": {"没有": "name"}},
        {"columns": {"备注": "nothing"}},
        {"columns": {"备注": "number"}},
        {"columns": {"备注": "name"}},
        {"match": ["phone"]},
        {"mode": "all"},
    )
    for mapping in wrong:
        with pytest.raises(Invalid):
            load(firm.actor("admin"), "account", path, mapping)


def test_a_column_of_the_plan_is_chosen_by_place_too(firm: Any, sheet: Sheet) -> None:
    path = sheet(["备注", "备注"], ["说明", "宏达有限公司"], ["另一个说明", "金石有限公司"])
    load(firm.actor("admin"), "account", path, {"columns": {"#0": "remark", "#1": "name"}})
    assert [(a.name, a.remark) for a in accounts()] == [("宏达有限公司", "说明"), ("金石有限公司", "另一个说明")]


def test_deals_by_stage_account_and_product(firm: Any, sheet: Sheet) -> None:
    records.create(firm.actor("admin"), get("account"), {"name": "Cancity"})
    records.create(firm.actor("admin"), get("product"), {"name": "GTX Pro"})
    path = sheet(
        ["商机名称", "客户名称", "产品", "阶段", "金额", "负责人"],
        ["一", "Cancity", "GTXPro", "赢单", "1054", "王芳"],
        ["二", "Cancity", "GTX Pro", "不存在的阶段", "", "李雷"],
    )
    mapping = {"columns": {"客户名称": "account", "产品": "product", "阶段": "stage"}}
    result = load(firm.actor("admin"), "deal", path, mapping)
    assert (result.new + result.errors, result.rows) == (2, 2)
    assert any(p.code == "folded" for p in result.problems)
    assert any(p.header == "阶段" and p.row == 3 for p in result.problems)


def test_links_and_days_left_open_are_told_once(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "负责人", "成立日期"], ["甲公司", "王芳", ""], ["乙公司", "", ""], ["丙公司", "", "2020-01-02"]
    )
    result = load(firm.actor("admin"), "account", path)
    assert (result.new, result.warnings) == (3, 2)
    assert [(p.row, p.header, p.code, p.text) for p in result.problems] == [
        (2, "成立日期", "empty", _gap(2, 3)),
        (3, "负责人", "empty", _gap(2, 3)),
    ]


def _gap(count: int, rows: int) -> str:
    return gettext("%(count)s of %(rows)s rows have nothing here.") % {"count": count, "rows": rows}


def test_words_of_a_file_name_industries(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "行业"], ["甲公司", "技术"], ["乙公司", "不详"])
    mapping = {"columns": {"行业": {"field": "industry", "words": {"技术": "651", "不详": ""}}}}
    result = load(firm.actor("admin"), "account", path, mapping)
    assert [(a.name, a.industry) for a in accounts()] == [("甲公司", "651"), ("乙公司", "")]
    assert result.warnings == 0
