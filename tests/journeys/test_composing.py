"""Typing Chinese: nothing is asked for while a word is being composed, and the Enter that ends it sends nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import CDPSession, Request, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk

SPELLING = ("f", "fe", "fei", "fei c", "fei cu", "fei cui")
NAME, WORD = "成都琥珀谷科技有限公司", "琥珀谷"
PAUSE_MS = 500  # longer than every delay before a search


class Composer:
    """An input method at work in the page."""

    def __init__(self, desk: Desk) -> None:
        self.cdp: CDPSession = desk.context.new_cdp_session(desk.page)
        self.asked: list[str] = []
        desk.page.on("request", self._note)
        self._page = desk.page

    def _note(self, request: Request) -> None:
        if "/static/" not in request.url:
            self.asked.append(request.url)

    def spell(self) -> None:
        """Letter by letter, with a pause in which an eager page would begin to search."""
        for text in SPELLING:
            end = len(text)
            self.cdp.send("Input.imeSetComposition", {"text": text, "selectionStart": end, "selectionEnd": end})
        self._page.wait_for_timeout(PAUSE_MS)

    def enter(self) -> None:
        """The Enter that chooses a word: browsers send it to the page as key 229."""
        key = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229}
        self.cdp.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
        self.cdp.send("Input.insertText", {"text": WORD})
        self.cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": "Enter", "code": "Enter"})


@pytest.fixture
def desk(visit: Visit) -> Desk:
    """A seller who has the customer that is looked for."""
    found = visit("seller")
    if not found.site.rows("SELECT 1 FROM customers_account WHERE name = %s", NAME):
        found.make("account", name=NAME)
    return found


def test_the_filter_line_waits_for_whole_words(desk: Desk) -> None:
    with desk.page.expect_response(re.compile("views/counts")):
        page = desk.go("/account/?view=all")
    page.keyboard.press("/")
    ime = Composer(desk)
    ime.spell()
    assert ime.asked == []
    expect(page.locator("#list-q")).to_have_value("fei cui")
    ime.enter()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[data-row]")).to_contain_text(NAME)
    expect(page.locator("#list-q")).to_have_value(WORD)
    asked = [url for url in ime.asked if "/account/" in url]
    assert len(asked) == 1, asked


def test_the_palette_waits_for_whole_words(desk: Desk) -> None:
    page = desk.go("/lead/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette [role=option]").first).to_be_visible()
    ime = Composer(desk)
    ime.spell()
    assert ime.asked == []
    ime.enter()
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text(NAME)
    expect(page.locator("#palette")).to_be_visible()
    assert desk.path == "/lead/"
    assert len(ime.asked) == 1, ime.asked


def test_a_field_that_searches_waits_for_whole_words(desk: Desk) -> None:
    page = desk.go("/deal/new")
    box = page.get_by_role("combobox", name="客户")
    box.focus()
    ime = Composer(desk)
    ime.spell()
    assert ime.asked == []
    ime.enter()
    expect(page.get_by_role("option", name=NAME)).to_be_visible()
    assert desk.path == "/deal/new"
    page.keyboard.press("Enter")
    expect(box).to_have_value(NAME)
    assert desk.path == "/deal/new"


def test_the_enter_of_the_input_method_saves_nothing(desk: Desk) -> None:
    page = desk.go("/account/new")
    page.locator("[name=name]").focus()
    ime = Composer(desk)
    ime.spell()
    ime.enter()
    page.wait_for_timeout(PAUSE_MS)
    expect(page.locator("[name=name]")).to_have_value(WORD)
    assert [url for url in ime.asked if "/duplicates/" not in url] == []  # the whole word is looked up
    assert desk.path == "/account/new"


def test_letters_of_the_input_method_are_no_shortcuts(desk: Desk) -> None:
    page = desk.go("/account/?view=all")
    ime = Composer(desk)
    for code in ("KeyC", "KeyS", "KeyJ"):
        key = {"key": "Process", "code": code, "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229}
        ime.cdp.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
        ime.cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": code[-1].lower(), "code": code})
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator("[data-cursor]")).to_have_count(0)
