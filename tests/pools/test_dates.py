"""When a record goes back: 红圈's worked example, and the database against plain arithmetic."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.pools import settling
from zhike.engine.pools.dates import returns_at
from zhike.engine.pools.document import Rule

from .house import fresh, make, pool

ZONE = dt.timezone(dt.timedelta(hours=8))
RULE = Rule("r1", 10, update=3, most=20)


def on(month: int, day: int) -> dt.datetime:
    return dt.datetime(2019, month, day, 9, tzinfo=ZONE)


# default 10 days, 3 more for each activity, 20 at the most, taken on 25 March 2019 (domain-rules 3.5.4)
WORKED = [(None, on(4, 4)), (on(3, 28), on(4, 4)), (on(4, 2), on(4, 5)), (on(4, 5), on(4, 8)), (on(4, 13), on(4, 14))]


@pytest.mark.parametrize(("last", "expected"), WORKED)
def test_the_worked_example(last: dt.datetime | None, expected: dt.datetime) -> None:
    assert returns_at(RULE, on(3, 25), last) == expected


def test_the_worked_example_as_it_is_lived(firm: Any) -> None:
    pool(firm)
    account = make(firm, name="宝钢")
    type(account)._base_manager.filter(pk=account.pk).update(held_since=on(3, 25))
    settling.settle(get("account"))
    assert fresh(account).recycle_at == on(4, 4)
    for (at, _wanted), (_last, expected) in zip(WORKED[1:], WORKED[1:], strict=True):
        values = {"kind": "visit", "result": "held", "account": account.pk, "done_at": at, "body": "见了采购"}
        records.create(firm.actor("seller"), get("activity"), values)
        assert fresh(account).recycle_at == expected


def test_only_what_counts_counts(firm: Any) -> None:
    pool(firm, counts={"kinds": ["call", "text"], "letters": 8})
    account = make(firm, name="宝钢")
    before = fresh(account).recycle_at

    def after(days: int, **values: Any) -> dt.timedelta:
        done = fresh(account).held_since + dt.timedelta(days=days)
        records.create(
            firm.actor("seller"), get("activity"), {"account": account.pk, "status": "done", "done_at": done, **values}
        )
        moved: dt.timedelta = fresh(account).recycle_at - before
        return moved

    none = dt.timedelta()
    assert after(8, kind="visit", result="held", body="去了") == none
    assert after(8, kind="call", result="no_answer") == none
    assert after(8, kind="call", result="connected", duration_minutes=0) == none
    assert after(8, kind="note", body="写了七个字了") == none
    assert after(8, kind="call", result="connected") == dt.timedelta(days=1)
    assert after(9, kind="note", body="客户说下个月开始招标") == dt.timedelta(days=2)


def test_where_nothing_counts_the_first_date_stays(firm: Any) -> None:
    pool(firm, counts={"kinds": []})
    account = make(firm, name="宝钢")
    assert days(account) == 10


def test_a_follow_up_that_is_deleted_no_longer_counts(firm: Any) -> None:
    pool(firm)
    account = make(firm, name="宝钢")
    before = fresh(account).recycle_at
    done = fresh(account).held_since + dt.timedelta(days=9)
    values = {"kind": "visit", "result": "held", "account": account.pk, "done_at": done, "body": "见"}
    visit = records.create(firm.actor("seller"), get("activity"), values)
    assert fresh(account).recycle_at > before
    records.delete_many(firm.actor("seller"), get("activity"), [visit.pk])
    assert fresh(account).recycle_at == before


def test_deals_keep_and_exempt(firm: Any) -> None:
    made = pool(firm, rules=[{"key": "a", "clock": "deal", "days": 30, "update": 60}], exempt=["open_deal"])
    account = make(firm, name="宝钢")
    at = fresh(account).recycle_at
    assert at - fresh(account).held_since == dt.timedelta(days=30)
    deal = make(firm, entity="deal", name="轧机", account=account.pk)
    assert fresh(account).recycle_at is None
    records.act(firm.actor("seller"), get("deal"), deal.pk, "lose", {"lost_reason": "price"})
    assert fresh(account).recycle_at - fresh(deal).created_at == dt.timedelta(days=60)
    made.document = {**made.document, "rules": [{"key": "a", "clock": "won", "days": 30}], "exempt": ["bought"]}
    made.save()
    settling.settle(get("account"))
    assert fresh(account).recycle_at == at
    won = make(firm, entity="deal", name="轧机二", account=account.pk)
    records.act(firm.actor("seller"), get("deal"), won.pk, "win", {"amount": 100})
    assert fresh(account).recycle_at is None


def test_the_first_rule_that_fits(firm: Any) -> None:
    important = {"key": "vip", "days": 90, "update": 30, "conditions": [["tier", "in", ["S", "A"]]]}
    pool(firm, rules=[important, {"key": "rest", "days": 5, "update": 5}])
    account = make(firm, name="宝钢", tier="S")
    assert (fresh(account).recycle_rule, days(account)) == ("vip", 90)
    records.update(firm.actor("seller"), get("account"), account.pk, {"tier": "C"})
    assert (fresh(account).recycle_rule, days(account)) == ("rest", 5)


def days(account: Any) -> int:
    now = fresh(account)
    return int((now.recycle_at - now.held_since).days)


TIMES = st.integers(0, 60 * 24 * 60).map(lambda minutes: on(3, 1) + dt.timedelta(minutes=minutes))
RULES = st.builds(
    lambda days, update, more: Rule("r", days, update=update, most=None if more is None else days + more),
    st.integers(1, 30),
    st.none() | st.integers(1, 30),
    st.none() | st.integers(0, 30),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=RULES, since=TIMES, events=st.lists(TIMES, max_size=4))
def test_the_database_agrees(firm: Any, rule: Rule, since: dt.datetime, events: list[dt.datetime]) -> None:
    from zhike.engine.models import Pool
    from zhike.modules.activities.models import Activity

    Pool.objects.all().update(is_active=False)
    said = {"key": "r", "days": rule.days, "update": rule.update, "most": rule.most}
    pool(firm, rules=[said])
    account = make(firm, name="宝钢")
    type(account)._base_manager.filter(pk=account.pk).update(held_since=since)
    Activity._base_manager.bulk_create(
        Activity(account_id=account.pk, kind="visit", status="done", result="held", done_at=at, owner=firm.seller)
        for at in events
    )
    settling.settle(get("account"))
    assert fresh(account).recycle_at == returns_at(rule, since, max(events, default=None))
