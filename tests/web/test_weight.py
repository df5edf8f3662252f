"""What a page weighs: the built files, and lists as the server writes them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from zhike.engine import records, stages
from zhike.engine.entity import get

BUILD = Path(__file__).resolve().parents[2] / "zhike/web/static/build"
EVERY, LIST, STYLES, PAGE, FRAGMENT = 60_000, 75_000, 40_000, 120_000, 30_000
PARTS = ("list", "grid", "board", "calendar")


def packed(name: str) -> int:
    return len(gzip.compress((BUILD / name).read_bytes(), 9, mtime=0))


@pytest.fixture(autouse=True)
def built() -> None:
    if not (BUILD / "app.js").is_file():
        pytest.fail("The front end is not built: run `make frontend`.")


def test_scripts_and_styles() -> None:
    assert packed("app.js") <= EVERY
    assert packed("app.css") <= STYLES
    assert packed("app.js") + packed("list.js") + max(packed(f"{name}.js") for name in PARTS[1:]) <= LIST


def test_a_page_asks_for_nothing_else(firm: Any) -> None:
    html = firm.client("seller").get("/account/").content.decode()
    asked = set(re.findall(r'(?:src|href)="/static/([^"?]+)', html))
    assert {a.partition("#")[0] for a in asked} == {"build/app.js", "build/app.css", "build/icons.svg", "favicon.svg"}
    assert re.findall(r'(?:src|href)="(?:https?:)?//', html) == []


def customers(firm: Any, n: int) -> None:
    rows = [
        {
            "name": f"苏州工业园区精密自动化装备股份有限公司{i}", "tier": "ABC"[i % 3], "status": "customer",
            "phone": f"1380013{i:04}", "region": "320505", "industry": "3562", "remark": "每季度回访一次，注意交期",
        }
        for i in range(n)
    ]  # fmt: skip
    records.create_many(firm.actor("seller"), get("account"), rows)


@pytest.mark.parametrize("kind", ["list", "grid", "split"])
def test_a_list_of_fifty_rows(firm: Any, kind: str) -> None:
    customers(firm, 60)
    client, url = firm.client("seller"), f"/account/?view=all&as={kind}"
    page = client.get(url).content
    part = client.get(url, headers={"HX-Request": "true", "HX-Target": "list-body"}).content
    assert page.count(b"<tr data-row") == part.count(b"<tr data-row") == 50
    assert len(page) <= PAGE
    assert len(gzip.compress(part, 6)) <= FRAGMENT


def test_thirty_columns_of_fifty_rows(firm: Any) -> None:
    customers(firm, 60)
    keys = [k for k, a in get("account").attributes.items() if not a.unseen][:30]
    page = firm.client("seller").get(f"/account/?view=all&cols={','.join(keys)}").content
    assert page.count(b"<td") >= 30 * 50
    assert len(page) <= PAGE


def test_a_full_board(firm: Any) -> None:
    """Every lane with more cards than it shows at first, each with all that a card may say."""
    account = records.create(firm.actor("seller"), get("account"), {"name": "苏州工业园区精密自动化装备股份有限公司"})
    order = [s for p in stages.current(get("deal")) for s in stages.of(p.pk)]
    rows = [
        {"name": f"二期装配线自动化改造及产线数据采集项目{i}", "account": account.pk, "amount": "1280000",
         "stage": s.pk, "expected_on": "2026-11-20", "lost_reason": "price"}
        for s in order for i in range(20)
    ]  # fmt: skip
    made = records.create_many(firm.actor("seller"), get("deal"), rows)
    due = {"kind": "task", "subject": "寄样品并确认交期", "due_at": "2026-11-25"}
    records.create_many(firm.actor("seller"), get("activity"), [{**due, "deal": deal.pk} for deal in made])
    page = firm.client("seller").get("/deal/board").content
    assert page.count(b"data-card ") == 8 * len(order)
    assert len(page) <= PAGE
    part = firm.client("seller").get("/deal/board", headers={"HX-Request": "true", "HX-Target": "board-body"}).content
    assert len(gzip.compress(part, 6)) <= FRAGMENT


@pytest.mark.parametrize("url", ["/deal/calendar?view=all", "/deal/board"])
def test_other_looks_at_a_list(firm: Any, url: str) -> None:
    account = records.create(firm.actor("seller"), get("account"), {"name": "客户"})
    rows = [{"name": f"装配线改造{i}", "account": account.pk, "amount": "128000"} for i in range(60)]
    records.create_many(firm.actor("seller"), get("deal"), [{**r, "expected_on": "2026-11-20"} for r in rows])
    assert len(firm.client("seller").get(f"{url}&day=2026-11-20" if "?" in url else url).content) <= PAGE
