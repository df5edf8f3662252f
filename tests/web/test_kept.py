"""What pages keep between requests: nothing is asked twice, and no change is missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.registry.factory import make
from zhike.base import changes
from zhike.base.models import FieldGrant, Grant, Role, User
from zhike.engine.entity import get
from zhike.engine.models import Share

KEPT = (
    "base_user", "base_role", "base_grant", "base_fieldgrant", "base_policy", "base_department", "engine_share",
    "engine_configuration", "engine_savedview", "engine_viewchoice",
)  # fmt: skip


def asked(client: Any, url: str = "/account/?view=all") -> list[str]:
    """The kept tables that a request reads."""
    with CaptureQueriesContext(connection) as sent:
        assert client.get(url).status_code == 200
    read = [q["sql"] for q in sent if q["sql"].startswith("SELECT")]
    return [table for table in KEPT if any(f'FROM "{table}"' in sql for sql in read)]


def test_a_page_takes_what_the_last_one_has_read(firm: Any) -> None:
    client = firm.client("seller")
    client.get("/account/?view=all")
    assert asked(client) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: User.objects.filter(username="seller").update(name="another"),
        lambda: Role.objects.filter(key="seller").update(name="another"),
        lambda: Grant.objects.filter(entity="deal").update(scope="own"),
        lambda: FieldGrant.objects.all().delete(),
    ],
)
def test_any_change_is_read_by_the_next_page(firm: Any, change: Callable[[], Any]) -> None:
    client = firm.client("seller")
    client.get("/account/?view=all")
    change()
    assert {"base_user", "base_role", "base_grant"} <= set(asked(client))


def test_a_right_that_is_gone_is_gone_on_the_next_request(firm: Any) -> None:
    client = firm.client("seller")
    assert [client.get("/account/").status_code for _n in range(2)] == [200, 200]
    Grant.objects.filter(role__in=firm.seller.roles, entity__in=("account", "*")).delete()
    assert client.get("/account/").status_code == 403
    User.objects.filter(pk=firm.seller.pk).update(is_active=False)
    assert client.get("/account/")["Location"].startswith("/login")


def test_what_is_shared_is_there_on_the_next_request(firm: Any) -> None:
    client, record = firm.client("stranger"), make(firm.actor("seller"), get("account"))
    assert [client.get(f"/account/{record.pk}").status_code for _n in range(2)] == [404, 404]
    made = Share.objects.create(entity="account", record=record.pk, kind="user", target=firm.stranger.pk, by=firm.admin)
    assert client.get(f"/account/{record.pk}").status_code == 200
    made.delete()
    assert client.get(f"/account/{record.pk}").status_code == 404


def test_whoever_writes_reads_the_tables(firm: Any) -> None:
    with changes.reading():
        changes.marked("same")
        assert changes.kept("x", lambda: 1) == changes.kept("x", lambda: 2) == 1
        assert changes.is_reading() is False
    assert changes.kept("x", lambda: 3) == 3


def test_a_change_that_began_earlier_and_ends_later_counts(db: None) -> None:
    def mark() -> str:
        with connection.cursor() as cursor:
            cursor.execute(changes.MARK)
            return str(cursor.fetchone()[0])

    params = {**connection.get_connection_params(), "cursor_factory": None}
    with psycopg.connect(**params) as early, psycopg.connect(**params) as late:
        for connected in (early, late):
            connected.execute("UPDATE base_role SET name = name WHERE false")
        late.commit()
        after_late = mark()
        early.commit()
        assert mark() != after_late
