"""A day's follow-ups: written in seconds, finished with the next one planned, and never lost."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import WIDE, Desk, Device

ZONE = ZoneInfo("Asia/Shanghai")
AMR = b"#!AMR\n" + b"\x3c" + bytes(range(64))
# every press that is not the typing of the text; a chord such as Ctrl+Enter is one
COUNT = """() => {
  window.pressed = { clicks: 0, keys: 0 };
  addEventListener("pointerdown", (e) => e.isTrusted && window.pressed.clicks++, true);
  addEventListener("keydown", (e) => {
    const alone = ["Control", "Shift", "Alt", "Meta"].includes(e.key);
    const words = e.target.matches("textarea") && e.key.length === 1 && !e.ctrlKey && !e.altKey;
    if (e.isTrusted && !alone && !words) window.pressed.keys++;
  }, true);
}"""


def test_a_call_and_the_next_one_in_two_clicks_and_two_keys(visit: Visit) -> None:
    """T3 of the ten tasks: with the mouse for the chips, and by keys alone."""
    desk = visit("seller", WIDE)
    page = desk.go(desk.make("account", name="宁波白泽机械"))
    page.evaluate(COUNT)
    page.keyboard.press("2")
    page.keyboard.type("talked about the pumps")
    form = page.locator("[data-composer]")
    form.locator("label.chip:visible", has_text="已接通").click()
    page.keyboard.type(", wants a quote")
    chip(form).click()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".entry-planned")).to_have_count(1)
    done = page.locator(".timeline .entry:not(.entry-planned)", has_text="talked about the pumps, wants a quote")
    expect(done.locator(".pill")).to_have_text(["已接通"])
    assert page.evaluate("window.pressed") == {"clicks": 2, "keys": 2}
    desk.said(re.compile("已保存。下一步："))
    page.locator("#toasts [data-undo-url]").click()
    expect(page.locator(".entry-planned")).to_have_count(0)
    expect(done).to_have_count(0)

    page.reload()
    page.evaluate(COUNT)
    page.keyboard.press("2")
    page.keyboard.type("once more")
    for key in ("Alt+W", "Alt+F", "Control+Enter"):
        page.keyboard.press(key)
    expect(page.locator(".timeline .entry", has_text="once more")).to_contain_text("有意向")
    expect(page.locator(".entry-planned")).to_have_count(1)
    assert page.evaluate("window.pressed") == {"clicks": 0, "keys": 4}


def test_a_seller_finishes_the_day(visit: Visit, device: Device) -> None:
    """What is overdue and due today, each with its result and its next step, until none is left: two from the first
    page, one of them with a recording, and one from the list of what is due, or on the phone from its own page.
    """
    desk = visit("seller", device)
    now = dt.datetime.now(ZONE)
    for name, days, kind in (("毕方", 1, "call"), ("当康", 0, "visit"), ("乘黄", 1, "meeting")):
        account = desk.make("account", name=f"{name}{device.width}").rpartition("/")[2]
        due = (now - dt.timedelta(days=days)).strftime("%Y-%m-%dT00:01")
        desk.make("activity", subject=f"问{name}{device.width}", kind=kind, due_at=due, account=account)
    page = desk.go("/")
    for name, result in (("毕方", "无人接听"), ("当康", "已进行")):
        row = page.locator(".todo li", has_text=f"问{name}{device.width}")
        desk.tap(row.locator("a[href$='/log']"))
        form = page.locator("#drawer [data-composer]")
        if name == "毕方":
            form.locator("[name=file]").set_input_files({"name": "通话.amr", "mimeType": "audio/amr", "buffer": AMR})
        finish(desk, form, name, result)
        expect(page.locator("#drawer")).to_be_hidden()
        expect(row).to_have_count(0)
        shut(page)
    desk.go(f"/activity/?view=&status__eq=planned&q=问乘黄{device.width}")
    row = page.locator("[data-row]", has_text="问乘黄")
    if device.touch:
        desk.tap(row.locator(".lead a").first)
        finish(desk, page.locator("#timeline [data-composer]"), "乘黄", "已进行")
        expect(page.locator("#timeline [data-composer]")).to_have_count(0)
    else:
        row.hover()
        row.locator(".row-log").click()
        finish(desk, page.locator("#drawer [data-composer]"), "乘黄", "已进行")
        expect(page.locator("#drawer")).to_be_hidden()
    rows = desk.site.rows(
        "SELECT status, result, body, status = 'done' OR due_at > now() FROM activities_activity WHERE subject LIKE %s",
        f"问%{device.width}",
    )
    assert sorted(rows) == sorted(
        row
        for name, result in (("毕方", "no_answer"), ("当康", "held"), ("乘黄", "held"))
        for row in (("done", result, f"{name}说了", True), ("planned", "", "", True))
    )
    assert desk.site.rows(
        "SELECT f.name, a.status FROM engine_storedfile f JOIN activities_activity a ON f.record = a.id"
        " WHERE f.entity = 'activity' AND a.subject = %s",
        f"问毕方{device.width}",
    ) == [("通话.amr", "done")]


def finish(desk: Desk, form: Locator, name: str, result: str) -> None:
    """What was said, what came of it, and the next one in 3 days."""
    form.locator("textarea").fill(f"{name}说了")
    desk.tap(form.locator("label.chip:visible").filter(has_text=re.compile(f"^{result}$")))
    desk.tap(chip(form))
    desk.tap(form.get_by_role("button", name="完成并保存"))


@pytest.mark.long
def test_what_was_written_outlives_the_session_and_stays_with_its_writer(visit: Visit) -> None:
    desk = visit("seller", WIDE)
    desk.expected |= {"401"}
    url = desk.make("account", name="湖州獬豸")
    page = desk.go(url)
    area = page.locator("[data-composer] textarea")
    area.fill("客户要求月底前交货")
    chip(page.locator("[data-composer]")).click()
    (session,) = [c["name"] for c in desk.context.cookies() if "session" in c["name"]]
    desk.context.clear_cookies(name=session)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts .toast-bad")).to_be_visible()
    expect(area).to_have_value("客户要求月底前交货")
    desk.sign_in("manager")
    desk.go(url)
    expect(area).to_have_value("")
    desk.context.clear_cookies(name=session)
    desk.sign_in("seller")
    desk.go(url)
    expect(area).to_have_value("客户要求月底前交货")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    desk.context.set_offline(True)
    page.locator("[data-composer] [type=submit]").click()
    expect(page.locator("#toasts .toast-bad")).to_be_visible()
    desk.context.set_offline(False)
    told = ("htmx:sendError", "htmx:afterRequest", "ERR_INTERNET_DISCONNECTED")  # what the browser says of no network
    desk.problems[:] = [p for p in desk.problems if not any(words in p for words in told)]
    page.locator("[data-composer] [type=submit]").click()
    expect(page.locator(".entry-planned")).to_have_count(1)
    page.reload()
    expect(area).to_have_value("")
    expect(page.locator(".timeline .entry", has_text="客户要求月底前交货")).to_have_count(1)


def chip(form: Locator) -> Locator:
    """In 3 days; on days before a holiday the chip says the day instead."""
    named = form.locator("[data-set-date]").filter(has_text="3天后")
    return named if named.count() else form.locator("[data-set-date]").nth(-2)  # the last is a month away


def shut(page: Page) -> None:
    """Takes the messages away."""
    page.locator("#toasts").evaluate("box => box.querySelectorAll('[data-toast-close]').forEach(b => b.click())")


def test_a_row_of_a_list_opens_the_composer(visit: Visit) -> None:
    desk: Desk = visit("seller", WIDE)
    desk.make("account", name="衢州重明")
    desk.site.rows(
        "INSERT INTO activities_notetemplate (id, created_at, updated_at, version, name, kind, text)"
        " VALUES (gen_random_uuid(), now(), now(), 1, '首次通话', 'call', %s) RETURNING id",
        "needs ___, by ___",
    )
    page = desk.go("/account/?view=&q=衢州重明")
    page.keyboard.press("j")
    page.keyboard.press("l")
    form = page.locator("#drawer [data-composer]")
    expect(form.locator("textarea")).to_be_focused()
    form.locator("summary").click()
    form.locator("[data-template]", has_text="首次通话").click()
    page.keyboard.type("12 pumps")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#drawer")).to_be_hidden()
    assert desk.site.rows("SELECT kind, status FROM activities_activity WHERE body = 'needs 12 pumps, by ___'") == [
        ("call", "done")
    ]


def test_the_manager_comments_and_the_seller_answers(visit: Visit, device: Device) -> None:
    """By @ on a visit; what was begun outlives a reload; the seller opens the notice at that comment and answers."""
    seller, manager = visit("seller", device), visit("manager", device)
    (mine,), (theirs,) = seller.site.rows(
        "SELECT name FROM base_user WHERE username IN ('seller', 'manager') ORDER BY username = 'manager'"
    )
    account = seller.make("account", name=f"松江天吴{device.width}")
    words = f"看了样机{device.width}"
    seller.make("activity", kind="visit", status="done", body=words, account=account.rpartition("/")[2])
    page = manager.go(account)
    entry = page.locator(".entry", has_text=words)
    manager.tap(entry.get_by_role("link", name="评论"))
    area = entry.get_by_role("textbox", name="写评论")
    expect(area).to_be_focused()
    page.keyboard.type("next time bring the offer @" + mine[:1])
    option = entry.get_by_role("option", name=mine)
    expect(option).to_be_visible()
    if device.touch:
        option.tap()
    else:
        page.keyboard.press("Enter")
    expect(area).to_have_value(f"next time bring the offer @{mine} ")
    page.reload()
    manager.tap(entry.get_by_role("link", name="评论"))
    expect(area).to_have_value(f"next time bring the offer @{mine} ")
    page.keyboard.press("Control+Enter")
    comment = entry.locator(".comment", has_text="next time bring the offer")
    expect(comment.locator(".mention")).to_have_text(f"@{mine}")
    expect(area).to_have_value("")

    page = seller.go("/notices?group=mention")
    seller.tap(page.get_by_role("link", name=re.compile(f"{theirs}提到了您：next time bring")).first)
    comment = page.locator(".comment:target")
    expect(comment).to_contain_text("next time bring the offer")
    expect(comment).to_be_in_viewport()
    seller.tap(page.get_by_role("link", name="评论"))
    expect(page.get_by_role("textbox", name="写评论")).to_be_focused()
    page.keyboard.type("I will")
    seller.tap(page.get_by_role("button", name="发送"))
    expect(page.locator(".comment")).to_have_count(2)
    manager.go("/notices?group=mention")
    expect(manager.page.get_by_text(f"{mine}评论：I will").first).to_be_visible()
