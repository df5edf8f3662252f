from __future__ import annotations

import pytest

from zhike.engine.tabular import Cell, FieldSpec, compose_name, guess
from zhike.engine.tabular.aliases import ALIASES
from zhike.engine.tabular.guess import meaning_of, meaning_of_values

HEADINGS = {
    "客户名称": "customer", "公司名称": "company", "单位": "company", "企業名稱": "company", "Company": "company",
    "Account Name": "company", "Organization": "company", "手机": "mobile", "手機號碼": "mobile", "行動電話": "mobile",
    "联系电话": "phone", "Phone": "phone", "Mobile Phone": "mobile", "電子郵件": "email", "E-mail": "email",
    "＊姓名（必填）": "name", "金额（元）": "amount", "预计成交金额(万元)": "amount", "统一社会信用代码": "uscc",
    "統一編號": "uscc", "所在省份": "province", "城市": "city", "所属行业": "industry", "负责人": "owner",
    "業務員": "owner", "客户来源": "source", "客户级别": "tier", "备注": "remark", "職稱": "position",
    "部门": "department", "出生日期": "birthday", "客户标签": "tags", "公司网址": "website", "联系地址": "address",
    "Person - Phone - Mobile": "mobile", "Organization - Name": "company", "商务地址 市/县": "city",
    "MAILINGSTATE": "province", "Phone 1 - Value": "phone", "E-mail 1 - Value": "email", "Given Name": "given_name",
    "客户联系电话": "phone", "主要联系人手机号": "mobile",
    "最近一次联系日期": "date",
}  # fmt: skip


@pytest.mark.parametrize("heading", HEADINGS)
def test_headings_have_a_meaning(heading: str) -> None:
    assert meaning_of(heading)[0] == HEADINGS[heading]


@pytest.mark.parametrize("heading", ["产地", "Yomi", "xyz", "库存", "身高"])
def test_unknown_headings_have_none(heading: str) -> None:
    assert meaning_of(heading) == (None, 0.0)


def test_every_meaning_has_names_in_both_languages() -> None:
    for meaning, names in ALIASES.items():
        if meaning in ("phonetic", "label_of"):  # columns that only Google writes, and always in English
            continue
        assert any(name.isascii() for name in names), meaning
        assert any(not name.isascii() for name in names), meaning


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        (["a@b.cn", "c@d.com", None], "email"),
        ([13800138000, "139 0013 9000", "+86 13700137000"], "mobile"),
        (["010-62770334", "0755-12345678"], "phone"),
        (["91350100M000100Y43", "91110000802100433B"], "uscc"),
        (["2024-01-02", "2024/3/4", "2024.5.6"], "date"),
        (["¥1,234.50", "￥5"], "amount"),
        (["北京某某有限公司", "上海某厂"], "company"),
        (["https://a.cn", "www.b.com"], "website"),
        (["红", "蓝"], None),
        ([None, ""], None),
    ],
)
def test_values_tell_when_headings_do_not(values: list[Cell], meaning: str | None) -> None:
    assert meaning_of_values(values)[0] == meaning


FIELDS = [
    FieldSpec("name", ["姓名", "姓名", "Name"]),
    FieldSpec("account", ["公司", "公司", "Company"], kind="link", meanings=["company"]),
    FieldSpec("phone", ["电话", "電話", "Phone"], kind="phone", meanings=["phone", "mobile"]),
    FieldSpec("email", ["邮箱", "郵箱", "Email"], kind="email"),
    FieldSpec("level", ["客户星级", "客戶星級", "Stars"], aliases=["星级评定"], kind="choice"),
]


def mapped(headers: list[str], *rows: list[Cell]) -> dict[str, str | None]:
    return {one.header: one.field_key for one in guess(headers, rows, FIELDS)}


def test_headings_win_over_values_and_each_field_has_one_column() -> None:
    found = guess(["姓名", "手机", "办公电话", "其他电话"], [["张三", "13800138000", "010-1234567", ""]], FIELDS)
    assert [(one.field_key, one.same_as, one.meaning) for one in found] == [
        ("name", None, "name"), (None, "phone", "mobile"), ("phone", None, "phone"), (None, "phone", "phone"),
    ]  # fmt: skip


def test_values_decide_for_headings_without_meaning() -> None:
    rows: list[list[Cell]] = [["张三", "a@b.cn", "13800138000"], ["李四", "c@d.cn", "13900139000"]]
    assert mapped(["甲", "乙", "丙"], *rows) == {"甲": None, "乙": "email", "丙": "phone"}
    assert mapped(["A", "B", "C"], *rows) == {"A": None, "B": "email", "C": "phone"}


def test_a_heading_whose_values_do_not_fit_is_not_trusted() -> None:
    assert mapped(["姓名", "Email"], ["张三", "否"], ["李四", "是"]) == {"姓名": "name", "Email": None}


def test_labels_in_any_script_and_aliases_of_a_field() -> None:
    assert mapped(["客戶星級"]) == {"客戶星級": "level"}
    assert mapped(["星级 评定"]) == {"星级 评定": "level"}
    assert mapped(["STARS"]) == {"STARS": "level"}


def test_family_and_given_name_are_composed() -> None:
    found = guess(["First Name", "Last Name", "Company Name"], [["娜", "欧阳", "某公司"]], FIELDS)
    assert [(one.field_key, one.part, one.reason) for one in found] == [
        ("name", "given", "composed"), ("name", "family", "composed"), ("account", None, "alias"),
    ]  # fmt: skip
    whole = guess(["姓名", "姓", "名"], [["欧阳娜", "欧阳", "娜"]], FIELDS)
    assert [(one.field_key, one.same_as) for one in whole] == [("name", None), (None, "name"), (None, "name")]


@pytest.mark.parametrize(
    ("family", "given", "middle", "name"),
    [
        ("欧阳", "娜", None, "欧阳娜"),
        ("Smith", "John", None, "John Smith"),
        ("Smith", "John", "Q.", "John Q. Smith"),
        ("王", None, None, "王"),
        (None, "John", None, "John"),
        (None, None, None, ""),
    ],
)
def test_names_are_composed_in_their_order(
    family: str | None, given: str | None, middle: str | None, name: str
) -> None:
    assert compose_name(family=family, given=given, middle=middle) == name
