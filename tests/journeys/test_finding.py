"""Step 3, first half: a customer is found by two characters, by pinyin initials, by the end of a phone number."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE as PHONE_SCREEN
from tests.journeys.desk import WIDE, Device

NAME, PHONE = "杭州翡翠湖自动化有限公司", "13955580427"
TERMS = ("翡翠", "hzfch", "feicui", "0427")
FORGIVEN = ("翡cui", "翡翠湖自動化", "匪脆湖自动", "feichuihu")  # mixed, traditional, one slip, a confused sound


@pytest.mark.parametrize("term", [*TERMS, *FORGIVEN])
def test_the_palette_finds_it_and_enter_opens_it(visit: Visit, device: Device, term: str) -> None:
    desk = visit("seller", device)
    url = found(desk.site.rows("SELECT id FROM customers_account WHERE name = %s", NAME)) or desk.make(
        "account", name=NAME, phone=PHONE
    )
    page = desk.go("/lead/")
    palette = page.locator("#palette")
    if device.touch:
        desk.tap(page.locator("[data-palette-open]").first)
    else:
        page.keyboard.press("Control+K")
    box = palette.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type(term)
    first = palette.get_by_role("option").first
    expect(first).to_contain_text(NAME)
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{url}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)


@pytest.mark.parametrize("term", TERMS)
def test_the_search_page_and_the_filter_line_find_it(visit: Visit, device: Device, term: str) -> None:
    desk = visit("seller", device)
    url = found(desk.site.rows("SELECT id FROM customers_account WHERE name = %s", NAME)) or desk.make(
        "account", name=NAME, phone=PHONE
    )
    page = desk.go("/search")
    page.get_by_role("searchbox").fill(term)
    page.keyboard.press("Enter")
    hit = page.locator(f'.search-hit[href="{url}"]')
    expect(hit).to_contain_text(NAME)
    page.goto("/account/?view=all")
    line = page.locator("#list-q")
    line.fill(term)
    page.wait_for_function("term => decodeURIComponent(location.search).includes(`q=${term}`)", arg=term)
    row = page.locator("[data-row]")
    assert row.count() < 5, "others may have a number with these digits"
    row = row.filter(has_text=NAME)
    expect(row.get_by_role("link", name=NAME)).to_have_attribute("href", url)
    desk.tap(row.get_by_role("link", name=NAME))
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)


def test_the_palette_offers_pages_and_new_records(visit: Visit) -> None:
    desk = visit("seller")
    page = desk.go("/")
    page.keyboard.press("Control+K")
    page.keyboard.type(">新建")
    palette = page.locator("#palette")
    expect(palette.get_by_role("option").first).to_contain_text("新建")
    palette.get_by_role("option", name="客户").first.click()
    drawer = page.locator("#drawer")
    expect(drawer.locator("[name=name]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_tab_offers_what_can_be_done_and_escape_leads_back(visit: Visit) -> None:
    desk = visit("seller")
    url = found(desk.site.rows("SELECT id FROM customers_account WHERE name = %s", NAME)) or desk.make(
        "account", name=NAME, phone=PHONE
    )
    page = desk.go("/lead/")
    page.keyboard.press("Control+K")
    page.keyboard.type("feicuihu")
    palette = page.locator("#palette")
    expect(palette.get_by_role("option").first.locator("mark")).to_have_text("翡翠湖")
    page.keyboard.press("Tab")
    expect(palette.locator(f'[role=option][href="{url}"]')).to_be_visible()
    expect(palette.locator(f'[role=option][href="/contact/new?account={url.rsplit("/", 1)[1]}"]')).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette).to_be_visible()
    expect(palette.get_by_role("option").first).to_contain_text(NAME)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{url}")
    page.keyboard.press("Control+K")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    expect(palette.get_by_role("option").first).to_contain_text(NAME)  # opened last


def test_the_palette_fills_a_phone(visit: Visit) -> None:
    desk = visit("seller", PHONE_SCREEN)
    page = desk.go("/lead/")
    desk.tap(page.locator("[data-palette-open]").first)
    box = page.locator("#palette").bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, PHONE_SCREEN.width, PHONE_SCREEN.height)
    page.locator("[data-palette-input]").fill("?")
    first = page.locator("#palette [role=option]").first
    expect(first).to_contain_text(">")  # until then the options are those of before
    desk.tap(first)
    expect(page.locator("[data-palette-input]")).to_have_value(">")
    desk.tap(page.locator("#palette [data-close]"))
    expect(page.locator("#palette")).to_be_hidden()


def test_what_belongs_to_another_is_not_found(visit: Visit) -> None:
    visit("seller", WIDE).make("account", name="只归我的玛瑙公司", phone="13955580999")
    other = visit("polyglot")
    page = other.go("/search?q=玛瑙")
    expect(page.locator(".search-hit")).to_have_count(0)
    page.keyboard.press("Control+K")
    page.keyboard.type("玛瑙")
    expect(page.locator("#palette-list")).to_contain_text("玛瑙")
    expect(page.locator("#palette").get_by_role("option")).to_have_count(0)


def found(rows: list[tuple[object, ...]]) -> str:
    """The path of the customer, when an earlier test has made it."""
    return f"/account/{rows[0][0]}" if rows else ""
