"""Amounts: capitals both ways, short forms, what people type."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.base import amount

VECTORS = [
    ("1409.50", "壹仟肆佰零玖元伍角"),
    ("6007.14", "陆仟零柒元壹角肆分"),
    ("1680.32", "壹仟陆佰捌拾元零叁角贰分"),
    ("107000.53", "壹拾万柒仟元零伍角叁分"),
    ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
    ("325.04", "叁佰贰拾伍元零肆分"),
    ("100000000", "壹亿元整"),
    ("100100000000", "壹仟零壹亿元整"),
    ("0.05", "伍分"),
    ("0", "零元整"),
    ("10", "壹拾元整"),
    ("-10", "负壹拾元整"),
    ("10010", "壹万零壹拾元整"),
    ("100000001", "壹亿零壹元整"),
    ("1000100000000", "壹万零壹亿元整"),
]
CENTS = st.integers(0, 9999_0000_0000_00).map(lambda cents: Decimal(cents).scaleb(-2))


@pytest.mark.parametrize(("value", "text"), VECTORS)
def test_capital_vectors(value: str, text: str) -> None:
    assert amount.to_capital(Decimal(value)) == text
    assert amount.from_capital(text) == Decimal(value)
    assert amount.to_capital(Decimal(value), prefix=True) == "人民币" + text


def _round_trip(value: Decimal) -> None:
    text = amount.to_capital(value)
    assert amount.from_capital(text) == value
    assert "零零" not in text
    assert not re.search(r"零[亿万元]", text) or text.startswith("零元")
    assert text.endswith("整") == (value == value.to_integral_value())


@settings(max_examples=500, deadline=None)
@given(CENTS)
def test_capital_round_trip(value: Decimal) -> None:
    _round_trip(value)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None)
@given(CENTS)
def test_capital_round_trip_long(value: Decimal) -> None:
    _round_trip(value)


@pytest.mark.parametrize("text", ["", "元", "壹贰元", "壹元贰", "abc", "壹角贰", "整"])
def test_no_capital_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"numeral|capital"):
        amount.from_capital(text)


def test_capital_limits_and_variants() -> None:
    assert amount.from_capital("人民币：壹拾圆正") == 10
    assert amount.from_capital("貳萬參仟圓整") == 23000
    assert amount.to_capital(Decimal("9999999999999999.99")).startswith("玖仟玖佰玖拾玖万")
    for wrong in ("1e16", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="capital"):
            amount.to_capital(Decimal(wrong))


@pytest.mark.parametrize(
    ("value", "hans", "english"),
    [
        ("123456", "12.35万", "123.46K"),
        ("99995000", "9,999.5万", "100M"),
        ("120000000", "1.2亿", "120M"),
        ("99999999", "1亿", "100M"),
        ("999999", "100万", "1M"),
        ("9999.999", "1万", "10K"),
        ("9999", "9,999", "10K"),
        ("1234.5", "1,234.5", "1.23K"),
        ("0", "0", "0"),
        ("-0.001", "0", "0"),
        ("-123456", "-12.35万", "-123.46K"),
        ("1000000000000", "1万亿", "1,000B"),
    ],
)
def test_compact(value: str, hans: str, english: str) -> None:
    assert amount.compact(Decimal(value)) == hans
    assert amount.compact(Decimal(value), "en") == english
    assert amount.compact(Decimal(value), "zh-hant") == hans.replace("万", "萬").replace("亿", "億")


@given(st.integers(-(10**15), 10**15))
def test_compact_never_reaches_the_next_unit(value: int) -> None:
    shown = amount.compact(Decimal(value))
    number = Decimal(re.sub(r"[^\d.-]", "", shown))
    assert abs(number) < 10_000
    worth = 10 ** {"": 0, "万": 4, "亿": 8, "万亿": 12}[re.sub(r"[\d.,-]", "", shown)]
    assert abs(number * worth - value) <= Decimal("0.005") * worth


def test_money() -> None:
    assert amount.money(Decimal("1234.5")) == "¥1,234.50"
    assert amount.money(Decimal(-5)) == "-¥5.00"
    assert amount.money(Decimal("-0.001")) == "¥0.00"
    assert amount.money(Decimal("1234.5"), "en", currency="USD") == "$1,234.50"
    assert amount.money(Decimal("1234.5"), currency="USD") == "US$1,234.50"
    assert amount.money(Decimal("1234.5"), currency="JPY") == "JP¥1,235"
    assert amount.money(Decimal(1), currency="SGD") == "SGD 1.00"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("¥1,234.50", "1234.50"), ("１２３４元", "1234"), ("12.5万", "125000"), ("1.2亿", "120000000"),
        ("(1,234.00)", "-1234.00"), ("-¥5", "-5"), ("¥-5", "-5"), ("￥ 12万元", "120000"), ("RMB 100", "100"),
        ("人民币壹仟元整", "1000"), ("一百二十万", "1200000"), ("1.2E+5", "120000"), ("12w", "120000"),
        ("1 234 567.5", "1234567.5"), ("1234.5万元", "12345000"), (".5", "0.5"), ("－３", "-3"),
        ("", None), ("abc", None), ("--5", None), ("1,23", None), ("元", None), ("1.2.3", None), ("12元5", None),
    ],
)  # fmt: skip
def test_parse(text: str, value: str | None) -> None:
    assert amount.parse(text) == (None if value is None else Decimal(value))


@given(st.text(max_size=30))
def test_parse_never_raises(text: str) -> None:
    found = amount.parse(text)
    assert found is None or found.is_finite()
