"""The best agent of a year and a half of deals hands over to two successors: every figure adds up afterwards."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from zhike.base.models import User
from zhike.engine import records, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import parse
from zhike.modules.customers.models import Account
from zhike.modules.handover import running, services
from zhike.modules.handover.models import Handover
from zhike.modules.sales.models import Deal

from .conftest import load
from .test_maven import DEALS, TEAMS


@pytest.mark.long
def test_darcel_schlecht_hands_over_to_two(firm: Any, native: Path) -> None:
    folder, actor = native.parent / "b2b_pipeline" / "maven_crm", firm.actor("admin")
    records.create_many(actor, get("department"), [{"name": name} for name in ("Central", "East", "West")])
    load(actor, "account", folder / "accounts.csv")
    load(actor, "product", folder / "products.csv")
    load(actor, "user", folder / "sales_teams.csv", TEAMS)
    load(actor, "deal", folder / "sales_pipeline.csv", DEALS)
    best = User.objects.get(username="Darcel Schlecht")
    heirs = [User.objects.get(username=name) for name in ("Anna Snelling", "Vicki Laflamme")]
    accounts = list(Account._base_manager.order_by("pk").values_list("pk", flat=True))
    assert len(accounts) == 85
    records.update_many(actor, get("account"), {pk: {"owner": best.pk} for pk in accounts}, action="transfer")
    deals = Deal._base_manager.all()
    his = deals.filter(owner=best)
    was = Counter(his.values_list("status", flat=True))
    assert (was["won"], was["won"] + was["lost"]) == (349, 553)
    before = {h.pk: Counter(deals.filter(owner=h).values_list("status", flat=True)) for h in heirs}
    amount = deals.aggregate(s=Sum("amount"))["s"]
    plan = services.create(actor, best)
    services.add_share(actor, plan.pk, way="even", people=[h.pk for h in heirs])
    services.change(actor, plan.pk, {"with_closed": True, "rest": "person", "rest_to_id": heirs[0].pk})
    running.begin(actor, plan.pk)
    running.perform(plan.pk)
    handed = Handover.objects.get(pk=plan.pk)
    assert not handed.items.filter(state="failed").exists()
    assert not his.exists()
    got = Counter[str]()
    for heir in heirs:
        got += Counter(deals.filter(owner=heir).values_list("status", flat=True)) - before[heir.pk]
    assert got == was
    each = [Account._base_manager.filter(owner=h).count() for h in heirs]
    assert sum(each) == 85
    assert abs(each[0] - each[1]) <= 1
    split = deals.filter(account__isnull=False, pk__in=handed.items.filter(entity="deal").values("record"))
    assert not split.exclude(account__owner=None).exclude(owner__in=heirs).exists()
    assert all(o == a for o, a in split.values_list("owner", "account__owner")), "each deal is where its customer is"
    assert deals.aggregate(s=Sum("amount"))["s"] == amount
    won = report.total(Actor(firm.admin), get("deal"), parse(f"status__eq=won&won_by__eq={best.pk}"))
    assert won.n == 349, "they count for who won them"
    total = deals.filter(status="won").aggregate(s=Sum("amount"))["s"]
    assert total == Decimal(10_005_534)
