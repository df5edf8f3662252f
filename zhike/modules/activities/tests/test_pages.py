"""The time line, the composer, and what its post writes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from zhike.base.models import CalendarDay
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.activities import composing, pages
from zhike.modules.activities.models import Activity
from zhike.modules.tests.helpers import Firm, create, reload


def browser(actor: Actor) -> Client:
    """A signed-in browser."""
    client = Client(headers={"accept-language": "zh-CN"})
    client.force_login(actor.user)
    return client


def logged(actor: Actor, **values: Any) -> Activity:
    """A call that was made."""
    made: Activity = create(actor, "activity", **{"kind": "call", "status": "done", "result": "connected", **values})
    return made


def texts(actor: Actor, entity: str, record: Any) -> list[str]:
    """The texts of a record's time line, newest first."""
    return sorted(item.text for item in pages.timeline(actor, get(entity), record.pk))


# ---- time line ----


def test_a_customer_shows_what_was_done_with_its_people_and_deals(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    contact = create(firm.seller, "contact", name="张伟", account=account.pk)
    deal = create(firm.seller, "deal", name="热轧", account=account.pk)
    lead = create(firm.seller, "lead", name="宝钢线索")
    logged(firm.seller, body="客户", account=account.pk)
    logged(firm.seller, body="联系人", contact=contact.pk)
    logged(firm.seller, body="商机", deal=deal.pk)
    logged(firm.seller, body="线索", lead=lead.pk)
    records.act(firm.seller, get("lead"), lead.pk, "convert", extra={"account": account.pk})
    create(firm.seller, "account", name="别家")
    assert texts(firm.seller, "account", account) == sorted(["客户", "联系人", "商机", "线索"])
    assert texts(firm.seller, "deal", deal) == ["商机"]
    assert texts(firm.seller, "contact", contact) == ["联系人"]
    assert texts(firm.seller, "lead", lead) == ["线索"]


def test_the_time_line_keeps_what_its_reader_may_not_see(firm: Firm) -> None:
    theirs = create(firm.stranger, "account", name="南方客户")
    logged(firm.stranger, body="机密", account=theirs.pk)
    assert texts(firm.seller, "account", theirs) == []
    ours = create(firm.seller, "account", name="北方客户")
    records.update_many(firm.admin, get("account"), {ours.pk: {"owner": firm.stranger.user.pk}}, action="transfer")
    deal = create(firm.stranger, "deal", name="南方商机", account=ours.pk)
    logged(firm.stranger, body="谈判", deal=deal.pk)
    records.update_many(firm.admin, get("account"), {ours.pk: {"owner": firm.seller.user.pk}}, action="transfer")
    items = pages.timeline(firm.seller, get("account"), ours.pk)
    assert [(i.text, i.title) for i in items] == [("谈判", "电话")]
    assert [i.title for i in pages.timeline(firm.admin, get("account"), ours.pk)] == [
        f'电话 · <a href="/deal/{deal.pk}">南方商机</a>'
    ]


def test_entries_say_state_result_and_what_can_be_done(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    logged(firm.seller, body="对方很忙", result="busy", account=account.pk)
    due = timezone.now() - dt.timedelta(days=2)
    planned = create(firm.seller, "activity", kind="visit", subject="上门", account=account.pk, due_at=due)
    create(firm.seller, "activity", kind="task", status="cancelled", subject="作罢", account=account.pk)
    found = {i.text: i for i in pages.timeline(firm.seller, get("account"), account.pk)}
    shown = {t: (i.planned, i.tone, (i.outcome or {}).get("label"), len(i.actions)) for t, i in found.items()}
    assert shown == {
        "对方很忙": (False, "blue", "占线", 2),
        "上门": (True, "red", None, 4),
        "作罢": (False, "neutral", "已取消", 2),
    }
    assert found["上门"].actions[0]["attrs"]["hx-post"] == f"/activity/{planned.pk}/tick"


def test_the_time_line_asks_the_same_number_of_questions_for_many(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")

    def add(n: int) -> None:
        for i in range(n):
            contact = create(firm.seller, "contact", name=f"张{i}", account=account.pk)
            deal = create(firm.seller, "deal", name=f"热轧{i}", account=account.pk)
            logged(firm.seller, body="甲", contact=contact.pk, deal=deal.pk)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            pages.timeline(firm.seller, get("account"), account.pk)
        return len(captured)

    add(1)
    first = asked()
    add(20)
    assert (asked(), len(pages.timeline(firm.seller, get("account"), account.pk))) == (first, 21)


# ---- composer ----


def test_the_composer_offers_kinds_with_their_results(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    found = composing.composer(firm.seller, get("account"), account.pk)
    assert found
    assert [k["key"] for k in found["kinds"]] == ["note", "call", "visit", "meeting", "message", "mail"]
    assert [o["value"] for o in found["kinds"][2]["outcomes"]] == [
        "held",
        "interested",
        "absent",
        "not_interested",
        "refused",
    ]
    assert found["url"] == f"/account/{account.pk}/log"
    assert composing.composer(firm.executive, get("account"), account.pk) is None
    assert composing.composer(firm.admin, get("user"), firm.admin.user.pk) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-11-17", [("今天", 17), ("明天", 18), ("3天后", 20), ("下周一", 23), ("1个月后", 17)]),
        ("2026-11-18", [("今天", 18), ("明天", 19), ("下周一", 23), ("1个月后", 18)]),
        ("2026-11-20", [("今天", 20), ("3天后", 23), ("12月21日周一", 21)]),
        ("2026-11-22", [("今天", 22), ("明天", 23), ("3天后", 25), ("1个月后", 22)]),
    ],
)
def test_next_days_are_working_days(today: str, expected: list[tuple[str, int]]) -> None:
    found = composing.chips(dt.date.fromisoformat(today))
    assert [(label.replace(" ", ""), date.day) for label, date in found] == expected


@pytest.mark.django_db
def test_holidays_and_the_firms_own_days_are_left_out() -> None:
    eve = dt.date(2026, 9, 30)
    assert [date for _label, date in composing.chips(eve)] == [eve, dt.date(2026, 10, 8), dt.date(2026, 10, 30)]
    CalendarDay.objects.create(day=dt.date(2026, 10, 8), is_working=False, name="厂庆")
    assert [date for _label, date in composing.chips(eve)] == [eve, dt.date(2026, 10, 9), dt.date(2026, 10, 30)]


# ---- post ----


def post(client: Client, record: Any, entity: str = "deal", **sent: str) -> Any:
    return client.post(f"/{entity}/{record.pk}/log", sent, headers={"HX-Request": "true", "HX-Target": "timeline"})


def test_a_call_with_its_result_and_the_next_step_is_one_press(firm: Firm) -> None:
    deal = create(firm.seller, "deal", name="热轧")
    sent = {
        "kind": "call", "text": "同意下周看样", "outcome-call": "connected", "outcome-visit": "absent",
        "next_on": "2026-12-01", "next_text": "带样品", "idempotency_key": "k1",
    }  # fmt: skip
    client = browser(firm.seller)
    for _again in range(2):
        answer = post(client, deal, **sent)
        assert (answer.status_code, "同意下周看样" in answer.content.decode()) == (200, True)
    found = Activity._base_manager.filter(deal=deal.pk).order_by("status")
    assert [(a.kind, a.status, a.body, a.subject, a.result) for a in found] == [
        ("call", "done", "同意下周看样", "同意下周看样", "connected"),
        ("call", "planned", "", "带样品", ""),
    ]
    assert reload("deal", deal.pk).next_follow_up_on == dt.date(2026, 12, 1)


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "note", "text": "  "},
        {"kind": "call", "text": "甲", "next_on": "31.02."},
        {"kind": "call", "text": "甲", "outcome-call": "held"},
    ],
)
def test_what_cannot_be_written_comes_back_with_its_text(firm: Firm, sent: dict[str, str]) -> None:
    deal = create(firm.seller, "deal", name="热轧")
    answer = post(browser(firm.seller), deal, **sent)
    html = answer.content.decode()
    assert (answer.status_code, "data-error-summary" in html) == (422, True)
    assert (f">{sent['text'].strip()}</textarea>" in html, Activity._base_manager.count()) == (True, 0)


def test_who_may_not_see_a_record_cannot_write_on_it(firm: Firm) -> None:
    deal = create(firm.seller, "deal", name="热轧")
    assert post(browser(firm.stranger), deal, kind="note", text="甲").status_code == 404
    assert post(browser(firm.executive), deal, kind="note", text="甲").status_code == 422
    assert Activity._base_manager.count() == 0


def test_an_entry_is_dropped_and_comes_back(firm: Firm) -> None:
    deal = create(firm.seller, "deal", name="热轧")
    made = logged(firm.seller, body="甲", deal=deal.pk)
    client = browser(firm.seller)
    assert browser(firm.stranger).post(f"/activity/{made.pk}/drop").status_code == 404
    assert client.post(f"/activity/{made.pk}/drop").status_code == 200
    assert texts(firm.seller, "deal", deal) == []
    client.post(f"/activity/{made.pk}/restore")
    assert texts(firm.seller, "deal", deal) == ["甲"]
