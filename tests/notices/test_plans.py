"""Activity plans: dates, owners, many records at once, and who makes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from zhike.engine import guard, records, undo
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.modules.activities import plans
from zhike.modules.activities.models import Activity, ActivityPlan

FRIDAY = dt.date(2026, 11, 20)


def step(subject: str, days: int, **values: Any) -> dict[str, Any]:
    usual = {"kind": "call", "subject": subject, "days": days, "working": True, "after": "start", "who": "owner"}
    return {**usual, **values}


@pytest.fixture
def plan(firm: Any) -> ActivityPlan:
    found = [
        step("首次电话", 0), step("报价", 3, after="previous", kind="task"), step("回访", 2, after="previous"),
        step("复盘", 10, working=False, who="self"),
    ]  # fmt: skip
    return plans.save(firm.actor("admin"), None, "新客户", found)


def test_days_are_counted_from_the_start_or_the_step_before(plan: ActivityPlan) -> None:
    days = [one.day for one in plans.days_of(plan, FRIDAY)]
    assert [f"{day:%m-%d}" for day in days] == ["11-20", "11-25", "11-27", "11-30"]
    spring = [one.day for one in plans.days_of(plan, dt.date(2026, 2, 13))]
    assert [f"{day:%m-%d}" for day in spring] == ["02-13", "02-25", "02-27", "02-23"]


def test_a_plan_is_put_on_many_records_with_its_owners_and_once(firm: Any, plan: ActivityPlan) -> None:
    account = get("account")
    ids = [records.create(firm.actor("seller"), account, {"name": f"甲{n}"}).pk for n in range(3)]
    other = records.create(firm.actor("stranger"), account, {"name": "乙"}).pk
    done = [plans.apply(firm.actor("manager"), plan, account, [*ids, other], FRIDAY, key="k") for _twice in range(2)]
    assert [tally.rows for tally in done] == [12, 12]
    rows = guard.rows(Activity, "a test looks")
    assert rows.count() == 12
    assert set(rows.values_list("account", flat=True)) == set(ids)
    assert rows.filter(owner=firm.manager).count() == 3
    assert rows.filter(owner=firm.seller).count() == 9
    assert {row.next_follow_up_on for row in guard.rows(account.model, "a test looks").filter(pk__in=ids)} == {FRIDAY}
    assert done[0].operation is not None
    assert done[1].operation is None
    undo.undo(firm.actor("manager"), done[0].operation.pk)
    assert not guard.rows(Activity, "a test looks").filter(deleted_at=None).exists()
    assert {row.next_follow_up_on for row in guard.rows(account.model, "a test looks").filter(pk__in=ids)} == {None}


def test_what_is_wrong_with_a_plan_is_said(firm: Any, plan: ActivityPlan) -> None:
    actor = firm.actor("admin")
    for name, steps in (
        ("", [step("a", 0)]), ("x", []), ("x", [step("a", 731)]), ("x", [step("a", 0, kind="dance")]),
        ("新客户", [step("a", 0)]), ("x", [step("a", 0)] * 13),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            plans.save(actor, None, name, steps)
    with pytest.raises(Invalid):
        plans.apply(actor, plan, get("account"), [], FRIDAY)


def sent(*steps: dict[str, Any]) -> dict[str, str]:
    found = {"name": "展会之后"}
    for n, one in enumerate(steps):
        found |= {f"{key}{n}": str(value) for key, value in one.items() if key != "working"}
        found |= {f"working{n}": "on"} if one["working"] else {}
    return found


def test_an_administrator_makes_plans_and_anybody_applies_them(firm: Any) -> None:
    admin, seller = firm.client("admin"), firm.client("seller")
    assert seller.get("/settings/plans").status_code == 403
    assert seller.post("/settings/plans/new", sent(step("致电", 1))).status_code == 403
    assert admin.post("/settings/plans/new", sent(step("致电", 9999))).status_code == 422
    assert admin.post("/settings/plans/new", sent(step("致电", 1), step("拜访", 5))).status_code == 303
    plan = ActivityPlan.objects.get()
    assert "拜访" in admin.get("/settings/plans").content.decode()
    assert admin.post(f"/settings/plans/{plan.pk}", sent(step("只致电", 1))).status_code == 303
    assert [one.subject for one in plan.steps.all()] == ["只致电"]
    pk = records.create(firm.actor("seller"), get("account"), {"name": "甲"}).pk
    page = seller.get(f"/plans/account?ids={pk}&start=2026-11-20").content.decode()
    assert "11月23日" in page
    given = {"ids": str(pk), "plan": str(plan.pk), "start": "2026-11-20", "key": "k", "sure": "1"}
    assert seller.post("/plans/account", given).status_code == 303
    assert "/undo" in seller.get(f"/account/{pk}").content.decode()
    assert seller.post("/plans/account", given).status_code == 303
    assert guard.rows(Activity, "a test looks").count() == 1
    assert firm.client("stranger").post("/plans/account", given).status_code == 422
    assert seller.get("/plans/product?ids=").status_code == 404
    assert admin.post(f"/settings/plans/{plan.pk}/remove").status_code == 303
    assert "没有计划" in seller.get(f"/plans/account?ids={pk}").content.decode()
