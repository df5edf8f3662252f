"""Keys of company names."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.base import names


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("华为技术有限公司", "华为技术"), ("華為技術有限公司", "华为技术"), ("华为 技术", "华为技术"),
        ("华为技术有限责任公司", "华为技术"), ("宝钢（集团）股份有限公司", "宝钢"), ("宝钢集团有限公司", "宝钢"),
        ("北京市君合律师事务所", "北京市君合律师"), ("世鼎生物技术（香港）有限公司", "世鼎生物技术香港"),
        ("华为技术有限公司上海分公司", "华为技术上海分公司"), ("华为技术上海分公司", "华为技术上海分公司"),
        ("中国移动第一分公司", "中国移动第1分公司"), ("中国移动第1分公司", "中国移动第1分公司"),
        ("中国移动一分公司", "中国移动第1分公司"), ("中国移动第二十一分公司", "中国移动第21分公司"),
        ("招商银行股份有限公司深圳南山支行", "招商银行深圳南山支行"),
        ("Huawei Technologies Co., Ltd.", "huaweitechnologies"), ("HUAWEI TECHNOLOGIES CO LTD", "huaweitechnologies"),
        ("Cisco", "cisco"), ("有限公司", "有限公司"), ("", ""),
    ],
)  # fmt: skip
def test_name_key(name: str, key: str) -> None:
    assert names.name_key(name) == key


def test_legal_key_keeps_the_legal_form() -> None:
    assert names.legal_key("華為技術（上海）有限公司") == "华为技术上海有限公司"
    assert names.legal_key("宝钢集团有限公司") != names.legal_key("宝钢股份有限公司")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("深圳市腾讯计算机系统有限公司", "腾讯计算机系统"),
        ("深圳腾讯计算机系统有限公司", "腾讯计算机系统"),
        ("广东省深圳市南山区腾讯", "腾讯"),
        ("广西壮族自治区玉柴机器", "玉柴机器"),
        ("上海有限公司", "上海"),
    ],
)
def test_similarity_key(name: str, key: str) -> None:
    assert names.similarity_key(name) == key


def test_no_false_pair_among_labelled_variants(shared: Callable[[str], Path]) -> None:
    groups: dict[str, list[str]] = defaultdict(list)
    with shared("duplicates/zh_company_variants/zh_company_variants.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[names.name_key(row["name"])].append(row["entity_id"])
    pairs = [a == b for entities in groups.values() for a, b in combinations(entities, 2)]
    # The other 151 of 248 pairs differ by a swapped or missing character: work for a similarity score.
    assert (pairs.count(True), pairs.count(False)) == (97, 0)


@given(st.text(max_size=40))
def test_keys_are_stable(name: str) -> None:
    assert names.legal_key(names.legal_key(name)) == names.legal_key(name)
    assert names.name_key(name) or not names.legal_key(name)
    assert names.similarity_key(name) or not names.legal_key(name)
