"""Refusals leave a line that says who and where, and nothing of what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, RequestFactory

from tests.api.desk import Program, key_of
from zhike.engine import records
from zhike.engine.entity import get
from zhike.web import refused

NAME = "上海华为精密仪器有限公司"
Caplog = pytest.LogCaptureFixture


def lines(caplog: Caplog) -> list[tuple[Any, ...]]:
    found = [json.loads(r.getMessage()) for r in caplog.records if r.name == "zhike.refused"]
    assert all(set(line) == {"at", "who", "channel", "method", "route", "status"} for line in found)
    caplog.clear()
    return [(line["who"], line["channel"], line["method"], line["route"], line["status"]) for line in found]


def test_a_page_that_is_refused(firm: Any, caplog: Caplog) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": NAME})
    stranger, who = firm.client("stranger"), str(firm.stranger.pk)
    caplog.clear()
    assert stranger.get(f"/account/{made.pk}?secret=1").status_code == 404
    assert stranger.get("/settings/policy?x=1").status_code == 403
    assert stranger.get("/nowhere/at-all?y=1").status_code == 404
    assert NAME not in caplog.text
    assert lines(caplog) == [
        (who, "web", "GET", "<slug:key>/<uuid:pk>", 404),
        (who, "web", "GET", "settings/policy", 403),
        (who, "web", "GET", "", 404),
    ]
    assert stranger.get("/account/").status_code == 200
    assert Client().get("/nowhere/at-all").status_code == 404
    assert lines(caplog) == []


def test_a_form_from_elsewhere(firm: Any, caplog: Caplog) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(firm.seller)
    assert client.post("/account/new", {"name": "x"}).status_code == 403
    assert [(who, status) for who, _c, _m, _r, status in lines(caplog)] == [(str(firm.seller.pk), 403)]


def test_a_limit(firm: Any, caplog: Caplog) -> None:
    client = Client()
    answers = [client.post("/login", {"username": "seller", "password": "wrong"}).status_code for _n in range(6)]
    assert answers == [422] * 5 + [429]
    assert lines(caplog) == [("", "web", "POST", "login", 429)]


def test_a_program_that_is_refused(firm: Any, caplog: Caplog, settings: Any) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": NAME})
    key = key_of(firm.stranger)
    who = f"{firm.stranger.pk} key {key.token.pk}"
    caplog.clear()
    assert Program("zk_nothing").get("me").status_code == 401
    assert Program(key.secret).get(f"account/{made.pk}").status_code == 404
    assert Program(key.secret).get("nothing/at/all").status_code == 404
    settings.API_PER_MINUTE = 1
    assert Program(key.secret).get("me").status_code == 429
    assert NAME not in caplog.text
    assert lines(caplog) == [
        ("", "api", "GET", "api/v1/me", 401),
        (who, "api", "GET", "api/v1/<slug:key>/<uuid:pk>", 404),
        (who, "api", "GET", "", 404),
        (who, "api", "GET", "api/v1/me", 429),
    ]


def test_an_assistant_that_is_refused(firm: Any, caplog: Caplog) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": NAME})
    key = key_of(firm.stranger)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    call["params"] = {"name": "get", "arguments": {"entity": "account", "id": str(made.pk)}}

    def send(secret: str, **headers: str) -> Any:
        headers = {"Authorization": f"Bearer {secret}", **headers}
        return Client().post("/mcp", json.dumps(call), content_type="application/json", headers=headers)

    caplog.clear()
    assert send("zk_nothing").status_code == 401
    assert send(key.secret, Origin="https://evil.example").status_code == 403
    assert send(key.secret).json()["result"]["isError"] is True
    assert lines(caplog) == [
        ("", "mcp", "POST", "mcp", 401),
        ("", "mcp", "POST", "mcp", 403),
        (f"{firm.stranger.pk} key {key.token.pk}", "mcp", "POST", "mcp get", 404),
    ]


def test_no_line_breaks_out(caplog: Caplog) -> None:
    request = RequestFactory().generic("GE\r\nT\u2028\x1b[31m", "/x")
    refused.say(request, 404, channel="web", who="a\nb" + "x" * 500, route="r\x00\n{}")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].isprintable()
    who, _channel, method, route, _status = lines(caplog)[0]
    assert (who, method, route) == ("ab" + "x" * 118, "GET[31M", "r{}")
    refused.say(request, 404, channel="web")  # once per request
    assert lines(caplog) == []
