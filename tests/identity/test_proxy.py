"""What a request says about a proxy is believed of our proxies alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from zhike.web import throttle
from zhike.web.identity_proxy import forwarded


def seen(remote: str, **headers: str) -> tuple[str, str, str, list[str]]:
    """Address, scheme and host as views see them, and the forwarded headers that are left."""
    found: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append(request)
        return HttpResponse()

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    forwarded(view)(RequestFactory().get("/", headers=named, REMOTE_ADDR=remote))
    request = found[0]
    left = [name for name in request.META if name.startswith(("HTTP_X_FORWARDED", "HTTP_FORWARDED", "HTTP_X_REAL"))]
    return throttle.address(request), request.scheme or "", request.get_host(), left


@pytest.mark.parametrize(
    ("remote", "chain", "address"),
    [
        ("10.0.0.5", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.5", "1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.5", "1.2.3.4, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", "10.1.2.3", "10.0.0.5"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("10.0.0.6", "127.0.0.1", "10.0.0.6"),
        ("", "127.0.0.1", ""),
    ],
)
def test_the_address_is_the_last_one_that_is_not_ours(settings: Any, remote: str, chain: str, address: str) -> None:
    settings.PROXIES = ["10.0.0.5", "10.1.0.0/16"]
    assert seen(remote, x_forwarded_for=chain)[0] == address


@pytest.mark.parametrize(
    ("remote", "scheme", "host"), [("10.0.0.5", "https", "localhost"), ("10.0.0.6", "http", "testserver")]
)
def test_scheme_and_host_too(settings: Any, remote: str, scheme: str, host: str) -> None:
    settings.PROXIES = ["10.0.0.5"]
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    found = seen(
        remote, x_forwarded_proto="https", x_forwarded_host="localhost", x_real_ip="1.1.1.1", forwarded="for=1"
    )
    assert found[1:] == (scheme, host, [])
