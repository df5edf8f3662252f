"""The address to subscribe to: who gets what, and what a calendar program finds in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import icalendar
from django.test import Client
from django.utils import timezone

from zhike.base.models import FailedLogin
from zhike.engine import records
from zhike.engine.entity import get
from zhike.modules.calendars import events, feed
from zhike.modules.calendars.models import Feed, Link

TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).replace(hour=2, minute=0, second=0, microsecond=0)


def path(firm: Any, who: str = "seller") -> str:
    """The address of a new feed."""
    return "/" + feed.address(feed.renew(firm.actor(who))).split("/", 3)[3]


def entries(data: bytes) -> dict[str, Any]:
    """Title -> entry."""
    return {str(e.get("SUMMARY")): e for e in icalendar.Calendar.from_ical(data).walk("VEVENT")}


def test_what_is_in_it(firm: Any) -> None:
    actor = firm.actor("seller")
    account = records.create(actor, get("account"), {"name": "宝钢"})
    meet = {"kind": "meeting", "subject": "谈合同; 价格, 交期\\条款" * 6, "account": account.pk, "due_at": TOMORROW,
            "duration_minutes": 45, "place": "上海, 宝山", "body": "第一行\n第二行"}  # fmt: skip
    made = records.create(actor, get("activity"), meet)
    day = timezone.localdate() + dt.timedelta(days=2)
    whole = records.create(actor, get("activity"), {"kind": "task", "subject": "交周报", "due_at": day.isoformat()})
    done = records.create(actor, get("activity"), {"kind": "call", "subject": "打过了", "due_at": TOMORROW,
                                                    "account": account.pk})  # fmt: skip
    records.act(actor, get("activity"), done.pk, "complete")
    note = {"kind": "note", "subject": "记录", "due_at": TOMORROW, "account": account.pk}
    records.create(actor, get("activity"), note)
    records.create(firm.actor("colleague"), get("activity"), {"kind": "task", "subject": "别人的", "due_at": TOMORROW})
    Link.objects.create(user=firm.seller, activity=whole.pk, uid="from-elsewhere")
    client = Client()
    answer = client.get(path(firm))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert "Set-Cookie" not in answer
    assert not answer.cookies
    found = entries(answer.content)
    assert sorted(found) == sorted([f"{meet['subject']} · 宝钢", "交周报", "✓ 打过了 · 宝钢"])
    meeting = found[f"{meet['subject']} · 宝钢"]
    assert str(meeting["UID"]) == events.uid_of(made.pk)
    assert str(found["交周报"]["UID"]) == "from-elsewhere"  # the same number as on the server
    assert meeting["DTSTART"].params["TZID"] == "Asia/Shanghai"
    assert meeting["DTSTART"].dt == TOMORROW
    assert meeting["DTEND"].dt - meeting["DTSTART"].dt == dt.timedelta(minutes=45)
    assert (str(meeting["LOCATION"]), str(meeting["DESCRIPTION"])) == ("上海, 宝山", "第一行\n第二行")
    assert (found["交周报"]["DTSTART"].dt, found["交周报"]["DTEND"].dt) == (day, day + dt.timedelta(days=1))
    assert not {"ATTENDEE", "ORGANIZER"} & set(meeting)
    assert client.get(path(firm), headers={"if-none-match": "x"}).status_code == 200


def test_the_form_of_the_file(firm: Any) -> None:
    given = {"kind": "task", "subject": "很长的标题" * 30, "due_at": TOMORROW, "body": "𠮷" * 200}
    records.create(firm.actor("seller"), get("activity"), given)
    where = path(firm)
    answer = Client().get(where)
    lines = answer.content.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    for line in lines:
        line.decode()  # no character is cut in two
    zone = icalendar.Calendar.from_ical(answer.content).walk("VTIMEZONE")
    assert [str(z["TZID"]) for z in zone] == ["Asia/Shanghai"]
    assert [(str(p.name), p["TZOFFSETTO"].to_ical()) for p in zone[0].subcomponents] == [("STANDARD", "+0800")]
    again = Client().get(where, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_zone_with_summer_time(firm: Any, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    summer = dt.datetime(2027, 7, 1, 8, tzinfo=dt.UTC)
    data = events.build(events.Facts("Termin", summer, 60), "x", summer)
    cal = icalendar.Calendar.from_ical(data)
    event: Any = cal.walk("VEVENT")[0]
    assert event["DTSTART"].dt.utcoffset() == dt.timedelta(hours=2)
    assert {str(p.name) for p in cal.walk("VTIMEZONE")[0].subcomponents} == {"STANDARD", "DAYLIGHT"}
    read = events.read(data, lambda _n, text: text)
    assert read is not None
    assert read.facts == events.Facts("Termin", summer, 60)


def test_secrets_end(firm: Any) -> None:
    first = path(firm)
    assert feed.digest(first.rpartition("/")[2].removesuffix(".ics")) == Feed.objects.get().digest
    second = path(firm)
    client = Client()
    assert [client.get(url).status_code for url in (first, second)] == [404, 200]
    assert not client.get(first).cookies
    assert client.post(second).status_code == 405
    firm.seller.is_active = False
    firm.seller.save()
    assert client.get(second).status_code == 404
    firm.seller.is_active = True
    firm.seller.deleted_at = TOMORROW
    firm.seller.save()
    assert client.get(second).status_code == 404
    firm.seller.deleted_at = None
    firm.seller.save()
    feed.withdraw(firm.actor("seller"))
    assert client.get(second).status_code == 404


def test_guessing_is_slowed_down(firm: Any) -> None:
    client, good = Client(), path(firm)
    statuses = [client.get(f"/calendar/feed/guess{n}.ics").status_code for n in range(32)]
    assert (statuses[0], statuses[-1]) == (404, 429)
    assert client.get(good).status_code == 429  # from there; from elsewhere it is open
    assert client.get(good, REMOTE_ADDR="10.1.2.3").status_code == 200
    FailedLogin.objects.all().delete()
    assert [client.get(good).status_code for _n in range(40)] == [200] * 40


def test_rights_are_those_of_now(firm: Any) -> None:
    account = records.create(firm.actor("colleague"), get("account"), {"name": "机密客户"})
    given = {"kind": "call", "subject": "代办", "account": account.pk, "due_at": TOMORROW, "owner": firm.seller.pk}
    records.create(firm.actor("manager"), get("activity"), given)
    where = path(firm)
    assert list(entries(Client().get(where).content)) == ["代办"]  # with whom is not the seller's to know
    firm.seller.roles = []
    firm.seller.save()
    assert entries(Client().get(where).content) == {}
