"""Fields that the firm has made, in the hands of a seller: asked for only where they matter, with files, on a phone."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE, Device

PAPER = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.mark.parametrize("device", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_field_is_asked_for_where_the_condition_holds(visit: Visit, device: Device) -> None:
    desk, name = visit("admin", device), f"对手{uuid.uuid4().hex[:6]}"
    page = desk.go("/competitor/new")
    page.locator("[name=name]").fill(name)
    lesson = page.locator("[name=x_lesson]")
    expect(lesson).to_be_hidden()
    page.locator("[name=x_known]").select_option("yes")
    expect(lesson).to_be_visible()
    page.locator("[name=x_known]").select_option("no")
    expect(lesson).to_be_hidden()
    page.locator("[name=x_known]").select_option("yes")
    save(page)
    expect(page.locator("#e-x_lesson")).to_be_visible()  # it must be filled, where it is asked for
    lesson.fill("报价太晚")
    save(page)
    page.wait_for_url(re.compile(r"/competitor/[0-9a-f-]{36}$"))
    expect(page.locator("#main")).to_contain_text("报价太晚")
    stored = desk.site.rows("SELECT custom FROM sales_competitor WHERE name = %s", name)
    assert stored == [({"x_known": "yes", "x_lesson": "报价太晚"},)]


def save(page: Page) -> None:
    page.locator("main form [type=submit]").first.click()


def test_a_file_in_a_field_of_the_firm(visit: Visit) -> None:
    desk, name = visit("admin"), f"对手{uuid.uuid4().hex[:6]}"
    page = desk.go("/competitor/new")
    page.locator("[name=name]").fill(name)
    page.locator("input[type=file]").set_input_files(
        {"name": "样本.pdf", "mimeType": "application/pdf", "buffer": PAPER}
    )
    save(page)
    page.wait_for_url(re.compile(r"/competitor/[0-9a-f-]{36}$"))
    link = page.locator("#main a", has_text="样本.pdf").first
    answer = desk.context.request.get(str(link.evaluate("a => a.href")))
    assert (answer.status, answer.body()) == (200, PAPER)
    assert "attachment" in answer.headers["content-disposition"]


def test_a_phone_has_the_form_that_was_laid_out_for_it(visit: Visit) -> None:
    names = {}
    for device in (WIDE, PHONE):
        page = visit("admin", device).go("/competitor/new")
        names[device.touch] = page.evaluate("[...document.querySelectorAll('main form [name]')].map(e => e.name)")
    assert {"name", "x_known", "x_lesson"} <= {*names[True]}
    assert {*names[True]} < {*names[False]}
