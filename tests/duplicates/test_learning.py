"""What people decided: counted always, gone by only where an administrator says so, and never at the doors."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from zhike.base.ids import uuid7
from zhike.engine import merging, records
from zhike.engine.duplicates import check, finder, groups, learning, rules
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused
from zhike.engine.models import DuplicateGroup, DuplicateVerdict, History

ACCOUNT = get("account")
NAME, PHONE = "上海华安精密机械有限公司", "021-62770334"


def make(firm: Any, who: str = "seller", **values: Any) -> UUID:
    return UUID(str(records.create(firm.actor(who), ACCOUNT, values).pk))


def decided(n: int, *, merged: int, score: float = 0.8, reasons: tuple[str, ...] = ("phone",)) -> None:
    """So many decisions of pairs that are long gone."""
    DuplicateVerdict.objects.bulk_create(
        DuplicateVerdict(
            entity="account",
            left=uuid7(),
            right=uuid7(),
            verdict="merged" if i < merged else "different",
            score=score,
            reasons=list(reasons),
        )
        for i in range(n)
    )


def offered() -> list[tuple[set[UUID], float]]:
    finder.run(ACCOUNT)
    return [(set(g.records), g.score) for g in DuplicateGroup.objects.filter(state="open").order_by("-score")]


def test_decisions_of_people_are_counted_by_sign_and_likeness(firm: Any) -> None:
    a, b = make(firm, name="甲乙", phone=PHONE), make(firm, name="丙丁", phone=PHONE)
    c, d = make(firm, name=NAME), make(firm, name="上海华安精密机械")
    assert [members for members, _score in offered()] == [{c, d}, {a, b}]
    actor = firm.actor("manager")
    merging.merge(actor, ACCOUNT, c, [d])
    group = next(g for g in groups.waiting(actor, ACCOUNT))
    groups.decide(actor, ACCOUNT, group.id, "different")
    said = {(f.sign, f.begins): (f.decided, f.merged) for f in learning.figures(ACCOUNT)}
    assert said == {("name", 0.95): (1, 1), ("phone", 0.8): (1, 0)}


def test_what_programs_merge_teaches_nothing(firm: Any) -> None:
    from zhike.engine.access import Actor

    c, d = make(firm, "manager", name=NAME), make(firm, "manager", name="上海华安精密机械")
    assert len(offered()) == 1
    merging.merge(Actor(firm.manager, "api"), ACCOUNT, c, [d])
    assert learning.figures(ACCOUNT) == []


def test_the_share_is_laplaces(firm: Any) -> None:
    decided(38, merged=9)
    (figures,) = learning.figures(ACCOUNT)
    assert (figures.decided, figures.merged, figures.share, figures.is_enough) == (38, 9, 0.25, True)
    assert not learning.Figures("phone", 0.8, learning.ENOUGH - 1, 3).is_enough


def test_off_until_an_administrator_says_so_and_then_order_and_what_is_offered(firm: Any) -> None:
    phone = {make(firm, name="甲乙", phone=PHONE), make(firm, name="丙丁", phone=PHONE)}
    mail = {make(firm, name="戊己", email="a@b.cn"), make(firm, name="庚辛", email="a@b.cn")}
    decided(40, merged=2)
    decided(40, merged=39, reasons=("email",))
    assert sorted(offered(), key=str) == sorted([(phone, 0.8), (mail, 0.8)], key=str)
    with pytest.raises(Refused):
        rules.set_learning(firm.actor("manager"), ACCOUNT, on=True)
    assert rules.set_learning(firm.actor("admin"), ACCOUNT, on=True)
    assert not rules.set_learning(firm.actor("admin"), ACCOUNT, on=True)
    ((members, score),) = offered()
    assert members == mail
    assert score == pytest.approx((0.8 + 40 / 42) / 2, abs=1e-4)
    (group,) = groups.waiting(firm.actor("seller"), ACCOUNT)
    assert group.score == 0.8  # how alike they are is not learned
    assert rules.set_learning(firm.actor("admin"), ACCOUNT, on=False)
    assert len(offered()) == 2
    assert History.objects.filter(action="duplicates.rules").count() == 2


def test_too_few_decisions_say_nothing_and_what_is_sure_is_always_offered(firm: Any) -> None:
    pair = {make(firm, name="甲乙", phone=PHONE), make(firm, name="丙丁", phone=PHONE)}
    rules.set_learning(firm.actor("admin"), ACCOUNT, on=True)
    decided(learning.ENOUGH - 1, merged=0)
    assert offered() == [(pair, 0.8)]
    decided(1, merged=0)
    assert offered() == []
    judge = learning.Judge(ACCOUNT, {("phone", 0.95): 1 / 10_002})
    one = (UUID(int=1), UUID(int=2))
    assert judge.kept({one: (1.0, ["phone"])})[one] >= learning.LEAST


@pytest.mark.parametrize("on", [True, False])
def test_doors_never_learn(firm: Any, *, on: bool) -> None:
    make(firm, name=NAME, phone=PHONE)
    decided(100, merged=0)
    decided(100, merged=0, score=1.0, reasons=("full",))
    rules.set_learning(firm.actor("admin"), ACCOUNT, on=on)
    for values, code in (({"name": NAME}, "duplicate"), ({"name": "别的", "phone": PHONE}, "possible_duplicate")):
        with pytest.raises(Invalid) as caught, check.at("typed"):
            records.create(firm.actor("seller"), ACCOUNT, values)
        assert {w.code for found in caught.value.first.values() for w in found} == {code}


def test_words_of_names_stand_for_the_sign_of_names() -> None:
    assert learning.signs(ACCOUNT, ["typo", "phone", "apart"]) == ["name", "phone"]
    assert learning.signs(ACCOUNT, ["form", "name"]) == ["name"]


def test_the_page_shows_the_figures_with_the_switch_on_or_off(firm: Any) -> None:
    decided(38, merged=9)
    admin = firm.client("admin")
    page = admin.get("/settings/duplicates").content.decode()
    assert "25%" in page
    assert "account.learns" in page
    assert not rules.learns(ACCOUNT)
    admin.post("/settings/duplicates", {"account.learns": "1"})
    assert rules.learns(ACCOUNT)
    assert not rules.learns(get("contact"))
    admin.post("/settings/duplicates", {})
    assert not rules.learns(ACCOUNT)


def test_pairs_without_a_word_of_the_finder_are_only_told_apart(firm: Any) -> None:
    ids = [make(firm, name=n) for n in ("甲乙", "丙丁", "戊己")]
    pairs = [[str(a), str(b), 0.9, ["phone"]] for a, b in list(combinations(ids, 2))[:2]]
    row = DuplicateGroup.objects.create(entity="account", records=ids, score=0.9, pairs=pairs)
    groups.decide(firm.actor("seller"), ACCOUNT, row.pk, "different")
    assert DuplicateVerdict.objects.count() == 3
    assert sum(f.decided for f in learning.figures(ACCOUNT)) == 2
