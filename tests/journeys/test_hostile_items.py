"""A real Chromium opens every page that shows a hostile item: nothing runs, nothing goes out, no policy is hit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, FilePayload, Route

from tests.hostile import documents, texts
from tests.hostile.items import ALERT, OUTSIDE
from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk
from zhike.engine import filenames, richtext
from zhike.web.middleware import policy

pytestmark = pytest.mark.browser
SHOWN = [
    *(text for wrap in ("svg", "html") for text in documents.PAYLOADS.values() for wrap in (wrap,)),
    *texts.MUTATIONS,
    *texts.ELSEWHERE,
    *(f"\"'><img src=x {handler}={ALERT}>" for handler in texts.HANDLERS),
    "</script><script>" + ALERT + "</script>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    f"javascript:{ALERT}",
    f"' hx-get='{OUTSIDE}' hx-trigger='load",
    f'" autofocus onfocus="{ALERT}',
]  # fmt: skip
# Elements that hold a handler, an order for htmx from stored content, or an address that is none.
TRACES = """() => [...document.querySelectorAll("main *")].filter((e) =>
  e.parentElement.closest(".prose") && [...e.attributes].some((a) => a.name !== "href" && a.name !== "rel")
  || [...e.attributes].some((a) => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value) && a.name === "href")
  || e.matches("main script, main iframe, main object, main embed, main base, main style, main img[src^='http']")
).map((e) => e.outerHTML.slice(0, 200))"""


def open_desk(visit: Visit, person: str = "admin") -> tuple[Desk, list[str]]:
    """A browser that notes dialogs and policy violations besides what every desk notes."""
    desk, noted = visit(person), []

    def dialog(found: Dialog) -> None:
        noted.append(f"dialog: {found.message}")
        found.dismiss()

    desk.page.on("dialog", dialog)
    desk.context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (e) => console.error('violation', e.violatedDirective))"
    )
    return desk, noted


def token(desk: Desk, where: str) -> dict[str, str | float | bool]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', desk.context.request.get(where).text())
    assert found is not None
    return {"csrfmiddlewaretoken": found[1]}


def look(desk: Desk, where: str) -> None:
    """Opens a page, lets its scripts run and looks for traces of what must not be there."""
    desk.go(where)
    desk.page.wait_for_load_state("networkidle")
    assert desk.page.evaluate(TRACES) == [], where


def test_texts_of_records(visit: Visit) -> None:
    desk, noted = open_desk(visit)
    chosen = SHOWN[::3]
    for n, text in enumerate(chosen):
        record = desk.make("account", name=f"{n} {text}"[:120], short_name=text[:40], description=text)
        if n % 6 == 0:
            for end in ("", "/edit", "/history"):
                look(desk, record + end)
    for where in (
        "/account/?view=all",
        "/account/?view=all&q=script",
        "/search?q=alert",
        "/account/?view=all&q=" + SHOWN[0],
    ):
        look(desk, where)
    desk.page.keyboard.press("Control+k")
    desk.page.locator("[data-palette-input]").fill("script")
    desk.page.wait_for_timeout(600)
    assert noted == []


def test_names_of_files(visit: Visit) -> None:
    desk, noted = open_desk(visit)
    record = desk.make("account", name="附件很多的公司")
    csrf = token(desk, f"{record}/files")
    items = [*documents.names()[::2], *documents.markup()[::4]]
    for item in items:
        name = item.name.replace("\r", "").replace("\n", "").replace("\x00", "")
        file: FilePayload = {"name": name, "mimeType": "text/html", "buffer": item.make()}
        answer = desk.context.request.post(f"{record}/files", multipart={**csrf, "file": file}, max_redirects=0)
        assert answer.status == 303, (item, answer.text()[-500:])
    look(desk, record)
    for link in desk.page.locator("main a[href^='/files/']").all()[:12]:
        with desk.page.expect_download() as found:
            link.click()
        assert filenames.clean(found.value.suggested_filename) == found.value.suggested_filename
        assert desk.path == record
    assert noted == []


def test_formatted_text(visit: Visit) -> None:
    """No form takes formatted text yet: a page of ours shows it as the engine gives it out."""
    desk, noted = open_desk(visit)
    shell = desk.context.request.get("/account/").text()
    for start in range(0, len(texts.formatted()), 35):
        shown = "".join(map(richtext.render, texts.formatted()[start : start + 35]))
        before, after = re.split(r"(?<=tabindex=\"-1\">).*(?=</main>)", shell, flags=re.DOTALL)
        body = before + shown + after

        def answer(route: Route, *, body: str = body) -> None:
            headers = {"Content-Security-Policy": policy(), "Content-Type": "text/html; charset=utf-8"}
            route.fulfill(status=200, headers=headers, body=body)

        desk.context.route("**/formatted", answer)
        look(desk, "/formatted")
        for place in range(100, 800, 50):  # over whatever lies there
            desk.page.mouse.move(place, place)
        desk.context.unroute("**/formatted")
    assert noted == []


@pytest.mark.parametrize("kind", ["cells", "heads", "cards"])
def test_imports(visit: Visit, kind: str) -> None:
    desk, noted = open_desk(visit)
    files: dict[str, tuple[str, str]] = {
        "cells": ("a.csv", "公司名称,联系电话,备注\n" + "".join(f'"{q(t)}",13900000000,"{q(t)}"\n' for t in SHOWN)),
        "heads": (
            "<img src=x onerror=alert(1)>.csv",
            "公司名称," + ",".join(f'"{q(t)}"' for t in SHOWN[:40]) + "\n甲,1\n",
        ),
        "cards": (
            "a.vcf",
            "".join(f"BEGIN:VCARD\nVERSION:3.0\nFN:{q(t)}\nORG:{q(t)}\nTEL:13900000000\nEND:VCARD\n" for t in SHOWN),
        ),
    }
    entity = "contact" if kind == "cards" else "account"
    name, text = files[kind]
    csrf = token(desk, f"/{entity}/import")
    file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    answer = desk.context.request.post(f"/{entity}/import", multipart={**csrf, "file": file}, max_redirects=0)
    assert answer.status == 303, answer.text()[-800:]
    path = str(answer.headers["location"])
    look(desk, path)
    desk.context.request.post(f"{path}/check", form=csrf, max_redirects=0)
    look(desk, path)
    look(desk, f"/{entity}/import")
    assert noted == []


def q(text: str) -> str:
    return text.replace('"', '""').replace("\n", " ").replace("\x00", "")


def test_a_download_is_never_a_page(visit: Visit) -> None:
    desk, noted = open_desk(visit)
    record = desk.make("account", name="一个附件的公司")
    csrf = token(desk, f"{record}/files")
    page: Any = f"<html><script>{ALERT}</script><img src='{OUTSIDE}/x'>".encode()
    file: FilePayload = {"name": "page.html", "mimeType": "text/html", "buffer": page}
    desk.context.request.post(f"{record}/files", multipart={**csrf, "file": file}, max_redirects=0)
    desk.go(record)
    where = desk.page.locator("main a[href^='/files/']").first.get_attribute("href")
    with desk.page.expect_download() as found:
        desk.page.evaluate("(where) => { location.href = where; }", where)
    assert found.value.suggested_filename == "page.html"
    assert (desk.path, noted) == (record, [])
