"""Deals are moved over the board by mouse, by keyboard and by finger; a stage asks for what it needs."""

from __future__ import annotations

import uuid
from decimal import Decimal

from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE, Desk, Device, until

HOLD_MS = 400  # longer than what the board takes for a long press


def a_deal(desk: Desk, **values: str) -> tuple[str, str]:
    """A deal in the first stage: its name and its id."""
    name = f"看板{uuid.uuid4().hex[:8]}单"
    account = desk.make("account", name=f"{name}客户").rpartition("/")[2]
    return name, desk.make("deal", name=name, account=account, **values).rpartition("/")[2]


def board(desk: Desk) -> Page:
    """The board, once cards can be dragged."""
    page = desk.go("/deal/board")
    until(page, "performance.getEntriesByType('resource').some((e) => e.name.includes('/board.js'))")
    page.wait_for_load_state("networkidle")
    return page


def card(page: Page, name: str) -> Locator:
    """The card of a deal, wherever it lies."""
    return page.locator("[data-card]", has=page.get_by_role("link", name=name, exact=True))


def lane(page: Page, name: str) -> Locator:
    """A lane by the beginning of its title."""
    return page.locator("[data-lane]").filter(has=page.locator("h2").filter(has_text=name))


def count(of: Locator) -> int:
    """The number in the head of a lane."""
    return int(of.locator("[data-lane-count]").inner_text().replace(",", ""))


def drag(desk: Desk, what: Locator, to: Locator) -> None:
    """With the mouse, as a hand would: press, move in steps, let go."""
    mouse = desk.page.mouse
    what.scroll_into_view_if_needed()
    a, b = what.bounding_box(), to.locator("[data-lane-cards]").bounding_box()
    assert a is not None
    assert b is not None
    mouse.move(a["x"] + a["width"] / 2, a["y"] + a["height"] - 14)
    mouse.down()
    mouse.move(a["x"] + a["width"] / 2 + 12, a["y"] + a["height"] - 14, steps=4)
    mouse.move(b["x"] + b["width"] / 2, b["y"] + 20, steps=15)
    for step in range(100):  # until the card is seen to lie there
        mouse.move(b["x"] + b["width"] / 2, b["y"] + 40 + 6 * (step % 9), steps=3)
        if to.locator("[data-lane-cards] .deal-ghost").count():
            break
    expect(to.locator("[data-lane-cards] .deal-ghost")).to_have_count(1)
    mouse.up()


def stage_of(desk: Desk, pk: str) -> str:
    """The key of a deal's stage in the database."""
    rows = desk.site.rows("SELECT s.key FROM sales_deal d JOIN engine_stage s ON s.id = d.stage_id WHERE d.id = %s", pk)
    return str(rows[0][0])


def test_by_mouse_and_the_stage_asks_for_the_amount(visit: Visit) -> None:
    desk = visit("seller")
    name, pk = a_deal(desk)
    page = board(desk)
    first, need, proposal = lane(page, "初步接洽"), lane(page, "需求确认"), lane(page, "方案报价")
    before = count(first), count(need)
    drag(desk, card(page, name), need)
    desk.said("已移到“需求确认”")
    expect(card(page, name)).to_have_attribute("data-stage", need.get_attribute("data-lane") or "")
    expect(need.locator("[data-lane-count]")).to_have_text(str(before[1] + 1))
    expect(first.locator("[data-lane-count]")).to_have_text(str(before[0] - 1))
    assert stage_of(desk, pk) == "need"

    drag(desk, card(page, name), proposal)
    asked = card(page, name).locator("[data-ask]")
    amount = asked.locator("[name=amount]")
    expect(amount).to_be_focused()
    assert stage_of(desk, pk) == "need"
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    expect(need.locator("[data-card]").filter(has_text=name)).to_have_count(1)

    drag(desk, card(page, name), proposal)
    amount.fill("12万")
    page.keyboard.press("Enter")
    expect(asked).to_have_count(0)
    expect(proposal.locator("[data-card]").filter(has_text=name)).to_contain_text("¥12万")
    assert stage_of(desk, pk) == "proposal"
    page.reload()
    expect(proposal.locator("[data-card]").filter(has_text=name)).to_have_count(1)


def test_by_keyboard_and_won(visit: Visit) -> None:
    desk = visit("seller")
    name, pk = a_deal(desk, amount="50000")
    page = board(desk)
    link = card(page, name).get_by_role("link", name=name)
    for label, key in (("需求确认", "need"), ("赢单", "won")):
        link.focus()
        page.keyboard.press("s")
        modal = page.locator("#modal")
        expect(modal.locator("input[type=radio]:checked")).to_be_focused()
        chosen = modal.locator("label", has=page.locator("input:checked"))
        for _step in range(10):
            if chosen.inner_text().startswith(label):
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(modal).to_be_hidden()
        desk.said(f"已移到“{label}”")
        expect(lane(page, label).locator("[data-card]").filter(has_text=name)).to_have_count(1)
        expect(link).to_be_focused()
        assert stage_of(desk, pk) == key
    assert desk.site.rows("SELECT status, amount FROM sales_deal WHERE id = %s", pk) == [("won", Decimal("50000.00"))]


