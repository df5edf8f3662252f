"""Step 3, second half: one time line, one composer, a deal made from the customer and followed to its end."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk, Device

NEXT = "下次跟进日期"


def test_notes_calls_and_the_next_follow_up_share_one_time_line(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    customer = desk.make("account", name=f"宁波玄武机械{device.width}有限公司", phone="13866601234")
    page = desk.go(customer)
    expect(fact(page, NEXT)).to_have_text("无")
    if device.touch:
        desk.tap(page.locator(".rec-bar [data-focus]"))
        expect(composer(page).locator("textarea")).to_be_focused()
    write(desk, "笔记", "老板喜欢龙井，别送咖啡。")
    expect(entry(page, "老板喜欢龙井")).to_contain_text("笔记")
    expect(composer(page).locator("textarea")).to_have_value("")

    write(desk, "电话", "约好下周看样机。", result="已接通", next_on="3天后", next_text="带样机上门")
    call = entry(page, "约好下周看样机")
    expect(call).to_contain_text("电话")
    expect(call.locator(".pill")).to_have_text(["已接通"])
    planned = page.locator(".entry-planned")
    expect(planned).to_have_count(1)
    expect(planned).to_contain_text("带样机上门")
    expect(fact(page, NEXT)).not_to_have_text("无")
    pk = customer.rpartition("/")[2]
    rows = desk.site.rows("SELECT next_follow_up_on, last_contact_at FROM customers_account WHERE id = %s", pk)
    ((when, last),) = rows
    assert when >= today() + dt.timedelta(days=3)
    assert last.astimezone(ZoneInfo("Asia/Shanghai")).date() == today()
    shown = fact(page, NEXT).inner_text()
    assert f"{when.month}月{when.day}日" in shown
    page.reload()
    expect(page.locator(".timeline .entry").first).to_contain_text("带样机上门")
    expect(page.locator(".timeline .entry", has_text="老板喜欢龙井")).to_have_count(1)


def test_a_call_without_words_needs_a_result(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    page = desk.go(desk.make("account", name=f"嘉兴朱雀{device.width}"))
    desk.tap(composer(page).get_by_role("button", name="保存跟进"))
    expect(composer(page).get_by_role("alert")).to_contain_text("请写下经过")
    write(desk, "电话", "", result="无人接听")
    expect(page.locator(".timeline .entry", has_text="无人接听")).to_have_count(1)


def test_a_deal_is_made_from_the_customer(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    name = f"湖州青龙{device.width}"
    page = desk.go(desk.make("account", name=name))
    desk.tap(page.locator("#related section", has=page.get_by_role("heading", name="商机")).locator("[data-drawer]"))
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("combobox", name="客户")).to_have_value(name)
    drawer.locator("[name=name]").fill(f"{name}产线改造")
    amount = drawer.locator("[name=amount]")
    amount.fill("12.5万")
    amount.blur()
    expect(amount).to_have_value("125000")
    desk.tap(drawer.locator("[type=submit]").first)
    page.wait_for_url(re.compile(r"/deal/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{name}产线改造")
    expect(page.locator(".path [aria-current=step]")).to_contain_text("初步接洽")
    pk = desk.path.rpartition("/")[2]
    rows = desk.site.rows(
        "SELECT d.amount, a.name FROM sales_deal d JOIN customers_account a ON a.id = d.account_id WHERE d.id = %s", pk
    )
    assert rows == [(Decimal("125000.00"), name)]


def test_the_path_on_the_record_asks_moves_and_wins(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    account = desk.make("account", name=f"金华白虎{device.width}").rpartition("/")[2]
    url = desk.make("deal", name=f"白虎扩产{device.width}", account=account)
    page = desk.go(url)
    desk.tap(page.locator(".path").get_by_role("button", name="方案报价"))
    asked = page.locator("#modal [data-move-form]")
    expect(asked.locator("[name=amount]")).to_be_focused()
    asked.locator("[name=amount]").fill("88000")
    page.keyboard.press("Enter")
    expect(page.locator(".path [aria-current=step]")).to_contain_text("方案报价")
    expect(page.locator("#modal")).to_be_hidden()
    act(desk, "赢单")
    drawer = page.locator("#drawer")
    expect(drawer.locator("[name=amount]")).to_have_value(re.compile("88000"))
    desk.tap(drawer.locator("[type=submit]"))
    expect(page.locator(".path [data-state=won]")).to_contain_text("赢单")
    pk = url.rpartition("/")[2]
    assert desk.site.rows("SELECT status, amount, closed_on FROM sales_deal WHERE id = %s", pk) == [
        ("won", Decimal("88000.00"), today())
    ]
    steps = desk.site.rows(
        "SELECT s.key FROM engine_stageevent e JOIN engine_stage s ON s.id = e.to_stage_id WHERE record = %s"
        " ORDER BY e.at, e.id", pk,
    )  # fmt: skip
    assert [key for (key,) in steps] == ["contact", "proposal", "won"]


def test_a_lost_deal_says_why(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    account = desk.make("account", name=f"台州玄鸟{device.width}").rpartition("/")[2]
    url = desk.make("deal", name=f"玄鸟改造{device.width}", account=account, amount="1000")
    page = desk.go(url)
    act(desk, "输单")
    drawer = page.locator("#drawer")
    submit = drawer.locator("[type=submit]")
    desk.tap(submit)
    expect(drawer.get_by_role("alert")).to_be_focused()
    expect(drawer.get_by_role("alert")).to_contain_text("输单原因")
    desk.tap(drawer.locator("label.chip", has_text="没有预算"))
    desk.tap(submit)
    expect(page.locator(".path [data-state=lost]")).to_contain_text("输单")
    pk = url.rpartition("/")[2]
    assert desk.site.rows("SELECT status, lost_reason FROM sales_deal WHERE id = %s", pk) == [("lost", "no_budget")]


def today() -> dt.date:
    """The day in the firm's time zone."""
    return dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()


