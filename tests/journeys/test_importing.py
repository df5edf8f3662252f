"""Step 2: an Excel file of customers is dropped, read, corrected, tried and imported; nobody comes twice."""

from __future__ import annotations

import base64
import random
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk, Device
from zhike.base import uscc

ROWS = 30
HEADINGS = ("公司名称", "联系电话", "省市区", "统一社会信用代码", "客户级别", "成立日期", "最近聊了什么")
COUNTS = {"新增": 28, "已更新": 0, "文件中重复": 1, "有错误，已跳过": 1, "提醒": 2}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Thirty customers: phones as numbers, one has no name, one code a wrong check digit, the first comes twice."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADINGS)
    code = f"91320594MA1M{random.randrange(10_000, 99_999)}"
    start = random.randrange(10_000_000, 99_000_000)
    place, day = "江苏省苏州市", "2015-03-01"
    rows = [
        [f"导入{n}精密仪器厂", 13_000_000_000.0 + n, place, None, "ABC"[n % 3], day, f"谈了{n - start}次"]
        for n in range(start, start + ROWS - 1)
    ]
    rows[4][0] = None
    rows[6][3] = code + ("1" if uscc.check_digit(code) != "1" else "2")
    for row in [*rows, rows[0]]:
        sheet.append(row)
    path = tmp_path / "客户 名单.xlsx"
    book.save(path)
    return path


def drop(page: Page, file: Path) -> None:
    """Lets go of a file over the page, as a mouse does."""
    data = page.evaluate_handle(
        """([name, type, text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, { type }));
            return data;
        }""",
        [file.name, XLSX, base64.b64encode(file.read_bytes()).decode()],
    )
    page.locator("[data-dropzone]").dispatch_event("drop", {"dataTransfer": data})


def give(desk: Desk, file: Path) -> None:
    """Opens the import of customers and hands the file over: dropped, or chosen on a phone."""
    page = desk.go("/account/import")
    if desk.device.touch:
        with page.expect_file_chooser() as choosing:
            desk.tap(page.locator("[data-dropzone] label"))
        choosing.value.set_files(file)
    else:
        drop(page, file)
    page.wait_for_url(re.compile(r"/account/import/[0-9a-f-]{36}$"))


def column(page: Page, heading: str) -> Locator:
    """The line of a column of the file."""
    return page.locator("#map tbody tr").filter(has=page.locator("td:first-child", has_text=heading))


def counts(page: Page) -> dict[str, int]:
    """The numbers on top of the trial run and of the result."""
    expect(page.locator(".dry .stat").first).to_be_visible()
    found = {}
    for stat in page.locator(".dry .stat").all():
        found[stat.locator(".stat-label").inner_text()] = int(stat.locator(".stat-value").inner_text())
    return found


def go_on(desk: Desk, label: str) -> None:
    """Presses the button that leads to the next step."""
    desk.tap(desk.page.locator("main [type=submit]", has_text=label))


