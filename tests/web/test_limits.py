"""What only HTTPS, only the demo, and only so much time allow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500
from tests.api.desk import Program, key_of
from zhike.api import door

__all__ = ["handler400", "handler403", "handler404", "handler500"]  # of this module as a table of addresses
ROOT = Path(__file__).resolve().parents[2]


# ---- components


@pytest.mark.parametrize(("debug", "demo", "status"), [(False, False, 404), (True, False, 200), (False, True, 200)])
def test_components_are_for_builders(
    firm: Any, settings: Any, tmp_path: Path, debug: bool, demo: bool, status: int
) -> None:
    settings.DEBUG, settings.HOME = debug, tmp_path
    if demo:
        (tmp_path / "demo.json").write_text("{}")
    assert firm.client("seller").get("/ui/").status_code == status


# ---- HTTPS


def setting(*names: str, **env: str) -> list[Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZHIKE_", "DATABASE_"))}
    code = f"import json, config.settings as s; print(json.dumps([getattr(s, n) for n in {names!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=kept | env, capture_output=True, text=True, check=True
    )
    return list(json.loads(done.stdout))


def test_a_key_in_the_clear_is_refused_and_not_redirected(firm: Any, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_REDIRECT_EXEMPT = setting(
        "SECURE_SSL_REDIRECT", "SECURE_REDIRECT_EXEMPT", ZHIKE_HTTPS="1", ZHIKE_PROXIES="127.0.0.1"
    )
    assert settings.SECURE_SSL_REDIRECT is True
    key = key_of(firm.seller).secret
    headers = {"Authorization": f"Bearer {key}"}
    for where in ("/api/v1/me", "/api/v1/account/", "/api/nothing"):
        answer = Client().get(where, headers=headers)
        assert (answer.status_code, answer.headers.get("Location")) == (400, None), where
        assert answer["Content-Type"] == "application/problem+json"
    answer = Client().post("/mcp", "{}", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    for page in ("/api/docs", "/account/", "/login", "/mcp/x"):
        assert Client().get(page).status_code == 301, page
    assert Client().get("/api/v1/me", headers=headers, secure=True).status_code == 200
    assert Program(key).get("me").status_code == 400


# ---- time of a statement


def slow(request: HttpRequest) -> HttpResponse:
    """Asks the database too much."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 50")
        cursor.execute("SELECT pg_sleep(20)")
    return HttpResponse("done")


def slow_call(call: door.Call) -> HttpResponse:
    """The same for programs."""
    return slow(call.request)


urlpatterns = [path("slow", slow), path("api/slow", door.Route(GET=slow_call)), path("", include("config.urls"))]


def test_too_much_at_once_is_said(firm: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    client = firm.client("seller")
    page = client.get("/slow", headers={"accept-language": "en"})
    assert page.status_code == 503
    assert "That was too much at once" in page.content.decode()
    assert client.get("/account/").status_code == 200
    answer = Program(key_of(firm.seller).secret, {"accept-language": "en"}).get("/api/slow")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("That was too much at once")


def test_pages_have_a_limit_and_jobs_have_none(postgres: Any) -> None:
    url = {"DATABASE_URL": postgres.url}

    def limit(**env: str) -> str:
        made = setting("DATABASES", **url, **env)[0]["default"]
        parts = {"dbname": "postgres", "host": made["HOST"], "port": made["PORT"], "user": made["USER"]}
        parts |= {"password": made["PASSWORD"], **made["OPTIONS"]}
        with psycopg.connect(**{k: v for k, v in parts.items() if v}) as found:
            return str(found.execute("SHOW statement_timeout").fetchall()[0][0])

    assert limit(ZHIKE_WEB="1") == "30s"
    assert limit(ZHIKE_WEB="1", ZHIKE_STATEMENT_SECONDS="5") == "5s"
    assert limit(ZHIKE_WEB="1", ZHIKE_STATEMENT_SECONDS="0") == "0"
    assert limit(ZHIKE_STATEMENT_SECONDS="5") == "0"


def test_the_web_process_says_that_it_is_one() -> None:
    source = (ROOT / "zhike/cli/web.py").read_text("utf-8")
    assert source.count('os.environ["ZHIKE_WEB"] = "1"') == 1
    assert source.index('os.environ["ZHIKE_WEB"]') < source.index("Granian(\n")
