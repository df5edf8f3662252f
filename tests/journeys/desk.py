"""A person at a browser: signs in, opens pages, and notes whatever goes wrong in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

expect.set_options(timeout=8_000)
LOAD = re.compile(r"^Failed to load resource: the server responded with a status of (\d+)")
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Mobile Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {CHROME}"
HIDDEN = re.compile(r'<input type="hidden" name="(csrfmiddlewaretoken|idempotency_key)" value="([^"]*)"')
ANSWERS = {"409", "422"}  # how the server says that a form needs more or came too late


@dataclass(frozen=True)
class Device:
    """A screen, in CSS pixels, and whether it takes fingers."""

    width: int
    height: int
    touch: bool = False


def until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition, asked from outside: the policy of the page forbids it to evaluate text."""
    for _tenth in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within 10 s: {condition}")


WIDE = Device(1280, 800)
PHONE = Device(390, 844, touch=True)


@dataclass
class Site:
    """A running Zhike: its address, the passwords of its people, its database and its log."""

    url: str
    passwords: dict[str, str]
    database: str
    log: Path
    states: dict[str, Any] = field(default_factory=dict)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, read past the application."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(sql, values).fetchall()


@dataclass
class Desk:
    """One browser of one person."""

    site: Site
    context: BrowserContext
    page: Page
    device: Device
    problems: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)

    @classmethod
    def open(
        cls, site: Site, browser: Browser, person: str, device: Device, *, lang: str = "zh-CN", theme: str = "light",
        **more: Any,
    ) -> Desk:  # fmt: skip
        """A new browser; with a person, one who has signed in."""
        if person and person not in site.states:
            first = cls.open(site, browser, "", WIDE)
            first.sign_in(person)
            site.states[person] = first.context.storage_state()
            first.close()
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": device.width, "height": device.height},
            device_scale_factor=1,
            user_agent=ANDROID if device.touch else None,
            has_touch=device.touch,
            is_mobile=device.touch,
            locale=lang,
            timezone_id="Asia/Shanghai",
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            storage_state=site.states.get(person),
            **more,
        )
        context.set_default_timeout(10_000)
        desk = cls(site, context, context.new_page(), device)
        context.on("console", desk._console)
        context.on("weberror", lambda error: desk.problems.append(f"page error: {error.error}"))
        context.on("request", desk._request)
        context.on("response", desk._response)
        return desk

    def close(self) -> None:
        """Ends the browser's context."""
        self.context.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        found = LOAD.match(message.text)
        if found and found[1] in ANSWERS | self.expected:
            return
        self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.problems.append(f"off-origin request: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500 and str(response.status) not in self.expected:
            self.problems.append(f"{response.status}: {response.url}")

    # ---- going about ----

    def go(self, path: str) -> Page:
        """Opens a page and waits until its scripts have run."""
        self.page.goto(path)
        return self.page

    @property
    def path(self) -> str:
        """Where the browser is, without the host."""
        parts = urlsplit(self.page.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def sign_in(self, person: str) -> None:
        """Through the sign-in form."""
        self.go("/login")
        self.page.locator("form.stack [name=username]").fill(person)
        self.page.locator("form.stack [name=password]").fill(self.site.passwords[person])
        self.page.keyboard.press("Enter")
        expect(self.page.locator("[data-frame]")).to_be_visible()

    def tap(self, target: Locator) -> None:
        """A click, or a touch where there are fingers."""
        target.tap() if self.device.touch else target.click()

    def pick(self, label: str, words: str, choice: str, within: Locator | None = None) -> None:
        """Chooses in a field that searches."""
        box = (within or self.page).get_by_role("combobox", name=label)
        box.click()
        box.fill(words)
        option = (within or self.page).get_by_role("option", name=choice)
        option.first.click()
        expect(box).to_have_value(re.compile(re.escape(choice)))

    def said(self, text: str | re.Pattern[str]) -> None:
        """Waits for a message at the bottom of the page."""
        expect(self.page.locator("#toasts").get_by_text(text)).to_be_visible()

    def make(self, entity: str, **values: str) -> str:
        """A record made by sending its form without looking at it; gives its path."""
        url = f"/{entity}/new"
        html = self.context.request.get(url).text()
        hidden = dict(HIDDEN.findall(html))
        answer = self.context.request.post(url, form={**hidden, "confirmed": "1", **values}, max_redirects=0)
        assert answer.status == 303, re.findall(r'class="errors".*?</div>', answer.text(), re.DOTALL)
        return str(answer.headers["location"])
