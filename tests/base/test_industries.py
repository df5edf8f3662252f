"""Industries of GB/T 4754-2017."""

from __future__ import annotations

from collections import Counter

import pytest

from zhike.base import industries


def test_levels() -> None:
    levels = Counter(len(industries.path(code)) for code in industries.table())
    assert levels == {1: 20, 2: 97, 3: 473, 4: 1381}
    assert industries.children() == list("ABCDEFGHIJKLMNOPQRST")
    assert industries.children("I") == ["63", "64", "65"]
    assert industries.path("3911") == ["C", "39", "391", "3911"]
    assert industries.path("C3911") == ["C", "39", "391", "3911"]
    assert industries.path("9999") == []


def test_names_are_whole_and_sections_and_divisions_have_english() -> None:
    for code, entry in industries.table().items():
        assert entry.name == entry.name.strip()
        assert not entry.name.endswith(("设备制", "制品制", "专用设")), code
        assert entry.english or len(industries.path(code)) > 2, code
        assert "制造" not in entry.hant


@pytest.mark.parametrize(
    ("code", "hans", "hant", "english"),
    [
        ("I", "信息传输、软件和信息技术服务业", "資訊傳輸、軟體和資訊科技服務業",
         "Information transmission, software and information technology services"),
        ("37", "铁路、船舶、航空航天和其他运输设备制造业", "鐵路、船舶、航空航天和其他運輸設備製造業",
         "Manufacture of railway, ship, aerospace and other transport equipment"),
        ("6513", "应用软件开发", "應用軟體開發", "应用软件开发"),
        ("9999", "", "", ""),
    ],
)  # fmt: skip
def test_names(code: str, hans: str, hant: str, english: str) -> None:
    names = (industries.name(code), industries.name(code, "zh-hant"), industries.name(code, "en"))
    assert names == (hans, hant, english)


def test_problem_and_existence() -> None:
    codes = ("C", "c39", "3911", "A3911", "9999", "Z", "", "12345")
    expected = [None, None, None, "unknown", "unknown", "format", "format", "format"]
    assert [industries.problem(code) for code in codes] == expected
    assert [industries.exists(code) for code in ("39", "C39")] == [True, False]


def test_below() -> None:
    assert industries.below("651") == ["651", "6511", "6512", "6513", "6519"]
    assert len(industries.below("I")) == 55
    assert industries.below("x") == []
    whole = sum(len(industries.below(section)) for section in industries.children())
    assert whole == len(industries.table())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("软件和信息技术服务业", "65"), ("軟體開發", "651"), ("C39 计算机、通信和其他电子设备制造业", "39"),
        ("i65", "65"),
        ("制造业/汽车制造业", "36"), ("汽车制造", "36"), ("IT", "I"), ("金融", "J"), ("教育", "P"), ("C", "C"),
        ("Software and information technology services", "65"), ("火星", None), ("", None), ("其他", None),
    ],
)  # fmt: skip
def test_match(text: str, code: str | None) -> None:
    assert industries.match(text) == code


def test_search() -> None:
    assert industries.search("rjkf")[0] == "651"
    assert industries.search("软件")[:3] == ["I", "65", "651"]
    assert industries.search("SOFTWARE")[:2] == ["I", "65"]
    assert industries.search(" ") == []
