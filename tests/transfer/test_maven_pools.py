"""Customers of a real firm under the rule of a pool: the sweep takes those, and only those, that its files say."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from zhike.base.models import User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import Pool, PoolMove
from zhike.engine.pools import moving, settling
from zhike.modules.customers.models import Account

from .conftest import load
from .test_maven import DEALS, TEAMS

ZONE = ZoneInfo("Asia/Shanghai")
HAD, AT = dt.datetime(2016, 10, 1, tzinfo=ZONE), dt.datetime(2018, 1, 1, 12, tzinfo=ZONE)
UPDATE = 5


@pytest.mark.long
def test_the_sweep_takes_who_bought_nothing_for_five_days(firm: Any, native: Path) -> None:
    folder, actor = native.parent / "b2b_pipeline" / "maven_crm", firm.actor("admin")
    records.create_many(actor, get("department"), [{"name": name} for name in ("Central", "East", "West")])
    load(actor, "account", folder / "accounts.csv")
    load(actor, "product", folder / "products.csv")
    load(actor, "user", folder / "sales_teams.csv", TEAMS)
    load(actor, "deal", folder / "sales_pipeline.csv", DEALS)
    accounts = Account._base_manager.all()
    owner = User.objects.get(username="Darcel Schlecht")
    ids = list(accounts.values_list("pk", flat=True))
    records.update_many(actor, get("account"), {pk: {"owner": owner.pk} for pk in ids}, action="transfer")
    accounts.update(held_since=HAD)
    rule = {"key": "r1", "clock": "won", "days": 30, "update": UPDATE}
    Pool.objects.create(entity="account", name="Maven", document={"rules": [rule]})
    settling.settle(get("account"))
    last: dict[str, dt.date] = {}
    with (folder / "sales_pipeline.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["deal_stage"] == "Won":
                day = dt.date.fromisoformat(row["close_date"])
                last[row["account"]] = max(last.get(row["account"], day), day)
    due = {name for name, day in last.items() if day + dt.timedelta(days=UPDATE) <= AT.date()}
    assert (len(last), len(due)) == (85, 33)
    assert moving.sweep(get("account"), AT) == len(due)
    assert set(accounts.filter(owner=None).values_list("name", flat=True)) == due
    assert PoolMove.objects.filter(kind="recycle", user=owner).count() == len(due)
    assert moving.sweep(get("account"), AT) == 0
