"""Pinyin of names: surnames, polyphones, sorting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.base import fold, pinyin

SURNAMES = {
    "曾国藩": "zengguofan", "单田芳": "shantianfang", "解缙": "xiejin", "仇英": "qiuying", "查良镛": "zhaliangyong",
    "朴树": "piaoshu", "区志航": "ouzhihang", "盖叫天": "gejiaotian", "任正非": "renzhengfei", "华罗庚": "hualuogeng",
    "纪晓岚": "jixiaolan", "尉迟恭": "yuchigong", "万俟卨": "moqixie", "长孙无忌": "zhangsunwuji",
    "單田芳": "shantianfang",
    "令狐冲": "linghuchong", "欧阳修": "ouyangxiu", "覃辉": "qinhui", "吕布": "lvbu", "张伟": "zhangwei",
    "John Smith": "johnsmith",
}  # fmt: skip
TONES = {
    "曾": "zeng1", "单": "shan4", "解": "xie4", "仇": "qiu2", "查": "zha1", "朴": "piao2", "区": "ou1", "盖": "ge3",
    "任": "ren2", "华": "hua4", "纪": "ji3",
}  # fmt: skip


@pytest.mark.parametrize(("name", "full"), SURNAMES.items())
def test_person(name: str, full: str) -> None:
    assert pinyin.person(name).full == full


@pytest.mark.parametrize(("surname", "reading"), TONES.items())
def test_tone_of_surnames_sorts(surname: str, reading: str) -> None:
    assert pinyin.person(surname + "伟").sort_key.startswith(f"~{reading}{surname}")


def test_the_usual_reading_stays_an_alternative() -> None:
    assert set(pinyin.person("单田芳").search_parts) >= {"stf", "dtf", "shantianfang", "dantianfang"}
    assert set(pinyin.person("覃辉").search_parts) == {"qh", "qinhui", "th", "tanhui"}
    assert pinyin.person("张伟").search_parts == ("zw", "zhangwei")


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("华为技术", "huaweijishu", "hwjs"),
        ("长沙银行", "changshayinhang", "csyh"),
        ("重庆火锅", "chongqinghuoguo", "cqhg"),
        ("厦门大厦", "xiamendasha", "xmds"),
        ("六安瓜片", "luanguapian", "lagp"),
        ("成长教育", "chengzhangjiaoyu", "czjy"),
        ("乐清电器", "yueqingdianqi", "yqdq"),
        ("佛山照明", "foshanzhaoming", "fszm"),
        ("单县", "shanxian", "sx"),
        ("蚌埠医院", "bengbuyiyuan", "bbyy"),
        ("東阿阿膠", "dongeejiao", "deej"),
        ("绿城", "lvcheng", "lc"),
        ("TCL科技", "tclkeji", "tclkj"),
        ("第2期", "di2qi", "d2q"),
        ("Café（北京）", "cafebeijing", "cafebj"),
        ("", "", ""),
    ],
)
def test_company(name: str, full: str, initials: str) -> None:
    found = pinyin.company(name)
    assert (found.full, found.initials) == (full, initials)


def test_order() -> None:
    expected = [
        "3M", "123公司", "apple", "a股", "Zoho", "阿里", "安", "北京", "曾国", "长江", "长沙", "第2期", "第10期",
        "单县", "张三", "张伟", "章三",
    ]  # fmt: skip
    assert sorted(set(expected), key=lambda name: pinyin.company(name).sort_key) == expected
    assert pinyin.company("長江").sort_key == pinyin.company("长江").sort_key


def test_index_letter() -> None:
    letters = [pinyin.index_letter(pinyin.company(name).sort_key) for name in ("长沙", "Zoho", "3M", "", "Яндекс")]
    assert letters == ["C", "Z", "#", "#", "#"]


def test_plain() -> None:
    assert pinyin.plain("宝gang") == "baogang"


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    for found in (pinyin.company(text), pinyin.person(text)):
        assert len(found.alternatives) <= 2 * pinyin.MAX_ALTERNATIVES
        assert "\n" not in found.sort_key
        assert found.sort_key == found.sort_key.strip()


def test_surnames_of_the_corpus_have_a_reading(shared: Callable[[str], Path]) -> None:
    names = shared("chinese/names_corpus/Ancient_Names_Corpus（25W）.txt").read_text("utf-8").split()[2:20_002]
    unread = [name for name in names if not pinyin.person(name).full.isascii()]
    assert len(unread) <= len(names) // 1000


def test_speed(shared: Callable[[str], Path]) -> None:
    file = shared("chinese/company_names_corpus/Company-Shorter-Form（28W）.txt")
    names = file.read_text("utf-8-sig").split()[3:10_003]
    pinyin.company("长沙银行")
    start = time.process_time()
    for name in names:
        fold.grams(fold.search_text([name, *pinyin.company(name).search_parts]))
    assert time.process_time() - start < 5  # measured 0.2 s; the bound only catches a lost cache
