"""Keeping in step with a real server: what travels, what stays, who is told, and that nobody ever gets a mail."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from tests.calendars.conftest import PASSWORD, Phone, connected
from zhike.base import sealing
from zhike.base.models import FieldGrant, Role
from zhike.engine import egress, records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import History, Notice
from zhike.modules.activities.models import Activity
from zhike.modules.calendars import accounts, events, looking, own, sync
from zhike.modules.calendars.models import CalDav, Link

TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).replace(hour=2, minute=0, second=0, microsecond=0)
AT = f"DTSTART:{TOMORROW:%Y%m%dT%H%M%SZ}"
HOUR = "DURATION:PT1H"


class Killed(BaseException):
    """The worker dies here."""


def plan(firm: Any, subject: str, at: Any = TOMORROW, who: str = "seller", **values: Any) -> Any:
    """A task that is planned."""
    given = {"kind": "task", "subject": subject, "due_at": at, **values}
    return records.create(firm.actor(who), get("activity"), given)


def now(pk: Any) -> Any:
    """As it is stored."""
    return Activity._base_manager.get(pk=pk)


def by_subject(subject: str) -> Any:
    """The one that is called so."""
    return Activity._base_manager.get(subject=subject, deleted_at=None)


def told(firm: Any) -> list[str]:
    """What the seller has been told."""
    return list(Notice.objects.filter(user=firm.seller).values_list("text", flat=True))


def jobs() -> int:
    """Jobs that wait or run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs")
        return int(cursor.fetchone()[0])


def test_both_ways_and_not_one_mail_on_the_first_run(firm: Any, phone: Phone, account: CalDav) -> None:
    made = plan(firm, "拜访宝钢", place="上海", body="带合同")
    phone.put("out-1", "SUMMARY:团建", AT, HOUR)
    phone.put("out-2", "SUMMARY:评审", AT, "ATTENDEE;CN=李:mailto:li@example.com", "ORGANIZER:mailto:boss@example.com")
    before = jobs()
    sync.run(account.pk)
    assert jobs() == before  # nobody hears of it: no reminder, no webhook, no mail
    assert mail.outbox == []
    there = phone.events()
    assert there[events.uid_of(made.pk)].facts == events.Facts("拜访宝钢", TOMORROW, 30, "上海", "带合同")
    assert by_subject("团建").duration_minutes == 60
    assert by_subject("评审").kind == "task"
    for path, data in phone.all().items():
        if b"out-2" not in path.encode():
            assert b"ATTENDEE" not in data
            assert b"ORGANIZER" not in data
    state = CalDav.objects.get(pk=account.pk)
    assert (state.error, bool(state.begun_at), state.ctag) == ("", True, "")
    sync.run(account.pk)
    assert CalDav.objects.get(pk=account.pk).ctag  # all has been seen: from now on one request tells that all is well
    assert told(firm) == []


def test_who_is_invited_is_the_contact_of_what_comes_in(firm: Any, phone: Phone, account: CalDav) -> None:
    def known(name: str, address: str, by: str = "seller") -> Any:
        firm_of = records.create(firm.actor(by), get("account"), {"name": f"{name}公司"})
        values = {"name": name, "email": address, "account": str(firm_of.pk)}
        return records.create(firm.actor(by), get("contact"), values)

    wei = known("魏东", "Wei@example.com")
    for name, address, by in (
        ("双一", "two@example.com", "seller"), ("双二", "two@example.com", "seller"),
        ("别人的", "secret@example.com", "stranger"),
    ):  # fmt: skip
        known(name, address, by)
    for n, guests in enumerate(
        (["wei@EXAMPLE.com", "boss@example.com"], ["two@example.com"], ["secret@example.com"], [])
    ):
        phone.put(f"in-{n}", f"SUMMARY:约{n}", AT, HOUR, *(f"ATTENDEE;CN=x:mailto:{g}" for g in guests))
    sync.run(account.pk)
    met = [by_subject(f"约{n}") for n in range(4)]
    assert [(one.contact_id, one.account_id) for one in met] == [(wei.pk, wei.account_id), *[(None, None)] * 3]