def test_a_file_of_customers_comes_in_once(visit: Visit, device: Device, file: Path) -> None:
    desk = visit("seller", device)
    page = desk.page
    desk.site.rows("DELETE FROM engine_importmapping RETURNING id")  # what an earlier one had taught
    give(desk, file)
    guessed = {h: column(page, h).locator("select").first.input_value() for h in HEADINGS}
    assert guessed == {
        "公司名称": "name", "联系电话": "phone", "省市区": "region", "统一社会信用代码": "uscc", "客户级别": "tier",
        "成立日期": "founded_on", "最近聊了什么": "",
    }  # fmt: skip
    expect(column(page, "联系电话").locator(".map-samples span").first).to_have_text(re.compile(r"^\d{11}$"))
    column(page, "最近聊了什么").locator("select").first.select_option("remark")
    expect(column(page, "最近聊了什么").locator("select").first).to_have_value("remark")
    expect(page.locator("#map tbody tr.map-off")).to_have_count(0)

    before = desk.site.rows("SELECT count(*) FROM customers_account")[0][0]
    go_on(desk, "预检全部行")
    assert counts(page) == COUNTS
    problems = page.locator("#problems tbody tr")
    expect(problems.filter(has_text="统一社会信用代码")).to_contain_text("91320594MA1M")
    expect(problems.filter(has=page.locator(".cell-error"))).to_contain_text("公司名称")
    assert desk.site.rows("SELECT count(*) FROM customers_account")[0][0] == before

    go_on(desk, "导入")
    expect(page.get_by_text("客户 名单.xlsx")).to_be_visible()
    assert counts(page) == COUNTS
    assert desk.site.rows("SELECT count(*) FROM customers_account")[0][0] == before + 28
    name = f"{openpyxl.load_workbook(file).worksheets[0]['A2'].value}"
    ((phone, remark, region),) = desk.site.rows(
        "SELECT phone, remark, region FROM customers_account WHERE name = %s", name
    )
    assert re.fullmatch(r"\+8613\d{9}", phone)
    assert (remark, region) == ("谈了0次", "320500")
    left_out(desk)
    desk.tap(page.get_by_role("link", name="查看导入"))
    expect(page.locator("[data-row]").first).to_contain_text("精密仪器厂")

    give(desk, file)
    expect(page.get_by_text("各列按您上次的设置对应")).to_be_visible()
    expect(column(page, "最近聊了什么").locator("select").first).to_have_value("remark")
    go_on(desk, "预检全部行")
    again = counts(page)
    assert (again["新增"], again["已更新"], again["有错误，已跳过"]) == (0, 0, 1)
    expect(page.locator("main form [type=submit]")).to_be_disabled()
    assert desk.site.rows("SELECT count(*) FROM customers_account")[0][0] == before + 28


def left_out(desk: Desk) -> None:
    """The file of what was left out holds that row, and why."""
    with desk.page.expect_download() as coming:
        desk.tap(desk.page.get_by_role("link", name="下载"))
    assert coming.value.suggested_filename.endswith(".xlsx")
    with Path(coming.value.path()).open("rb") as read:
        sheet = openpyxl.load_workbook(read).worksheets[0]
    head, *rows = sheet.iter_rows(values_only=True)
    assert head[: len(HEADINGS)] == HEADINGS
    assert head[-1] == "原因"
    assert len(rows) == 1
    assert rows[0][0] is None
    assert "客户名称为必填项" in str(rows[0][-1])


def test_a_file_that_is_no_file_says_so(visit: Visit, device: Device, tmp_path: Path) -> None:
    desk = visit("seller", device)
    broken = tmp_path / "坏的.xlsx"
    broken.write_bytes(b"PK\x03\x04" + b"not a workbook" * 40)
    page = desk.go("/account/import")
    if device.touch:
        page.locator("[data-dropzone] input[type=file]").set_input_files(broken)
    else:
        drop(page, broken)
    error = page.locator("[data-dropzone-error]")
    expect(error).not_to_be_empty()
    expect(error).to_contain_text(re.compile(r"[\u4e00-\u9fff]{6,}"))
    assert desk.path == "/account/import"


def test_a_press_counts_while_the_columns_are_read_again(visit: Visit, device: Device, file: Path) -> None:
    """The answer to a choice comes between press and release of the button that goes on."""
    if device.touch:
        pytest.skip("a touch is one event here")
    desk = visit("seller", device)
    page = desk.page
    give(desk, file)
    held: list[Route] = []
    page.route("**/preview", lambda route: held.append(route))  # noqa: PLW0108  playwright marks what it is given
    column(page, "最近聊了什么").locator("select").first.select_option("remark")
    button = page.locator("main [type=submit]")
    button.hover()
    page.mouse.down()
    assert len(held) == 1
    with page.expect_response("**/preview"):
        held[0].continue_()
    expect(page.locator("#map tbody tr.map-off")).to_have_count(0)
    page.mouse.up()
    assert counts(page) == COUNTS
