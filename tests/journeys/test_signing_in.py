"""Step 1 of the story: a person comes in, in the language of the browser or of choice, and sees today's work."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Device

GREETING = {"zh-CN": ("zh-Hans", "登录"), "zh-TW": ("zh-Hant", "登入"), "en-US": ("en", "Sign in")}


@pytest.mark.parametrize("lang", GREETING)
def test_the_door_speaks_the_language_of_the_browser(visit: Visit, device: Device, lang: str) -> None:
    desk = visit(device=device, lang=lang)
    page = desk.go("/deal/board")
    code, heading = GREETING[lang]
    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    desk.page.locator("form.stack [name=username]").fill("seller")
    desk.page.locator("form.stack [name=password]").fill(desk.site.passwords["seller"])
    desk.page.locator("form.stack [type=submit]").click()
    expect(page.locator("[data-board]")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", code)


def test_the_switch_is_remembered_with_the_person(visit: Visit, device: Device) -> None:
    desk = visit(device=device)
    page = desk.go("/login")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    desk.sign_in("polyglot")
    for label, code in (("繁體中文", "zh-Hant"), ("English", "en"), ("简体中文", "zh-Hans")):
        page.goto("/account/?view=all")
        if device.touch:
            desk.tap(page.locator(".topbar .rail-open"))
            desk.tap(page.locator("#railsheet").get_by_role("button", name=label))
        else:
            page.locator(".topbar details", has=page.locator("[name=lang]")).locator("summary").click()
            page.locator(".topbar").get_by_role("button", name=label).click()
        expect(page.locator("html")).to_have_attribute("lang", code)
        assert desk.path == "/account/?view=all"
    other = visit(device=device, lang="en-US")
    other.sign_in("polyglot")
    expect(other.page.locator("html")).to_have_attribute("lang", "zh-Hans")


def test_home_shows_what_is_to_be_done_today(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    page = desk.go("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(desk.site.rows(
        "SELECT name FROM base_user WHERE username = 'seller'")[0][0])  # fmt: skip
    for title in ("逾期", "今天"):
        expect(page.locator(".panel", has=page.get_by_role("heading", name=title)).first).to_be_visible()
    account = desk.make("account", name="今日任务客户", phone="13900010001")
    pk = account.rpartition("/")[2]
    task = desk.make("activity", subject="给今日任务客户回电", kind="call", due_at=_today(), account=pk)
    page.reload()
    today = page.locator(".panel", has=page.get_by_role("heading", name="今天", exact=True))
    line = today.locator("li", has_text="给今日任务客户回电")
    expect(line.get_by_role("link", name="给今日任务客户回电", exact=True)).to_have_attribute("href", task)
    desk.tap(line.locator(".done"))
    expect(line).to_have_count(0)
    assert desk.site.rows("SELECT status FROM activities_activity WHERE id = %s", task.split("/")[2]) == [("done",)]


def _today() -> str:
    import datetime as dt
    from zoneinfo import ZoneInfo

    return dt.datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%dT00:00")  # the whole day: first of the day
