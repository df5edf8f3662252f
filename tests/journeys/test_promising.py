"""What was promised in a call is caught by one keystroke, stands over the customer, and is kept or not."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE

ZONE = ZoneInfo("Asia/Shanghai")


def test_a_promise_is_caught_from_a_note_and_kept(visit: Visit) -> None:
    desk = visit("seller", WIDE)
    url = desk.make("account", name="舟山横公鱼")
    page = desk.go(url)
    page.keyboard.press("2")
    page.keyboard.type("3天内把样品寄给李工")
    page.keyboard.press("Alt+KeyP")
    expect(page.locator("#drawer [name=text]")).to_have_value("3天内把样品寄给李工")
    expect(page.locator("#drawer [name=text]")).to_be_focused()
    due = dt.datetime.now(ZONE).date() + dt.timedelta(days=3)
    expect(page.locator("#drawer [name=due_on]")).to_have_value(due.isoformat())
    page.keyboard.press("Control+Enter")
    expect(page.locator("#drawer")).to_be_hidden()
    owed = page.locator("#owed")
    expect(owed).to_contain_text("3天内把样品寄给李工")
    expect(page.locator("[data-composer] textarea")).to_have_value("3天内把样品寄给李工")  # the note is not lost
    page.keyboard.press("Control+Enter")
    expect(page.locator(".timeline .entry", has_text="3天内把样品寄给李工").first).to_be_visible()

    phone = visit("seller", PHONE)
    page = phone.go(url)
    owed = page.locator("#owed")
    phone.tap(owed.get_by_role("link", name="已兑现"))
    phone.tap(page.locator("#drawer [type=submit]").first)
    expect(page.locator("#owed")).to_be_hidden()
    kept = phone.site.rows("SELECT status, due_on FROM promises_promise WHERE text = '3天内把样品寄给李工'")
    assert kept == [("kept", due)]
