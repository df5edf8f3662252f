"""Every entity × operation × key: what the role and the scopes say, and what is refused changes nothing.

What is expected stands in words of the role descriptions (tests/registry), not taken from the engine.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.api.desk import Program, body_of, digest, key_of, program
from tests.catalog import sample
from tests.registry.factory import make
from tests.registry.test_matrix import SHARED, a_text, changes, deletes, keys, sees
from tests.registry.test_matrix import author as author_of
from zhike.base.models import User
from zhike.engine import guard
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.models import Token

PEOPLE = ("seller", "colleague", "manager", "stranger", "executive", "admin")
_count = itertools.count(1)


@pytest.fixture(autouse=True)
def catalog(db: None) -> None:
    """An object and fields of the firm are covered like those built in."""
    sample.publish()


def author(firm: Any, key: str) -> Any:
    return firm.actor(author_of(key))


def stored(entity: AnyEntity, made: Any) -> Any:
    """The record with what its hooks did."""
    return guard.rows(entity.model, "test").get(pk=made.pk)


def in_list(p: Program, entity: AnyEntity, record: Any) -> bool:
    answer = p.get(f"{entity.key}/?limit=200")
    if answer.status_code == 404:
        return False
    return str(record.pk) in {item["id"] for item in answer.json()["items"]}


def by_filter(p: Program, entity: AnyEntity, record: Any) -> bool:
    key = a_text(entity)
    value = getattr(record, key) or None
    asked = urlencode({f"{key}__eq": value} if value else {f"{key}__empty": "1"})
    answer = p.get(f"{entity.key}/?{asked}")
    return answer.status_code == 200 and str(record.pk) in {item["id"] for item in answer.json()["items"]}


def alone(p: Program, entity: AnyEntity, record: Any) -> bool:
    answer = p.get(f"{entity.key}/{record.pk}")
    assert answer.status_code in (200, 404)
    return bool(answer.status_code == 200)


def its_history(p: Program, entity: AnyEntity, record: Any) -> bool:
    return bool(p.get(f"{entity.key}/{record.pk}/history").status_code == 200)


READ: dict[str, Callable[[Program, AnyEntity, Any], bool]] = {
    "list": in_list,
    "filter": by_filter,
    "item": alone,
    "history": its_history,
}


@pytest.mark.parametrize("key", keys())
def test_reading(firm: Any, key: str) -> None:
    entity = entities()[key]
    record = stored(entity, make(author(firm, key), entity))
    for who in PEOPLE:
        p = program(getattr(firm, who))
        seen = {name: run(p, entity, record) for name, run in READ.items()}
        assert seen == dict.fromkeys(READ, sees(key, who)), who


def patch(p: Program, entity: AnyEntity, record: Any) -> int:
    text = f"改过{next(_count)}"
    return int(p("PATCH", f"{entity.key}/{record.pk}", {a_text(entity): text}, if_match="*").status_code)


def many(p: Program, entity: AnyEntity, record: Any) -> int:
    item = {"id": str(record.pk), "version": record.version, "values": {a_text(entity): f"改过{next(_count)}"}}
    return int(p("POST", f"{entity.key}/bulk", {"action": "update", "items": [item]}).status_code)


def remove(p: Program, entity: AnyEntity, record: Any) -> int:
    return int(p("DELETE", f"{entity.key}/{record.pk}", if_match="*").status_code)


def remove_many(p: Program, entity: AnyEntity, record: Any) -> int:
    item = {"id": str(record.pk), "version": record.version}
    return int(p("POST", f"{entity.key}/bulk", {"action": "delete", "items": [item]}).status_code)


WRITE: dict[str, tuple[Callable[[Program, AnyEntity, Any], int], Callable[[str, str], bool]]] = {
    "patch": (patch, changes),
    "bulk update": (many, changes),
    "delete": (remove, deletes),
    "bulk delete": (remove_many, deletes),
}
KEPT = (*SHARED, "consent", "personrequest")  # changing many of them at once is a right apart, for administrators


@pytest.mark.parametrize("operation", WRITE)
@pytest.mark.parametrize("key", keys())
def test_writing(firm: Any, key: str, operation: str) -> None:
    entity = entities()[key]
    run, expected = WRITE[operation]
    for who in PEOPLE:
        may = who == "admin" if operation == "bulk update" and key in KEPT else expected(key, who)
        record = stored(entity, make(author(firm, key), entity))
        p = program(getattr(firm, who))
        before = digest()
        status = run(p, entity, record)
        assert (status in (200, 204)) is may, (who, status)
        if not may:
            assert status in (404, 405, 422), (who, status)  # 405 where the key may do something else there
            assert digest() == before, who


@pytest.mark.parametrize("key", keys())
def test_creating(firm: Any, key: str) -> None:
    entity = entities()[key]
    body = body_of(author(firm, key), entity)
    allowed = program(author(firm, key).user)
    answer = allowed("POST", f"{key}/", body)
    assert answer.status_code == 201, answer.content.decode()
    assert answer["Location"] == f"/api/v1/{key}/{answer.json()['id']}"
    others = [f"{key}:read", f"{key}:list", f"{key}:update"]
    for scopes, status in ((["tag:list"] if key != "tag" else ["deal:list"], 404), (others, 405)):
        before = digest()
        assert program(author(firm, key).user, scopes)("POST", f"{key}/", body).status_code == status
        assert digest() == before


def every(entity: AnyEntity, record: Any) -> list[tuple[str, str, Any]]:
    """All that can be asked about one record, and of its entity."""
    one, some = f"{entity.key}/{record.pk}", {"items": [{"id": str(record.pk), "version": record.version}]}
    found: list[tuple[str, str, Any]] = [
        ("GET", f"{entity.key}/", None),
        ("POST", f"{entity.key}/", {}),
        ("POST", f"{entity.key}/bulk", {"action": "delete", **some}),
        ("GET", one, None),
        ("PATCH", one, {}),
        ("DELETE", one, None),
        ("GET", f"{one}/history", None),
        ("POST", f"{one}/reveal", {"fields": [entity.title]}),
        ("POST", f"{one}/restore", {}),
        ("POST", f"{one}/transfer", {"owner": str(record.pk)}),
    ]
    return [*found, *(("POST", f"{one}/{name}", {}) for name in entity.actions)]


def spoil(firm: Any, how: str, secret: str) -> Program:
    """A key that is not good any more, for one of the reasons."""
    token = Token.objects.get(prefix=secret[:12])
    seller = User.objects.filter(pk=firm.seller.pk)
    if how == "expired":
        Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    elif how == "revoked":
        Token.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
    elif how == "network":
        Token.objects.filter(pk=token.pk).update(networks=["203.0.113.0/24"])
    elif how == "disabled":
        seller.update(is_active=False)
    elif how == "deleted":
        seller.update(deleted_at=timezone.now())
    elif how == "demoted":
        seller.update(roles=[])
    return Program(secret + ("x" if how == "wrong" else ""))


@pytest.mark.parametrize("how", ["expired", "revoked", "network", "disabled", "deleted", "wrong", "demoted", "narrow"])
@pytest.mark.parametrize("key", keys())
def test_bad_keys(firm: Any, key: str, how: str) -> None:
    entity = entities()[key]
    record = stored(entity, make(author(firm, key), entity))
    scopes = [f"{'tag' if key != 'tag' else 'lead'}:list"] if how == "narrow" else ["*:*"]
    p = spoil(firm, how, key_of(firm.seller, scopes).secret)
    before = digest()
    answers = [p(method, path, body, if_match="*") for method, path, body in every(entity, record)]
    expected = 404 if how in ("demoted", "narrow") else 401
    assert {a.status_code for a in answers} == {expected}
    assert len({(a.content, a.get("WWW-Authenticate")) for a in answers}) == 1, "all refusals look the same"
    assert digest() == before


@pytest.mark.parametrize("key", keys())
def test_a_key_follows_its_owner(firm: Any, key: str) -> None:
    entity = entities()[key]
    record = stored(entity, make(author(firm, key), entity))
    p = program(firm.admin)
    assert alone(p, entity, record)
    User.objects.filter(pk=firm.admin.pk).update(roles=firm.stranger.roles)
    assert alone(p, entity, record) is (key in SHARED), "demoted: the key is demoted with its next request"


@pytest.mark.parametrize("key", keys())
def test_not_there_and_not_allowed_look_the_same(firm: Any, key: str) -> None:
    entity = entities()[key]
    record = make(author(firm, key), entity)
    p = program(firm.seller, ["*:list"])
    texts = {
        p.get(path).content
        for path in (f"{key}/{record.pk}", f"{key}/{firm.seller.pk}", f"nothing/{record.pk}", "nothing/", "a/b/c/d")
    }
    assert len(texts) == 1


@pytest.mark.parametrize("key", keys())
def test_queries_do_not_grow_with_rows(firm: Any, key: str) -> None:
    entity = entities()[key]
    p = program(firm.admin)
    made = author(firm, key)
    make(made, entity)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert p.get(f"{key}/?limit=200").status_code == 200
        return len(captured)

    queries()
    few = queries()
    for _n in range(6):
        make(made, entity)
    assert queries() == few


def test_people_and_rights_are_not_for_sellers(firm: Any) -> None:
    p = program(firm.seller)
    for key in ("user", "role", "department", "pipeline", "stage", "calendarday"):
        before = digest()
        for method, path, body in every(entities()[key], firm.colleague):
            assert p(method, path, body, if_match="*").status_code == 404, (method, path)
        assert digest() == before
