"""Two customers that are one: chosen in the list, compared, merged, seen together, and taken apart again."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE, Desk, Device

ROWS = "SELECT id, name, deleted_at IS NULL FROM customers_account WHERE name LIKE %s ORDER BY name"


def doubled(desk: Desk) -> tuple[str, list[str]]:
    """(a word in both names, the ids of two new customers); the second with a contact, a deal and a follow-up."""
    word = f"合并{uuid.uuid4().hex[:6]}"
    one = desk.make("account", name=f"{word}甲有限公司", phone="13911110001", remark="老资料")
    two = desk.make("account", name=f"{word}乙公司", phone="13911110002", remark="新资料")
    ids = [path.rpartition("/")[2] for path in (one, two)]
    desk.make("contact", name="并联系人", account=ids[1])
    desk.make("deal", name="并商机", account=ids[1], amount="100")
    desk.make("activity", kind="note", subject="并跟进", account=ids[1])
    return word, ids


@pytest.mark.parametrize("device", [WIDE, PHONE], ids=["wide", "phone"])
def test_two_customers_are_merged_and_taken_apart(visit: Visit, device: Device) -> None:
    desk = visit("manager", device)
    word, ids = doubled(desk)
    before = desk.site.rows(ROWS, f"{word}%")
    if device is WIDE:
        page = desk.go(f"/account/?view=all&q={word}&sort=name")
        page.locator("[data-select]").nth(0).check()
        expect(page.locator("[data-bulk-page^='/merge']")).to_be_hidden()
        page.locator("[data-select]").nth(1).check()
        page.locator("[data-bulk-page^='/merge']").click()
        page.wait_for_url(re.compile(r"/merge/account"))
    else:
        page = desk.go(f"/merge/account?ids={','.join(ids)}")
    expect(page.locator(".merge-record")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    first = page.locator("fieldset.merge-field").first
    expect(first.locator("input[type=radio]").first).to_be_checked()
    first.locator("input[type=radio]").first.focus()
    page.keyboard.press("ArrowRight")
    expect(first.locator("input[type=radio]").nth(1)).to_be_checked()
    page.locator("#merge-form button[type=submit]").click()
    page.wait_for_url(re.compile(r"/account/[0-9a-f-]{36}$"))
    kept = page.url.rpartition("/")[2]
    expect(page.locator("#main")).to_contain_text("并跟进")
    beside = page.context.request.get(f"/account/{kept}", headers={"HX-Request": "true", "HX-Target": "related"}).text()
    assert "并联系人" in beside
    assert "并商机" in beside
    gone = next(pk for pk in ids if pk != kept)
    assert desk.go(f"/account/{gone}").url.endswith(kept)
    page = desk.go("/tasks")
    with page.expect_response(lambda answer: answer.url.endswith("/undo")):
        page.locator("form[action^='/operations/'] button").first.click()
    page.wait_for_url("**/tasks*")
    assert desk.site.rows(ROWS, f"{word}%") == before
    assert desk.site.rows("SELECT account_id FROM customers_contact WHERE name = '并联系人' ORDER BY created_at DESC")[
        0
    ][0] == uuid.UUID(ids[1])
    desk.go(f"/account/{gone}")


def test_the_message_takes_a_merge_back(visit: Visit) -> None:
    desk = visit("manager")
    word, ids = doubled(desk)
    page = desk.go(f"/merge/account?ids={','.join(ids)}")
    page.locator("#merge-form button[type=submit]").click()
    undo = page.locator("#toasts [data-undo-url]")
    expect(undo).to_be_visible()
    with page.expect_response(lambda answer: answer.url.endswith("/undo")) as done:
        undo.click()
    assert done.value.ok
    assert [row[2] for row in desk.site.rows(ROWS, f"{word}%")] == [True, True]


def test_a_record_asks_with_which_one_it_is_merged(visit: Visit) -> None:
    desk = visit("manager")
    word, ids = doubled(desk)
    page = desk.go(f"/merge/account?ids={ids[0]}")
    page.locator("#f-other").fill(f"{word}乙")
    page.get_by_role("option").first.click()
    page.locator("form[method=get] button[type=submit]").click()
    expect(page.locator(".merge-record")).to_have_count(2)
