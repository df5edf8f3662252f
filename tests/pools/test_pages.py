"""Pools as people see them: what is shown and what is not, taking by a press, rules that are tried first."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.errors import Missing
from zhike.engine.models import History, Notice, Pool
from zhike.engine.pools import known, warning
from zhike.engine.query import Condition, View, page, visible

from .house import RULE, fresh, long_ago, lying, make, pool

ACCOUNT = "account"


def body(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_page_shows_what_the_pool_shows(firm: Any) -> None:
    made = pool(firm, shown=["phone", "tier"], masked=["phone"])
    row = records.create(
        firm.actor("manager"),
        get(ACCOUNT),
        {"name": "公海甲", "owner": None, "phone": "13812345678", "remark": "机密备注", "tier": "A"},
    )
    text = body(firm.client("seller").get(f"/pools/{made.pk}"))
    assert "公海甲" in text
    assert "138****5678" in text
    assert "13812345678" not in text
    card = body(firm.client("seller").get(f"/pools/{made.pk}/{row.pk}"))
    assert "138****5678" in card
    assert "机密备注" not in card
    assert "13812345678" not in card
    assert firm.client("seller").get(f"/account/{row.pk}").status_code == 404
    assert History.objects.filter(action="look", record=row.pk, actor=firm.seller.pk).count() == 1
    assert firm.client("stranger").get(f"/pools/{made.pk}").status_code == 404
    assert firm.client("stranger").get(f"/pools/{made.pk}/{row.pk}").status_code == 404


def test_words_find_what_lies_in_it(firm: Any) -> None:
    """By name and its sound, by the whole of a number that is shown in part, and not by what is not shown."""
    made = pool(firm, shown=["phone", "tier"], masked=["phone"])
    values = {"name": "青岛海蓝水产", "owner": None, "phone": "13812345678", "english_name": "Deepblue"}
    records.create(firm.actor("manager"), get(ACCOUNT), values)
    make(firm, name="青岛海蓝渔具")
    client = firm.client("seller")
    for words in ("海蓝", "qdhl", "13812345678"):
        text = body(client.get(f"/pools/{made.pk}", {"q": words}))
        assert "青岛海蓝水产" in text, words
        assert "渔具" not in text
    for words in ("1381234", "Deepblue", "海藍色"):
        text = body(client.get(f"/pools/{made.pk}", {"q": words}))
        assert "青岛海蓝水产" not in text, words


def test_nothing_else_is_reached_through_a_pool(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    mine, other = make(firm, name="自己的"), make(firm, "stranger", name="别人的")
    here = known.inside(firm.actor("seller"), known.find(firm.actor("seller"), made.pk))
    seen = set(visible(here, get(ACCOUNT)).values_list("pk", flat=True))
    assert seen == {row.pk}
    assert {mine.pk, other.pk} & seen == set()
    for action in ("update", "delete", "export", "reveal", "transfer", "bulk"):
        assert not visible(here, get(ACCOUNT), action).exists(), action
    for entity in ("contact", "deal", "activity", "lead", "user"):
        assert not visible(here, get(entity)).exists()
    with pytest.raises(Exception, match="remark"):
        page(here, get(ACCOUNT), View(conditions=(Condition("remark", "contains", "机"),)))


def test_opening_is_limited_a_day(firm: Any) -> None:
    made = pool(firm, limits={"looks": 2})
    rows = lying(firm, 3)
    answers = [firm.client("seller").get(f"/pools/{made.pk}/{r.pk}").status_code for r in rows]
    assert answers == [200, 200, 429]


def test_taking_by_a_press(firm: Any) -> None:
    made = pool(firm, limits={"claims": 2})
    rows = lying(firm, 3)
    client = firm.client("seller")
    answer = client.post(f"/pools/{made.pk}", {"do": "claim", "ids": [str(rows[0].pk)]})
    assert (answer.status_code, answer["Location"]) == (303, f"/account/{rows[0].pk}")
    client.post(f"/pools/{made.pk}", {"do": "claim", "ids": [str(r.pk) for r in rows[1:]] + ["nothing"]})
    assert [fresh(r).owner_id for r in rows] == [firm.seller.pk, firm.seller.pk, None]
    assert "2" in body(client.get(f"/pools/{made.pk}"))


def test_giving_is_for_who_keeps_the_pool_and_to_members(firm: Any) -> None:
    made = pool(firm)
    (row,) = lying(firm, 1)
    sent = {"do": "assign", "ids": [str(row.pk)], "to": str(firm.colleague.pk)}
    assert firm.client("seller").post(f"/pools/{made.pk}", sent).status_code == 403
    firm.client("manager").post(f"/pools/{made.pk}", {**sent, "to": str(firm.stranger.pk)})
    assert fresh(row).owner_id is None
    assert firm.client("manager").post(f"/pools/{made.pk}", sent).status_code == 303
    assert fresh(row).owner_id == firm.colleague.pk


def test_the_record_says_when_it_goes_back(firm: Any) -> None:
    pool(firm)
    row = long_ago(make(firm, name="宝钢"), 4)
    text = body(firm.client("seller").get(f"/account/{row.pk}"))
    assert "华北公海" in text
    assert "10" in text


def test_owners_are_warned_once(firm: Any) -> None:
    pool(firm, warn=[3])
    for n in range(2):
        long_ago(make(firm, name=f"快到{n}"), 7)
    make(firm, name="还早")
    for _n in range(2):
        warning.warn(get(ACCOUNT))
    notice = Notice.objects.get(user=firm.seller)
    assert (notice.params["n"], notice.params["days"]) == ("2", "3")
    assert "2" in body(firm.client("seller").get("/notices"))


def sent(**more: str) -> dict[str, str]:
    return {
        "name": "客户公海",
        "is_active": "1",
        "clock0": "follow_up",
        "days0": "5",
        "update0": "5",
        "warn": "3, 1",
        **more,
    }


def test_a_rule_is_tried_before_it_holds(firm: Any) -> None:
    row = make(firm, name="宝钢")
    type(row)._base_manager.filter(pk=row.pk).update(held_since=row.created_at.replace(year=2020))
    client = firm.client("admin")
    answer = client.post("/settings/pools/new/account", sent(member_roles=str(firm.seller.roles[0])))
    assert (answer.status_code, answer["Location"]) == (303, "/settings/pools/new/account?try=1")
    answer = client.get(answer["Location"])
    assert "宝钢" in body(answer)
    assert not Pool.objects.exists()
    assert fresh(row).recycle_at is None
    assert 'value="客户公海"' in body(client.get("/settings/pools/new/account?draft=1"))
    said = re.search(r'name="document" value="([^"]+)"', body(answer))
    assert said is not None
    document = said[1].replace("&#34;", '"').replace("&quot;", '"')
    answer = client.post("/settings/pools/new/account", {"name": "客户公海", "is_active": "1", "document": document})
    assert answer.status_code == 303
    made = Pool.objects.get()
    assert made.document["rules"][0]["days"] == 5
    assert fresh(row).recycle_rule == "r1"
    assert History.objects.filter(entity="pool", record=made.pk, actor=firm.admin.pk).exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"days0": "0"}, "rules"),
        ({"days0": "x"}, "days0"),
        ({"days0": "10", "most0": "5"}, "rules"),
        ({"name": " "}, "name"),
        ({"masked": "phone"}, "masked"),
        ({"shown": "nothing"}, "shown"),
        ({"warn": "soon"}, "warn"),
        ({"keyp0": "tier", "opp0": "gte", "valuep0": "A"}, "conditions"),
        ({"clock0": "moon"}, "rules"),
    ],
)
def test_what_is_wrong_is_said(firm: Any, wrong: dict[str, str], field: str) -> None:
    answer = firm.client("admin").post("/settings/pools/new/account", sent(**wrong))
    assert answer.status_code == 422, field
    assert not Pool.objects.exists()


@pytest.mark.parametrize("who", ["seller", "manager", "executive"])
def test_settings_are_for_administrators(firm: Any, who: str) -> None:
    made = pool(firm)
    for path in ("/settings/pools", "/settings/pools/new/account", f"/settings/pools/{made.pk}"):
        assert firm.client(who).get(path).status_code == 403
    assert firm.client(who).post(f"/settings/pools/{made.pk}/remove").status_code == 403
    hostile = json.dumps({"rules": [RULE], "admins": [str(firm.seller.pk)]})
    assert firm.client(who).post(f"/settings/pools/{made.pk}", {"name": "x", "document": hostile}).status_code == 403


def test_a_document_by_hand_is_checked_too(firm: Any) -> None:
    for document in ("{", "[]", json.dumps({"rules": [{"key": "r", "days": -1}]}), json.dumps({"extra": 1})):
        answer = firm.client("admin").post("/settings/pools/new/account", {"name": "x", "document": document})
        assert answer.status_code in (404, 422), document
    assert not Pool.objects.exists()


def test_a_pool_in_which_something_lies_stays(firm: Any) -> None:
    made = pool(firm)
    lying(firm, 1)
    firm.client("admin").post(f"/settings/pools/{made.pk}/remove")
    assert Pool.objects.get().deleted_at is None
    get(ACCOUNT).model._base_manager.all().update(owner=firm.seller)
    mine = long_ago(make(firm, name="宝钢"), 9)
    assert mine.recycle_at is not None
    firm.client("admin").post(f"/settings/pools/{made.pk}/remove")
    assert fresh(mine).recycle_at is None
    assert Pool.objects.get().deleted_at is not None
    with pytest.raises(Missing):
        known.find(firm.actor("seller"), made.pk)


def test_what_returns_soon_says_by_which_rule_and_what_saves_it(firm: Any) -> None:
    pool(firm)
    row = long_ago(make(firm, name="快回收厂"), 5)
    text = body(firm.client("seller").get("/account/?view=returning"))
    assert "快回收厂" in text
    found = page(firm.actor("seller"), get(ACCOUNT), View(columns=("recycle_why",))).rows[0].values["recycle_why"]
    assert found in text
    assert "10" in found  # the rule
    assert "3" in found  # what an event gives
    assert fresh(row).recycle_rule == "r1"