def test_by_finger_and_the_stage_asks_for_the_amount(visit: Visit) -> None:
    desk = visit("seller", PHONE)
    name, pk = a_deal(desk)
    page = board(desk)
    proposal = lane(page, "方案报价")
    hold_and_carry(desk, card(page, name), proposal)
    amount = card(page, name).locator("[data-ask] [name=amount]")
    expect(amount).to_be_focused()
    amount.fill("66000")
    desk.tap(card(page, name).get_by_role("button", name="移到"))
    expect(proposal.locator("[data-card]").filter(has_text=name)).to_contain_text("¥6.6万")
    assert stage_of(desk, pk) == "proposal"
    assert desk.site.rows("SELECT amount FROM sales_deal WHERE id = %s", pk) == [(Decimal("66000.00"),)]


def test_a_finger_that_swipes_moves_no_card(visit: Visit) -> None:
    desk = visit("seller", PHONE)
    name, pk = a_deal(desk)
    page = board(desk)
    box = card(page, name).bounding_box()
    assert box is not None
    touch = desk.context.new_cdp_session(page)
    x, y = box["x"] + 200, box["y"] + 60
    touch.send("Input.synthesizeScrollGesture", {"x": x, "y": y, "xDistance": -180, "yDistance": 0, "speed": 1200})
    until(page, "document.querySelector('.board-wrap').scrollLeft > 40")
    assert stage_of(desk, pk) == "contact"
    expect(lane(page, "初步接洽").locator("[data-card]").filter(has_text=name)).to_have_count(1)


def test_lost_with_a_reason(visit: Visit, device: Device) -> None:
    desk = visit("seller", device)
    name, pk = a_deal(desk, amount="900")
    page = board(desk)
    desk.tap(card(page, name).locator("[data-card-move]"))
    desk.tap(page.locator("#modal label", has_text="输单"))
    desk.tap(page.locator("#modal").get_by_role("button", name=name))
    asked = card(page, name).locator("[data-ask]")
    desk.tap(asked.locator("label.chip", has_text="价格过高"))
    desk.tap(asked.get_by_role("button", name="移到"))
    desk.said("已移到“输单”")
    expect(lane(page, "输单").locator("[data-card]").filter(has_text=name)).to_have_count(1)
    assert desk.site.rows("SELECT status, lost_reason FROM sales_deal WHERE id = %s", pk) == [("lost", "price")]


def test_somebody_else_was_faster(visit: Visit, device: Device) -> None:
    desk, other = visit("seller", device), visit("rival", WIDE)
    name, pk = a_deal(desk, amount="3000")
    page = board(desk)
    theirs = board(other)
    drag(other, card(theirs, name), lane(theirs, "方案报价"))
    other.said("已移到“方案报价”")
    expect(lane(theirs, "方案报价").locator("[data-card]").filter(has_text=name)).to_have_count(1)
    if device.touch:
        desk.tap(card(page, name).locator("[data-card-move]"))
        desk.tap(page.locator("#modal label", has_text="需求确认"))
        desk.tap(page.locator("#modal").get_by_role("button", name=name))
    else:
        drag(desk, card(page, name), lane(page, "需求确认"))
    desk.said(f"“{name}”")
    expect(lane(page, "方案报价").locator("[data-card]").filter(has_text=name)).to_have_count(1)
    expect(lane(page, "需求确认").locator("[data-card]").filter(has_text=name)).to_have_count(0)
    assert stage_of(desk, pk) == "proposal"


def hold_and_carry(desk: Desk, what: Locator, to: Locator) -> None:
    """A finger that rests on a card, carries it to the edge until the lane comes, and lets go over it."""
    page = desk.page
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    assert box is not None
    touch = desk.context.new_cdp_session(page)
    x, y = box["x"] + 120, box["y"] + 50

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": a, "y": b} for a, b in points]})

    send("touchStart", (x, y))
    page.wait_for_timeout(HOLD_MS)
    for step in range(1, 11):
        send("touchMove", (x + (360 - x) * step / 10, y))
    for step in range(300):
        place = to.bounding_box()
        assert place is not None
        middle = place["x"] + place["width"] / 2
        if 110 < middle < 280:
            send("touchMove", (middle, y))
            if to.locator(".deal-ghost").count():
                break
        else:  # near an edge the board scrolls that way
            send("touchMove", ((373 if middle > 195 else 17) + step % 2, y))
        page.wait_for_timeout(20)
    expect(to.locator(".deal-ghost")).to_have_count(1)
    send("touchEnd")


def test_a_long_lane_goes_on_as_it_is_scrolled(visit: Visit) -> None:
    desk = visit("executive")
    page = desk.go("/lead/board")
    page.wait_for_load_state("networkidle")
    numbers = [count(one) for one in page.locator("[data-lane-kind=open]").all()]
    there = max(numbers)
    assert 8 < there < 300
    long = page.locator("[data-lane-kind=open]").nth(numbers.index(there))
    cards = long.locator("[data-card]")
    for _step in range(30):
        if cards.count() >= there:
            break
        cards.last.scroll_into_view_if_needed()
        page.wait_for_timeout(200)
    expect(cards).to_have_count(there)
    assert len(set(cards.evaluate_all("all => all.map(c => c.dataset.id)"))) == there
