"""A person sets up an app with codes and a passkey, and signs in with each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Browser, expect

from tests.journeys.desk import WIDE, Desk, Site

PERSON = "guarded"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def desk(site: Site, chromium: Browser) -> Iterator[Desk]:
    """A browser at the name localhost: browsers make no passkeys for numbers."""
    opened = Desk.open(replace(site, url=site.url.replace("127.0.0.1", "localhost"), states={}), chromium, "", WIDE)
    yield opened
    opened.close()
    assert not opened.problems, "\n".join(opened.problems)


def code(secret: str, *, steps: int = 0) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + steps)))


def password(desk: Desk) -> None:
    page = desk.go("/login")
    page.locator("form.stack [name=username]").fill(PERSON)
    page.locator("form.stack [name=password]").fill(desk.site.passwords[PERSON])
    page.keyboard.press("Enter")


def sign_out(desk: Desk) -> None:
    desk.page.locator(".topbar details", has=desk.page.locator('[action="/logout"]')).locator("summary").click()
    desk.page.locator('.topbar [action="/logout"] button').click()
    desk.page.wait_for_url("**/login")


def test_an_app_and_a_passkey(desk: Desk) -> None:
    page = desk.page
    (earlier,) = desk.site.rows("SELECT coalesce(max(id), 0) FROM engine_history")[0]  # other journeys sign in as well
    browser = desk.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    desk.sign_in(PERSON)
    desk.go("/me")
    page.locator('a[href="/me/factors"]').click()
    page.locator('a[href="/me/factors/totp"]').click()
    expect(page.locator("img.qr")).to_be_visible()
    secret = page.locator("main code").inner_text().replace(" ", "")
    page.locator("[name=code]").fill(code(secret))
    page.locator("form.stack [type=submit]").click()
    expect(page.locator("[data-codes] li")).to_have_count(10)
    page.locator('a[href="/me"]').click()
    expect(page.locator("[data-factor=totp]")).to_be_visible()
    sign_out(desk)

    password(desk)
    page.wait_for_url("**/login/second")
    page.locator("[name=code]").fill("000000" if code(secret, steps=1) != "000000" else "000001")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]").first).to_be_visible()
    page.locator("[name=code]").fill(code(secret, steps=1))
    page.keyboard.press("Enter")
    expect(page.locator("[data-frame]")).to_be_visible()

    desk.go("/me/factors")
    page.locator("[data-passkey=create] [name=name]").fill("测试机")
    page.locator("[data-passkey=create] button").click()
    page.wait_for_url("**/me")
    expect(page.locator("[data-factor=webauthn]")).to_contain_text("测试机")
    sign_out(desk)

    page.locator("[data-passkey=get] button").click()
    expect(page.locator("[data-frame]")).to_be_visible()
    sign_out(desk)

    password(desk)
    page.wait_for_url("**/login/second")
    page.locator("[data-passkey=get] button").click()
    expect(page.locator("[data-frame]")).to_be_visible()
    ways = desk.site.rows(
        "SELECT details->>'how' FROM engine_history h JOIN base_user u ON u.id = h.record "
        "WHERE h.action = 'sign_in' AND u.username = %s AND h.id > %s ORDER BY h.at",
        PERSON,
        earlier,
    )
    assert ways == [("password",), ("password+totp",), ("passkey",), ("password+passkey",)]


def test_who_says_no_to_the_passkey_is_told(desk: Desk) -> None:
    page = desk.go("/login")
    browser = desk.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.locator("[data-passkey=get] button").click()
    expect(page.locator("[data-passkey-error]")).to_be_visible()
    assert desk.path == "/login"
