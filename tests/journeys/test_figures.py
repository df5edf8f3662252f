"""Steps 4 and 5: every number that a manager or an executive sees opens a list, and the list adds up to it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import PHONE, WIDE, Desk

PAGES = {
    "home": "/",
    "funnel": "/reports/funnel?period=all",
    "funnel of the closed": "/reports/funnel?period=last_year&by=closed_on",
    "team": "/reports/team?period=all",
    "team of the quarter": "/reports/team",
}
# Each link to a list, with what stands on it and beside it.
READ = """(links) => links.map((a) => {
  const stat = a.matches(".stat") ? a : null, bar = a.closest(".bars li"), cell = a.closest("td, th");
  const table = cell && a.closest("table"), panel = a.matches(".more") ? a.closest(".panel") : null;
  const value = stat ? stat.querySelector(".stat-value") : panel ? panel.querySelector(".badge-count") : a;
  const beside = stat ? stat.querySelector(".stat-foot") : bar ? bar.querySelector(".sub") : null;
  const full = (node) => node?.querySelector(".num[title]")?.title ?? null;
  const fact = a.closest(".fact");
  const head = stat ? stat.querySelector(".stat-label") : panel ? panel.querySelector("h2")
    : fact ? fact.querySelector("dt") : table ? table.tHead.rows[0].cells[cell.cellIndex] : null;
  return { href: a.getAttribute("href"), label: head?.innerText.trim() ?? "", value: value?.innerText.trim() ?? "",
    money: full(value), beside: beside?.innerText.trim() ?? "", besideMoney: full(beside) };
})"""


@dataclass(frozen=True)
class Behind:
    """A list as its page shows it: how many, and its sums by label."""

    count: int
    sums: dict[str, Decimal]


def amount(text: str) -> Decimal:
    """¥1,234.50 as a number."""
    return Decimal(re.sub(r"[¥,\s]", "", text))


class Lists:
    """Opens the lists behind figures, each once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: dict[str, Behind] = {}

    def __call__(self, href: str) -> Behind:
        if href not in self._seen:
            wanted = {"HX-Request": "true", "HX-Target": "list-body"}
            answer = self._desk.context.request.get(href, headers=wanted)
            assert answer.ok, f"{href}: {answer.status}"
            text = answer.text()
            if later := re.search(
                r'hx-get="([^"]+/count[^"]+)" hx-trigger="load"', text
            ):  # its number comes afterwards
                text = self._desk.context.request.get(html.unescape(later[1]), headers=wanted).text()
            self._seen[href] = self._parse(text)
        return self._seen[href]

    def _parse(self, text: str) -> Behind:
        pager = re.search(r"<span>共([\d,]+)条</span>", text)
        assert pager, text[-600:]
        foot = re.findall(r'data-label="([^"]*)"><span class="num">(¥[\d,.]+)</span>', text.partition("<tfoot")[2])
        further = re.findall(r"<span data-sum>(\S+) .*?(¥[\d,.]+)<", text)
        sums = {html.unescape(label): amount(value) for label, value in (*foot, *further)}
        return Behind(int(pager[1].replace(",", "")), sums)


def disagreements(lists: Lists, found: dict[str, Any]) -> Iterator[str]:
    """What a figure says that its list does not."""
    behind, value, label = lists(found["href"]), found["value"], found["label"]
    at = f"{label} {value} {found['href']}"
    if found["money"] is not None:
        key = "加权金额" if "加权" in label else "金额"
        if behind.sums.get(key, Decimal(0)) != amount(found["money"]):
            yield f"{at}: {key} of the list is {behind.sums.get(key)}, not {found['money']}"
    elif value.endswith("%"):
        won = lists(found["href"].replace("status__in=won%2Clost", "status__eq=won")).count
        if f"{round(100 * won / behind.count, 1):g}%" != value:
            yield f"{at}: {won} of {behind.count} were won"
    elif value == "—":
        if behind.count:
            yield f"{at}: a dash before a list of {behind.count}"
    elif label.endswith("（天）"):
        if not behind.count:
            yield f"{at}: days of nothing"
    elif re.fullmatch(r"[\d,]+", value) and int(value.replace(",", "")) != behind.count:
        yield f"{at}: the list has {behind.count}"
    beside = re.fullmatch(r"([\d,]+)个商机", found["beside"])
    if beside and int(beside[1].replace(",", "")) != behind.count:
        yield f"{at}: {found['beside']}, but the list has {behind.count}"
    if found["besideMoney"] and amount(found["besideMoney"]) != behind.sums.get("金额", Decimal(0)):
        yield f"{at}: {found['besideMoney']}, but the list sums to {behind.sums}"


def figures(desk: Desk, least: int) -> list[dict[str, Any]]:
    """The figures of the page, each of which can be clicked."""
    links = desk.page.locator('main a[href*="/?view="]')
    expect(links.first).to_be_visible()
    found: list[dict[str, Any]] = links.evaluate_all(READ)
    numbers = [f for f in found if re.search(r"\d", f["value"])]
    assert len(numbers) >= least
    for link in links.filter(visible=True).all():
        link.click(trial=True)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_numbers_of_the_manager_open_lists_that_add_up(visit: Visit, name: str) -> None:
    desk = visit("manager")
    desk.go(PAGES[name])
    lists = Lists(desk)
    assert [text for f in figures(desk, 8) for text in disagreements(lists, f)] == []


