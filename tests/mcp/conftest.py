"""A key for each person, and a way to send messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from zhike.engine import tokens

_ids = itertools.count(1)
Send = Callable[..., Any]


@pytest.fixture
def key(firm: Any) -> Callable[..., str]:
    """A key of somebody with some scopes."""

    def make(who: str, *scopes: str) -> str:
        return tokens.issue(firm.actor(who), name=f"助手{who}", scopes=list(scopes or ("*:*",)), days=7).secret

    return make


@pytest.fixture
def send() -> Send:
    """One message by HTTP; gives the answer."""

    def post(secret: str, method: str, params: Any = None, **headers: str) -> Any:
        message = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params or {}}
        return Client(raise_request_exception=False).post(
            "/mcp",
            json.dumps(message),
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream", **headers},
        )

    return post


@pytest.fixture
def tool(send: Send) -> Callable[..., Any]:
    """The structured answer of a tool."""

    def call(secret: str, name: str, **arguments: Any) -> Any:
        answer = send(secret, "tools/call", {"name": name, "arguments": arguments})
        assert answer.status_code == 200, answer.content
        found = answer.json()["result"]
        assert json.loads(found["content"][0]["text"]) == found["structuredContent"]
        return {**found["structuredContent"], "failed": found["isError"]}

    return call
