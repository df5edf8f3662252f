"""A customer of a pool is claimed, its owner is warned before it goes back, and saves it, or loses it."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import HIDDEN, PHONE, WIDE, Desk, Device

BOTH = pytest.mark.parametrize("device", [WIDE, pytest.param(PHONE, marks=pytest.mark.long)], ids=["wide", "phone"])
MOST = 5  # what the demo firm lets one claim a day
DAYS, UPDATE = 360, 270  # its rule for customers of no special tier
OWNER = "SELECT u.username FROM customers_account a LEFT JOIN base_user u ON u.id = a.owner_id WHERE a.id = %s"
DEFER = (
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', %s, 0, NULL, NULL, '{\"timestamp\": 0}', NULL)"
    "::procrastinate_job_to_defer_v1])"
)


def run(desk: Desk, task: str) -> None:
    """What the worker does at its hour, done by it now."""
    (((job,),),) = desk.site.rows(DEFER, f"zhike.pools.{task}")
    for _tenth in range(150):
        ((state,),) = desk.site.rows("SELECT status FROM procrastinate_jobs WHERE id = %s", job)
        if state == "succeeded":
            return
        desk.page.wait_for_timeout(100)
    raise AssertionError(f"{task}: {state}")


def pool(desk: Desk) -> str:
    """Where the pool of customers is."""
    ((pk,),) = desk.site.rows("SELECT id FROM engine_pool WHERE entity = 'account'")
    return f"/pools/{pk}"


def due(desk: Desk, name: str, left: int) -> str:
    """A customer whose owner got it so long ago that it goes back in so many days; gives its path."""
    path = desk.make("account", name=name)
    desk.site.rows(
        "UPDATE customers_account SET held_since = now() - make_interval(days => %s) WHERE id = %s RETURNING id",
        DAYS - left,
        path.rpartition("/")[2],
    )
    return path


def given_back(desk: Desk, name: str) -> str:
    """A customer that lies in the pool, because whoever entered it gave it back; gives the path it will have."""
    path = desk.make("account", name=name)
    html = desk.context.request.get(f"{path}/act/release").text()
    form = {**dict(HIDDEN.findall(html)), "note": "没有精力跟进"}
    answer = desk.context.request.post(f"{path}/act/release", form=form, max_redirects=0)
    assert answer.status == 303, answer.text()[:2000]
    return path


def owner(desk: Desk, path: str) -> str | None:
    """Who has a customer."""
    ((found,),) = desk.site.rows(OWNER, path.rpartition("/")[2])
    return found  # type: ignore[no-any-return]


def fits(desk: Desk) -> None:
    """Nothing of the page stands out at the side."""
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


@BOTH
def test_a_seller_claims_from_the_pool_up_to_the_limit(visit: Visit, device: Device) -> None:
    """One alone from its card, one that a colleague has just taken, then several of which one is too many."""
    word = f"海{uuid.uuid4().hex[:5]}"
    keeper = visit("rival")
    rows = [given_back(keeper, f"{word}{n}号") for n in range(MOST + 2)]
    desk = visit("keen" if device is WIDE else "quick", device)
    page = desk.go(pool(desk))
    expect(page.locator(".pool-line .pill")).to_contain_text(f"{MOST}/{MOST}")
    page.locator("#pool-q").fill(f"{word}0")
    page.keyboard.press("Enter")
    desk.tap(page.get_by_role("link", name=f"{word}0号"))
    desk.tap(page.get_by_role("button", name="领取", exact=True))
    page.wait_for_url(re.compile("/account/[0-9a-f-]{36}$"))
    assert owner(desk, rows[0]) == ("keen" if device is WIDE else "quick")

    page = desk.go(f"{pool(desk)}?q={word}")
    boxes = page.locator("input[name=ids]")
    expect(boxes).to_have_count(MOST + 1)
    colleague = visit("heir")
    colleague.go(f"{pool(desk)}?q={word}1")
    colleague.page.locator("input[name=ids]").check()
    colleague.page.get_by_role("button", name="领取所选").click()
    expect(colleague.page.locator("h1")).to_contain_text(f"{word}1号")
    for box in boxes.all():
        box.check()
    fits(desk)
    desk.tap(page.get_by_role("button", name="领取所选"))
    desk.said(
        f"已领取 {MOST - 1} 条。 1 条未成功：已不在公海，被别人先领走了。 1 条未成功：已达到每天领取上限（{MOST}）。"
    )
    expect(page.locator(".pool-line .pill")).to_contain_text(f"0/{MOST}")
    found = sorted(owner(desk, row) or "" for row in rows)
    assert found == sorted(["", "heir", *["keen" if device is WIDE else "quick"] * MOST])
    page = desk.go(f"/account/?view=&owner__eq=me&q={word}")
    expect(page.locator("[data-row]")).to_have_count(MOST)


@BOTH
def test_a_warned_owner_saves_the_customer(visit: Visit, device: Device) -> None:
    """By notice, list and page the owner learns of it; what does not count changes nothing, an answered call does."""
    word, left = f"暖{uuid.uuid4().hex[:5]}", 3 if device is WIDE else 7
    desk = visit("keen", device)
    path = due(desk, word, left)
    run(desk, "warn")
    page = desk.go("/notices")
    desk.tap(page.get_by_role("link", name=re.compile(f"{left} ?天")).first)
    page.wait_for_url("**/account/?view=returning")
    row = page.locator("[data-row]", has_text=word)
    expect(row).to_contain_text(f"{DAYS} 天内没有跟进")
    fits(desk)
    desk.tap(row.locator(".lead a").first)
    page.wait_for_url(f"**{path}*")
    warning = page.locator("#rec-head .notice")
    expect(warning).to_contain_text(f"{DAYS} 天内没有跟进")
    expect(warning).to_contain_text("不少于半分钟的已接通电话、已完成的拜访")
    fits(desk)
    form = page.locator("#timeline [data-composer]")
    said(desk, form, "电话", "无人接听", "没人接")
    expect(page.locator(".timeline .entry", has_text="没人接")).to_have_count(1)
    expect(warning).to_be_visible()
    said(desk, form, "电话" if device is WIDE else "拜访", "已接通" if device is WIDE else "已进行", "谈了")
    expect(warning).to_have_count(0)
    page.goto("/account/?view=returning")
    expect(page.locator("[data-row]", has_text=word)).to_have_count(0)
    ((days,),) = desk.site.rows(
        "SELECT round(extract(epoch FROM recycle_at - now()) / 86400)::int FROM customers_account WHERE name = %s",
        word,
    )
    assert days == UPDATE


def said(desk: Desk, form: Locator, kind: str, result: str, text: str) -> None:
    """Writes a follow-up of a kind, with its result."""
    desk.tap(form.locator(".composer-kinds label", has_text=kind))
    form.locator("textarea").fill(text)
    desk.tap(form.locator("label.chip:visible").filter(has_text=re.compile(f"^{result}$")))
    desk.tap(form.get_by_role("button", name="保存跟进"))


@BOTH
def test_a_customer_nobody_looked_after_is_lost_for_a_while(visit: Visit, device: Device) -> None:
    """The sweep takes it; who had it cannot take it back at once, and a colleague can."""
    word = f"失{uuid.uuid4().hex[:5]}"
    desk = visit("leaver", device)
    path = due(desk, word, -1)
    run(desk, "warn")
    run(desk, "sweep")
    assert owner(desk, path) is None
    desk.expected |= {"404"}
    expect(desk.go(path).locator("#main")).not_to_contain_text(word)
    page = desk.go(f"{pool(desk)}?q={word}")
    desk.tap(page.get_by_role("link", name=word))
    expect(page.locator("body")).to_contain_text(f"{DAYS} 天内没有跟进")
    desk.tap(page.get_by_role("button", name="领取", exact=True))
    desk.said(re.compile("您是前负责人，.*起才能再次领取"))
    assert owner(desk, path) is None
    other = visit("heir")
    other.go(f"{pool(desk)}?q={word}")
    other.page.locator("input[name=ids]").check()
    other.page.get_by_role("button", name="领取所选").click()
    expect(other.page.locator("h1")).to_contain_text(word)
    assert owner(desk, path) == "heir"
