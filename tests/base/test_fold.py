"""Folding, bigrams and the terms of a search."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhike.base import fold, pinyin


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("華為技術有限公司", "华为技术有限公司"),
        ("臺灣裏裡線綫衛衞", "台湾里里线线卫卫"),
        ("后來發髮乾幹", "后来发发干干"),
        ("钱锺书", "钱钟书"),
        ("什么", "什么"),
        ("ＡＢＣ　Ｃｏ．，　ＬＴＤ", "abc co., ltd"),
        ("华为 技术 ２０２６", "华为技术2026"),
        ("（上海）", "(上海)"),
        ("阿里木•买买提", "阿里木·买买提"),
        ("a\u200bb\ufeff  c\n d", "ab c d"),
        ("Straße", "strasse"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold.fold(text) == folded


@given(st.text(max_size=60))
@example("\u0345İ")
@example("乾坤 ﬁ ①")
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold.fold(text)
    assert fold.fold(once) == once
    assert "\n" not in once
    assert once == once.strip()


def test_grams_cross_neither_blank_nor_part() -> None:
    text = fold.search_text(["宝钢", " ", "bg", "宝钢", "A b"])
    assert text == "\n宝钢\nbg\na b\n"
    assert fold.grams(text) == sorted(
        ["bg", "宝钢", "宝", "钢", "\n宝", "\n宝钢", "\n宝钢\n", "\nb", "\nbg", "\nbg\n", "\na", "\na ", "\na b\n"]
    )
    assert fold.search_text([" "]) == ""
    assert fold.grams("") == []


def test_numbers_are_kept_by_their_ending() -> None:
    grams = fold.grams(fold.search_text(["13800138000", "C000123", "123", "宝钢2026"]))
    assert [gram for gram in grams if gram.endswith("\n")] == ["\n123\n", "0123\n", "2026\n", "8000\n"]
    assert fold.end_grams("138000") == ["8000\n"]


def test_grams_that_a_term_asks_for() -> None:
    assert fold.query_grams("宝") == ["宝"]
    assert fold.query_grams("b") == ["\nb"]
    assert fold.query_grams("宝钢g") == ["宝钢", "钢g"]
    assert fold.begin_grams("bgj") == ["\nbg", "gj"]
    assert fold.exact_grams("宝钢") == ["\n宝钢\n"]
    assert fold.exact_grams("宝钢集团股") == sorted(["\n宝钢", "钢集", "集团", "团股"])


def _hits(query: str, text: str) -> bool:
    """The two-step search as the database does it: bigrams contained, then LIKE, for every term."""
    grams = set(fold.grams(text))
    return all(
        any(fold.pattern(form) in text and set(fold.query_grams(form)) <= grams for form in fold.query_forms(term))
        for term in fold.query_terms(query)
    )


BAOGANG = fold.search_text(["宝钢集团有限公司", *pinyin.company("宝钢集团有限公司").search_parts, "13800138000"])
ZHANG = fold.search_text(["张伟", *pinyin.person("张伟").search_parts, "宝钢集团"])
CENTRAL = fold.search_text(["长沙银行", *pinyin.company("长沙银行").search_parts, "010 62770334".replace(" ", "")])


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("bgjt", BAOGANG), ("baogang", BAOGANG), ("宝gang", BAOGANG), ("宝钢", BAOGANG), ("寶鋼", BAOGANG),
        ("8000", BAOGANG), ("+86 13800138000", BAOGANG), ("138-0013-8000", BAOGANG),
        ("138 0013 8000", BAOGANG), ("138 8000", BAOGANG), ("8613800138000", BAOGANG),
        ("ＢＧ", BAOGANG), ("zw 宝钢", ZHANG), ("zhangwei", ZHANG), ("csyh", CENTRAL), ("zsyh", CENTRAL),
        ("0334", CENTRAL), ("010-62770334", CENTRAL), ("钢", BAOGANG), ("b", BAOGANG), ("宝gjt", BAOGANG),
        ("張wei", ZHANG), ("张w", ZHANG),
    ],
)  # fmt: skip
def test_what_people_type_finds_it(query: str, text: str) -> None:
    assert _hits(query, text)


@pytest.mark.parametrize("query", ["钢宝", "宝铁", "bgjt 张", "80001", "团b", "g", "刚"])
def test_what_is_not_there_is_not_found(query: str) -> None:
    assert not _hits(query, BAOGANG)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=20))
def test_every_part_of_a_text_is_found(text: str, other: str) -> None:
    stored = fold.search_text([other, text])
    assert all(_hits(word, stored) for word in [fold.fold(text)] if word and " " not in word)


def test_like_escapes() -> None:
    assert fold.like("100%_\\") == "%100\\%\\_\\\\%"
