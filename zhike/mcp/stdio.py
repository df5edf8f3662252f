"""The same over standard input and output: one message a line, for an assistant on the same machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

from django.conf import settings
from django.utils import translation

from zhike.api import bodies
from zhike.api.problems import Problem
from zhike.engine import catalog, tokens

from . import rpc
from .http import CHANNEL

HERE = "127.0.0.1"
LONGEST = bodies.LARGEST


def serve(secret: str, lines: TextIO, out: TextIO, after: Callable[[], object] = lambda: None) -> None:
    """Answer until the input ends, and do `after` each. The key is looked up each time: one that ends, ends at once."""
    while line := lines.readline(LONGEST + 2):
        if not line.strip():
            continue
        with catalog.fresh():
            found = _one(secret, line)
        after()
        if found is not None:
            out.write(json.dumps(found, ensure_ascii=False) + "\n")
            out.flush()


def _one(secret: str, line: str) -> dict[str, Any] | None:
    if len(line) > LONGEST:
        return rpc.error(None, rpc.PARSE, f"At most {LONGEST} characters a line.")
    try:
        message = bodies.parse(line.encode("utf-8", "surrogatepass"))
    except Problem as problem:
        return rpc.error(None, rpc.PARSE, problem.detail)
    token = tokens.find(secret, HERE)
    if token is None:
        given = message.get("id") if isinstance(message, dict) else None
        return rpc.error(given, rpc.REQUEST, "The key in ZHIKE_KEY is not valid.")
    tokens.used(token)
    actor = tokens.actor_of_token(token, CHANNEL)
    with translation.override(actor.user.language or settings.LANGUAGE_CODE):
        return rpc.answer(rpc.Caller(token, actor), message)
