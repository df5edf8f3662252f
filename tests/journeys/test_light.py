"""The light preset: three screens, and the first customers pasted from a spreadsheet within ten minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import ROOT, Visit
from tests.journeys.desk import Site
from tests.journeys.light import PERSON
from tests.journeys.test_importing import column, go_on

CELLS = "客户名称\t联系人\t手机\t级别\n轻舟文具店\t李老板\t13900010001\tA\n远帆办公\t王姐\t13900010002\tB\n"


@pytest.fixture
def light(site: Site) -> Iterator[None]:
    """The preset in force while the test runs; the other journeys know nothing of it."""
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("ZHIKE_", "LC_", "LANG"))},
        "DATABASE_URL": site.database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT),
        "ZHIKE_HOME": str(site.log.parent),
        "ZHIKE_SECRET_KEY": "of-the-journeys-" * 4,
    }
    command = [sys.executable, "-m", "tests.journeys.light"]

    def run(step: str) -> str:
        done = subprocess.run([*command, step], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    site.passwords |= json.loads(run("on"))
    yield
    run("off")


def test_customers_from_a_spreadsheet_within_ten_minutes(light: None, visit: Visit) -> None:
    began = time.monotonic()
    desk = visit(PERSON)
    page = desk.go("/")
    for entity in ("account", "deal", "activity"):
        expect(page.locator(f'nav a[href="/{entity}/"]').first).to_be_attached()
    for entity in ("lead", "product", "competitor"):
        expect(page.locator(f'nav a[href="/{entity}/"]')).to_have_count(0)

    desk.go("/account/import")
    page.locator("body").evaluate(
        """(body, text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        CELLS,
    )
    page.wait_for_url(re.compile(r"/account/import/[0-9a-f-]{36}$"))
    assert column(page, "客户名称").locator("select").first.input_value() == "name"
    assert column(page, "手机").locator("select").first.input_value() == "phone"
    column(page, "联系人").locator("select").first.select_option("x_person")
    expect(column(page, "联系人").locator("select").first).to_have_value("x_person")
    go_on(desk, "预检全部行")
    expect(page.locator(".dry .stat").first).to_be_visible(timeout=30_000)
    go_on(desk, "导入")
    expect(page.get_by_text("Excel.txt")).to_be_visible()
    rows = desk.site.rows("SELECT custom ->> 'x_person' FROM customers_account WHERE name = '轻舟文具店'")
    assert rows == [("李老板",)]
    desk.go("/account?q=轻舟")
    desk.tap(page.locator("main a", has_text="轻舟文具店").first)  # what the list shows is the firm's choice by now
    expect(page.locator("main").get_by_text("李老板").first).to_be_visible()
    assert time.monotonic() - began < 600
