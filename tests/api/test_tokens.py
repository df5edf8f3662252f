"""Keys: made within what one may do, shown once, ended at once, counted."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.api.desk import Program, key_of, program
from tests.registry.factory import make
from zhike.engine import quota, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import History, Token


def refused(call: Any, *args: Any, **values: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        call(*args, **values)
    return sorted(caught.value.first)


def test_the_secret_is_kept_nowhere(firm: Any) -> None:
    issued = key_of(firm.seller)
    assert re.fullmatch(r"zk_[a-z0-9]{9}_[A-Za-z0-9_-]{43}", issued.secret)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{issued.secret[13:]}%"])  # noqa: S608
            assert cursor.fetchone()[0] == 0, table


def test_what_a_key_may_be_given(firm: Any) -> None:
    seller = Actor(firm.seller, "web")
    good: dict[str, Any] = {"name": "x", "scopes": ["account:read"]}
    assert refused(tokens.issue, seller, **{**good, "name": " "}) == ["name"]
    for scopes in ([], ["user:read"], ["account:nothing"], ["nothing:read"], ["account"]):
        assert refused(tokens.issue, seller, **{**good, "scopes": scopes}) == ["scopes"]
    for days in (0, 366, -1):
        assert refused(tokens.issue, seller, **good, days=days) == ["days"]
    assert refused(tokens.issue, seller, **good, networks=["10.0.0.1/33"]) == ["networks"]
    assert refused(tokens.issue, seller, **good, rows_per_day=0) == ["rows_per_day"]
    issued = tokens.issue(seller, **good, days=365, networks=["10.0.0.1", "2001:db8::/32"])
    assert issued.token.networks == ["10.0.0.1/32", "2001:db8::/32"]


def test_no_key_makes_a_key(firm: Any) -> None:
    by_key = tokens.actor_of_token(key_of(firm.admin).token)
    with pytest.raises(Missing):
        tokens.issue(by_key, name="x", scopes=["account:read"])
    with pytest.raises(Missing):
        tokens.revoke(by_key, key_of(firm.admin).token.pk)


@pytest.mark.parametrize(
    ("address", "answer"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("2001:db8::5", 200), ("10.2.0.1", 401), ("::1", 401), ("", 401)],
)
def test_networks(firm: Any, address: str, answer: int) -> None:
    issued = key_of(firm.seller, networks=["10.1.0.0/16", "2001:db8::/32"])
    assert Program(issued.secret, address=address).get("me").status_code == answer


def test_the_way_a_key_is_sent(firm: Any) -> None:
    secret = key_of(firm.seller).secret
    for said in ("", "Bearer", f"Basic {secret}", secret, f"Bearer {secret} x", f"Bearer {secret[:-1]}", "Bearer zk_"):
        answer = Program(secret, {"authorization": said}).get("me")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="zhike"'), said
    assert Program(secret, {"authorization": f"bearer {secret}"}).get("me").status_code == 200
    assert Program("", {"authorization": ""}).get(f"/api/v1/me?key={secret}").status_code == 401


def test_a_session_opens_only_the_page(firm: Any) -> None:
    client = firm.client("admin")
    for path in ("/api/v1/", "/api/v1/account/", "/api/v1/openapi.json", "/api/v1/me", "/api/nothing"):
        assert client.get(path).status_code == 401, path
    assert client.post("/api/v1/account/", {"name": "x"}, content_type="application/json").status_code == 401
    assert client.get("/api/docs").status_code == 200
    assert client.post("/api/docs").status_code in (403, 405)
    assert program(firm.admin).get("/api/docs").status_code == 302


def test_revoking(firm: Any) -> None:
    mine, other = key_of(firm.seller), key_of(firm.colleague)
    with pytest.raises(Missing):
        tokens.revoke(firm.actor("seller"), other.token.pk)
    tokens.revoke(firm.actor("seller"), mine.token.pk)
    tokens.revoke(firm.actor("admin"), other.token.pk)
    assert [Program(i.secret).get("me").status_code for i in (mine, other)] == [401, 401]


def test_the_kill_switch(firm: Any) -> None:
    secrets = [key_of(user).secret for user in (firm.seller, firm.manager, firm.admin) for _n in range(10)]
    with pytest.raises(Missing):
        tokens.revoke_all(firm.actor("manager"))
    began = time.monotonic()
    assert tokens.revoke_all() == 30
    assert {Program(secret).get("me").status_code for secret in secrets} == {401}
    assert time.monotonic() - began < 10
    assert History.objects.filter(action="token_end", channel="console").count() == 1


def test_rows_a_day(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _n in range(3):
        make(firm.actor("seller"), get("account"))
    p = program(firm.seller, rows_per_day=7)
    assert [p.get("account/").status_code for _n in range(3)] == [200, 200, 429]
    answer = p.get("account/")
    assert 0 < int(answer["Retry-After"]) <= 86_400
    day = quota.day()
    monkeypatch.setattr(quota, "day", lambda: day + 1)
    assert p.get("account/").status_code == 200


def test_a_write_above_the_quota_writes_nothing(firm: Any) -> None:
    p = program(firm.seller, rows_per_day=1)
    assert p("POST", "account/", {"name": "甲"}).status_code == 201
    assert p("POST", "account/", {"name": "乙"}).status_code == 429
    assert [i["name"] for i in program(firm.seller).get("account/").json()["items"]] == ["甲"]


def test_requests_a_minute(firm: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_PER_MINUTE = 10
    monkeypatch.setattr(quota, "minute", lambda: 100)
    p, other = program(firm.seller), program(firm.seller)
    assert [p.get("account/?q=x").status_code for _n in range(3)] == [200, 200, 429], "a fifth may be searches"
    assert [p.get("me").status_code for _n in range(8)] == [200] * 7 + [429]
    assert 1 <= int(p.get("me")["Retry-After"]) <= 60
    assert other.get("me").status_code == 200, "each key counts by itself"
    monkeypatch.setattr(quota, "minute", lambda: 101)
    assert p.get("me").status_code == 200


def test_what_a_key_has_read(firm: Any) -> None:
    first, second = (make(firm.actor("seller"), get("account")) for _n in range(2))
    issued = key_of(firm.seller)
    p = Program(issued.secret)
    p.get(f"account/{first.pk}")
    p.get("account/")
    p.get(f"account/{firm.seller.pk}")
    p("PATCH", f"account/{second.pk}", {"remark": "x"}, if_match="*")
    program(firm.seller).get("account/")
    found = [(r.doing, r.entity, sorted(r.records)) for r in tokens.readings(issued.token)]
    both = sorted((str(first.pk), str(second.pk)))
    assert found == [
        ("update", "account", [str(second.pk)]),
        ("list", "account", both),
        ("read", "account", [str(first.pk)]),
    ]
    page = firm.client("admin").get(f"/me/tokens/{issued.token.pk}?file=csv")
    assert page.content.decode().count("\n") == 1 + 4
    assert firm.client("colleague").get(f"/me/tokens/{issued.token.pk}").status_code == 404


def test_last_use(firm: Any) -> None:
    issued = key_of(firm.seller)
    assert issued.token.used_at is None
    Program(issued.secret).get("me")
    issued.token.refresh_from_db()
    assert timezone.now() - issued.token.used_at < dt.timedelta(minutes=1)  # type: ignore[operator]  # set by then


def test_pages(firm: Any) -> None:
    client = firm.client("seller")
    assert client.get("/me/tokens").status_code == 200
    assert client.get("/settings/tokens").status_code in (403, 404)
    assert client.get("/settings/tokens/end").status_code in (302, 403, 404)
    form = {"name": "表格", "days": "30", "rows_per_day": "1000", "scopes": ["account:read"]}
    answer = client.post("/me/tokens/new", {**form, "scopes": ["user:read"]})
    assert (answer.status_code, Token.objects.count()) == (422, 0)
    answer = client.post("/me/tokens/new", form)
    secret = re.search(r"zk_[\w-]{50,}", answer.content.decode())
    assert answer.status_code == 200
    assert secret
    assert Program(secret[0]).get("me").json()["key"]["scopes"] == ["account:read"]
    token = Token.objects.get()
    assert firm.client("colleague").post(f"/me/tokens/{token.pk}/end").status_code == 404
    assert firm.client("admin").get("/settings/tokens").status_code == 200
    assert client.post(f"/me/tokens/{token.pk}/end").status_code == 303
    assert Program(secret[0]).get("me").status_code == 401


def test_ending_all_from_the_page(firm: Any) -> None:
    key_of(firm.seller)
    assert firm.client("manager").post("/settings/tokens/end").status_code in (302, 403, 404)
    assert Token.objects.filter(revoked_at=None).count() == 1
    assert firm.client("admin").get("/settings/tokens/end").status_code == 200
    assert firm.client("admin").post("/settings/tokens/end").status_code == 303
    assert Token.objects.filter(revoked_at=None).count() == 0


def test_owner_in_the_key_is_the_actor(firm: Any) -> None:
    answer = program(firm.seller)("POST", "account/", {"name": "丙"})
    assert answer.json()["owner"] == str(firm.seller.pk)
    row = History.objects.get(action="create", entity="account")
    assert (row.actor, row.channel) == (firm.seller.pk, "api")
