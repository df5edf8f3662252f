"""Targets: whose they are, what is done of them, splitting and copying, and that every figure is its list."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from zhike.base.models import Policy
from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.query import View
from zhike.modules.targets import figures, measures, services
from zhike.modules.targets.models import Target
from zhike.modules.tests.helpers import Firm, act, create, refused, update

TODAY = timezone.localdate()
MONTH = TODAY.replace(day=1)


def target(firm: Firm, by: Actor | None = None, **values: Any) -> Any:
    """A target of the seller for this month, set by the manager."""
    said = {"level": "person", "period": "month", "first_on": TODAY, "measure": "won_amount", "value": 100_000}
    if values.get("level", "person") == "person":
        said["owner"] = firm.seller.user.pk
    return create(by or firm.manager, "target", **{**said, **values})


def won(actor: Actor, amount: int, on: dt.date = TODAY, **values: Any) -> Any:
    account = create(actor, "account", name=f"客户{amount}{on}")
    deal = create(actor, "deal", name=f"项目{amount}", account=account.pk, amount=amount, **values)
    return act(actor, "deal", deal.pk, "win", closed_on=on)


def lines(actor: Actor) -> list[figures.Line]:
    return figures.of_view(actor, View(sort="name"))


def listed(actor: Actor, group: Any) -> Decimal:
    """What the list behind a figure adds up to."""
    rows = query.select(actor, get("deal"), query.parse(group.query))
    return sum((d.amount for d in rows), Decimal(0))


# ---- setting them


def test_a_target_covers_its_period_and_is_called_by_it(firm: Firm) -> None:
    made = target(firm, first_on=dt.date(2026, 11, 23))
    assert (made.first_on, made.last_on, made.name) == (dt.date(2026, 11, 1), dt.date(2026, 11, 30), "王芳 2026-11")
    quarter = target(firm, period="quarter", first_on=dt.date(2026, 11, 23))
    assert (quarter.first_on, quarter.last_on, quarter.name) == (
        dt.date(2026, 10, 1), dt.date(2026, 12, 31), "王芳 2026-Q4",
    )  # fmt: skip
    unit = target(firm, level="department", unit=firm.east.pk, period="year", first_on=dt.date(2026, 5, 1))
    assert (unit.name, unit.owner_id) == ("华东 2026", firm.manager.user.pk)
    moved = update(firm.manager, "target", made.pk, period="year")
    assert (moved.first_on, moved.last_on) == (dt.date(2026, 1, 1), dt.date(2026, 12, 31))


def test_quarters_and_years_are_those_of_the_fiscal_year(firm: Firm) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"fiscal_month": 4})
    assert services.days("year", dt.date(2026, 2, 3)) == (dt.date(2025, 4, 1), dt.date(2026, 3, 31))
    assert services.days("quarter", dt.date(2026, 5, 3)) == (dt.date(2026, 4, 1), dt.date(2026, 6, 30))


def test_once_for_each_period(firm: Firm) -> None:
    target(firm)
    assert refused(target, firm, value=5) == {"first_on": ["unique"]}
    target(firm, measure="won_count", value=3)
    target(firm, owner=firm.colleague.user.pk)
    assert refused(target, firm, value=0, period="year") == {"value": ["invalid"]}
    unit: dict[str, Any] = {"level": "department", "unit": firm.east.pk}
    target(firm, **unit)
    assert refused(target, firm, **unit) == {"first_on": ["unique"]}
    assert refused(target, firm, level="department") == {"unit": ["required"]}


def test_who_sets_what(firm: Firm) -> None:
    assert refused(target, firm, level="firm") == {"level": ["refused"]}
    assert refused(target, firm, level="department", unit=firm.south.pk) == {"unit": ["refused"]}
    assert target(firm, by=firm.admin, level="firm").name == f"总部 {TODAY:%Y-%m}"
    mine = target(firm)
    with pytest.raises(Refused):
        update(firm.seller, "target", mine.pk, value=1)
    with pytest.raises(Refused):
        target(firm, by=firm.seller)
    theirs = target(firm, by=firm.admin, owner=firm.stranger.user.pk)
    with pytest.raises(Missing):
        update(firm.manager, "target", theirs.pk, value=1)


def test_who_sees_what(firm: Firm) -> None:
    target(firm)
    target(firm, owner=firm.colleague.user.pk)
    target(firm, level="department", unit=firm.east.pk)
    assert [line.name for line in lines(firm.seller)] == [f"王芳 {TODAY:%Y-%m}"]
    assert len(lines(firm.manager)) == 3
    assert lines(firm.stranger) == []
    assert len(lines(firm.executive)) == 3


# ---- what is done


def test_done_is_the_list_behind_it(firm: Firm) -> None:
    target(firm)
    target(firm, level="department", unit=firm.east.pk, value=400_000)
    target(firm, by=firm.admin, level="firm", value=900_000)
    won(firm.seller, 30_000)
    won(firm.seller, 18_000, MONTH)
    won(firm.seller, 7_000, MONTH - dt.timedelta(days=1))
    won(firm.colleague, 50_000)
    won(firm.stranger, 90_000)
    won(firm.seller, 5_000, currency="USD")
    own = lines(firm.seller)[0]
    assert (own.reached, own.percent, own.gap) == (Decimal(48_000), 48.0, Decimal(52_000))
    assert listed(firm.seller, own.done) == 48_000
    by_name = {line.whose.level: line for line in lines(firm.admin)}
    assert by_name["person"].reached == 48_000
    assert by_name["department"].reached == 98_000
    assert by_name["firm"].reached == 188_000
    for line in by_name.values():
        assert listed(firm.admin, line.done) == line.reached


def test_who_won_it_counts_whoever_has_it_now(firm: Firm) -> None:
    target(firm)
    target(firm, owner=firm.colleague.user.pk)
    deal = won(firm.seller, 30_000)
    records.update(firm.manager, get("deal"), deal.pk, {"owner": firm.colleague.user.pk})
    done = {line.name.split()[0]: line.reached for line in lines(firm.manager)}
    assert done == {"王芳": 30_000, "李雷": 0}
    seen = query.parse(f"won_by__eq={firm.seller.user.pk}")
    assert query.select(firm.manager, get("deal"), seen).count() == 1


def test_numbers_products_and_what_is_ahead(firm: Firm) -> None:
    product = create(firm.manager, "product", name="机器人", code="R1")
    target(firm, measure="won_count", value=4)
    target(firm, product=product.pk, value=50_000)
    target(firm, value=200_000)
    won(firm.seller, 20_000, product=product.pk)
    won(firm.seller, 30_000)
    account = create(firm.seller, "account", name="甲")
    last = services.days("month", TODAY)[1]
    deal = create(firm.seller, "deal", name="开着", account=account.pk, amount=40_000, expected_on=last)
    found = {(line.whose.measure, line.whose.product): line for line in lines(firm.manager)}
    assert found["won_count", None].reached == 2
    assert found["won_amount", product.pk].reached == 20_000
    whole = found["won_amount", None]
    assert whole.reached == 50_000
    assert whole.ahead is not None
    assert whole.ahead["value"] == 40_000 * deal.probability / 100
    assert found["won_count", None].ahead is not None
    assert query.select(firm.manager, get("deal"), query.parse(whole.ahead.query)).count() == 1


def test_time_passes_in_working_days(db: None) -> None:
    first, last = dt.date(2026, 11, 1), dt.date(2026, 11, 30)
    assert figures.passed(first, last, dt.date(2026, 10, 30)) == 0
    assert figures.passed(first, last, dt.date(2026, 11, 30)) == 100
    assert figures.passed(first, last, dt.date(2026, 11, 13)) == 47.6  # 10 of 21 working days
    assert figures.passed(first, last, dt.date(2026, 11, 15)) == 47.6  # a Sunday


def test_all_targets_of_a_page_are_counted_at_once(firm: Firm) -> None:
    for actor in (firm.seller, firm.colleague):
        won(actor, 10_000)
        for n in range(12):
            target(firm, owner=actor.user.pk, first_on=dt.date(TODAY.year, n + 1, 1))
    with CaptureQueriesContext(
        connection,
    ) as few:
        found = lines(Actor(firm.manager.user))
    assert len(found) == 24
    assert sum("sales_deal" in q["sql"] and "GROUP BY" in q["sql"] for q in few.captured_queries) == 2  # done, ahead


def test_a_measure_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        measures.register(next(iter(measures.MEASURES.values())))
    assert [key for key, _label in measures.choices()] == ["won_amount", "won_count"]


# ---- splitting and copying


@pytest.mark.parametrize(("whole", "parts", "step"), [("100", 3, "0.01"), ("7", 3, "1"), ("0.05", 4, "0.01")])
def test_even_parts_add_up(whole: str, parts: int, step: str) -> None:
    found = services.even(Decimal(whole), parts, step=Decimal(step))
    assert sum(found) == Decimal(whole)
    assert max(found) - min(found) <= Decimal(step)


def sent(actor: Actor, url: str, **values: Any) -> Any:
    client = Client()
    client.force_login(actor.user)
    return client.post(url, values)


def test_a_department_is_split_to_its_people(firm: Firm) -> None:
    whole = target(firm, level="department", unit=firm.east.pk, value=90_000)
    url = f"/targets/{whole.pk}/split?by=people"
    client = Client()
    client.force_login(firm.manager.user)
    html = client.get(url).content.decode()
    fields = re.findall(r'name="(part-[^"]+)" value="([^"]*)"', html)
    assert sorted(v for _k, v in fields) == ["30000", "30000", "30000"]  # the manager sells, too
    assert f"part-{firm.stranger.user.pk}" not in html
    mine = {name: "10000" for name, _v in fields} | {f"part-{firm.seller.user.pk}": "6万"}
    checked = sent(firm.manager, url, **mine).content.decode()
    assert "80,000.00" in checked
    assert "10,000.00" in checked  # the difference
    assert sent(firm.manager, url, **mine, do="save").status_code == 303
    made = {t.owner_id: t.value for t in Target._base_manager.filter(level="person")}
    assert made[firm.seller.user.pk] == 60_000
    again = mine | {f"part-{firm.seller.user.pk}": "7万", f"part-{firm.colleague.user.pk}": "0"}
    assert sent(firm.manager, url, **again, do="save").status_code == 303
    made = {t.owner_id: t.value for t in Target._base_manager.filter(level="person", deleted_at=None)}
    assert made == {firm.seller.user.pk: 70_000, firm.manager.user.pk: 10_000}
    assert sent(firm.manager, url, **{**mine, f"part-{firm.seller.user.pk}": "很多"}, do="save").status_code == 422
    assert sent(firm.stranger, url, **mine, do="save").status_code in (403, 404)


def test_a_year_is_split_to_months(firm: Firm) -> None:
    whole = target(firm, period="year", value=120_000)
    sent(firm.manager, f"/targets/{whole.pk}/split?by=months", do="even")
    parts = {f"part-{TODAY.year}-{n:02}-01": "10000" for n in range(1, 13)}
    assert sent(firm.manager, f"/targets/{whole.pk}/split?by=months", **parts, do="save").status_code == 303
    made = Target._base_manager.filter(period="month", owner=firm.seller.user)
    assert (made.count(), {t.value for t in made}) == (12, {Decimal(10_000)})


def test_the_last_period_is_copied(firm: Firm) -> None:
    before = MONTH - dt.timedelta(days=1)
    target(firm, first_on=before, value=100)
    target(firm, first_on=before, owner=firm.colleague.user.pk, value=200)
    target(firm, owner=firm.colleague.user.pk, value=999)
    assert sent(firm.manager, "/targets/copy", period="month", measure="won_amount", more="10").status_code == 303
    now = {t.owner_id: t.value for t in Target._base_manager.filter(first_on=MONTH)}
    assert now == {firm.seller.user.pk: 110, firm.colleague.user.pk: 999}
    assert services.copy(firm.manager, period="month", first_on=TODAY, measure="won_amount") == 0
    assert sent(firm.seller, "/targets/copy", period="month", measure="won_amount").status_code == 403


# ---- pages


def page(actor: Actor, url: str) -> str:
    client = Client()
    client.force_login(actor.user)
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_first_pages_have_the_ring(firm: Firm) -> None:
    assert 'class="target"' not in page(firm.seller, "/")
    target(firm)
    target(firm, level="department", unit=firm.east.pk, value=500_000)
    target(firm, by=firm.admin, level="firm", value=900_000)
    won(firm.seller, 48_000)
    html = page(firm.seller, "/")
    assert "48%" in html
    assert f"won_by__eq={firm.seller.user.pk}" in html
    assert 'class="target"' in page(firm.manager, "/")
    assert f"won_in__under={firm.east.pk}" in page(firm.manager, "/")
    assert 'class="target"' in page(firm.executive, "/")


def test_the_page_of_targets(firm: Firm) -> None:
    mine = target(firm)
    target(firm, level="department", unit=firm.east.pk, value=150_000)
    won(firm.seller, 48_000)
    html = page(firm.manager, "/targets/")
    assert f"/target/{mine.pk}/field/value" in html
    assert "48%" in html
    assert f"owner={firm.colleague.user.pk}" in html  # none is set yet
    assert f"owner={firm.stranger.user.pk}" not in html
    assert "50,000.00" in html  # the department against the sum of its people
    own = page(firm.seller, "/targets/")
    assert f"/target/{mine.pk}/field/value" not in own
    assert "李雷" not in own
    assert "/targets/copy" not in own
    assert page(firm.executive, f"/targets/?measure=won_count&year={TODAY.year - 1}-01-01")