def test_each_kind_of_change_travels_either_way(firm: Any, phone: Phone, account: CalDav) -> None:
    made, whole = plan(firm, "见客户"), plan(firm, "整天", timezone.localdate() + dt.timedelta(days=3))
    sync.run(account.pk)
    uid = events.uid_of(made.pk)
    later = TOMORROW + dt.timedelta(hours=3)
    phone.change(uid, start=later, place="杭州")
    phone.change(events.uid_of(whole.pk), start=TOMORROW, minutes=45)
    sync.run(account.pk)
    assert (now(made.pk).due_at, now(made.pk).place) == (later, "杭州")
    assert (now(whole.pk).due_at, now(whole.pk).duration_minutes) == (TOMORROW, 45)
    records.update(firm.actor("seller"), get("activity"), made.pk, {"subject": "见新客户", "duration_minutes": 90})
    sync.run(account.pk)
    facts = phone.events()[uid].facts
    assert facts == events.Facts("见新客户", later, 90, "杭州")
    records.act(firm.actor("seller"), get("activity"), made.pk, "cancel")
    phone.delete(events.uid_of(whole.pk))
    sync.run(account.pk)
    assert phone.events() == {}
    assert now(whole.pk).status == "cancelled"  # called off, never lost
    assert now(whole.pk).deleted_at is None
    assert History.objects.filter(record=whole.pk, channel="caldav", action="cancel").count() == 1


def test_other_fields_meet_and_of_the_same_the_later_stays(firm: Any, phone: Phone, account: CalDav) -> None:
    made, other = plan(firm, "甲"), plan(firm, "乙")
    sync.run(account.pk)
    records.update(firm.actor("seller"), get("activity"), made.pk, {"subject": "甲这里", "place": "这里"})
    phone.change(events.uid_of(made.pk), start=TOMORROW + dt.timedelta(hours=1), place="那里")
    records.update(firm.actor("seller"), get("activity"), other.pk, {"subject": "乙这里"})
    phone.change(events.uid_of(other.pk), later=dt.timedelta(hours=-2), subject="乙那里")
    sync.run(account.pk)
    a, b = now(made.pk), now(other.pk)
    assert (a.subject, a.place, a.due_at) == ("甲这里", "那里", TOMORROW + dt.timedelta(hours=1))
    assert b.subject == "乙这里"
    there = phone.events()
    assert there[events.uid_of(made.pk)].facts == events.Facts("甲这里", a.due_at, 30, "那里")
    assert there[events.uid_of(other.pk)].facts.subject == "乙这里"  # type: ignore[union-attr]
    assert sorted(told(firm)) == sorted([sync.LATER_THERE, sync.LATER_HERE])
    left = History.objects.filter(record=other.pk, channel="caldav").values_list("changes", flat=True)
    assert "乙那里" in str(list(left))  # what gave way stands in the history


@pytest.mark.parametrize("after", [False, True])
def test_killed_between_sending_and_noting(firm: Any, phone: Phone, account: CalDav, *, after: bool) -> None:
    made = plan(firm, "只有一次")

    def dies(url: str, **given: Any) -> egress.Answer:
        if given["method"] == "PUT" and not after:
            raise Killed
        answer = egress.fetch(url, **given)
        if given["method"] == "PUT":
            raise Killed
        return answer

    with pytest.raises(Killed):
        sync.run(account.pk, send=dies)
    assert len(phone.all()) == int(after)
    assert Link.objects.get(activity=made.pk).etag == ""
    sync.run(account.pk)
    assert list(phone.events()) == [events.uid_of(made.pk)]
    records.update(firm.actor("seller"), get("activity"), made.pk, {"subject": "改了"})
    with pytest.raises(Killed):
        sync.run(account.pk, send=dies)
    records.update(firm.actor("seller"), get("activity"), made.pk, {"subject": "又改了"})
    phone.change(events.uid_of(made.pk), place="也改了")
    sync.run(account.pk)
    sync.run(account.pk)
    assert phone.events()[events.uid_of(made.pk)].facts == events.Facts("又改了", TOMORROW, 30, "也改了")
    assert (now(made.pk).subject, now(made.pk).place) == ("又改了", "也改了")
    assert Activity._base_manager.count() == 1
    assert told(firm) == []