def test_numbers_of_the_executive_open_lists_that_add_up(visit: Visit) -> None:
    desk = visit("executive", PHONE)
    desk.go("/")
    lists = Lists(desk)
    assert [text for f in figures(desk, 10) for text in disagreements(lists, f)] == []


def test_a_click_on_a_number_opens_its_list(visit: Visit) -> None:
    desk = visit("manager")
    page = desk.go("/")
    tile = page.locator(".stat", has_text="无下一步")
    shown = tile.locator(".stat-value").inner_text()
    tile.click()
    expect(page.locator(".pager")).to_contain_text(f"共{shown}条")
    assert page.locator("[data-row]").count() == int(shown)


def test_the_heads_of_the_lanes_agree_with_their_lists(visit: Visit) -> None:
    desk = visit("manager")
    page = desk.go("/deal/board")
    lists, wrong = Lists(desk), []
    for lane in page.locator("[data-lane]").all():
        link = lane.locator("[data-lane-money] a")
        link.click(trial=True)
        behind = lists(link.get_attribute("href") or "")
        heads = lane.locator("[data-lane-money] .num").evaluate_all("(all) => all.map((n) => n.title)")
        shown = [int(lane.locator("[data-lane-count]").inner_text()), *map(amount, heads)]
        kept = [behind.count, *(behind.sums.get(k, Decimal(0)) for k in ("金额", "加权金额")[: len(heads)])]
        if shown != kept:
            wrong.append((lane.locator("h2").inner_text(), shown, kept))
    assert wrong == []


def test_the_list_adds_up_by_its_own_rows(visit: Visit) -> None:
    desk = visit("manager")
    page = desk.go("/deal/?view=all")
    pages, total = [], Decimal(0)
    while True:
        cells = page.locator("tbody [data-phone=aside]")
        pages.append(page.locator("tbody [data-row]").count())
        total += sum((amount(t) for t in cells.all_inner_texts() if "¥" in t), Decimal(0))
        following = page.locator(".pager a[rel=next]")
        if not following.count():
            break
        before = page.locator("[data-row]").first.get_attribute("data-id")
        following.click()
        expect(page.locator("[data-row]").first).not_to_have_attribute("data-id", before or "")
        expect(page.locator("[data-row]").last).to_have_attribute("data-url", re.compile("."))  # by the script
    count = re.search(r"共([\d,]+)条", page.locator(".pager").inner_text())
    assert count is not None
    assert sum(pages) == int(count[1].replace(",", ""))
    assert amount(page.locator("tfoot [data-label=金额]").inner_text()) == total


def test_the_table_of_the_team_adds_up_to_its_last_line(visit: Visit) -> None:
    desk = visit("manager")
    page = desk.go("/reports/team?period=all")
    table = page.locator("table").first
    read = """(table) => ({
      heads: [...table.tHead.rows[0].cells].map((c) => c.innerText.trim()),
      rows: [...table.tBodies[0].rows, ...table.tFoot.rows].map((r) =>
        [...r.cells].map((c) => c.querySelector(".num[title]")?.title ?? c.innerText.trim())),
    })"""
    found = table.evaluate(read)
    *rows, last = found["rows"]
    assert len(rows) >= 3
    for n, head in enumerate(found["heads"]):
        if n and "率" not in head and "天" not in head:
            assert sum((amount(row[n]) for row in rows), Decimal(0)) == amount(last[n]), head


def test_conversion_is_the_share_that_came_further(visit: Visit) -> None:
    desk = visit("manager")
    page = desk.go("/reports/funnel?period=all")
    read = "(rows) => rows.map((r) => [...r.cells].map((c) => c.innerText.trim()))"
    through = {r[0]: r for r in page.locator("table.funnel tbody tr").evaluate_all(read)}
    now = page.locator("table.table-plain").first.locator("tbody tr").evaluate_all(read)
    passed = {r[0]: r[4] for r in now if r[4]}
    assert len(passed) >= 4
    for stage, further in passed.items():
        reached = int(through[stage][2].replace(",", ""))
        share = f"{round(100 * int(further.replace(',', '')) / reached, 1):g}%" if reached else "—"
        assert through[stage][5] == share, stage


def test_the_executive_reads_one_screen(visit: Visit) -> None:
    desk = visit("executive", PHONE)
    page = desk.go("/")
    assert len(page.content().encode()) <= 60 * 1024
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE.width
    bottom = page.evaluate("document.querySelector('.tabbar').getBoundingClientRect().top")
    for label in ("本月赢单", "本季度赢单", "承诺", "进行中"):
        tile = page.locator(".stat", has_text=label).first
        box = tile.bounding_box()
        assert box is not None, label
        assert box["y"] + box["height"] <= bottom, label
        expect(tile.locator(".stat-value")).to_have_text(re.compile(r"¥"))


def test_filters_of_the_reports_narrow_every_number(visit: Visit) -> None:
    desk = visit("manager", WIDE)
    page = desk.go("/reports/team?period=all")
    before = page.locator(".stat").first.inner_text()
    page.locator(".report-tools label.chip", has_text="本月").click()
    page.wait_for_url("**period=month*")
    expect(page.locator(".stat").first).not_to_have_text(before)
    lists = Lists(desk)
    assert [text for f in figures(desk, 6) for text in disagreements(lists, f)] == []