def fact(page: Page, label: str) -> Locator:
    """One of the figures in the head of a record."""
    return page.locator(".rec-nums > div", has=page.locator("dt", has_text=label)).locator("dd")


def act(desk: Desk, label: str) -> None:
    """Presses what can be done with the record: a button, or an entry of the menu behind the dots."""
    shown = desk.page.locator(".rec-acts > a:visible, .rec-bar > a:visible").get_by_text(label, exact=True)
    if not shown.count():
        desk.tap(desk.page.locator(".rec-acts details > summary"))
        shown = desk.page.locator(".rec-acts .menu-list").get_by_text(label, exact=True)
    desk.tap(shown)


def composer(page: Page) -> Locator:
    """The form above the time line."""
    return page.locator("form[data-composer]")


def entry(page: Page, text: str) -> Locator:
    """An entry of the time line that was done."""
    return page.locator(".timeline .entry:not(.entry-planned)", has_text=text)


def write(desk: Desk, kind: str, text: str, *, result: str = "", next_on: str = "", next_text: str = "") -> None:
    """Writes a follow-up and waits until it is saved."""
    form = composer(desk.page)
    desk.tap(form.locator(".composer-kinds label", has_text=kind))
    form.locator("textarea").fill(text)
    if result:
        desk.tap(form.locator("label.chip:visible", has_text=result))
    if next_on:
        chips = form.locator("[data-set-date]")
        # on days before a holiday the chip says the day instead
        desk.tap(chips.filter(has_text=next_on) if chips.filter(has_text=next_on).count() else chips.nth(-2))
    if next_text:
        form.locator("[name=next_text]").fill(next_text)
    desk.tap(form.get_by_role("button", name="保存跟进"))
    desk.said(re.compile("^已保存。"))  # “客户已保存。” may still stand there
    shut = "toasts => toasts.querySelectorAll('[data-toast-close]').forEach(button => button.click())"
    desk.page.locator("#toasts").evaluate(shut)
