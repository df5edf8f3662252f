"""One's own page of calendars, and the hint that a time is taken."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.calendars.conftest import PASSWORD, USER, Phone
from zhike.engine import records
from zhike.engine.access import LOOK_ONLY
from zhike.engine.entity import get
from zhike.engine.models import History
from zhike.modules.calendars import accounts, overlaps, sync
from zhike.modules.calendars.models import CalDav, Feed

DAY = timezone.localdate() + dt.timedelta(days=1)


def at(clock: str) -> str:
    """A time tomorrow."""
    return f"{DAY.isoformat()} {clock}"


def plan(firm: Any, subject: str, clock: str, who: str = "seller", **values: Any) -> Any:
    """A task at a time."""
    return records.create(firm.actor(who), get("activity"), {
        "kind": "task", "subject": subject, "due_at": at(clock) if clock else DAY.isoformat(), **values})  # fmt: skip


def test_the_whole_way_of_an_account(firm: Any, phone: Phone, loopback: None) -> None:
    plan(firm, "拜访", "10:00")
    phone.put("theirs", "SUMMARY:那边的", f"DTSTART;VALUE=DATE:{DAY:%Y%m%d}")
    client = firm.client("seller")
    assert "/me/calendar" in client.get("/me").content.decode()
    assert client.get("/me/calendar").status_code == 200
    form = {"url": phone.server.url, "username": USER, "password": "wrong"}
    answer = client.post("/me/calendar/account", form)
    assert (answer.status_code, "密码" in answer.content.decode()) == (422, True)
    answer = client.post("/me/calendar/account", {**form, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (303, "/me/calendar/choose")
    assert "radio" in client.get("/me/calendar/choose").content.decode()
    assert client.post("/me/calendar/choose", {"calendar": "http://evil/", "direction": "all"}).status_code == 422
    url = next(one.url for one in accounts.client(CalDav.objects.get()).calendars() if phone.path in one.url)
    answer = client.post("/me/calendar/choose", {"calendar": url, "direction": "all"})
    assert answer["Location"] == "/me/calendar/preview"
    shown = client.get("/me/calendar/preview").content.decode()
    assert "拜访" in shown
    assert "那边的" in shown
    assert len(phone.all()) == 1  # nothing is written yet
    assert client.post("/me/calendar/do/on").status_code == 303
    sync.run(CalDav.objects.get().pk)
    assert len(phone.all()) == 2
    assert client.get("/me/calendar").status_code == 200
    for action in ("run", "pause", "on", "vanish", "remove"):
        assert client.post(f"/me/calendar/do/{action}").status_code == 303, action
    assert client.post("/me/calendar/do/on").status_code == 404
    assert client.get("/me/calendar/choose").status_code == 404
    assert not CalDav.objects.exists()
    assert {"calendar.account", "calendar.on", "calendar.remove"} <= set(
        History.objects.values_list("action", flat=True)
    )


def test_a_server_that_is_away_is_told(firm: Any, account: CalDav) -> None:
    CalDav.objects.update(url="http://127.0.0.1:1024/")
    client = firm.client("seller")
    assert client.get("/me/calendar/choose")["Location"] == "/me/calendar"
    assert "127.0.0.1" in client.get("/me/calendar").content.decode()
    assert client.get("/me/calendar/preview").status_code == 200


def test_the_address_is_shown_once(firm: Any) -> None:
    client = firm.client("seller")
    assert client.post("/me/calendar/feed/make").status_code == 303
    shown = client.get("/me/calendar").content.decode()
    assert "/calendar/feed/" in shown
    assert "/calendar/feed/" not in client.get("/me/calendar").content.decode().replace("/me/calendar/feed/", "")
    assert client.post("/me/calendar/feed/end").status_code == 303
    assert not Feed.objects.exists()
    assert client.post("/me/calendar/feed/other").status_code == 404


def test_only_with_ones_own_hands(firm: Any) -> None:
    assert accounts.may_have(firm.actor("seller"))
    assert not accounts.may_have(firm.actor("seller").within(LOOK_ONLY, by=firm.admin))
    firm.seller.roles = []
    firm.seller.save()
    client = firm.client("seller")
    for url in ("/me/calendar", "/me/calendar/account", "/me/calendar/choose", "/me/calendar/preview"):
        assert client.get(url).status_code == 404, url


@pytest.mark.parametrize(
    ("clock", "minutes", "hits"),
    [
        ("09:29", None, ["甲"]), ("09:00", None, []), ("09:00", 31, ["甲"]), ("10:15", 10, []), ("10:14", 10, ["甲"]),
        ("14:00", None, ["乙"]), ("14:30", None, []), ("00:00", None, []), ("09:00", 600, ["甲", "乙"]),
    ],
)  # fmt: skip
def test_times_that_overlap(firm: Any, clock: str, minutes: int | None, hits: list[str]) -> None:
    plan(firm, "甲", "09:30", duration_minutes=45)
    plan(firm, "乙", "14:00")
    plan(firm, "整天", "")
    done = plan(firm, "做完的", "09:30")
    records.act(firm.actor("seller"), get("activity"), done.pk, "complete")
    begin = dt.datetime.fromisoformat(at(clock)).replace(tzinfo=timezone.get_current_timezone())
    found = overlaps.at(firm.actor("seller"), firm.seller.pk, begin, minutes)
    assert [hit.title for hit in found] == hits


def test_the_hint_tells_nothing_of_what_is_not_seen(firm: Any) -> None:
    mine = plan(firm, "机密会面", "09:30")
    other = plan(firm, "第二件", "09:45")
    client = firm.client("seller")
    typed = {"due_at": f"{DAY.isoformat()}T09:40", "duration_minutes": "", "owner": str(firm.seller.pk)}
    said = client.post("/calendar/overlaps", typed).content.decode()
    assert "机密会面" in said
    assert "09:30" in said
    assert "机密会面" not in client.post(f"/calendar/overlaps?but={mine.pk}", typed).content.decode()
    assert "第二件" in client.get(f"/calendar/overlaps/{mine.pk}").content.decode()
    assert "机密会面" in firm.client("manager").get("/calendar/overlaps", typed).content.decode()
    assert firm.client("colleague").post("/calendar/overlaps", typed).content.strip() == b""
    assert firm.client("colleague").get(f"/calendar/overlaps/{other.pk}").status_code == 404
    assert client.post("/calendar/overlaps", {"due_at": "nonsense"}).content.strip() == b""
    form = client.get(f"/activity/{mine.pk}/edit").content.decode()
    assert f"/calendar/overlaps?but={mine.pk}" in form


def test_the_week_has_hours_and_the_days_say_whether_people_work(firm: Any) -> None:
    plan(firm, "九点半", "09:30")
    plan(firm, "整天的", "")
    client = firm.client("seller")
    page = client.get(f"/activity/calendar?view=&span=week&day={DAY.isoformat()}").content.decode()
    slots = page.partition(f'data-day="{DAY.isoformat()}"')[2].partition("</section>")[0].split("data-hour=")
    assert "整天的" in slots[1]
    assert "九点半" in next(s for s in slots if s.startswith('"09"'))
    assert page.count('data-hour="09"') == 7
    page = client.get("/activity/calendar?view=&day=2026-10-08").content.decode()
    days = {part[:10]: part.partition("</section>")[0] for part in page.split('data-day="')[1:]}
    assert "国庆节" in days["2026-10-01"]
    assert "cal-mark-work" in days["2026-10-10"]  # a Saturday worked in place of a day of the holiday
    assert "cal-mark" not in days["2026-10-13"]
    assert "data-hour" not in page
