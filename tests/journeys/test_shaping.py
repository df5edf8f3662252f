"""The administrator's path: field, object, layout, pipeline and view made without code, used by a seller at once.

The persona reads what stands on the page and nothing else: everything is found by its visible name. Its time is
reckoned as the keystroke-level model does: 2.65 s for a click, 0.28 s for a key, and what the pages really took.
"""

from __future__ import annotations

import re
import time
import uuid

from playwright.sync_api import Locator, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import WIDE, Desk

CLICK, KEY, MOST = 2.65, 0.28, 600


class Persona:
    """Somebody who does not know the product: clicks what is called so, types, and is timed."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.page = desk, desk.page
        self.clicks, self.boxes, self.keys, self.began = 0, 0, 0, time.monotonic()

    def click(self, name: str, within: Locator | None = None, role: str = "") -> None:
        """A link, button or choice by its name."""
        place = within or self.page.locator("main, dialog[open]")
        found = place.get_by_role(role or "link", name=name)  # type: ignore[arg-type]
        self.desk.tap(found.first)
        self.clicks += 1

    def press(self, name: str) -> None:
        """A button by its name."""
        self.click(name, role="button")

    def tick(self, name: str) -> None:
        """One of several choices by its name."""
        self.desk.tap(self.page.locator("main label.chip, dialog[open] label.chip", has_text=name).first)
        self.clicks += 1

    def fill(self, label: str, text: str) -> None:
        """A box by its label."""
        box = self.page.locator("main, dialog[open]").get_by_label(label, exact=True).first
        box.fill(text)
        self.boxes, self.keys = self.boxes + 1, self.keys + len(text)

    def menu(self, name: str) -> None:
        """An entry of the main menu."""
        self.click(name, self.page.get_by_role("navigation", name="Main"))

    @property
    def seconds(self) -> float:
        """How long it took: what the persona does, and what it waited for."""
        return (self.clicks + self.boxes) * CLICK + self.keys * KEY + (time.monotonic() - self.began)


def test_an_administrator_shapes_the_product_and_a_seller_uses_it_at_once(visit: Visit) -> None:
    tag = uuid.uuid4().hex[:4]
    admin = Persona(visit("admin", WIDE, lang="en-US"))
    admin.desk.go("/")
    new_field(admin, f"Channel {tag}")
    new_object(admin, f"Site visit {tag}")
    new_layout(admin, f"Channel {tag}")
    new_pipeline(admin, f"Tenders {tag}")
    admin.press("Publish")
    admin.desk.said(re.compile("Published as version"))
    new_view(admin, f"Everybody {tag}")
    seller = Persona(visit("seller", WIDE, lang="en-US"))
    used(seller, tag)
    assert admin.seconds + seller.seconds < MOST


def new_field(admin: Persona, name: str) -> None:
    """A list to choose from, on customers."""
    admin.menu("Settings")
    admin.click("Objects and fields")
    admin.click("Customers")
    before = admin.clicks
    admin.click("Add a field")
    admin.tick("One of a list")
    admin.fill("Name*", name)
    admin.fill("Entries, one on each line", "Direct\nPartner")
    admin.press("Add")
    assert admin.clicks - before == 3  # the fourth publishes
    expect(admin.page.get_by_role("link", name=name)).to_be_visible()
    admin.click("Objects and fields")


def new_object(admin: Persona, name: str) -> None:
    """Linked to customers, with a field of its own."""
    admin.click("New object")
    admin.fill("Name of one*", name)
    admin.press("Add")
    admin.click("Add a field")
    admin.fill("Name*", "Outcome")
    admin.press("Add")
    expect(admin.page.get_by_role("link", name="Outcome")).to_be_visible()
    admin.click("Objects and fields")


def new_layout(admin: Persona, field: str) -> None:
    """The new field is a column of the list of customers."""
    admin.click("Customers")
    admin.click("Layouts")
    admin.click("columns of the list")
    admin.press(f"Put in: {field}")
    expect(admin.page.get_by_role("region", name="Preview").get_by_text(field)).to_be_visible()
    admin.press("Keep in the draft")


def new_pipeline(admin: Persona, name: str) -> None:
    """For deals, with one open stage."""
    admin.menu("Settings")
    admin.click("Pipelines and stages")
    admin.click("New pipeline", admin.page.get_by_role("region", name="Deals"))
    box = admin.page.locator("main").get_by_label("Name · English").first
    box.fill(name)
    admin.keys += len(name)
    admin.press("Keep in the draft")
    expect(admin.page.get_by_text(name)).to_be_visible()


def new_view(admin: Persona, name: str) -> None:
    """Of customers, for everybody."""
    admin.menu("Customers")
    admin.press("Save this view")
    admin.fill("Name of the view*", name)
    admin.tick("Everybody")
    admin.page.locator("dialog[open] [type=submit]").first.click()
    expect(admin.page.locator("a", has_text=name).first).to_be_attached()


def used(seller: Persona, tag: str) -> None:
    """The column, the object and the view are there, and take what the seller writes."""
    page = seller.desk.go("/account/")
    expect(page.get_by_role("columnheader", name=f"Channel {tag}")).to_be_visible()
    expect(page.locator("a", has_text=f"Everybody {tag}").first).to_be_attached()
    seller.desk.go("/account/new")
    box = page.get_by_label(f"Channel {tag}")
    expect(box).to_be_visible()
    box.select_option("Partner")
    page.locator("main [name=name]").fill(f"Shaped {tag} Ltd")
    seller.desk.tap(page.locator("main form [type=submit]").first)
    page.wait_for_url(re.compile(r"/account/[0-9a-f-]{36}$"))
    expect(page.locator("main").get_by_text("Partner").first).to_be_visible()
    seller.desk.go("/")
    seller.menu(f"Site visit {tag}")
    seller.click(f"Site visit {tag}", seller.page.locator(".page-actions"))
    form = seller.page.locator("#drawer form")
    form.get_by_label("Name").first.fill(f"First visit {tag}")
    seller.desk.tap(form.locator("[type=submit]").first)
    seller.page.wait_for_url(re.compile(r"/x_\w+/[0-9a-f-]{36}$"))
    made = seller.desk.site.rows("SELECT count(*) FROM engine_customrecord WHERE name = %s", f"First visit {tag}")
    assert made == [(1,)]
