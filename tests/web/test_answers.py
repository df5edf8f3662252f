"""What every answer has in common, and the page for each thing that can go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from zhike.base.models import FailedLogin
from zhike.engine import guard, records
from zhike.engine.entity import entities, get


def account(firm: Any, who: str = "seller", **values: Any) -> Any:
    return records.create(firm.actor(who), get("account"), {"name": "上海华为精密仪器有限公司", **values})


def paths(firm: Any) -> list[str]:
    made = account(firm, "admin")
    plain = ["/", "/login", "/search?q=x", "/search/palette?q=x", "/notices", "/me", "/ui/", "/settings/", "/nowhere/"]
    lists = [f"/{key}/{end}" for key in entities() for end in ("", "new", "bin", "options", "board")]
    return [*plain, *lists, f"/account/{made.pk}", f"/account/{made.pk}/edit", f"/account/{made.pk}/history"]


def test_every_page_carries_the_headers(firm: Any) -> None:
    client = firm.client("admin")
    for path in paths(firm):
        answer = client.get(path)
        assert answer.status_code in (200, 302, 404), path
        csp = answer["Content-Security-Policy"]
        assert "unsafe" not in csp, path
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in csp, path
        assert (answer["X-Content-Type-Options"], answer["X-Frame-Options"]) == ("nosniff", "DENY"), path
        assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "same-origin"), path


def test_no_page_has_inline_script_or_style(firm: Any) -> None:
    client = firm.client("admin")
    for path in paths(firm):
        html = client.get(path).content.decode()
        assert " style=" not in html, path
        assert "<style" not in html, path
        assert " onclick=" not in html, path
        assert html.count("<script") == html.count('<script type="module" src="/static/'), path


@pytest.mark.parametrize(
    ("accept", "lang", "word"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans", "登录"),
        ("zh-TW,zh;q=0.9", "zh-Hant", "登入"),
        ("zh-HK", "zh-Hant", "登入"),
        ("en-GB,en;q=0.8", "en", "Sign in"),
        ("fr-FR", "zh-Hans", "登录"),
        ("", "zh-Hans", "登录"),
    ],
)
@pytest.mark.django_db
def test_the_language_of_the_browser(accept: str, lang: str, word: str) -> None:
    html = Client().get("/login", headers={"accept-language": accept}).content.decode()
    assert f'<html lang="{lang}"' in html
    assert word in html


def test_the_language_switch_stays_with_the_person(firm: Any) -> None:
    client = firm.client("seller")
    answer = client.post("/lang", {"lang": "en", "next": "/account/"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert "Customers" in firm.client("seller").get("/account/").content.decode()


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere(firm: Any, target: str) -> None:
    assert firm.client("seller").post("/lang", {"lang": "en", "next": target})["Location"] == "/"
    answer = Client().post(f"/login?next={target}", {"username": "seller", "password": "Zhike-test-2026"})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_five_failures_close_the_door(firm: Any) -> None:
    client = Client()
    for _n in range(5):
        answer = client.post("/login", {"username": "seller", "password": "wrong"})
        assert answer.status_code == 422
    assert client.post("/login", {"username": "seller", "password": "Zhike-test-2026"}).status_code == 429
    assert client.post("/login", {"username": "manager", "password": "Zhike-test-2026"}).status_code == 302
    FailedLogin.objects.all().delete()
    assert client.post("/login", {"username": "seller", "password": "Zhike-test-2026"}).status_code == 302


def test_who_has_left_is_out_at_once(firm: Any) -> None:
    client = firm.client("seller")
    assert client.get("/account/").status_code == 200
    records.update(firm.actor("admin"), get("user"), firm.seller.pk, {"is_active": ""})
    assert client.get("/account/").status_code == 302


def test_a_role_change_counts_from_the_next_request(firm: Any) -> None:
    made = account(firm)
    client = firm.client("seller")
    assert client.get(f"/account/{made.pk}").status_code == 200
    records.update(firm.actor("admin"), get("user"), firm.seller.pk, {"roles": []})
    assert client.get(f"/account/{made.pk}").status_code in (403, 404)


def test_a_conflict_keeps_the_input(firm: Any) -> None:
    made = account(firm)
    client = firm.client("seller")
    records.update(firm.actor("manager"), get("account"), made.pk, {"short_name": "华精"})
    answer = client.post(f"/account/{made.pk}/edit", {"short_name": "我的改动", "version": made.version})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "我的改动" in html
    assert "华精" in html
    assert guard.rows(get("account").model, "test").get().short_name == "华精"


def test_wrong_values_are_told_at_their_fields(firm: Any) -> None:
    answer = firm.client("seller").post("/account/new", {"name": "", "phone": "abc"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="e-name"' in html
    assert 'id="e-phone"' in html
    assert "abc" in html


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "'; DROP TABLE x"]
)
def test_what_people_write_is_text(firm: Any, text: str) -> None:
    made = account(firm, name=text)
    client = firm.client("seller")
    for path in (
        "/account/?view=",
        f"/account/{made.pk}",
        f"/account/{made.pk}/edit",
        "/search?q=" + text[:9],
        "/account/options?q=",
    ):
        html = client.get(path).content.decode()
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        assert ">49<" not in html, path


def test_a_lost_connection_is_said_and_leaves_nothing(postgres: Any, tmp_path: Path) -> None:
    script = Path(__file__).with_name("lost_connection.py")
    env = {**os.environ, "DATABASE_URL": postgres.scratch("lost"), "ZHIKE_HOME": str(tmp_path)}
    try:
        ran = subprocess.run(
            [sys.executable, script], env=env, capture_output=True, text=True, cwd=Path.cwd(), timeout=120, check=False
        )
    finally:
        postgres.drop("lost")
    assert ran.stdout.splitlines()[-1:] == ["503 True 0 303 1"], ran.stderr[-2000:]


def test_a_full_disk_is_said_and_leaves_nothing(firm: Any) -> None:
    with connection.cursor() as cursor:  # PostgreSQL's own error for it, raised where the row is written
        cursor.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON customers_account FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )
    answer = firm.client("seller").post("/account/new", {"name": "甲公司"})
    assert answer.status_code == 507
    assert "磁盘" in answer.content.decode()
    assert guard.rows(get("account").model, "test").count() == 0


def test_a_form_from_elsewhere_is_refused(firm: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(firm.seller)
    answer = client.post("/account/new", {"name": "甲公司"})
    assert answer.status_code == 403
    assert guard.rows(get("account").model, "test").count() == 0


def test_the_bin_gives_back(firm: Any) -> None:
    made = account(firm)
    client = firm.client("seller")
    assert client.post(f"/account/{made.pk}/delete").status_code == 303
    assert client.get(f"/account/{made.pk}").status_code == 404
    assert made.name in client.get("/account/bin").content.decode()
    assert made.name not in firm.client("stranger").get("/account/bin").content.decode()
    assert firm.client("stranger").post(f"/account/{made.pk}/restore").status_code == 404
    assert client.post(f"/account/{made.pk}/restore").status_code == 303
    assert client.get(f"/account/{made.pk}").status_code == 200


def test_double_sending_makes_one_record(firm: Any) -> None:
    client = firm.client("seller")
    for _n in range(2):
        assert client.post("/account/new", {"name": "甲公司", "idempotency_key": "k-1"}).status_code == 303
    assert guard.rows(get("account").model, "test").count() == 1


def test_hand_over_in_bulk_tells_the_new_owner(firm: Any) -> None:
    from zhike.engine.models import Notice
    from zhike.engine.outbox import Event
    from zhike.web.handlers import handed_over

    made = [account(firm, name=f"公司{n}") for n in range(3)]
    client = firm.client("manager")
    answer = client.post(
        "/account/bulk/owner",
        {"ids": [str(m.pk) for m in made], "owner": str(firm.colleague.pk), "sure": "1", "note": "调岗"},
    )
    assert answer.status_code == 204
    owners = set(guard.rows(get("account").model, "test").values_list("owner", flat=True))
    assert owners == {firm.colleague.pk}
    event = Event("account.transfer", "account", tuple(m.pk for m in made), firm.manager.pk, "web")
    for _twice in range(2):
        handed_over(event)
    assert Notice.objects.filter(user=firm.colleague).count() == 3
    assert "张伟" in firm.client("colleague").get("/notices").content.decode()
