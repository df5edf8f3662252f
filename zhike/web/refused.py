"""A line of the error output for each refusal: who tries doors is seen. It holds no value of a request."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

log = logging.getLogger("zhike.refused")
STATUSES = frozenset({401, 403, 404, 429})
MARK, WHO = "zhike.refused", "zhike.refused.who"  # beside the headers of a request, which never have such names


def say(request: HttpRequest, status: int, *, channel: str, who: Any = "", route: str = "") -> None:
    """One line of JSON: who (ids), channel, method, the pattern of the address and the status; once per request."""
    if status not in STATUSES or request.META.get(MARK):
        return
    request.META[MARK] = "said"
    match = request.resolver_match
    line = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "who": plain(who or request.META.get(WHO, "")),
        "channel": channel,
        "method": plain(request.method or ""),
        "route": plain(route or (match.route if match else "")),
        "status": status,
    }
    log.warning(json.dumps(line))


def plain(text: Any) -> str:
    """Without control characters, at most 120 characters."""
    return "".join(c for c in str(text) if c.isprintable())[:120]
