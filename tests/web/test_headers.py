"""Every route answers with the security headers: all patterns, all methods, with and without signing in, and errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, path, resolve
from django.utils.regex_helper import normalize

from config.urls import handler400, handler403, handler404, handler500
from zhike.engine import records
from zhike.engine.entity import get
from zhike.web import files

__all__ = ["handler400", "handler403", "handler404", "handler500"]  # of this module as a table of addresses
ROOT = Path(__file__).resolve().parents[2]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOBODY = UUID(int=1)
BY_NAME: dict[str, Any] = {"key": "account", "name": "name", "action": "delete", "kind": "region"}
BY_KIND: dict[str, Any] = {"uuid": NOBODY, "slug": "x", "str": "x", "int": 1, "path": "x/y"}
CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
DOWNLOAD = {"sandbox": "", "default-src": "'none'"}
DATA = {"default-src": "'none'", "frame-ancestors": "'none'"}  # of answers that no browser shows
SAME = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ORIGIN = re.compile(r"https://[a-z0-9.-]+(?::\d+)?|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> None:
    """Places for files of the test's own."""
    settings.HOME, settings.MEDIA_ROOT = tmp_path, tmp_path / "files"


def patterns(found: Any = None, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each address that the application answers, as the chain of its patterns; the last one has the view."""
    for item in (found or get_resolver()).url_patterns:
        if isinstance(item, URLResolver):
            yield from patterns(item, (*before, item))
        else:
            assert isinstance(item, URLPattern)
            yield (*before, item)


def address(chain: tuple[Any, ...]) -> str:
    """One address that the patterns match."""
    text = ""
    for item in chain:
        pattern = item.pattern
        route = getattr(pattern, "_route", None)
        if route is None:
            form = normalize(str(pattern.regex.pattern).removeprefix("^"))[0][0]
            text += form % dict.fromkeys(pattern.regex.groupindex, "x")
            continue
        for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", route):
            fixed = kind in ("uuid", "int", "path") or name not in BY_NAME
            value = str(BY_KIND[kind or "str"] if fixed else BY_NAME[name])
            route = re.sub(rf"<(?:\w+:)?{name}>", value, route)
        text += route
    return f"/{text}"


ROUTES = {address(chain): chain[-1] for chain in patterns()}


def wrong(response: Any, *, static: bool = False, https: bool = False) -> dict[str, str | None]:
    """The headers that are missing or not as they must be."""
    got = {name: response.headers.get(name) for name in SAME if response.headers.get(name) != SAME[name]}
    if got.get("Referrer-Policy") == "no-referrer":
        del got["Referrer-Policy"]
    policy = dict(
        part.strip().partition(" ")[::2] for part in response.headers.get("Content-Security-Policy", "").split(";")
    )
    action = policy.pop("form-action", "")
    upgrade = policy.pop("upgrade-insecure-requests", None)
    download = policy == DOWNLOAD and response.headers.get("Content-Disposition", "").startswith("attachment")
    inert = download or (policy == DATA and not response.headers.get("Content-Type", "").startswith("text/html"))
    if not inert and (policy != CSP or (upgrade == "") != https):
        got["Content-Security-Policy"] = response.headers.get("Content-Security-Policy")
    first, *others = action.split() or [""]
    if not inert and (first != "'self'" or not all(ORIGIN.fullmatch(other) for other in others)):
        got["form-action"] = action
    if "microphone=()" not in response.headers.get("Permissions-Policy", ""):
        got["Permissions-Policy"] = response.headers.get("Permissions-Policy")
    strict = response.headers.get("Strict-Transport-Security")
    if strict != ("max-age=31536000; includeSubDomains" if https else None):
        got["Strict-Transport-Security"] = strict
    if not static:
        if response.headers.get("Cache-Control") != "no-store":
            got["Cache-Control"] = response.headers.get("Cache-Control")
        vary = {name.strip() for name in response.headers.get("Vary", "").split(",")}
        if not vary >= {"Cookie", "Accept-Language", "HX-Request"}:
            got["Vary"] = response.headers.get("Vary")
    return got


def ask(client: Client, method: str, where: str, **more: Any) -> Any:
    return client.generic(method, where, content_type="application/x-www-form-urlencoded", **more)


def leads_to(where: str) -> Any:
    try:
        return resolve(where).func
    except Resolver404:
        return None


def test_every_route_is_in_the_walk() -> None:
    lost = [where for where, pattern in ROUTES.items() if leads_to(where) is not pattern.callback]
    assert lost == [], "give these routes a value in BY_NAME that leads to them"
    assert len(ROUTES) == len(list(patterns()))
    assert len(ROUTES) >= 40


@pytest.mark.parametrize("who", ["", "admin", "seller"])
def test_every_route_carries_the_headers(firm: Any, who: str) -> None:
    found = {}
    quiet = Client(raise_request_exception=False)
    made = records.create(firm.actor("seller"), get("account"), {"name": "上海华为精密仪器有限公司"})
    for where in ROUTES:
        for method in METHODS if who != "seller" else ("GET", "POST"):
            if who:
                quiet.force_login(getattr(firm, who))
            for place in {where, where.replace(str(NOBODY), str(made.pk), 1)}:
                response = ask(quiet, method, place)
                if response.status_code >= 500:
                    found[f"{method} {place}"] = {"status": str(response.status_code)}
                elif faults := wrong(response):
                    found[f"{method} {place}"] = faults  # type: ignore[assignment]
    assert found == {}


def test_a_route_without_headers_is_found() -> None:
    bare = HttpResponse("x")
    assert set(wrong(bare)) == {
        *SAME,
        "Content-Security-Policy",
        "form-action",
        "Permissions-Policy",
        "Cache-Control",
        "Vary",
    }
    bare.headers["Content-Security-Policy"] = "default-src 'self' 'unsafe-inline'"
    assert "Content-Security-Policy" in wrong(bare)


# ---- errors ----


def broken(request: HttpRequest) -> HttpResponse:
    """A fault of ours."""
    raise ZeroDivisionError


def full(request: HttpRequest) -> HttpResponse:
    """A disk without room."""
    raise OSError(28, "No space left on device")


urlpatterns = [path("broken", broken), path("full", full), *files.urlpatterns]


@pytest.mark.parametrize("who", ["", "seller"])
def test_error_pages_carry_the_headers(firm: Any, settings: Any, who: str) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    if who:
        client.force_login(getattr(firm, who))
    answers = {
        400: client.get("/account/", headers={"host": "evil.example"}),
        403: client.post("/account/new", {"name": "x"}),
        404: client.get("/nowhere/at/all"),
        405: client.put(f"/files/{NOBODY}/delete") if who else client.put("/lang"),
        413: ask(client, "POST", "/account/new", data="", headers={"content-length": str(30 * 1024 * 1024)}),
    }
    settings.ROOT_URLCONF = __name__
    answers |= {500: client.get("/broken"), 507: client.get("/full")}
    assert {status: (answer.status_code, wrong(answer)) for status, answer in answers.items()} == {
        status: (403 if status == 405 else status, {}) for status in answers
    }


def test_static_files_carry_the_headers(client: Client) -> None:
    for name in ("build/app.css", "build/app.js", "build/icons.svg", "favicon.svg"):
        response = client.get(f"/static/{name}")
        assert (response.status_code, wrong(response, static=True)) == (200, {}), name
        assert "max-age" in response["Cache-Control"]


@pytest.mark.django_db
def test_what_is_not_there_below_static_is_not_cached(client: Client) -> None:
    response = client.get("/static/nothing.js")
    assert (response.status_code, wrong(response)) == (404, {})


# ---- with HTTPS ----

HTTPS = {
    "ZHIKE_HTTPS": "1",
    "ZHIKE_SECRET_KEY": "".join(chr(33 + n) for n in range(90)),
    "ZHIKE_PROXIES": "127.0.0.1",
    "ZHIKE_HOSTS": "crm.example.cn,testserver",
    "ZHIKE_ORIGINS": "https://crm.example.cn",
}
NAMES = (
    "HTTPS", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE",
    "LANGUAGE_COOKIE_NAME", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_SSL_REDIRECT",
)  # fmt: skip


def run(*command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZHIKE_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=kept | HTTPS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def https(settings: Any) -> None:
    """The settings as ZHIKE_HTTPS=1 makes them."""
    text = f"import json, config.settings as s; print(json.dumps({{n: getattr(s, n) for n in {NAMES!r}}}))"
    for name, value in json.loads(run("-c", text)).items():
        setattr(settings, name, value)


def test_headers_and_cookies_with_https(firm: Any, https: None) -> None:
    client = Client()
    answers = [client.get("/login", secure=True)]
    answers.append(client.post("/lang", {"lang": "en", "next": "/"}, secure=True))
    answers.append(client.post("/login", {"username": "seller", "password": "Zhike-test-2026"}, secure=True))
    answers.append(client.get("/account/", secure=True))
    assert [wrong(answer, https=True) for answer in answers] == [{}, {}, {}, {}]
    cookies = {name: cookie for answer in answers for name, cookie in answer.cookies.items()}
    assert len(cookies) >= 3
    for name, cookie in cookies.items():
        assert name.startswith("__Host-")
        assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["samesite"]) == (True, "/", "", "Lax"), name
        assert cookie["httponly"] is True, name
    plain = client.get("/account/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/account/")


def test_the_check_before_going_live_is_clean() -> None:
    run("-m", "django", "check", "--deploy", "--fail-level", "WARNING", "--settings", "config.settings")


# ---- htmx ----


@pytest.mark.django_db
def test_htmx_runs_nothing_and_keeps_nothing(firm: Any) -> None:
    html = firm.client("seller").get("/account/").content.decode()
    found = re.search(r"<meta name=\"htmx-config\" content='([^']+)'", html)
    assert found is not None
    config = json.loads(found[1])
    wanted = {"allowEval": False, "allowScriptTags": False, "selfRequestsOnly": True, "historyCacheSize": 0}
    assert {name: config.get(name) for name in wanted} == wanted
