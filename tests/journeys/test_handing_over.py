"""A seller who leaves has 120 customers: planned, handed over, accepted; then the account can be closed."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import HIDDEN, PHONE, WIDE, Desk, Device

COUNT = 120
OWNED = "SELECT count(*) FROM {} r JOIN base_user u ON u.id = r.owner_id WHERE u.username = %s AND r.name LIKE %s"


def book(desk: Desk, word: str) -> None:
    """120 customers, entered one by one; a deal with the first."""
    html = desk.context.request.get("/account/new").text()
    token = dict(HIDDEN.findall(html))["csrfmiddlewaretoken"]
    first = ""
    for n in range(COUNT):
        form = {"csrfmiddlewaretoken": token, "idempotency_key": uuid.uuid4().hex, "confirmed": "1"}
        form |= {"name": f"{word}{n:03}号客户", "tier": "A" if n % 10 == 0 else "C"}
        answer = desk.context.request.post("/account/new", form=form, max_redirects=0)
        assert answer.status == 303
        first = first or answer.headers["location"].rpartition("/")[2]
    desk.make("deal", name=f"{word}项目", account=first, amount="50000")


@pytest.mark.parametrize("device", [WIDE, pytest.param(PHONE, marks=pytest.mark.long)], ids=["wide", "phone"])
def test_the_customers_of_a_leaving_seller_go_to_others(visit: Visit, device: Device) -> None:
    word = f"交{uuid.uuid4().hex[:5]}"
    book(visit("leaver"), word)
    desk = visit("rival", device)
    ((leaver,),) = desk.site.rows("SELECT id FROM base_user WHERE username = 'leaver'")
    page = desk.go(f"/handover/new?person={leaver}")
    expect(page.get_by_role("combobox", name="交接人")).to_have_value("孙离任")
    page.locator("#form-body button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/handover/[0-9a-f-]{36}$"))
    here = desk.path
    page = desk.go(f"{here}/rule")
    desk.tap(page.get_by_text("A重点").or_(page.get_by_text("A 重点")).first)
    box = page.get_by_role("combobox", name="人员")
    box.fill("何接手")
    page.get_by_role("option", name="何接手").first.click()
    page.locator("#form-body button[type=submit]").first.click()
    page.wait_for_url(f"**{here}")
    expect(page.locator("#panels")).to_contain_text("何接手")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    assert desk.site.rows(OWNED.format("customers_account"), "leaver", f"{word}%") == [(COUNT,)], "only looked at"
    desk.tap(page.locator(f"form[action='{here}/do/run'] button"))
    expect(page.locator("#panels")).to_contain_text("100%", timeout=30_000)
    assert desk.site.rows(OWNED.format("customers_account"), "leaver", f"{word}%") == [(0,)]
    assert desk.site.rows(OWNED.format("customers_account"), "heir", f"{word}%") == [(COUNT // 10,)]
    assert desk.site.rows(OWNED.format("sales_deal"), "heir", f"{word}%") == [(1,)], "a deal goes with its customer"
    heir = visit("heir", device)
    page = heir.go(f"/handed/?of={here.rpartition('/')[2]}")
    expect(page.locator("input[name=item]")).to_have_count(COUNT // 10)
    page.locator("a[href^='/handover/item/']").first.click()
    expect(page.locator("#main")).to_contain_text("孙离任")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    page = heir.go(f"/handed/?of={here.rpartition('/')[2]}")
    heir.tap(page.locator("form[action='/handed/answer'] button").last)
    heir.said(re.compile(str(COUNT // 10)))
    state = "SELECT count(*) FROM handover_handoveritem WHERE handover_id = %s AND state = 'accepted'"
    assert desk.site.rows(state, here.rpartition("/")[2]) == [(COUNT // 10,)]
