"""The calendar: records on their days, as far as their reader sees them."""

from __future__ import annotations

import re
from typing import Any

from zhike.engine import records
from zhike.engine.entity import get


def deal(firm: Any, name: str, on: str, who: str = "seller") -> Any:
    account = records.create(firm.actor(who), get("account"), {"name": f"{name}客户"})
    return records.create(firm.actor(who), get("deal"), {"name": name, "account": account.pk, "expected_on": on})


def days(text: str) -> dict[str, list[str]]:
    """Day -> titles on it."""
    found = {}
    for part in text.split('data-day="')[1:]:
        found[part[:10]] = re.findall(r'<li class="cal-item.*?<a href="[^"]*"[^>]*>([^<]*)', part, re.DOTALL)
    return found


def test_a_month_shows_whole_weeks_with_what_is_seen(firm: Any) -> None:
    deal(firm, "月初单", "2026-11-02")
    deal(firm, "下月单", "2026-12-01")
    deal(firm, "远单", "2027-02-01")
    deal(firm, "别人的", "2026-11-02", "stranger")
    page = firm.client("seller").get("/deal/calendar?view=&date=expected_on&day=2026-11-15").content.decode()
    found = days(page)
    assert (min(found), max(found), len(found)) == ("2026-10-26", "2026-12-06", 42)
    assert {d: titles for d, titles in found.items() if titles} == {"2026-11-02": ["月初单"], "2026-12-01": ["下月单"]}
    assert "别人的" in firm.client("stranger").get("/deal/calendar?view=&day=2026-11-15").content.decode()


def test_a_full_day_says_how_many_more_and_leads_to_them(firm: Any) -> None:
    for n in range(7):
        deal(firm, f"同日{n}", "2026-11-03")
    page = firm.client("seller").get("/deal/calendar?view=&date=expected_on&day=2026-11-15").content.decode()
    assert len(days(page)["2026-11-03"]) == 4
    url = re.search(r'class="cal-more" href="([^"]*)"', page)
    assert url
    behind = firm.client("seller").get(url[1].replace("&amp;", "&")).content.decode()
    assert behind.count("<tr data-row") == 7
    week = firm.client("seller").get("/deal/calendar?view=&date=expected_on&day=2026-11-03&span=week").content.decode()
    assert len(days(week)) == 7
    assert len(days(week)["2026-11-03"]) == 7


def test_filters_and_tabs_hold_and_times_keep_their_hour(firm: Any) -> None:
    made = deal(firm, "带时间", "2026-11-05")
    records.update(firm.actor("seller"), get("deal"), made.pk, {"tender_deadline_at": "2026-11-20 09:30"})
    client = firm.client("seller")
    page = client.get("/deal/calendar?view=&date=tender_deadline_at&day=2026-11-15").content.decode()
    assert 'data-clock="09:30"' in page
    assert "带时间" in page
    assert "带时间" not in client.get("/deal/calendar?view=won&date=expected_on&day=2026-11-15").content.decode()
    assert client.get("/deal/calendar?day=nonsense&span=x&date=name").status_code == 200


def test_moving_is_a_write_like_any_other(firm: Any) -> None:
    made = deal(firm, "移动单", "2026-11-05")
    url = f"/deal/{made.pk}/field/expected_on"
    assert firm.client("seller").post(url, {"expected_on": "2026-11-09", "version": "1"}).status_code == 200
    assert firm.client("seller").post(url, {"expected_on": "2026-11-10", "version": "1"}).status_code == 409
    assert firm.client("stranger").post(url, {"expected_on": "2026-11-10"}).status_code == 404
