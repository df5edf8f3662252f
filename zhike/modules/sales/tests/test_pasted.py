"""A pasted card in the form of a new record: what is understood is filled in, and nothing is lost."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.tests.helpers import Firm, create

CARD = (
    "青岛海蓝水产有限公司\n魏东 销售经理\n手机：138 0013 8000  电话：0532-66668888\n"
    "微信 weidong_88 邮箱：wei@example.com\n喝绿茶"
)


def browser(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def filled(client: Any, entity: str, text: str, **typed: str) -> str:
    answer = client.post(
        f"/{entity}/new/filled", {"paste": text, **typed}, headers={"HX-Request": "true", "HX-Target": "form-body"}
    )
    assert answer.status_code == 200
    return str(answer.content.decode())


def value(page: str, name: str) -> str:
    """What a field of a form holds."""
    for tag in re.findall(r"<input\b[^>]*>", page):
        if re.search(rf'\bname="{name}"', tag):
            return html.unescape((re.search(r'\bvalue="([^"]*)"', tag) or ["", ""])[1])
    found = re.search(rf'<textarea\b[^>]*\bname="{name}"[^>]*>([^<]*)<', page)
    return html.unescape(found[1]) if found else "-"


def test_a_card_fills_the_form_and_what_was_typed_stays(firm: Firm) -> None:
    client = browser(firm.seller)
    page = filled(client, "lead", CARD, contact_name="魏先生", remark="展会上认识")
    got = {k: value(page, k) for k in ("name", "company", "contact_name", "phone", "email", "wechat", "position")}
    assert got == {
        "name": "青岛海蓝水产有限公司", "company": "青岛海蓝水产有限公司", "contact_name": "魏先生",
        "phone": "138 0013 8000", "email": "wei@example.com", "wechat": "weidong_88", "position": "销售经理",
    }  # fmt: skip
    assert value(page, "remark").splitlines() == ["展会上认识", "魏东", "0532-66668888", "喝绿茶"]
    assert value(page, "paste") == ""
    again = filled(client, "lead", "李四 13900139000", **{k: v for k, v in got.items() if v})
    assert (value(again, "phone"), value(again, "remark")) == ("138 0013 8000", "13900139000\n李四")


def test_a_card_in_the_short_form_is_saved_whole(firm: Firm) -> None:
    client = browser(firm.seller)
    page = filled(client, "contact", "张伟 采购经理 13800138000 微信：zw_1 QQ：10001", quick="1")
    names = set(re.findall(r'name="([a-z_]+)"', page))
    assert {"qq", "quick"} <= names
    assert "birthday" not in names, "the other fields stay away"
    posted = {n: value(page, n) for n in ("name", "phone", "position", "wechat", "qq", "quick", "owner")}
    posted = {k: v for k, v in posted.items() if v != "-"}
    assert client.post("/contact/new", posted, headers={"HX-Request": "true"}).status_code == 204
    made = get("contact").model._base_manager.get(name="张伟")
    assert (made.qq, made.wechat, made.position) == ("10001", "zw_1", "采购经理")


def test_a_card_of_a_firm_and_of_a_person_we_know(firm: Firm) -> None:
    client = browser(firm.seller)
    page = filled(client, "account", CARD)
    assert (value(page, "name"), value(page, "phone")) == ("青岛海蓝水产有限公司", "0532-66668888")
    assert value(page, "remark").splitlines()[0] == "魏东 销售经理 138 0013 8000"
    known = create(firm.seller, "account", name="青岛海蓝水产有限公司")
    hidden = create(firm.stranger, "account", name="大连远洋渔业有限公司")
    page = filled(client, "contact", CARD)
    assert (value(page, "account"), value(page, "landline")) == (str(known.pk), "0532-66668888")
    page = filled(client, "contact", "王芳 13700137000 大连远洋渔业有限公司")
    assert str(hidden.pk) not in page
    assert "大连远洋渔业有限公司" in value(page, "remark")


def test_texts_that_are_no_card_are_kept(firm: Firm) -> None:
    client = browser(firm.seller)
    assert client.post("/deal/new/filled", {"paste": CARD}).status_code == 404
    page = filled(client, "lead", "----")
    assert (value(page, "paste"), value(page, "remark"), "没有能填进" in page) == ("----", "", True)
    odd = "<script>alert(1)</script>\u202e\x00" + "一" * 5000
    page = filled(client, "lead", odd)
    assert "<script>alert" not in page
    assert client.post("/lead/new/filled", {}).status_code == 200
    assert browser(firm.executive).post("/lead/new/filled", {"paste": CARD}).status_code == 403
    assert client.get("/lead/new/filled").status_code == 405
    assert client.post("/nothing/new/filled", {"paste": CARD}).status_code == 404
