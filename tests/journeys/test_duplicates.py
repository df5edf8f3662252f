"""What may be there already is asked where it is typed, and goes on from there; leads are joined to their customers."""

from __future__ import annotations

import random
import re

from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import until
from tests.journeys.test_views import cell, listed, several, until_rows

PHONES = "SELECT count(*) FROM customers_account WHERE name LIKE %s AND phone <> ''"


def number() -> str:
    """A number that no other test has."""
    return f"139{random.randrange(10**8):08}"


def test_a_table_asks_at_the_cell_and_goes_on(visit: Visit) -> None:
    desk, phone = visit("manager", permissions=["clipboard-read", "clipboard-write"]), number()
    desk.make("account", name=f"已有{phone}厂", phone=phone)
    word = several(desk, 3)
    page = listed(desk, f"/account/?view=all&q={word}&sort=name&as=grid&cols=name~220,phone~160,remark~240")
    until(page, "document.querySelector('table[data-grid]')?.dataset.live === '1'")
    cell(page, 0, "phone").click()
    page.keyboard.type(phone)
    page.keyboard.press("Enter")
    note = page.locator(".cell-note")
    expect(note).to_contain_text("已有")
    assert desk.site.rows(PHONES, f"{word}%")[0][0] == 0
    with page.expect_response(re.compile("/account/grid")):
        note.get_by_role("button", name="仍要保存").click()
    until_rows(desk, PHONES, f"{word}%", 1)
    expect(page.locator(".cell-note")).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("已有")
    page.evaluate(f"navigator.clipboard.writeText('{phone}\\n{phone}')")
    cell(page, 1, "phone").click()
    page.keyboard.press("Control+v")
    with page.expect_response(re.compile("/account/grid")):
        page.locator("[data-grid-bar]").get_by_role("button", name="仍要保存").click()
    until_rows(desk, PHONES, f"{word}%", 3)


def test_a_field_in_place_asks_and_goes_on(visit: Visit) -> None:
    desk, phone = visit("manager"), number()
    desk.make("account", name=f"已有{phone}厂", phone=phone)
    word = several(desk, 1)
    page = listed(desk, f"/account/?view=all&q={word}&cols=name~220,phone~160")
    cell(page, 0, "phone").dblclick()
    form = page.locator("form[data-inline-form]")
    form.locator("[name=phone]").fill(phone)
    page.keyboard.press("Enter")
    expect(form).to_contain_text("已有")
    form.get_by_role("button", name="仍要保存").click()
    until_rows(desk, PHONES, f"{word}%", 1)
    expect(form).to_have_count(0)


def test_what_lies_in_the_bin_is_restored_from_the_form(visit: Visit) -> None:
    desk, phone = visit("manager"), number()
    path = desk.make("account", name=f"删掉{phone}厂", phone=phone)
    pk = path.rpartition("/")[2]
    page = desk.go("/account/new")  # not the record's own page, whose parts may still be loading
    token = page.locator("body").get_attribute("data-csrf") or ""
    gone = page.context.request.post(f"{path}/delete", headers={"X-CSRFToken": token, "Referer": page.url})
    assert gone.ok
    page.locator("#f-phone").fill(phone)
    hint = page.locator("#k-phone")
    expect(hint).to_contain_text("回收站")
    page.on("dialog", lambda d: d.accept())
    hint.get_by_role("button", name="恢复").click()
    page.wait_for_url(f"**/account/{pk}")
    assert desk.site.rows("SELECT deleted_at FROM customers_account WHERE id = %s", pk)[0][0] is None
