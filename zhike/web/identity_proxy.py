"""What a proxy in front says about a request, believed only of the proxies that ZHIKE_PROXIES names."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_HOST",
    "HTTP_X_ORIGINAL_URL",
    "HTTP_X_REAL_IP",
    "HTTP_X_REWRITE_URL",
)


def known(address: str) -> bool:
    """Whether this is the address of one of our proxies."""
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network, strict=False) for network in settings.PROXIES)


def forwarded(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Client address, scheme and host as our proxy tells them; every other forwarded header is taken away."""

    def answer(request: HttpRequest) -> HttpResponse:
        meta = request.META
        said = {name: str(meta.pop(name)) for name in FORWARDED if name in meta}
        if said and known(str(meta.get("REMOTE_ADDR", ""))):
            chain = [part.strip() for part in said.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            outside = next((part for part in reversed(chain) if not known(part)), "")
            if outside:
                meta["REMOTE_ADDR"] = outside
            if said.get("HTTP_X_FORWARDED_PROTO") == "https":
                meta["wsgi.url_scheme"] = request.environ["wsgi.url_scheme"] = "https"  # type: ignore[attr-defined]
            if said.get("HTTP_X_FORWARDED_HOST"):
                meta["HTTP_HOST"] = said["HTTP_X_FORWARDED_HOST"]
        return get_response(request)

    return answer