def test_what_stays_there(firm: Any, phone: Phone, account: CalDav) -> None:
    phone.put("weekly", "SUMMARY:例会", AT, "RRULE:FREQ=WEEKLY")
    phone.put("doctor", "SUMMARY:看病", AT, "CLASS:PRIVATE")
    phone.put("past", "SUMMARY:去年", "DTSTART;VALUE=DATE:20200101")
    phone.put("off", "SUMMARY:取消了", AT, "STATUS:CANCELLED")
    before = phone.all()
    found = looking.preview(account, accounts.client(account))
    assert dict(found.stays) == {"repeats": 1, "private": 1, "earlier": 1, "cancelled": 1}
    sync.run(account.pk)
    assert Activity._base_manager.count() == 0
    assert phone.all() == before
    made = plan(firm, "变成例会")
    sync.run(account.pk)
    path, data = phone.where(events.uid_of(made.pk))
    repeated = data.replace(b"STATUS:CONFIRMED", b"RRULE:FREQ=DAILY\r\nSTATUS:CONFIRMED")
    phone.ask("PUT", path, repeated, **{"Content-Type": "text/calendar"})
    sync.run(account.pk)
    records.delete_many(firm.actor("seller"), get("activity"), [made.pk])
    sync.run(account.pk)
    assert b"RRULE" in phone.where(events.uid_of(made.pk))[1]  # the series is not torn apart, nor deleted


def test_appointments_with_guests_are_never_written(firm: Any, phone: Phone, account: CalDav) -> None:
    path = phone.put(
        "guests", "SUMMARY:评审", AT, "ATTENDEE:mailto:li@example.com", "ORGANIZER:mailto:wang@example.com"
    )
    sync.run(account.pk)
    made, before = by_subject("评审"), phone.ask("GET", path)[1]
    records.update(firm.actor("seller"), get("activity"), made.pk, {"due_at": TOMORROW + dt.timedelta(hours=4)})
    sync.run(account.pk)
    assert now(made.pk).due_at == TOMORROW
    assert told(firm) == [sync.GUESTS]
    records.act(firm.actor("seller"), get("activity"), made.pk, "cancel")
    sync.run(account.pk)
    sync.run(account.pk)
    assert phone.ask("GET", path)[1] == before
    assert now(made.pk).status == "cancelled"
    assert sum(b"guests" in data for data in phone.all().values()) == 1


def test_the_three_directions(firm: Any, phone: Phone, account: CalDav) -> None:
    made = plan(firm, "我的")
    phone.put("theirs", "SUMMARY:那边的", AT)
    link = accounts.client(account).calendars()[0]
    accounts.choose(firm.actor("seller"), calendar=link, direction="out")
    sync.run(account.pk)
    phone.change(events.uid_of(made.pk), subject="改名")
    sync.run(account.pk)
    assert phone.events()[events.uid_of(made.pk)].facts.subject == "我的"  # type: ignore[union-attr]
    phone.delete(events.uid_of(made.pk))
    sync.run(account.pk)
    assert events.uid_of(made.pk) in phone.events()
    accounts.choose(firm.actor("seller"), calendar=link, direction="both")
    phone.change(events.uid_of(made.pk), subject="改名")
    sync.run(account.pk)
    assert now(made.pk).subject == "改名"
    assert not Activity._base_manager.filter(subject="那边的").exists()
    accounts.choose(firm.actor("seller"), calendar=link, direction="all")
    sync.run(account.pk)
    assert by_subject("那边的").owner_id == firm.seller.pk


def test_nothing_doubles_when_the_account_is_made_anew(firm: Any, phone: Phone, account: CalDav) -> None:
    plan(firm, "旧的")
    phone.put("theirs", "SUMMARY:那边的", AT)
    sync.run(account.pk)
    accounts.remove(firm.actor("seller"))
    assert not CalDav.objects.exists()
    again = connected(firm.actor("seller"), phone)
    found = looking.preview(again, accounts.client(again))
    assert (found.out, found.into, found.known) == ([], [], 2)
    sync.run(again.pk)
    assert (Activity._base_manager.count(), len(phone.all())) == (2, 2)


def test_what_was_imported_from_a_file_is_known(firm: Any, phone: Phone, account: CalDav) -> None:
    made = plan(firm, "从文件来", external_id="from-file-1")
    phone.put("from-file-1", "SUMMARY:从文件来", AT)
    sync.run(account.pk)
    assert Link.objects.get(uid="from-file-1").activity == made.pk
    assert (Activity._base_manager.count(), len(phone.all())) == (1, 1)


def test_an_emptied_calendar_cancels_nothing_unasked(firm: Any, phone: Phone, account: CalDav) -> None:
    made = [plan(firm, f"第{n}件") for n in range(12)]
    sync.run(account.pk)
    for activity in made:
        phone.delete(events.uid_of(activity.pk))
    sync.run(account.pk)
    assert CalDav.objects.get(pk=account.pk).error == "vanished 12"
    assert Activity._base_manager.filter(status="planned").count() == 12
    accounts.let_vanish(firm.actor("seller"))
    sync.run(account.pk)
    assert Activity._base_manager.filter(status="cancelled").count() == 12


