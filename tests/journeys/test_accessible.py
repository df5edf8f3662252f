"""axe finds nothing on any page, light or dark, nor in what opens over a page; and nothing is cut off on a desk."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import ROOT, Visit
from tests.journeys.desk import WIDE, until
from tests.journeys.places import PLACES, places
from tests.journeys.test_fitting import LOOK

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
COLOURS = ("color-contrast", "link-in-text-block")  # the rules that a theme can break: the rest is looked at once
THEMES: dict[Literal["light", "dark"], tuple[str, ...]] = {"light": (), "dark": COLOURS}
RUN = """async (rules) => (await axe.run(document, {
  resultTypes: ["violations"], ...(rules.length ? { runOnly: rules } : {}),
})).violations.map((v) => ({
  rule: v.id, impact: v.impact, nodes: v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " | " + n.html.slice(0, 160)
    + " | " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "")),
}))"""


def violations(page: Page) -> dict[str, Any]:
    """What axe finds on the page as it stands, by theme."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = {}
    for theme, rules in THEMES.items():
        page.emulate_media(color_scheme=theme)
        until(page, "!document.getAnimations().length")
        if wrong := page.evaluate(RUN, rules):
            found[theme] = wrong
    return found


@pytest.mark.parametrize("person", PLACES, ids=lambda person: person or "door")
def test_every_page_in_both_themes(visit: Visit, person: str) -> None:
    """In the language with the longest words."""
    desk = visit(person, WIDE, lang="en-US", bypass_csp=True)
    desk.expected |= {"403", "404"}
    wrong = {}
    for name, path in places(desk, person).items():
        desk.go(path)
        if found := [*violations(desk.page).items(), *desk.page.evaluate(LOOK)]:
            wrong[name] = found
    assert wrong == {}


def test_what_opens_over_a_page(visit: Visit) -> None:
    desk = visit("seller", bypass_csp=True)
    page, wrong = desk.go("/account/?view=all"), {}

    def look(name: str) -> None:
        if found := violations(page):
            wrong[name] = found

    page.keyboard.press("Control+k")
    page.keyboard.type("科技")
    expect(page.locator("#palette [aria-selected=true]")).to_be_visible()
    look("palette")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    look("keys")
    page.keyboard.press("Escape")
    page.locator(".list-tools summary").click()
    look("filters")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator("#drawer [name=name]")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#drawer [data-error-summary]")).to_be_focused()
    look("drawer with errors")
    assert wrong == {}
