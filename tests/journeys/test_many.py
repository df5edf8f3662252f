"""Many records at once: a few in the dialog and back by the message, all that match through a preview and a job."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE

BULK = '[data-bulk-url$="/bulk/{}"]'


def test_some_are_edited_and_the_message_takes_it_back(visit: Visit) -> None:
    desk = visit("manager")
    before = desk.site.rows("SELECT id, tier FROM customers_account ORDER BY id")
    page = desk.go("/account/?view=all")
    for n in range(3):
        page.locator("[data-select]").nth(n).check()
    page.locator(BULK.format("edit")).click()
    page.locator("#f-field").select_option("tier")
    page.locator("#modal-body [name=tier]").first.wait_for()
    page.locator("#modal-body select[name=tier]").select_option("S")
    page.locator("#modal-body button[type=submit]").click()
    undo = page.locator("#toasts [data-undo-url]")
    expect(undo).to_be_visible()
    changed = desk.site.rows("SELECT id, tier FROM customers_account ORDER BY id")
    assert sum(a != b for a, b in zip(before, changed, strict=True)) in (1, 2, 3)
    with page.expect_response(lambda answer: answer.url.endswith("/undo")) as done:
        undo.click()
    assert done.value.ok
    assert desk.site.rows("SELECT id, tier FROM customers_account ORDER BY id") == before
    page = desk.go("/tasks")
    expect(page.locator("form[action^='/operations/']").first).to_be_visible()


def test_all_that_match_are_previewed_done_and_undone(visit: Visit) -> None:
    desk = visit("admin")
    count = "SELECT count(*) FROM activities_activity WHERE priority = 'high'"
    before = desk.site.rows(count)
    page = desk.go("/activity/?view=all")
    page.locator("[data-select-all]").check()
    page.locator("[data-bulk-all]").click()
    page.locator(BULK.format("edit")).click()
    page.locator("#f-field").select_option("priority")
    page.locator("#modal-body select[name=priority]").select_option("high")
    page.locator("#modal-body button[type=submit]").click()
    page.wait_for_url("**/tasks/*")
    run = page.locator("form[action$='/run'] button")
    expect(run).to_be_visible(timeout=120_000)
    assert page.locator("tbody del").count() >= 1
    assert desk.site.rows(count) == before
    run.click()
    undo = page.locator("form[action^='/operations/'] button")
    expect(undo).to_be_visible(timeout=120_000)
    assert desk.site.rows(count) > before
    undo.click()
    page.wait_for_url("**/tasks/*")
    expect(page.locator("form[action^='/operations/'] button")).to_be_visible(timeout=120_000)
    assert desk.site.rows(count) == before


def test_the_task_centre_fits_a_phone(visit: Visit) -> None:
    desk = visit("manager", PHONE)
    page = desk.go("/tasks")
    expect(page.locator("#tasks-body")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