def test_rights_hold_on_the_way_out_and_in(firm: Any, phone: Phone, account: CalDav) -> None:
    role = Role.objects.get(key="seller")
    FieldGrant.objects.create(role=role, entity="activity", key="body", level="hidden")
    FieldGrant.objects.create(role=role, entity="activity", key="subject", level="read")
    made = plan(firm, "内部", who="admin", body="机密", owner=firm.seller.pk)
    plan(firm, "同事的", who="admin", owner=firm.colleague.pk)
    sync.run(account.pk)
    assert [e.facts for e in phone.events().values()] == [events.Facts("内部", TOMORROW, 30)]
    phone.change(events.uid_of(made.pk), subject="改名", start=TOMORROW + dt.timedelta(hours=1))
    sync.run(account.pk)
    assert (now(made.pk).subject, now(made.pk).body) == ("内部", "机密")
    assert now(made.pk).due_at == TOMORROW + dt.timedelta(hours=1)
    assert phone.events()[events.uid_of(made.pk)].facts.subject == "内部"  # type: ignore[union-attr]
    move = {made.pk: {"owner": firm.colleague.pk}}
    records.update_many(firm.actor("admin"), get("activity"), move, action="transfer")
    sync.run(account.pk)
    assert phone.events() == {}  # handed over: gone from the calendar, and still planned
    assert now(made.pk).status == "planned"


def test_people_who_left_and_passwords_that_changed(firm: Any, phone: Phone, account: CalDav) -> None:
    plan(firm, "还在")
    account.password = sealing.seal(accounts.PURPOSE, "wrong")
    account.save()
    sync.run(account.pk)
    state = CalDav.objects.get(pk=account.pk)
    assert (state.error, phone.all()) == ("auth", {})
    assert state.next_at > dt.datetime.now(dt.UTC) + dt.timedelta(hours=5)  # type: ignore[operator]
    assert "密码" in accounts.explain(state.error)
    assert accounts.due(dt.datetime.now(dt.UTC) + dt.timedelta(hours=7)) == [account.pk]
    firm.seller.is_active = False
    firm.seller.save()
    assert accounts.due(dt.datetime.now(dt.UTC) + dt.timedelta(hours=7)) == []
    sync.run(account.pk)
    assert phone.all() == {}


def test_saving_proves_the_account_and_seals_the_password(firm: Any, phone: Phone, account: CalDav) -> None:
    assert PASSWORD not in str(vars(CalDav.objects.get(pk=account.pk)))
    root = phone.server.url
    found = accounts.save(firm.actor("seller"), url=root, username="wang", password=PASSWORD)
    assert phone.path in [own_path(one.url) for one in found]
    for given, field in (
        ({"url": root, "username": "wang", "password": "no"}, "password"),
        ({"url": root, "username": "other", "password": ""}, "password"),  # the kept one goes nowhere else
        ({"url": "https://", "username": "wang", "password": "x"}, "url"),
        ({"url": "ftp://x/", "username": "wang", "password": "x"}, "url"),
        ({"url": "http://93.184.216.34/", "username": "wang", "password": "x"}, "url"),  # in the clear
        ({"url": "https://169.254.169.254/", "username": "wang", "password": "x"}, "url"),
    ):
        with pytest.raises(Invalid) as refused:
            accounts.save(firm.actor("seller"), **given)
        assert list(refused.value.first) == [field], given


def own_path(url: str) -> str:
    """The path of an address."""
    return "/" + url.split("/", 3)[3]


def test_a_run_that_is_paused_stops(firm: Any, phone: Phone, account: CalDav) -> None:
    plan(firm, "甲")
    plan(firm, "乙")

    def pauses(url: str, **given: Any) -> egress.Answer:
        CalDav.objects.update(state=CalDav.State.PAUSED)
        return egress.fetch(url, **given)

    sync.run(account.pk, send=pauses)
    assert phone.all() == {}
    assert own.found(firm.actor("seller"), own.rows(firm.actor("seller")))[0].facts.subject == "甲"


def test_one_worker_at_a_time(firm: Any, phone: Phone, account: CalDav) -> None:
    plan(firm, "只跑一次")
    found = connection.settings_dict
    name = {"dbname": found["NAME"], "user": found["USER"], "password": found["PASSWORD"], "host": found["HOST"]}
    with psycopg.connect(**name, port=found["PORT"] or None, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"caldav:{account.pk}"])
        sync.run(account.pk)
        assert phone.all() == {}
    sync.run(account.pk)
    assert len(phone.all()) == 1
