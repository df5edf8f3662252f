"""A year and a half of deals of a firm, imported by a mapping: the published figures come out, the quirks are told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count, Sum

from zhike.base.models import User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.modules.sales.models import Deal

from .conftest import load

TEAMS: dict[str, Any] = {
    "columns": {"sales_agent": "name", "manager": "", "regional_office": "department"},
    "also": [{"column": "sales_agent", "field": "username"}],
    "match": ["username"],
}
DEALS: dict[str, Any] = {
    "columns": {
        "opportunity_id": "external_id",
        "sales_agent": "owner",
        "engage_date": "started_on",
        "close_date": "closed_on",
        "deal_stage": {"field": "stage", "words": {"Prospecting": "contact", "Engaging": "contact"}},
    },
    "also": [
        {
            "column": "deal_stage",
            "field": "lost_reason",
            "words": {"Lost": "other", "Won": "", "Engaging": "", "Prospecting": ""},
        },
        {"column": "product", "field": "name", "part": "more"},
        {"column": "account", "field": "name", "part": "more"},
    ],
    "constants": {"currency": "USD"},
}


@pytest.mark.long
def test_the_figures_of_the_maven_data_set(firm: Any, native: Path) -> None:
    folder, actor = native.parent / "b2b_pipeline" / "maven_crm", firm.actor("admin")
    records.create_many(actor, get("department"), [{"name": name} for name in ("Central", "East", "West")])
    assert load(actor, "account", folder / "accounts.csv").new == 85
    assert load(actor, "product", folder / "products.csv").new == 7
    assert load(actor, "user", folder / "sales_teams.csv", TEAMS).new == 35
    result = load(actor, "deal", folder / "sales_pipeline.csv", DEALS)
    assert (result.rows, result.new, result.errors) == (8_800, 8_800, 0)
    assert [(p.value, p.count) for p in result.problems if p.code == "folded"] == [("GTXPro", 1_480)]
    deals = Deal._base_manager.all()
    by_status = {r["status"]: (r["n"], r["s"]) for r in deals.values("status").annotate(n=Count("pk"), s=Sum("amount"))}
    assert {k: n for k, (n, _sum) in by_status.items()} == {"won": 4_238, "lost": 2_473, "open": 2_089}
    assert by_status["won"][1] == Decimal(10_005_534)
    won = deals.filter(status="won", closed_on__year=2017)
    quarters = {q: won.filter(closed_on__quarter=q).aggregate(n=Count("pk"), s=Sum("amount")) for q in (1, 2, 3, 4)}
    assert {q: (r["n"], int(r["s"])) for q, r in quarters.items()} == {
        1: (531, 1_134_672),
        2: (1_254, 3_086_111),
        3: (1_257, 2_982_255),
        4: (1_196, 2_802_496),
    }
    offices = {r["owner__department__name"]: int(r["s"]) for r in _by(deals, "owner__department__name")}
    assert offices == {"Central": 3_346_293, "East": 3_090_594, "West": 3_568_647}
    best = max(_by(deals, "owner__name"), key=lambda r: r["s"])
    assert (best["owner__name"], best["n"], int(best["s"])) == ("Darcel Schlecht", 349, 1_153_214)
    assert deals.filter(account=None).count() == 1_425
    assert User.objects.filter(username="Darcel Schlecht").count() == 1
    again = load(actor, "deal", folder / "sales_pipeline.csv", DEALS)
    assert (again.new, again.updated, again.unchanged) == (0, 0, 8_800)


def _by(deals: Any, key: str) -> list[dict[str, Any]]:
    return list(deals.filter(status="won").values(key).annotate(n=Count("pk"), s=Sum("amount")))
