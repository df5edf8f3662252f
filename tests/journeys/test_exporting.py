"""A list becomes a file: in which form and what for is asked, and what is filtered is what leaves."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Device


def test_a_filtered_list_leaves_as_a_file(visit: Visit, device: Device) -> None:
    desk = visit("manager", device)
    page = desk.go("/contact/?view=all&sort=name")
    if desk.device.touch:
        page = desk.go("/contact/export?view=all")
    else:
        desk.tap(page.locator("a[href*='/contact/export']"))
    form = page.locator("#export-form")
    expect(form).to_be_visible()
    form.locator("input[name=format][value=jsonl]").check()
    desk.tap(form.locator("button[type=submit]"))
    expect(page.locator("#export-form")).to_contain_text("请说明导出的用途")  # nothing leaves without a purpose
    page.locator("#export-purpose").select_option("report")
    with page.expect_download() as download:
        desk.tap(page.locator("#export-form button[type=submit]"))
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:-1]]
    assert "#zhike" in json.loads(lines[-1])
    (details,) = desk.site.rows("SELECT details FROM engine_history WHERE action = 'export' ORDER BY id DESC LIMIT 1")[
        0
    ]
    assert (details["purpose"], details["rows"]) == ("report", len(rows))
