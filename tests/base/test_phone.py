"""Telephone numbers: every way a Chinese sheet writes them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.base import phone
from zhike.base.phone import Kind

MOBILE = "+8613800138000"


@pytest.mark.parametrize(
    "value",
    [
        "13800138000", "138 0013 8000", "138-0013-8000", "+86 138-0013-8000", "0086 13800138000", "8613800138000",
        "86-13800138000", "013800138000", "１３８００１３８０００", "13800138000.0", 13800138000.0, 13800138000,
        "1.3800138E+10", "手机：13800138000", "13800138000（微信同号）", "13800138000 张总", "张总13800138000",
        "(+86)13800138000", "\u202a13800138000\u202c", " 13800138000 ",
    ],
)  # fmt: skip
def test_one_mobile_in_many_forms(value: str | float) -> None:
    found = phone.parse(value)
    assert (found.number, found.kind, found.problem) == (MOBILE, Kind.MOBILE, None)


@pytest.mark.parametrize(
    ("value", "number", "extension", "kind"),
    [
        ("010-62770334", "+861062770334", "", Kind.LANDLINE),
        ("(010) 62770334", "+861062770334", "", Kind.LANDLINE),
        ("01062770334", "+861062770334", "", Kind.LANDLINE),
        ("+86 10 6277 0334", "+861062770334", "", Kind.LANDLINE),
        ("+86 (0)10 62770334", "+861062770334", "", Kind.LANDLINE),
        ("86-10-62770334", "+861062770334", "", Kind.LANDLINE),
        ("010-62770334-8001", "+861062770334", "8001", Kind.LANDLINE),
        ("010-62770334转8001", "+861062770334", "8001", Kind.LANDLINE),
        ("010 62770334 ext. 12", "+861062770334", "12", Kind.LANDLINE),
        ("+861062770334;ext=8001", "+861062770334", "8001", Kind.LANDLINE),
        ("0755-88888888", "+8675588888888", "", Kind.LANDLINE),
        ("0311-8765432", "+863118765432", "", Kind.LANDLINE),
        ("755-88888888", "+8675588888888", "", Kind.LANDLINE),
        (2162770334.0, "+862162770334", "", Kind.LANDLINE),
        ("1062770334.0", "+861062770334", "", Kind.LANDLINE),
        ("400-810-5119", "+864008105119", "", Kind.SERVICE),
        ("8008105119", "+868008105119", "", Kind.SERVICE),
        ("400-810-5119转2", "+864008105119", "2", Kind.SERVICE),
        ("95588", "95588", "", Kind.SHORT),
        ("96777", "96777", "", Kind.SHORT),
        ("10086", "10086", "", Kind.SHORT),
        ("12345", "12345", "", Kind.SHORT),
        ("110", "110", "", Kind.SHORT),
        ("116114", "116114", "", Kind.SHORT),
        ("+86 95588", "95588", "", Kind.SHORT),
        ("16212345678", "+8616212345678", "", Kind.MOBILE),
        ("17012345678", "+8617012345678", "", Kind.MOBILE),
        ("19212345678", "+8619212345678", "", Kind.MOBILE),
        ("+852 9123 4567", "+85291234567", "", Kind.FOREIGN),
        ("85291234567", "+85291234567", "", Kind.FOREIGN),
        ("+853 6612 3456", "+85366123456", "", Kind.FOREIGN),
        ("0912-345-678", "+886912345678", "", Kind.FOREIGN),
        ("00886 912 345 678", "+886912345678", "", Kind.FOREIGN),
        ("+1 650 253 0000", "+16502530000", "", Kind.FOREIGN),
    ],
)
def test_kinds(value: str | float, number: str, extension: str, kind: Kind) -> None:
    found = phone.parse(value)
    assert (found.number, found.extension, found.kind, found.problem) == (number, extension, kind, None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "empty"), ("  ", "empty"), ("暂无", "letters"), ("abc", "letters"), ("1.38E+10", "digits_lost"),
        ("1.38001E+10", "digits_lost"), ("1380013800", "invalid"), ("138001380001", "invalid"),
        ("12345678901", "invalid"), ("62770334", "area_code"),
        ("123", "too_short"), ("123456", "too_short"), ("1380013800013800", "too_long"),
        ("2125551234", "invalid"), ("+1 212", "too_short"), ("+999 12345678", "invalid"),
    ],
)  # fmt: skip
def test_bad_numbers_keep_their_text(value: str, problem: str) -> None:
    found = phone.parse(value)
    assert (found.problem, found.number, found.text) == (problem, "", value.strip())


def test_region_of_numbers_without_country() -> None:
    assert phone.parse("9123 4567", region="HK").number == "+85291234567"
    assert phone.parse("66123456", region="MO").number == "+85366123456"
    assert phone.parse("02-2345-6789", region="TW").number == "+886223456789"
    assert phone.parse("13800138000", region="HK").number == MOBILE


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("13800138000/13900139000", ["13800138000", "13900139000"]),
        ("13800138000、010-62770334，95588；400-810-5119",
         ["13800138000", "010-62770334", "95588", "400-810-5119"]),
        ("138 0013 8000 139 0013 9000", ["138 0013 8000", "139 0013 9000"]),
        ("13800138000 010 62770334", ["13800138000", "010 62770334"]),
        ("010-62770334/35", ["010-62770334", "010-62770335"]),
        ("010-62770334-8001/8002", ["010-62770334-8001", "010-62770334-8002"]),
        ("+86 138 0013 8000", ["+86 138 0013 8000"]),
        ("13800138000\n13800138000", ["13800138000"]),
        ("打听 13800138000 后再说", ["打听 13800138000 后再说"]),
        ("", []),
    ],
)  # fmt: skip
def test_split(text: str, parts: list[str]) -> None:
    assert phone.split(text) == parts


@pytest.mark.parametrize(
    ("value", "display", "mask", "digits"),
    [
        ("13800138000", "138 0013 8000", "138****8000", "13800138000"),
        ("010-62770334-8001", "010-62770334-8001", "010-****0334", "01062770334"),
        ("075588888888", "0755-88888888", "0755-****8888", "075588888888"),
        ("4008105119", "400-810-5119", "400****5119", "4008105119"),
        ("95588", "95588", "95588", "95588"),
        ("+85291234567", "+852 9123 4567", "+852****4567", "85291234567"),
        ("1380013800", "1380013800", "**********", "1380013800"),
        ("1.38E+10", "1.38E+10", "*.**E+**", ""),
    ],
)
def test_shown_masked_searched(value: str, display: str, mask: str, digits: str) -> None:
    found = phone.parse(value)
    assert (phone.display(found), phone.mask(found), phone.digits(found)) == (display, mask, digits)


def test_every_allocated_prefix_is_a_mobile(shared: Callable[[str], Path]) -> None:
    with shared("chinese/phone_prefix/phone_prefix_sample.csv").open(encoding="utf-8") as file:
        prefixes = [row["prefix7"] for row in csv.DictReader(file)]
    assert len(prefixes) == 2498
    assert [p for p in prefixes if phone.parse(p + "0000").kind is not Kind.MOBILE] == []


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_stored_display_and_text_read_the_same(number: str) -> None:
    found = phone.parse(number)
    assert found.number == "+86" + number
    assert phone.parse(phone.display(found)).number == found.number
    assert phone.stored(found.number).kind is found.kind
    assert number[3:7] not in phone.mask(found) or number[3:7] == number[7:] or number[3:7] in number[7:]


@given(st.text(max_size=40))
def test_never_raises(text: str) -> None:
    found = phone.parse(text)
    assert bool(found.number) == (found.problem is None)
    phone.display(found), phone.mask(found), phone.digits(found)
    assert all(phone.split(text)) or phone.split(text) == []
