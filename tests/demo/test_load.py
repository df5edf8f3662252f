"""The demo firm: the same one every time, and a story without contradictions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Q

from zhike import demo
from zhike.base import uscc
from zhike.base.calendar_cn import is_working_day
from zhike.base.models import Department, User
from zhike.demo.dice import ZONE, Days
from zhike.demo.market import settle
from zhike.demo.people import hire
from zhike.demo.story import tell
from zhike.demo.talk import converse
from zhike.engine import guard
from zhike.engine.models import OwnerPeriod, StageEvent
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal

TODAY = dt.date(2026, 11, 21)
SCALE = 0.05


def rows(model: Any) -> Any:
    return guard.rows(model, "test")


@pytest.fixture(scope="module")
def once(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[dict[str, str]]]:
    """Loaded once for all tests here, which only read, and rolled back after them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield demo.load("zh-hans", 7, scale=SCALE, today=TODAY)
        transaction.set_rollback(True)


@pytest.fixture
def loaded(once: list[dict[str, str]], db: None) -> list[dict[str, str]]:
    return once


def made(seed: int, lang: str, scale: float = 1.0) -> tuple[Any, Any, Any]:
    days = Days(TODAY)
    firm = hire(seed, lang, days)
    n = [round(count * scale) for count in (1_200, 3_000, 2_500, 1_500, 20_000)]
    market = settle(seed, firm, days, customers=n[0], contacts=n[1])
    tale = tell(seed, firm, days, market, leads=n[2], deals=n[3])
    return market, tale, converse(seed, firm, days, market, tale, count=n[4])


full = cache(made)


@pytest.mark.parametrize("lang", ["zh-hans", "en"])
def test_the_same_seed_and_day_make_the_same_firm(lang: str) -> None:
    first, again, other = made(7, lang, 0.1), made(7, lang, 0.1), made(8, lang, 0.1)
    assert first == again
    assert first[0] != other[0]


@pytest.mark.parametrize("lang", ["zh-hans", "en"])
def test_a_believable_firm(lang: str) -> None:
    market, tale, acts = full(20260101, lang)
    assert [len(market.customers), len(market.people)] == [1200, 3000]
    assert [len(tale.leads), len(tale.deals), len(acts)] == [2500, 1500, 20_000]
    closed = [d for d in tale.deals if d.outcome != "open"]
    won = [d for d in closed if d.outcome == "won"]
    assert 0.30 <= len(won) / len(closed) <= 0.45
    cycles = sorted((d.closed - d.created).days for d in closed)
    assert cycles[0] >= 14
    assert cycles[-1] <= 330
    assert 150 <= len(tale.deals) - len(closed) <= 400
    assert len({c.values["name"] for c in market.customers}) >= 1190
    codes = [c.values["uscc"] for c in market.customers if "uscc" in c.values]
    assert len(set(codes)) == len(codes) > 800
    assert [code for code in codes if uscc.problem(code)] == []
    done = [a for a in acts if a.values["status"] == "done"]
    assert len({a.values["body"] for a in done}) > 8_000
    assert all(is_working_day(a.values["done_at"].astimezone(ZONE).date()) for a in done)
    assert all(a.values["done_at"].astimezone(ZONE).date() < TODAY for a in done)
    mine = [a for a in acts if a.owner == "seller" and a.values["status"] == "planned"]
    assert len([a for a in mine if a.values["due_at"].date() == TODAY]) >= 5
    assert len([a for a in mine if a.values["due_at"].date() < TODAY]) >= 3
    assert len([a for a in mine if TODAY < a.values["due_at"].date() <= TODAY + dt.timedelta(7)]) >= 8


def test_nobody_can_be_reached() -> None:
    market, tale, _acts = full(20260101, "zh-hans")
    everybody = [*(c.values for c in market.customers), *(p.values for p in market.people)]
    everybody += [lead.values for lead in tale.leads]
    phones = [v["phone"] for v in everybody]
    mobiles = [p for p in phones if p.startswith("1")]
    assert {p[:4] for p in mobiles} == {"1540", "1542", "1545"}
    assert all(p.partition("-")[2].startswith("0") for p in phones if "-" in p)
    assert len(mobiles) + sum("-" in p for p in phones) == len(phones)
    assert all(v["email"].endswith("@example.com") for v in everybody if v.get("email"))


def test_the_accounts(loaded: list[dict[str, str]]) -> None:
    assert [a["username"] for a in loaded] == ["seller", "manager", "executive", "admin"]
    assert [a["role"] for a in loaded] == ["销售", "销售经理", "管理层", "系统管理员"]
    for account in loaded:
        user = User.objects.get(username=account["username"])
        assert user.check_password(account["password"])
    assert User.objects.count() == 40
    assert Department.objects.filter(parent__parent=None, parent__isnull=False).count() == 6


def test_loading_again_changes_nothing(loaded: list[dict[str, str]]) -> None:
    told = rows(Activity).exclude(subject__startswith="拜访引荐")  # which a hand-over has planned
    before = rows(Activity).count(), told.count()
    assert demo.load("zh-hans", 7, scale=SCALE, today=TODAY) == loaded
    assert (rows(Activity).count(), told.count()) == before
    assert told.count() == 1000


def test_nothing_happens_before_its_record(loaded: Any) -> None:
    for name in ("account", "contact", "lead", "deal"):
        late = rows(Activity).filter(created_at__lt=F(f"{name}__created_at"))
        if name == "account":
            late = late.filter(lead=None)  # what was said to a lead is part of the story of the customer it became
        assert list(late.values_list("subject", "created_at", f"{name}__created_at")) == []
    assert not rows(Activity).filter(done_at__gt=F("created_at")).exists()
    assert not rows(Contact).filter(created_at__lt=F("account__created_at")).exists()
    assert not rows(Deal).filter(created_at__lt=F("account__created_at")).exists()
    assert not rows(Deal).filter(created_at__lt=F("lead__converted_at")).exists()


def test_closed_deals_are_whole(loaded: Any) -> None:
    deals = rows(Deal)
    assert not deals.exclude(status="open").filter(Q(closed_on=None) | Q(closed_at=None)).exists()
    assert not deals.filter(status="open").exclude(closed_on=None).exists()
    assert not deals.filter(status="lost", lost_reason="").exists()
    assert not deals.filter(status="won", amount=None).exists()
    assert not deals.filter(status="won").exclude(account__status__in=["customer", "repeat"]).exists()
    firsts = deals.filter(status="won").order_by("account", "closed_on").distinct("account")
    assert all(d.account.first_won_on == d.closed_on for d in firsts.select_related("account"))


def test_stage_events_tell_the_whole_way(loaded: Any) -> None:
    for model in (Deal, Lead):
        for record in rows(model):
            events = list(StageEvent.objects.filter(record=record.pk).order_by("at", "id"))
            assert events[0].from_stage_id is None
            assert events[0].at == record.created_at
            assert [e.from_stage_id for e in events[1:]] == [e.to_stage_id for e in events[:-1]]
            assert events[-1].to_stage_id == record.stage_id
            assert events[-1].at == record.stage_at


def test_owner_periods_join_up(loaded: Any) -> None:
    handed = 0
    for account in rows(Account):
        periods = list(OwnerPeriod.objects.filter(record=account.pk).order_by("from_at"))
        assert [p.to_at for p in periods[:-1]] == [p.from_at for p in periods[1:]]
        assert periods[-1].to_at is None
        assert periods[-1].owner_id == account.owner_id
        handed += len(periods) - 1
    assert handed > 0
