"""Lists as people want them: views, columns by hand, a record beside, days, cells as in a spreadsheet."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.journeys.conftest import ROOT, Visit
from tests.journeys.desk import PHONE, Desk, Device, until

AXE = (ROOT / "frontend/node_modules/axe-core/axe.min.js").read_text("utf-8")


def axe(page: Page) -> list[str]:
    """What axe finds wrong, in a line each."""
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{v['id']}: {n['html'][:120]}" for v in found for n in v["nodes"]]


def listed(desk: Desk, path: str) -> Page:
    page = desk.go(path)
    page.wait_for_load_state("networkidle")
    return page


def several(desk: Desk, n: int, **values: str) -> str:
    """Customers of one test: the word that finds them."""
    word = f"批{uuid.uuid4().hex[:6]}"
    for i in range(n):
        desk.make("account", name=f"{word}号{i}厂", **values)
    return word


def cell(page: Page, row: int, column: str) -> Locator:
    """A cell by its row and the key of its column."""
    keys = [h.get_attribute("data-col") for h in page.locator("th[data-col]").all()]
    return page.locator("tbody [data-row]").nth(row).locator("td:not(.pick)").nth(keys.index(column))


def test_three_conditions_are_kept_with_no_click_and_four_keys(visit: Visit) -> None:
    desk = visit("seller")
    several(desk, 1, tier="A")  # whatever other tests took from the seller
    page = listed(desk, "/account/?view=all")
    page.keyboard.press("/")
    page.keyboard.type("我的 今年 客户级别:A")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".list-chips .chip")).to_have_count(3)
    assert "owner__eq=me" in page.url
    page.keyboard.press("v")
    expect(page.locator("#modal [name=name]")).to_be_focused()
    page.keyboard.press("Enter")
    desk.said(re.compile("已保存"))
    tab = page.locator(".tabs-line [aria-current]")
    expect(tab.locator(".tab-count")).not_to_be_empty()
    name = tab.inner_text()
    page.reload()
    expect(tab).to_contain_text(name.split("\n")[0])


def test_a_view_is_renamed_ordered_deleted_and_back(visit: Visit) -> None:
    desk = visit("narrowed")
    several(desk, 1, tier="S")
    page = listed(desk, "/account/?view=all&tier__in=S")
    page.locator(".tabs-end [data-modal]").first.click()
    name = f"战略{uuid.uuid4().hex[:4]}"
    page.locator("#modal [name=name]").fill(name)
    page.keyboard.press("Enter")
    tab = page.locator(".tabs-line [aria-current]")
    expect(tab).to_contain_text(name)
    menu = page.locator(".tabs-end details").last
    menu.locator("summary").click()
    menu.get_by_role("button", name="整理视图").click()
    rows = page.locator("[data-sorted] [data-row-item]")
    mine = rows.filter(has_text=name)
    expect(mine).to_be_visible()
    for _step in range(rows.count() - 1):
        mine.locator("[data-row-up]").click()
    page.locator("#modal [type=submit]").click()
    expect(page.locator(".tabs-line a").first).to_contain_text(name)
    page.locator(".tabs-line a").first.click()
    menu.locator("summary").click()
    menu.get_by_role("button", name="重命名与共享").click()
    page.get_by_role("button", name="删除视图").click()
    desk.said(re.compile("已删除"))
    expect(page.locator(".tabs-line").get_by_text(name)).to_have_count(0)
    page.locator("#toasts [data-undo-url]").click()
    expect(page.locator(".tabs-line").get_by_text(name)).to_have_count(1)


def test_columns_are_resized_moved_chosen_and_stay(visit: Visit) -> None:
    desk = visit("arranging")
    several(desk, 3, tier="A")
    page = listed(desk, "/account/?view=all")
    head = page.locator("th[data-col=tier]")
    box = page.locator("th[data-col=tier] .col-size").bounding_box()
    assert box is not None
    before = head.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 84, box["y"] + 10, steps=6)
    with page.expect_response(re.compile("/views/shape")):
        page.mouse.up()
    page.reload()
    after = head.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["width"] - before["width"] - 80) < 3
    with page.expect_response(re.compile("/views/shape")):
        page.locator("th[data-col=owner]").drag_to(page.locator("th[data-col=tier]"), target_position={"x": 4, "y": 10})
    page.wait_for_load_state("networkidle")
    keys = [h.get_attribute("data-col") for h in page.locator("th[data-col]").all()]
    assert keys.index("owner") < keys.index("tier")
    menu = page.locator(".tabs-end details").last
    menu.locator("summary").click()
    menu.get_by_role("button", name="列与行").click()
    form = page.locator("[data-shape-form]")
    form.locator("label", has_text="紧凑").click()
    form.locator("[name=freeze]").select_option("2")
    form.locator("input[value=region]").uncheck()
    form.locator("[type=submit]").first.click()
    expect(page.locator("table[data-density=compact][data-freeze='2']")).to_have_count(1)
    expect(page.locator("th[data-col=region]")).to_have_count(0)
    assert axe(page) == []


def test_a_record_beside_the_list(visit: Visit) -> None:
    desk = visit("seller")
    word = several(desk, 3)
    page = listed(desk, f"/account/?view=all&q={word}&as=split")
    pane, rows = page.locator("#pane"), page.locator("[data-row]")
    expect(pane.get_by_role("heading", level=1)).to_contain_text(word)
    first = rows.nth(0).inner_text().split("\n")[0]
    expect(pane.get_by_role("heading", level=1)).to_contain_text(first)
    page.keyboard.press("]")
    second = rows.nth(1).inner_text().split("\n")[0]
    expect(pane.get_by_role("heading", level=1)).to_contain_text(second)
    assert "open=" in page.url
    page.keyboard.press("[")
    expect(pane.get_by_role("heading", level=1)).to_contain_text(first)
    rows.nth(2).click()
    expect(rows.nth(2)).to_have_attribute("data-shown", "")
    assert axe(page) == []


def test_space_previews_and_brackets_go_on_at_the_record(visit: Visit) -> None:
    desk = visit("seller")
    word = several(desk, 2)
    page = listed(desk, f"/account/?view=all&q={word}")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.locator("#drawer").get_by_role("heading", level=1)).to_contain_text(word)
    page.keyboard.press("Escape")
    page.locator("[data-row] .lead a").first.click()
    title = page.get_by_role("heading", level=1)
    expect(page.locator("[data-position]")).to_have_text("1 / 2")
    name = title.inner_text()
    page.keyboard.press("]")
    expect(page.locator("[data-position]")).to_have_text("2 / 2")
    assert title.inner_text() != name


def test_a_deal_is_dragged_to_another_day(visit: Visit) -> None:
    desk = visit("seller")
    name = f"日历{uuid.uuid4().hex[:6]}单"
    account = desk.make("account", name=f"{name}客户").rpartition("/")[2]
    pk = desk.make("deal", name=name, account=account, expected_on="2027-03-10").rpartition("/")[2]
    page = listed(desk, "/deal/calendar?view=all&date=expected_on&day=2027-03-10")
    until(page, "performance.getEntriesByType('resource').some((e) => e.name.includes('/calendar.js'))")
    page.wait_for_timeout(200)
    item = page.locator("[data-item]", has_text=name)
    a, b = item.bounding_box(), page.locator("[data-day='2027-03-18']").bounding_box()
    assert a is not None
    assert b is not None
    page.mouse.move(a["x"] + 40, a["y"] + 10)
    page.mouse.down()
    page.mouse.move(a["x"] + 50, a["y"] + 14, steps=4)
    page.mouse.move(b["x"] + 40, b["y"] + 45, steps=12)
    with page.expect_response(re.compile(f"{pk}/field/expected_on")):
        page.mouse.up()
    expect(page.locator("[data-day='2027-03-18'] [data-item]", has_text=name)).to_have_count(1)
    assert str(desk.site.rows("SELECT expected_on FROM sales_deal WHERE id = %s", pk)[0][0]) == "2027-03-18"
    item.hover()
    item.locator("[data-item-move]").click()
    page.locator("#cal-to").fill("2027-03-22")
    page.keyboard.press("Enter")
    expect(page.locator("[data-day='2027-03-22'] [data-item]", has_text=name)).to_have_count(1)
    assert axe(page) == []


def test_cells_are_typed_copied_pasted_and_taken_back(visit: Visit) -> None:
    desk = visit("manager", permissions=["clipboard-read", "clipboard-write"])
    word = several(desk, 4, tier="C")
    page = listed(desk, f"/account/?view=all&q={word}&sort=name&as=grid&cols=name~220,tier~120,owner~140,remark~240")
    until(page, "document.querySelector('table[data-grid]')?.dataset.live === '1'")
    cell(page, 0, "remark").click()
    page.keyboard.type("第一行")
    page.keyboard.press("Enter")
    expect(cell(page, 0, "remark")).to_contain_text("第一行")
    expect(cell(page, 1, "remark")).to_have_class(re.compile("now"))
    page.keyboard.type("第二行")
    with page.expect_response(re.compile("/account/grid")):
        page.keyboard.press("Enter")
    cell(page, 0, "remark").click()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Control+c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    cell(page, 2, "remark").click()
    with page.expect_response(re.compile("/account/grid")):
        page.keyboard.press("Control+v")
    expect(cell(page, 3, "remark")).to_contain_text("第二行")
    sql = "SELECT count(*) FROM customers_account WHERE name LIKE %s AND remark <> ''"
    until_rows(desk, sql, f"{word}%", 4)
    page.keyboard.press("Control+z")
    until_rows(desk, sql, f"{word}%", 2)
    expect(cell(page, 3, "remark")).not_to_contain_text("第二行")
    cell(page, 0, "remark").click()
    with page.expect_response(re.compile("/account/grid")):
        page.keyboard.press("Delete")
    until_rows(desk, sql, f"{word}%", 1)
    assert axe(page) == []


def until_rows(desk: Desk, sql: str, value: str, wanted: int) -> None:
    """Wait until the database says so."""
    for _tenth in range(60):
        if desk.site.rows(sql, value)[0][0] == wanted:
            return
        desk.page.wait_for_timeout(100)
    raise AssertionError(f"not {wanted}: {desk.site.rows(sql, value)}")


def test_a_block_with_a_mistake_waits_for_a_decision(visit: Visit) -> None:
    desk = visit("manager", permissions=["clipboard-read", "clipboard-write"])
    word = several(desk, 3, tier="C")
    page = listed(desk, f"/account/?view=all&q={word}&sort=name&as=grid&cols=name~220,tier~120")
    until(page, "document.querySelector('table[data-grid]')?.dataset.live === '1'")
    page.evaluate("navigator.clipboard.writeText('A\\n乱写\\nB')")
    cell(page, 0, "tier").click()
    page.keyboard.press("Control+v")
    note = page.locator(".cell-note")
    expect(note).to_contain_text("乱写")
    tiers = "SELECT count(*) FROM customers_account WHERE name LIKE %s AND tier <> 'C'"
    until_rows(desk, tiers, f"{word}%", 0)
    page.locator("[data-grid-bar]").get_by_role("button", name="保存其余").click()
    until_rows(desk, tiers, f"{word}%", 2)
    note.get_by_role("button", name="恢复原值").click()
    expect(cell(page, 1, "tier")).to_contain_text("C")


def test_a_conflict_shows_what_the_other_wrote_and_a_choice(visit: Visit) -> None:
    desk, other = visit("seller"), visit("rival")
    word = several(desk, 1, tier="C")
    path = f"/account/?view=all&q={word}&as=grid&cols=name~220,tier~120,remark~240"
    page, theirs = listed(desk, path), listed(other, path)
    for one in (page, theirs):
        until(one, "document.querySelector('table[data-grid]')?.dataset.live === '1'")
    cell(theirs, 0, "remark").click()
    theirs.keyboard.type("对方写的")
    with theirs.expect_response(re.compile("/account/grid")):
        theirs.keyboard.press("Enter")
    cell(page, 0, "remark").click()
    page.keyboard.type("我写的")
    page.keyboard.press("Enter")
    note = page.locator(".cell-note")
    expect(note).to_contain_text("对方写的")
    expect(note).to_contain_text("吴对手")
    note.get_by_role("button", name="用我的").click()
    expect(cell(page, 0, "remark")).to_contain_text("我写的")
    until_rows(desk, "SELECT count(*) FROM customers_account WHERE remark = '我写的' AND name LIKE %s", f"{word}%", 1)


def test_the_input_method_composes_in_the_cell(visit: Visit) -> None:
    desk = visit("manager")
    word = several(desk, 1)
    page = listed(desk, f"/account/?view=all&q={word}&as=grid&cols=name~220,remark~240")
    until(page, "document.querySelector('table[data-grid]')?.dataset.live === '1'")
    cell(page, 0, "remark").click()
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url) if r.method == "POST" else None)
    keys = desk.context.new_cdp_session(page)
    for text in ("b", "ba", "bao"):
        keys.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
    assert requests == []
    keys.send("Input.insertText", {"text": "宝"})
    page.keyboard.press("Enter")
    expect(cell(page, 0, "remark")).to_contain_text("宝")
    until_rows(desk, "SELECT count(*) FROM customers_account WHERE remark = '宝' AND name LIKE %s", f"{word}%", 1)


def test_conditions_about_linked_records(visit: Visit) -> None:
    desk = visit("seller")
    word = several(desk, 2)
    account = desk.make("account", name=f"{word}有单厂").rpartition("/")[2]
    desk.make("deal", name=f"{word}单", account=account)
    page = listed(desk, f"/account/?view=all&name__contains={word}")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.locator(".list-tools summary").click()
    page.locator(".list-filters [data-modal]").click()
    form = page.locator("[data-builder]")
    form.locator("[data-rule-add=rule-linked]").click()
    form.locator("[data-linked-kind]").select_option("none")
    late: list[Route] = []
    page.route(
        "**/deal/filter?*", lambda route: route.continue_() if "=status" in route.request.url else late.append(route)
    )
    form.locator("[data-linked-path]").select_option("deal.account")
    rule = form.locator("[data-linked] [data-rule]")
    rule.locator("[data-rule-field]").select_option("status")
    rule.locator("[name=value]").select_option("open")
    with page.expect_response("**/deal/filter?*"):
        late.pop().continue_()  # the control of the field before comes last, and is let go
    assert axe(page) == []
    assert late == []
    form.locator("[type=submit]").click()
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(page.locator(".list-chips .chip")).to_have_count(2)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cards_chips_and_the_sheet_on_a_phone(visit: Visit, theme: str) -> None:
    desk = visit("manager", PHONE, theme=theme)
    page = listed(desk, "/account/?view=all")
    card = page.locator("[data-row]").first
    box = card.bounding_box()
    assert box is not None
    assert 300 < box["width"] <= 390
    expect(card.locator("td[data-phone=line]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.tap(page.locator(".list-tools .chip").get_by_text("我的"))
    page.wait_for_url("**owner__eq=me**")
    desk.tap(page.locator(".list-tools summary"))
    sheet = page.locator(".list-filters")
    expect(sheet).to_be_visible()
    place = sheet.bounding_box()
    assert place is not None
    assert abs(place["y"] + place["height"] - 844) < 2
    assert axe(page) == []


def test_pages_are_turned_in_place_and_back_leads_back(visit: Visit, device: Device) -> None:
    """The number follows its rows, the next page stands in the address, and Back is the first page again."""
    page = listed(visit("executive", device), "/contact/?view=all&role__ne=user")
    rows = page.locator("[data-row]")
    expect(rows).to_have_count(50)
    expect(page.locator("#list-count")).to_have_text(re.compile(r"^[\d,]+$"))
    expect(page.locator(".pager-number")).to_have_text(re.compile(r"^\s*共[\d,]+条\s*$"))
    first = rows.first.get_attribute("data-id")
    page.get_by_role("link", name="下一页").click()
    page.wait_for_url(re.compile("after="))
    expect(rows.first).not_to_have_attribute("data-id", first or "")
    expect(page.locator(".pager-number")).to_have_text(re.compile(r"^\s*共[\d,]+条\s*$"))
    page.go_back()
    expect(rows.first).to_have_attribute("data-id", first or "")
