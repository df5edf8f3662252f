"""Every page fits a phone in every language, cuts no text off, and weighs what it may weigh.

The language with the longest words is looked at for every change, the two with shorter ones in the long run. On a
desk test_accessible.py does it, which opens every page.
"""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from playwright.sync_api import Response

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, Desk, Device
from tests.journeys.places import PLACES, places

KB = 1024
# What sticks out of the page, and texts of buttons, tabs and pills that are cut off.
LOOK = """() => {
  const seen = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length;
  const name = (e) =>
    `${e.tagName.toLowerCase()}.${e.className} “${e.innerText.trim().slice(0, 40)}” ${e.scrollWidth}>${e.clientWidth}`;
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  const scrolls = ".table-wrap, .board-wrap, .tabs-line, .path, .composer-kinds, .chips, pre";
  const out = wide ? [...document.querySelectorAll("body *")].filter((e) => seen(e)
    && e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(scrolls)).slice(0, 5).map(name) : [];
  const texts = "button, .btn, .tabs-line a, .segment a, .pill, .chip, .badge-count, .steps-line li";
  const cut = [...document.querySelectorAll(texts)]
    .filter((e) => seen(e) && !e.matches(".sr, .find") && !e.querySelector(".clip") && !e.closest("dialog:not([open])"))
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(name);
  return [...(wide ? [`the page is ${document.documentElement.scrollWidth} px wide`] : []), ...out, ...cut];
}"""


def misfits(desk: Desk, person: str) -> dict[str, Any]:
    """What does not fit, by page."""
    desk.expected |= {"403", "404"}
    found = {}
    for name, path in places(desk, person).items():
        desk.go(path)
        if wrong := desk.page.evaluate(LOOK):
            found[name] = wrong
    return found


@pytest.mark.parametrize(
    "lang", [*(pytest.param(lang, marks=pytest.mark.long) for lang in ("zh-CN", "zh-TW")), "en-US"]
)
@pytest.mark.parametrize("person", PLACES, ids=lambda person: person or "door")
def test_on_a_phone(visit: Visit, person: str, lang: str) -> None:
    assert misfits(visit(person, PHONE, lang=lang), person) == {}


@pytest.mark.parametrize(
    ("path", "limit"), [("/", 60), ("/account/", 60), ("/deal/board", 75), ("/account/new", 60), ("/reports/team", 60)]
)
def test_weight_of_scripts_and_styles(visit: Visit, device: Device, path: str, limit: int) -> None:
    desk = visit("manager", device)
    answers: list[Response] = []
    desk.page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  # Playwright marks the function
    desk.go(path)
    desk.page.wait_for_load_state("networkidle")
    loaded = [a for a in answers if a.request.resource_type in ("script", "stylesheet")]
    weights = {a.url: len(gzip.compress(a.body(), 9)) for a in loaded}
    scripts = sum(size for url, size in weights.items() if ".js" in url)
    styles = sum(size for url, size in weights.items() if ".css" in url)
    assert 0 < scripts <= limit * KB
    assert 0 < styles <= 40 * KB
    assert len(desk.page.content().encode()) <= 120 * KB
