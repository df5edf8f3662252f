"""Promises on pages: captured from a note, above the customer, in the time line, on first pages, in the report."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.promises.models import Promise
from zhike.modules.tests.helpers import Firm, act, create

HTMX = {"HX-Request": "true"}
FORM = {**HTMX, "HX-Target": "drawer-body"}


def day(ahead: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=ahead)


def page(actor: Actor, url: str, **headers: str) -> str:
    client = Client()
    client.force_login(actor.user)
    return client.get(url, headers=headers).content.decode()


def value(html: str, name: str) -> str:
    """What a field of the form holds."""
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"|value="([^"]*)"[^>]*?name="{name}"', html)
    return (found[1] or found[2] or "") if found else ""


@pytest.fixture
def account(firm: Firm) -> Any:
    return create(firm.seller, "account", name="宝钢")


def test_a_note_becomes_a_promise_in_one_go(firm: Firm, account: Any) -> None:
    deal = create(firm.seller, "deal", name="冷轧线", account=account.pk)
    body = "今天拜访了张总，谈了价格。答应他明天把样品寄过去。他对交期有顾虑。"
    note = create(firm.seller, "activity", kind="note", body=body, deal=deal.pk, account=account.pk)
    client = Client()
    client.force_login(firm.seller.user)
    url = f"/promise/capture?activity={note.pk}"
    html = client.get(url, headers=FORM).content.decode()
    assert value(html, "text") == "答应他明天把样品寄过去"
    assert value(html, "due_on") == day(1).isoformat()
    sent = {name: value(html, name) for name in ("text", "due_on", "account", "contact", "deal", "idempotency_key")}
    assert (sent["account"], sent["deal"]) == (str(account.pk), str(deal.pk))
    action = re.search(r'hx-post="([^"]+)"', html)
    answer = client.post(
        action[1].replace("&amp;", "&") if action else "", sent, headers={**HTMX, "HX-Target": "form-body"}
    )
    assert answer.status_code == 204
    assert set(json.loads(answer["HX-Trigger"])) == {"zk:close", "zk:toast", "zk:refresh"}
    made = Promise._base_manager.get()
    assert (made.text, made.activity_id, made.deal_id, made.account_id) == (
        "答应他明天把样品寄过去", note.pk, deal.pk, account.pk,
    )  # fmt: skip


def test_words_chosen_are_taken_as_they_are(firm: Firm, account: Any) -> None:
    note = create(firm.seller, "activity", kind="note", body="三件事。周五前答复。", account=account.pk)
    html = page(firm.seller, f"/promise/capture?activity={note.pk}&text=3天内补开发票", **FORM)
    assert (value(html, "text"), value(html, "due_on")) == ("3天内补开发票", day(3).isoformat())
    html = page(firm.seller, f"/promise/capture?account={account.pk}&text=下月给方案", **FORM)
    assert value(html, "account") == str(account.pk)


def test_days_count_from_the_day_of_the_note(firm: Firm, account: Any) -> None:
    then = timezone.now() - dt.timedelta(days=10)
    values = {"kind": "call", "status": "done", "done_at": then, "body": "3天内回复", "result": "connected"}
    note = create(firm.seller, "activity", **values, account=account.pk)
    html = page(firm.seller, f"/promise/capture?activity={note.pk}", **FORM)
    assert value(html, "due_on") == day(-7).isoformat()


def test_what_is_wrong_keeps_what_was_typed(firm: Firm, account: Any) -> None:
    client = Client()
    client.force_login(firm.seller.user)
    answer = client.post(
        f"/promise/capture?account={account.pk}", {"text": "寄样品", "due_on": "", "account": account.pk}
    )
    assert answer.status_code == 422
    assert value(answer.content.decode(), "text") == "寄样品"


def test_others_notes_are_not_there(firm: Firm, account: Any) -> None:
    note = create(firm.seller, "activity", kind="note", body="暗号", account=account.pk)
    client = Client()
    client.force_login(firm.stranger.user)
    assert client.get(f"/promise/capture?activity={note.pk}").status_code == 404
    assert client.get(f"/promise/owed/account/{account.pk}").status_code == 404
    client.force_login(firm.executive.user)
    assert client.get(f"/promise/capture?activity={note.pk}").status_code == 403


def test_what_we_owe_stands_above_the_customer(firm: Firm, account: Any) -> None:
    assert "owed-title" not in page(firm.seller, f"/account/{account.pk}")
    for n, ahead in enumerate((3, -2, 8, 5)):
        create(firm.seller, "promise", text=f"第{n}件", account=account.pk, due_on=day(ahead))
    closed = create(firm.seller, "promise", text="做完的", account=account.pk, due_on=day(-4))
    act(firm.seller, "promise", closed.pk, "keep")
    html = page(firm.manager, f"/account/{account.pk}")
    owed = html.partition('id="owed"')[2].partition("</section>")[0]
    assert re.findall("第[0-9]件", owed) == ["第1件", "第0件", "第3件"]  # those due first
    assert "notice-bad" in html
    assert "4" in owed.partition("</h2>")[0]
    fragment = page(firm.seller, f"/promise/owed/account/{account.pk}", **HTMX)
    assert "第1件" in fragment
    assert "act/keep" in fragment
    assert "act/keep" not in page(firm.executive, f"/promise/owed/account/{account.pk}", **HTMX)


def test_the_banner_shows_only_what_its_reader_may_see(firm: Firm, account: Any) -> None:
    theirs = create(firm.stranger, "account", name="别家")
    create(firm.stranger, "promise", text="别人的事", account=theirs.pk, due_on=day(1))
    for url in (f"/account/{account.pk}", "/", "/reports/promises"):
        assert "别人的事" not in page(firm.seller, url)


def test_the_time_line_tells_what_became_of_it(firm: Firm, account: Any) -> None:
    made = create(firm.seller, "promise", text="寄样品", account=account.pk, due_on=day(1))
    act(firm.seller, "promise", made.pk, "break", reason="没货", remedy="送一台备用机")
    html = page(firm.seller, f"/account/{account.pk}?show=talk", **HTMX, **{"HX-Target": "timeline"})
    assert f"entry-p{made.pk}" in html
    assert f"entry-pc{made.pk}" in html
    assert "送一台备用机" in html


def test_entries_and_the_composer_offer_it(firm: Firm, account: Any) -> None:
    note = create(firm.seller, "activity", kind="note", body="谈了价格", account=account.pk)
    html = page(firm.seller, f"/account/{account.pk}")
    assert html.count("data-take") == 2
    assert f"/promise/capture?activity={note.pk}" in html
    assert f"/promise/capture?account={account.pk}" in html
    assert "data-take" not in page(firm.executive, f"/account/{account.pk}")


def test_first_pages(firm: Firm, account: Any) -> None:
    create(firm.seller, "promise", text="寄样品", account=account.pk, due_on=day(-1))
    asked = create(firm.manager, "account", name="华能")
    create(firm.manager, "promise", text="压缩交期", account=asked.pk, due_on=day(1), asked_of=firm.seller.user.pk)
    home = page(firm.seller, "/")
    assert "寄样品" in home
    assert "压缩交期" in home  # asked whether it can be done
    assert "寄样品" not in page(firm.colleague, "/")
    team = page(firm.manager, "/")
    assert "due_on__within=overdue" in team
    assert get("promise").key in team


def test_the_report(firm: Firm, account: Any) -> None:
    loader = Actor(firm.seller.user, "import")
    for n in range(5):
        values = {"text": f"事{n}", "account": account.pk, "due_on": day(-10 - n)}
        create(loader, "promise", **values, status="kept", kept_on=day(-10 - n))
    html = page(firm.manager, "/reports/promises")
    assert "100%" in html
    assert "宝钢" in html
    assert "王芳" in html
    assert "/reports/promises" in page(firm.manager, "/reports/team")
