"""How alike names and records are, without a database."""

from __future__ import annotations

import random

import pytest

from zhike.base.likeness import bulk, firms, learn

SAME = [
    ("华为技术有限公司", "华为技术", "form"),
    ("华为技术有限公司", "華為技術股份有限公司", "form"),
    ("灵动传媒科技（绍兴）有限公司", "灵动传媒科技(绍兴)", "form"),
    ("华为技术有限公司", " 华为 技术有限公司　", "full"),
    ("深圳市华安精密机械有限公司", "广东省深圳市华安精密机械有限公司", "place"),
    ("宁波索成教育信息咨询有限公司", "宁波索成教育信息咨有限公司", "typo"),
    ("宁波索成教育信息咨询有限公司", "宁波索成育教信息咨询有限公司", "typo"),
    ("宁波索成教育信息咨询有限公司", "宁波索成教育信息资询有限公司", "typo"),
    ("宝钢集团有限公司第一分公司", "宝钢集团有限公司第1分公司", "full"),
    ("华为技术有限公司", "Huawei Technologies Co., Ltd.", "sound"),
    ("International Business Machines", "IBM Corporation", "initials"),
    ("Sony Corp.", "Sony Corporation", "form"),
]
OTHER = [
    ("宝钢集团有限公司第一分公司", "宝钢集团有限公司第二分公司"),
    ("宝钢集团有限公司第一分公司", "宝钢集团有限公司"),
    ("常州途畅科技有限公司合肥分公司", "常州途畅科技有限公司成都分公司"),
    ("上海华安信息技术有限公司", "北京华安信息技术有限公司"),
    ("上海华安信息技术有限公司", "上海恒力信息技术有限公司"),
    ("上海华安技术有限公司", "上海远安技术有限公司"),
    ("第1机械厂", "第2机械厂"),
    ("Samsung Electronics", "LG Electronics"),
    ("", "华为"),
]


@pytest.mark.parametrize(("a", "b", "why"), SAME)
def test_one_firm_written_in_two_ways(a: str, b: str, why: str) -> None:
    for one, other in ((a, b), (b, a)):
        score, reason = firms.similarity(one, other)
        assert (score >= firms.ALIKE, reason) == (True, why)


@pytest.mark.parametrize(("a", "b"), OTHER)
def test_two_firms_with_names_that_are_near(a: str, b: str) -> None:
    assert firms.similarity(a, b)[0] < firms.ALIKE
    assert firms.similarity(b, a)[0] < firms.ALIKE


def test_whole_lists_are_taken_apart_as_single_names_are() -> None:
    texts = [name for a, b, _why in SAME for name in (a, b)] + [name for pair in OTHER for name in pair]
    known = bulk.keys(texts)
    for text, key in zip(texts, known.key, strict=True):
        firm = firms.parse(text)
        assert key.split("\t")[0] == firm.key or len(firm.key) < 2


def test_no_pair_of_chinese_names_that_is_alike_is_overlooked() -> None:
    texts = list(dict.fromkeys(name for a, b, why in SAME if why not in ("sound", "initials") for name in (a, b)))
    found = bulk.pairs(bulk.keys(texts))
    alike = {
        (m, n) for n in range(len(texts)) for m in range(n) if firms.similarity(texts[m], texts[n])[0] >= firms.ALIKE
    }
    assert alike <= found


def test_weights_are_learned_and_nothing_is_compared_with_everything() -> None:
    draw = random.Random(3)
    names = [f"{draw.choice('王李张刘陈')}{chr(0x4E00 + n * 7)}{chr(0x5E00 + n * 3)}" for n in range(300)]
    rows = [[name, f"138{draw.randrange(10**8):08}", draw.choice(["上海", "北京"])] for name in names]
    copies = [[name, phone if n % 3 else "", place] for n, (name, phone, place) in enumerate(rows[:60])]
    found = learn.same(("person", "phone", "group"), rows + copies)
    got = {(p.left, p.right) for p in found}
    assert len(got & {(n, 300 + n) for n in range(60)}) >= 55
    assert len(got) <= 65
    assert len(learn.candidates(learn.table(("person", "phone", "group"), rows))) < 300 * learn.NEAREST


def test_between_two_lists_each_row_stands_once() -> None:
    left, right = [["华为技术有限公司"], ["宝钢集团"]], [["华为技术"], ["华为技术有限公司"], ["长沙银行"]]
    assert [(p.left, p.right) for p in learn.same(("firm",), left, right)] == [(0, 1)]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="shoe"):
        learn.table(("shoe",), [["42"]])
