from __future__ import annotations

from decimal import Decimal

import pytest

from zhike.engine.tabular import Cell
from zhike.engine.tabular.values import (
    CellValueError,
    boolean,
    labelled_amount,
    match_choice,
    money,
    percent,
    unmatched,
)

AMOUNTS: list[tuple[Cell, str, str | None]] = [
    ("¥1,234.50元", "1234.50", "CNY"),
    ("1.2万", "12000", None),
    ("1.2 万元", "12000", "CNY"),
    ("3亿", "300000000", None),
    ("8.5千万", "85000000", None),
    ("(1,234.5)", "-1234.5", None),
    ("（500）", "-500", None),
    ("-¥5", "-5", "CNY"),
    ("¥-5", "-5", "CNY"),
    ("￥１，２３４", "1234", "CNY"),
    ("RMB 1,000", "1000", "CNY"),
    ("人民币1000元整", "1000", "CNY"),
    ("US$ 5k", "5000", "USD"),
    ("NT$ 3,000", "3000", "TWD"),
    ("1 234.5", "1234.5", None),
    (".5", "0.5", None),
    (12, "12", None),
    (Decimal("5236.924"), "5236.924", None),
]


@pytest.mark.parametrize(("cell", "amount", "currency"), AMOUNTS)
def test_amounts(cell: Cell, amount: str, currency: str | None) -> None:
    assert money(cell) == (Decimal(amount), currency)


@pytest.mark.parametrize("cell", ["", None, "abc", "1,23", "5-10万", "1.2.3", True, "13800138000 张三", "=1+1"])
def test_what_is_no_amount(cell: Cell) -> None:
    with pytest.raises(CellValueError) as caught:
        money(cell)
    assert caught.value.code == "not_a_number"


def test_percents() -> None:
    assert [percent(cell) for cell in ("12.5%", "12.5", "１２％", 30, Decimal("0.125"))] == [
        Decimal("12.5"), Decimal("12.5"), Decimal(12), Decimal(30), Decimal("12.5"),
    ]  # fmt: skip


def test_yes_and_no() -> None:
    assert [boolean(cell) for cell in ("是", "√", "Y", "TRUE", 1, True, "有")] == [True] * 7
    assert [boolean(cell) for cell in ("否", "×", "n", "False", 0, False, "無")] == [False] * 7
    with pytest.raises(CellValueError):
        boolean("也许")
    with pytest.raises(CellValueError):
        boolean(None)


CHOICES = {
    "firm": ["企业", "企業", "Company"],
    "person": ["个人", "個人", "Person"],
    "other": ["其他", "其他", "Other"],
}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("企业", "firm"),
        ("企業", "firm"),
        (" COMPANY ", "firm"),
        ("person", "person"),
        ("個人（默认）", "person"),
        ("x", None),
        (None, None),
    ],
)
def test_choices(text: Cell, key: str | None) -> None:
    assert match_choice(text, CHOICES) == key


def test_a_text_that_fits_two_choices_fits_none() -> None:
    assert match_choice("其他", {"a": ["其他"], "b": ["其它", "其他"]}) is None


def test_values_left_to_map() -> None:
    assert unmatched(["个人", "小型企业", None, "小型企业 ", "公司"], CHOICES) == ["小型企业", "公司"]


def test_an_amount_in_a_remark() -> None:
    assert labelled_amount("客户编号丁君-15280;累计4单,金额5236.924元;最近下单2017-06-23", "金额") == Decimal(
        "5236.924"
    )
    assert labelled_amount("没有", "金额") is None
