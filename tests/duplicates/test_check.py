"""What the write path does about records that are there already, at each door."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from zhike.engine import records
from zhike.engine.duplicates import check, rules
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused

NAME = "上海华安精密机械有限公司"


def codes(
    firm: Any, who: str, entity: str = "account", *, door: str = "typed", sure: bool = False, **values: Any
) -> Any:
    """With which codes a new record is refused; none where it is made."""
    try:
        with check.at(door, confirmed=sure):
            records.create(firm.actor(who), get(entity), values)
    except Invalid as invalid:
        return {k: [w.code for w in found] for k, found in invalid.first.items()}
    return {}


def test_the_whole_name_blocks_a_similar_one_asks_and_a_branch_is_another(firm: Any) -> None:
    assert codes(firm, "seller", name=NAME) == {}
    assert codes(firm, "seller", name="上海 华安精密机械有限公司") == {"name": ["duplicate"]}
    assert codes(firm, "seller", name=NAME, sure=True) == {"name": ["duplicate"]}
    for near in (
        "上海华安精密机械",
        "上海市华安精密机械有限公司",
        "上海华安密精机械有限公司",
        "上海華安精密機械有限責任公司",
    ):
        assert codes(firm, "seller", name=near) == {"name": ["possible_duplicate"]}
    assert codes(firm, "seller", name=f"{NAME}杭州分公司") == {}
    assert codes(firm, "seller", name="上海华安精密机械", sure=True) == {}


def test_what_is_out_of_sight_is_told_by_its_department_alone(firm: Any) -> None:
    codes(firm, "stranger", name=NAME, phone="021-62770334")
    with pytest.raises(Invalid) as caught, check.at("typed"):
        records.create(firm.actor("seller"), get("account"), {"name": NAME})
    (wrong,) = caught.value.first["name"]
    assert "华南销售部" in wrong.text
    assert "陈静" not in wrong.text
    assert NAME not in wrong.text
    (hit, *_more) = check.look(firm.actor("seller"), get("account"), {"phone": "+862162770334"})
    assert (hit.id, hit.name, hit.department, hit.is_owned) == (None, "", "华南销售部", True)
    (hit, *_more) = check.look(firm.actor("stranger"), get("account"), {"phone": "+862162770334"})
    assert hit.name == NAME
    assert hit.id


def test_other_doors_other_levels(firm: Any) -> None:
    codes(firm, "seller", name=NAME, phone="021-62770334")
    assert codes(firm, "seller", door="imported", name=NAME) == {"name": ["possible_duplicate"]}
    assert codes(firm, "seller", door="form", name="别的", phone="021-62770334") == {}
    assert codes(firm, "seller", door="api", name="还有别的", phone="021-62770334") == {"phone": ["possible_duplicate"]}


def test_contacts_by_mobile_and_leads_beyond_their_own_kind(firm: Any) -> None:
    assert codes(firm, "seller", "contact", name="张伟", phone="13800138000") == {}
    assert codes(firm, "seller", "contact", name="李四", phone="138 0013 8000") == {"phone": ["duplicate"]}
    assert codes(firm, "seller", "lead", name="线索", phone="+86 13800138000") == {"phone": ["possible_duplicate"]}


def test_a_change_is_asked_only_about_what_it_changes(firm: Any) -> None:
    actor, account = firm.actor("seller"), get("account")
    a = records.create(actor, account, {"name": NAME, "phone": "021-62770334"})
    b = records.create(actor, account, {"name": "别的", "phone": "021-62770334"})
    with check.at("typed"):
        records.update(actor, account, b.pk, {"tier": "A"})
        records.update(actor, account, a.pk, {"name": NAME + " "})
        with pytest.raises(Invalid):
            records.update(actor, account, b.pk, {"name": NAME})


def test_one_query_for_each_sign_however_many_rows(firm: Any) -> None:
    actor, account = firm.actor("seller"), get("account")
    records.create(actor, account, {"name": "先问一次权限", "phone": "13800000000"})
    counts = []
    for n in (check.NEAR_ROWS + 1, 80):
        rows = [{"name": f"第{i}家精密机械有限公司", "phone": f"139{n:04}{i:04}"} for i in range(n * 100, n * 100 + n)]
        with CaptureQueriesContext(connection) as captured, check.at("typed"):
            records.create_many(actor, account, rows)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_an_administrator_sets_levels_and_it_is_noted(firm: Any) -> None:
    account = get("account")
    codes(firm, "seller", name=NAME)
    with pytest.raises(Refused):
        rules.change(firm.actor("manager"), account, {("full_name", "typed"): "off"})
    assert rules.change(firm.actor("admin"), account, {("full_name", "typed"): "off", ("name", "typed"): "hint"}) == 2
    assert codes(firm, "seller", name=NAME) == {}
    assert rules.levels(account)["full_name", "api"] == "block"
    with pytest.raises(ValueError, match="never"):
        rules.change(firm.actor("admin"), account, {("name", "typed"): "never"})
