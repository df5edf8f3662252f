"""Step 3 of the story without a mouse: every step by a key, and the keys never in the way of typing."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk


def focused(page: Page) -> str:
    """What has the focus."""
    return str(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))


def tab_to(page: Page, wanted: str, *, most: int = 60) -> None:
    """Presses Tab until the focus is on an element that matches."""
    for _step in range(most):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{most} times Tab did not reach {wanted}; the focus is on {focused(page)}")


@pytest.fixture
def no_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every use of the pointer an error."""
    from playwright.sync_api import Locator, Mouse

    def refuse(*_args: object, **_more: object) -> None:
        pytest.fail("This journey is done with the keyboard alone.")

    for name in ("click", "tap", "dblclick", "check", "hover", "drag_to"):
        monkeypatch.setattr(Locator, name, refuse)
    for name in ("down", "move", "click"):
        monkeypatch.setattr(Mouse, name, refuse)


def test_from_the_customer_to_the_deal_won(visit: Visit, no_mouse: None) -> None:
    desk, tag = visit("seller"), uuid.uuid4().hex[:6]
    keys, page = desk.page.keyboard, desk.go("/")
    customer = new_customer(desk, f"孔雀{tag}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"孔雀{tag}")

    desk.go("/")
    keys.press("Control+k")
    expect(page.locator("[data-palette-input]")).to_be_focused()
    keys.type(tag)
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(f"孔雀{tag}")
    keys.press("Enter")
    page.wait_for_url(f"**{customer}")

    call_by_keys(desk)

    tab_to(page, '#related [data-drawer][href^="/deal/new"]', most=90)
    keys.press("Enter")
    expect(page.locator("#drawer [name=name]")).to_be_focused()
    keys.type(f"换线{tag}")
    keys.press("Control+Enter")
    page.wait_for_url(re.compile(r"/deal/[0-9a-f-]{36}$"))
    deal = desk.path

    keys.press("s")
    expect(page.locator("[data-path] button").first).to_be_focused()
    tab_to(page, "[data-path] li:nth-child(3) button")
    keys.press("Enter")
    expect(page.locator("#modal [name=amount]")).to_be_focused()
    keys.type("30万")
    keys.press("Enter")
    expect(page.locator(".path [aria-current=step]")).to_contain_text("方案报价")
    won_on_the_board(desk, f"换线{tag}")
    rows = desk.site.rows("SELECT status, amount::text FROM sales_deal WHERE id = %s", deal.rpartition("/")[2])
    assert rows == [("won", "300000.00")]


def call_by_keys(desk: Desk) -> None:
    """A call with its result and a next step, in the composer."""
    page, keys = desk.page, desk.page.keyboard
    keys.press("l")
    expect(page.locator("[data-composer] textarea")).to_be_focused()
    keys.type("他们要换线。")
    keys.press("Shift+Tab")
    keys.press("ArrowRight")
    expect(page.locator("[name=kind][value=call]")).to_be_checked()
    expect(page.locator("[data-composer] textarea")).to_be_focused()
    tab_to(page, "[name=outcome-call]")
    keys.press("Space")
    tab_to(page, "[data-set-date]")
    keys.press("Tab")
    keys.press("Enter")
    keys.press("Control+Enter")
    expect(page.locator(".entry-planned")).to_have_count(1)
    expect(page.locator(".timeline .entry", has_text="他们要换线")).to_contain_text("已接通")


def new_customer(desk: Desk, name: str) -> str:
    """From the home page: g c to the customers, c for a new one."""
    page, keys = desk.page, desk.page.keyboard
    keys.press("g")
    keys.press("c")
    page.wait_for_url("**/account/")
    keys.press("c")
    expect(page.locator("#drawer [name=name]")).to_be_focused()
    keys.type(name)
    tab_to(page, "#drawer [name=phone]")
    keys.type("13912340000")
    keys.press("Control+Enter")
    page.wait_for_url(re.compile(r"/account/[0-9a-f-]{36}$"))
    return desk.path


def won_on_the_board(desk: Desk, name: str) -> None:
    """On the board: find the card with the filter line, then s, arrows, Enter."""
    page, keys = desk.page, desk.page.keyboard
    keys.press("g")
    keys.press("d")
    page.wait_for_url("**/deal/")
    tab_to(page, "[href*='/deal/board?']")
    keys.press("Enter")
    page.wait_for_url("**/deal/board*")
    keys.press("/")
    expect(page.locator("#list-q")).to_be_focused()
    keys.type(name)
    cards = page.locator("[data-card]")
    expect(cards).to_have_count(1)
    tab_to(page, ".deal-title")
    keys.press("s")
    expect(page.locator("#modal input:checked")).to_be_focused()
    while "赢单" not in page.locator("#modal label:has(input:checked)").inner_text():
        keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("[data-lane-kind=won] [data-card]")).to_have_count(1)
    desk.said("已移到“赢单”")


def test_rows_of_a_list(visit: Visit, no_mouse: None) -> None:
    desk = visit("manager")
    page = desk.go("/deal/?view=all")
    keys, rows = page.keyboard, page.locator("[data-row]")
    keys.press("j")
    keys.press("j")
    expect(rows.nth(1)).to_have_attribute("data-cursor", "")
    keys.press("k")
    expect(rows.nth(0)).to_have_attribute("data-cursor", "")
    keys.press("x")
    expect(page.locator("[data-bulk]")).to_be_visible()
    expect(page.locator("[data-bulk-count]")).to_have_text("1")
    keys.press("a")
    expect(page.locator("#modal")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#modal")).to_be_hidden()
    keys.press("x")
    expect(page.locator("[data-bulk]")).to_be_hidden()
    wanted = rows.nth(0).get_attribute("data-url") or ""
    keys.press("Enter")
    page.wait_for_url(f"**{wanted}")
    keys.press("e")
    expect(page.locator("#drawer form")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()


def test_the_list_of_keys_and_switching_them_off(visit: Visit, no_mouse: None) -> None:
    desk = visit("seller")
    page = desk.go("/account/")
    keys = page.keyboard
    keys.press("?")
    dialog = page.locator("#keys")
    expect(dialog).to_be_visible()
    tab_to(page, "[data-keys-switch]")
    keys.press("Space")
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    keys.press("c")
    keys.press("?")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(dialog).to_be_hidden()
    page.reload()
    keys.press("?")
    expect(dialog).to_be_hidden()
    keys.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()


def test_keys_do_nothing_while_typing(visit: Visit, no_mouse: None) -> None:
    desk = visit("seller")
    page = desk.go("/account/?view=all")
    page.keyboard.press("/")
    page.keyboard.type("cexjk?")
    expect(page.locator("#list-q")).to_have_value("cexjk?")
    for dialog in ("#drawer", "#keys", "#modal"):
        expect(page.locator(dialog)).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator("#list-q")).not_to_be_focused()


def test_tab_reaches_the_content_first_and_shows_where_it_is(visit: Visit, no_mouse: None) -> None:
    desk = visit("seller")
    page = desk.go("/account/?view=all")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for _step in range(12):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const e = document.activeElement, s = getComputedStyle(e);
              const p = getComputedStyle(e.closest("label, .input") ?? e);
              return [e.outerHTML.slice(0, 120), s.outlineStyle !== "none" || s.boxShadow !== "none"
                || p.outlineStyle !== "none" || p.boxShadow !== "none"]; }"""
        )
        assert seen[1], f"no visible focus on {seen[0]}"
