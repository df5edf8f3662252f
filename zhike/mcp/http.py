"""Streamable HTTP: each message a POST with an answer in JSON. There are no sessions and no streams to hold open."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from zhike.api import bodies
from zhike.api.problems import Problem
from zhike.engine import tokens
from zhike.engine.errors import Limited
from zhike.web import refused, throttle

from . import rpc

CHANNEL = "mcp"


@csrf_exempt  # no cookie counts here: the key alone does
def endpoint(request: HttpRequest) -> HttpResponse:
    """One JSON-RPC message; 401 without a key in force, 403 for a page of another site, 405 for anything but POST."""
    response = _served(request)
    refused.say(request, response.status_code, channel=CHANNEL)
    return response


def _served(request: HttpRequest) -> HttpResponse:
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return _plain(400, rpc.REQUEST, "Send this by https://. The key has crossed the network in the clear: end it.")
    if not _is_ours(request):
        return _plain(403, rpc.REQUEST, "This origin may not call here.")
    secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(secret[2].strip(), throttle.address(request)) if secret[0].lower() == "bearer" else None
    if token is None:
        response = _plain(401, rpc.REQUEST, "Send a valid key: Authorization: Bearer zk_…")
        response.headers["WWW-Authenticate"] = 'Bearer realm="zhike"'
        return response
    if request.method != "POST":
        return _plain(405, rpc.METHOD, "Send messages by POST.", Allow="POST")
    version = request.headers.get("MCP-Protocol-Version", rpc.VERSIONS[-1])
    if version not in rpc.VERSIONS:
        return _plain(400, rpc.REQUEST, f"Protocol versions: {', '.join(rpc.VERSIONS)}.")
    return _answer(request, rpc.Caller(token, tokens.actor_of_token(token, CHANNEL)))


def _answer(request: HttpRequest, caller: rpc.Caller) -> HttpResponse:
    who = f"{caller.token.user_id} key {caller.token.pk}"
    try:
        tokens.used(caller.token)
        message = bodies.read(request)
    except Problem as problem:
        return _plain(problem.status, rpc.PARSE, problem.detail or "Send one JSON-RPC message.")
    with translation.override(caller.actor.user.language or settings.LANGUAGE_CODE):
        try:
            found = rpc.answer(caller, message)
            if (status := _status(found)) != 200:
                refused.say(request, status, channel=CHANNEL, who=who, route=_tool(message))
        except Limited as limited:
            refused.say(request, 429, channel=CHANNEL, who=who)
            return _plain(429, rpc.REQUEST, limited.text, **{"Retry-After": str(limited.after)})
    if found is None:
        return HttpResponse(status=202)
    return HttpResponse(json.dumps(found, ensure_ascii=False), content_type="application/json")


def _status(found: Any) -> int:
    """The status of a tool that refused, 200 for every other answer."""
    result = (found or {}).get("result", {})
    return int(result["structuredContent"].get("status", 200)) if result.get("isError") else 200


def _tool(message: Any) -> str:
    """The tool that was called: a refusal says no more than that."""
    return f"mcp {message['params']['name']}" if message.get("method") == "tools/call" else "mcp"


def _is_ours(request: HttpRequest) -> bool:
    """Programs send no Origin; a browser sends one, and only our own site may then call (DNS rebinding)."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.get_host()


def _plain(status: int, code: int, text: str, **headers: str) -> HttpResponse:
    body = json.dumps(rpc.error(None, code, text), ensure_ascii=False)
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)
