"""The finder over records, who sees its groups, and what is decided about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from zhike.engine import records
from zhike.engine.duplicates import alike, finder, groups, keeping
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import DuplicateGroup, DuplicateVerdict

CODE, OTHER = "91350100M000100Y43", "91110000802100433B"


def make(firm: Any, who: str, entity: str = "account", **values: Any) -> UUID:
    return UUID(str(records.create(firm.actor(who), get(entity), values).pk))


def found(entity: str = "account") -> list[set[UUID]]:
    finder.run(get(entity))
    return [set(g.records) for g in DuplicateGroup.objects.filter(entity=entity, state="open").order_by("-score")]


def test_names_numbers_and_what_keeps_apart(firm: Any) -> None:
    a = make(firm, "seller", name="上海华安精密机械有限公司", phone="021-62770334")
    b = make(firm, "seller", name="上海市华安精密机械有限责任公司")
    c = make(firm, "seller", name="另一个名字", phone="021-62770334")
    make(firm, "seller", name="上海华安精密机械有限公司杭州分公司")
    one = make(firm, "seller", name="宁波索成咨询有限公司", uscc=CODE)
    make(firm, "seller", name="宁波索成咨询", uscc=OTHER)
    assert found() == [{a, b, c}]
    assert one not in {pk for g in found() for pk in g}


def test_namesakes_are_offered_only_with_something_else_in_common(firm: Any) -> None:
    a = make(firm, "seller", name="王伟", kind="person", phone="13800138000")
    make(firm, "seller", name="王伟", kind="person")
    assert found() == []
    c = make(firm, "seller", name="王伟", kind="person", phone="13800138000")
    assert found() == [{a, c}]


def test_a_person_at_one_firm(firm: Any) -> None:
    account = make(firm, "seller", name="宝钢")
    a = make(firm, "seller", "contact", name="張偉", account=account)
    b = make(firm, "seller", "contact", name="张伟", account=account)
    make(firm, "seller", "contact", name="张伟")
    assert found("contact") == [{a, b}]


def test_what_is_called_different_is_not_offered_again(firm: Any) -> None:
    make(firm, "seller", name="上海华安精密机械有限公司")
    make(firm, "seller", name="上海华安精密机械")
    assert len(found()) == 1
    (group,) = groups.waiting(firm.actor("seller"), get("account"))
    groups.decide(firm.actor("seller"), get("account"), group.id, "different")
    assert DuplicateVerdict.objects.count() == 1
    assert groups.waiting(firm.actor("seller"), get("account")) == []
    assert found() == []


def test_what_is_put_off_keeps_standing_and_is_not_offered_twice(firm: Any) -> None:
    make(firm, "seller", name="上海华安精密机械有限公司")
    make(firm, "seller", name="上海华安精密机械")
    assert len(found()) == 1
    (group,) = groups.waiting(firm.actor("seller"), get("account"))
    groups.decide(firm.actor("seller"), get("account"), group.id, "later")
    assert found() == []
    assert DuplicateGroup.objects.get().state == "later"


def test_a_group_is_shown_with_the_records_in_sight_alone(firm: Any) -> None:
    a = make(firm, "seller", name="上海华安精密机械有限公司")
    b = make(firm, "seller", name="上海华安精密机械")
    c = make(firm, "stranger", name="上海市华安精密机械有限公司")
    assert found() == [{a, b, c}]
    account = get("account")
    (mine,) = groups.waiting(firm.actor("seller"), account)
    assert set(mine.records) == {a, b}
    assert groups.waiting(firm.actor("stranger"), account) == []
    with pytest.raises(Missing):
        groups.decide(firm.actor("stranger"), account, mine.id, "different")
    groups.decide(firm.actor("seller"), account, mine.id, "different")
    assert DuplicateVerdict.objects.count() == 1  # of what lies out of sight nothing was said
    assert set(groups.one(firm.actor("executive"), account, mine.id).records) == {a, b, c}


def test_deciding_takes_the_right_to_change_all_of_them(firm: Any) -> None:
    make(firm, "seller", name="上海华安精密机械有限公司")
    make(firm, "colleague", name="上海华安精密机械")
    assert len(found()) == 1
    (group,) = groups.waiting(firm.actor("executive"), get("account"))
    with pytest.raises(Refused):
        groups.decide(firm.actor("executive"), get("account"), group.id, "different")


def test_a_crowd_is_cut_where_it_is_weakest(firm: Any) -> None:
    ids = [UUID(int=n) for n in range(1, 81)]
    weak = {(ids[n], ids[n + 1]): 0.82 for n in range(79)}
    sure = {(ids[n], ids[n + 1]): 0.99 for n in range(0, 79, 8)}
    made = list(keeping.groups({**weak, **sure}))
    assert all(len(members) <= alike.CROWD for members, _pairs in made)
    assert {frozenset(pair) for pair in sure} <= {frozenset(members) for members, _pairs in made}
