"""Continuity: the points are those of the formula, counted by hand; lists and figures agree."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.entity import get
from zhike.engine.merging import merge
from zhike.modules.handover import continuity
from zhike.modules.handover.models import Continuity
from zhike.modules.handover.pages import last
from zhike.modules.tests.helpers import Firm, create


def touch(firm: Firm, by: Any, account: Any, days: int = 1, kind: str = "call", body: str = "谈") -> None:
    at = timezone.now() - dt.timedelta(days=days)
    create(by, "activity", kind=kind, status="done", done_at=at, body=body, account=account.pk)


def score(account: Any) -> tuple[int, ...]:
    continuity.count()
    found = Continuity.objects.get(pk=account.pk)
    assert sum(p.points for p in continuity.parts(found)) == found.score
    return (found.score, found.ours, found.theirs, found.written)


def test_the_points_of_the_formula(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    assert score(account) == (0, 0, 0, 0)
    touch(firm, firm.seller, account)
    assert score(account) == (10, 1, 0, 0)
    touch(firm, firm.seller, account, 3, "visit", "到厂里看了产线，谈了交期和付款方式，客户关心质保。")
    assert score(account) == (20, 1, 0, 2)  # a note and a visit
    create(firm.seller, "contact", name="李工", account=account.pk)
    create(firm.seller, "contact", name="王总", account=account.pk, role="decider")
    create(firm.seller, "contact", name="走了", account=account.pk, employment="left")
    assert score(account) == (50, 1, 2, 2)
    touch(firm, firm.manager, account)
    assert score(account) == (70, 2, 2, 2)
    touch(firm, firm.manager, account, 400)
    touch(firm, firm.admin, account, 400)  # too long ago
    create(firm.seller, "deal", name="单", account=account.pk)
    create(firm.seller, "activity", kind="task", subject="回访", due_at="2030-01-01", account=account.pk)
    assert score(account) == (80, 2, 2, 4)
    User.objects.filter(pk=firm.manager.user.pk).update(is_active=False)
    assert score(account) == (60, 1, 2, 4), "who has left knows nobody any more"


def test_customers_that_are_merged(firm: Firm) -> None:
    one, two = (create(firm.seller, "account", name=name) for name in ("甲", "乙"))
    touch(firm, firm.seller, one)
    touch(firm, firm.manager, two)
    assert (score(one)[0], score(two)[0]) == (10, 10)
    merge(firm.admin, get("account"), one.pk, [two.pk])
    assert score(one)[1] == 2, "counted anew of what both had"


def test_a_second_count_writes_nothing(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    touch(firm, firm.seller, account)
    assert continuity.count() == 1
    assert continuity.count() == 0
    assert continuity.count([account.pk]) == 0


def test_lists_filter_by_it_and_figures_open_lists_that_add_up(firm: Firm) -> None:
    made = [create(firm.seller, "account", name=f"客户{n}") for n in range(3)]
    for account in made[:2]:
        touch(firm, firm.seller, account)
    touch(firm, firm.manager, made[1])
    create(firm.seller, "deal", name="单", account=made[0].pk, amount="7000")
    create(firm.seller, "deal", name="另", account=made[1].pk, amount="900")
    continuity.count()
    page = query.page(firm.manager, get("account"), query.parse("known_by__eq=1&sort=continuity"))
    assert [r.id for r in page.rows] == [made[0].pk]
    stake = last._stake(firm.manager, [])
    assert stake is not None
    assert (stake.n, stake["amount"]) == (1, 7000)
    assert query.page(firm.manager, get("deal"), query.parse(stake.query)).total == 1
    assert last.panels(firm.stranger, [])[0]["stats"][0]["value"] == "—", "only what one may see"


@pytest.mark.parametrize("who", ["seller", "stranger"])
def test_the_card_is_for_customers_alone(firm: Firm, who: str) -> None:
    account = create(firm.seller, "account", name="甲")
    found = last.card(getattr(firm, who), get("account"), account.pk)
    assert found is not None
    assert found["count"] == 0
    assert last.card(firm.seller, get("deal"), account.pk) is None
