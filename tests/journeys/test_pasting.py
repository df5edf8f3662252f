"""A business card is pasted into the form of a new record."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE

CARD = "魏东 销售经理\n青岛海蓝水产有限公司\n手机：138 0013 8044\nQQ：10086123\n喝绿茶"


def test_a_pasted_card_is_a_lead_in_three_presses(visit: Visit) -> None:
    """Pasting alone fills the short form, fields that it did not have among them; on a phone there is a button."""
    desk = visit("seller", WIDE)
    page = desk.go("/lead/")
    page.keyboard.press("c")
    box, settling = page.locator("#drawer-body textarea[name=paste]"), page.locator("#drawer-body .htmx-added")
    box.fill(CARD)
    expect(settling).to_have_count(0)
    for key in ("Control+A", "Control+X", "Control+V"):
        page.keyboard.press(key)
    expect(page.locator("#drawer-body [name=contact_name]")).to_have_value("魏东")
    expect(page.locator("#drawer-body [name=phone]")).to_have_value("138 0013 8044")
    expect(box).to_have_value("")
    expect(settling).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#drawer-body")).to_be_hidden()
    made = desk.site.rows("SELECT name, contact_name, position, remark FROM leads_lead WHERE phone = '+8613800138044'")
    assert made == [("青岛海蓝水产有限公司", "魏东", "销售经理", "10086123\n喝绿茶")]

    phone = visit("seller", PHONE)
    page = phone.go("/contact/new")
    page.locator("textarea[name=paste]").fill("何晓 13800138045")
    page.locator("[name=position]").fill("厂长")
    phone.tap(page.locator(".paste button"))
    expect(page.locator("[name=name]")).to_have_value("何晓")
    expect(page.locator("[name=position]")).to_have_value("厂长")
    expect(page.locator(".paste [role=status]")).to_contain_text("姓名、手机")
