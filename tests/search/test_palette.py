"""The palette: what is offered for what was typed, and what it keeps to itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from zhike.engine import records, search
from zhike.engine.entity import get
from zhike.engine.models import RecentRecord

pytestmark = pytest.mark.django_db
OPTION = re.compile(r'<a class="option".*?href="([^"]*)".*?<span class="clip">(.*?)</span>')


def options(client: Any, q: str = "", path: str = "") -> dict[str, str]:
    """Address -> label of what the palette shows."""
    answer = client.get(f"/search/palette{path}", {"q": q} if not path else {})
    assert answer.status_code == 200
    return dict(OPTION.findall(answer.content.decode()))


def test_records_things_to_do_people_tags_and_help(firm: Any) -> None:
    seller, manager = firm.client("seller"), firm.client("manager")
    made = records.create(firm.actor("seller"), get("account"), {"name": "宝钢集团有限公司"})
    person = records.create(firm.actor("seller"), get("contact"), {"name": "张伟", "account": made.pk})
    records.create(firm.actor("admin"), get("tag"), {"name": "战略客户"})
    assert options(seller, "bgjt")[f"/account/{made.pk}"] == "<mark>宝钢集团</mark>有限公司"
    assert next(iter(options(seller, "zw 宝钢"))) == f"/contact/{person.pk}"
    assert options(seller, ">xjkh") == {"/account/new": "<mark>新建客户</mark>"}
    assert "/activity/new?kind=call" in options(seller, ">")
    assert list(options(seller, "@张伟")) == [f"/contact/{person.pk}"]
    assert f"/lead/?view=&amp;owner__eq={firm.seller.pk}" in options(manager, "@王芳")
    assert options(seller, "@王芳") == {}
    assert any(url.startswith("/account/?view=&amp;tags__has=") for url in options(seller, "#战略"))
    assert {"/search", "/search?q=bgjt", "/search?q=8000"} <= options(seller, "?").keys()


def test_settings_are_offered_to_who_may_open_them(firm: Any) -> None:
    assert "/settings/roles" in options(firm.client("admin"), ">角色")
    assert options(firm.client("seller"), ">角色") == {}


def test_what_was_opened_is_offered_first_and_only_to_who_opened_it(firm: Any) -> None:
    seller, manager = firm.client("seller"), firm.client("manager")
    made = records.create(firm.actor("seller"), get("account"), {"name": "宝钢集团有限公司"})
    assert f"/account/{made.pk}" not in options(seller)
    assert seller.get(f"/account/{made.pk}").status_code == 200
    assert next(iter(options(seller))) == f"/account/{made.pk}"
    assert f"/account/{made.pk}" not in options(manager)
    assert firm.client("stranger").get(f"/account/{made.pk}").status_code == 404
    assert RecentRecord.objects.count() == 1


def test_tab_offers_what_may_be_done_with_the_record(firm: Any) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": "宝钢集团有限公司"})
    path = f"/account/{made.pk}"
    found = options(firm.client("seller"), path=path)
    assert {path, f"{path}/edit", f"/contact/new?account={made.pk}", f"/deal/new?account={made.pk}"} <= found.keys()
    executive = options(firm.client("executive"), path=path)
    assert path in executive
    assert not [url for url in executive if "new" in url or "edit" in url]
    assert firm.client("stranger").get(f"/search/palette{path}").status_code == 404


def test_a_link_field_offers_the_best_first_with_the_words_marked(firm: Any) -> None:
    for name in ("宝钢集团有限公司", "上海宝钢国际贸易有限公司"):
        records.create(firm.actor("seller"), get("account"), {"name": name})
    html = firm.client("seller").get("/account/options", {"q": "baogang"}).content.decode()
    assert re.findall(r'data-label="([^"]*)"', html) == ["宝钢集团有限公司", "上海宝钢国际贸易有限公司"]
    assert "<mark>宝钢</mark>集团" in html


def test_the_search_page_shows_the_text_around_a_hit(firm: Any) -> None:
    values = {"kind": "note", "subject": "记录", "body": "价格" * 30 + "在虹桥机场 <b>谈</b>" + "再说" * 60}
    records.create(firm.actor("seller"), get("activity"), values)
    html = firm.client("seller").get("/search", {"q": "机场"}).content.decode()
    assert "在虹桥<mark>机场</mark> &lt;b&gt;谈" in html


def test_a_search_that_was_stopped_does_not_say_that_there_is_nothing(
    firm: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LEAST", 0.0)
    client = firm.client("seller")
    for address in ("/search", "/search/palette"):
        settings.COUNT_SECONDS = 0.0
        whole = client.get(address, {"q": "没有这一家"}).content.decode()
        assert "没有找到“没有这一家”" in whole
        settings.COUNT_SECONDS = 0.000_001
        stopped = client.get(address, {"q": "没有这一家"}).content.decode()
        assert "搜索用时过长" in stopped
        assert "没有找到" not in stopped
