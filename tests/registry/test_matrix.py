"""Every entity × channel × person: who may is let in, who may not is refused and changes nothing.

What is expected stands here in words of the role descriptions, not taken from the engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.registry.factory import make, value
from zhike.engine import guard
from zhike.engine.entity import AnyEntity, entities

_changed = itertools.count(1)
PEOPLE = ("seller", "colleague", "manager", "stranger", "executive", "admin")
RECORDS = ("lead", "account", "contact", "deal", "activity", "x_visit")
PERSONS = ("consent", "personrequest")  # proof: nobody but an administrator takes it away
PARTS = ("affiliation", "contactpoint", "address", "dealcontact", "dealcompetitor", *PERSONS)
OWED = ("promise",)  # who promised deletes nothing: the kept rate is counted from it
MANAGED = ("target",)  # set by managers
SHARED = ("product", "competitor", "tag")
ORGANISATION = ("user", "department", "role", "pipeline", "stage", "calendarday", "pool")


def sees(entity: str, person: str) -> bool:
    """Sellers see their own, managers their department's, the executive and the administrator everything."""
    if entity in MANAGED:  # those here are the manager's own
        return person in ("manager", "executive", "admin")
    if entity in (*RECORDS, *PARTS, *OWED):
        return person in ("seller", "manager", "executive", "admin")
    return True


def changes(entity: str, person: str) -> bool:
    """The executive only looks; shared lists are kept by managers and administrators."""
    if entity in (*RECORDS, *PARTS, *OWED):
        return person in ("seller", "manager", "admin")
    return person in ("manager", "admin")


def deletes(entity: str, person: str) -> bool:
    """As changing; shared lists are cleared by administrators alone."""
    if entity in (*OWED, *MANAGED):
        return person in ("manager", "admin")
    kept = entity in PERSONS or entity not in (*RECORDS, *PARTS)
    return person == "admin" if kept else changes(entity, person)


def keys() -> list[str]:
    """The entities of the firm's business."""
    return [*RECORDS, *PARTS, *OWED, *MANAGED, *SHARED]


def author(key: str) -> str:
    """Who makes the records that the others are let at."""
    return "admin" if key in SHARED else "manager" if key in MANAGED else "seller"


def test_every_entity_is_covered() -> None:
    assert set(entities()) == {*keys(), *ORGANISATION}


def digest() -> dict[str, tuple[int, str]]:
    """Rows and a hash of every table; that somebody is there (session, day last seen) is no change."""
    found = {}
    with connection.cursor() as cursor:
        names = "tablename NOT LIKE 'django%%' AND tablename NOT IN ('usersessions_usersession', 'zhike_change')"
        cursor.execute(f"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND {names}")  # noqa: S608
        for (table,) in cursor.fetchall():
            row = "(to_jsonb(t) - 'last_seen_on')::text"
            rows = f"md5(coalesce(string_agg({row}, '|' ORDER BY {row}), ''))"
            cursor.execute(f'SELECT count(*), {rows} FROM "{table}" t')  # noqa: S608  names from the catalogue
            found[table] = cursor.fetchone()
    return found


Channel = Callable[[Client, AnyEntity, Any, Any], bool]


def in_list(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """The list page without its views' conditions."""
    answer = client.get(f"/{entity.key}/?view=")
    assert answer.status_code in (200, 403)
    return f"/{entity.key}/{record.pk}" in answer.content.decode()


def in_fragment(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """The same as a fragment."""
    answer = client.get(f"/{entity.key}/?view=", headers={"HX-Request": "true", "HX-Target": "list-body"})
    return f"/{entity.key}/{record.pk}" in answer.content.decode()


def on_page(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """The record's own page; not there and not allowed look the same."""
    answer = client.get(f"/{entity.key}/{record.pk}")
    assert answer.status_code in (200, 403, 404)
    return answer.status_code == 200


def in_history(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """Its history."""
    return client.get(f"/{entity.key}/{record.pk}/history").status_code == 200


def in_options(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """The choices of a link field."""
    answer = client.get(f"/{entity.key}/options?q=")
    return str(record.pk) in answer.content.decode()


def in_search(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """Search by name."""
    answer = client.get("/search", {"q": str(record)})
    return f"/{entity.key}/{record.pk}" in answer.content.decode()


def on_board(client: Client, entity: AnyEntity, record: Any, _firm: Any) -> bool:
    """The board of an entity with stages."""
    return f"/{entity.key}/{record.pk}" in client.get(f"/{entity.key}/board").content.decode()


READ: dict[str, Channel] = {
    "list": in_list,
    "fragment": in_fragment,
    "page": on_page,
    "history": in_history,
    "options": in_options,
    "search": in_search,
    "board": on_board,
}


def applies(channel: str, entity: AnyEntity) -> bool:
    """Boards are for stages; the search looks through what has an owner and names its search fields."""
    if channel == "board":
        return entity.is_staged
    if channel == "search":
        return bool(entity.search) and entity.has_owner and "name" in entity.search
    return True


@pytest.mark.parametrize("channel", READ)
@pytest.mark.parametrize("key", keys())
def test_reading(firm: Any, key: str, channel: str) -> None:
    entity = entities()[key]
    if not applies(channel, entity):
        return
    record = make(firm.actor(author(key)), entity)
    seen = {who: READ[channel](firm.client(who), entity, record, firm) for who in PEOPLE}
    assert seen == {who: sees(key, who) for who in PEOPLE}


def by_form(client: Client, entity: AnyEntity, record: Any, firm: Any) -> bool:
    """The edit page."""
    key = a_text(entity)
    answer = client.post(f"/{entity.key}/{record.pk}/edit", {key: f"改过{next(_changed)}", "version": record.version})
    return answer.status_code == 303


def in_place(client: Client, entity: AnyEntity, record: Any, firm: Any) -> bool:
    """One field in place."""
    key = a_text(entity)
    answer = client.post(
        f"/{entity.key}/{record.pk}/field/{key}", {key: f"改过{next(_changed)}", "version": record.version}
    )
    return answer.status_code == 200


def to_the_bin(client: Client, entity: AnyEntity, record: Any, firm: Any) -> bool:
    """Delete from the record page."""
    return client.post(f"/{entity.key}/{record.pk}/delete").status_code == 303


def in_bulk(client: Client, entity: AnyEntity, record: Any, firm: Any) -> bool:
    """Delete from the list."""
    answer = client.post(f"/{entity.key}/bulk/delete", {"ids": str(record.pk), "sure": "1"})
    return answer.status_code == 204


def a_text(entity: AnyEntity) -> str:
    """A field that takes any text."""
    return next(
        k
        for k, a in entity.attributes.items()
        if a.editable
        and a.expression is None
        and a.kind.key in ("text", "longtext")
        and not a.choices
        and (entity.key, k) != ("contactpoint", "value")
    )


WRITE: dict[str, tuple[Channel, Callable[[str, str], bool]]] = {
    "form": (by_form, changes),
    "field": (in_place, changes),
    "delete": (to_the_bin, deletes),
    "bulk": (in_bulk, deletes),
}


@pytest.mark.parametrize("channel", WRITE)
@pytest.mark.parametrize("key", keys())
def test_writing(firm: Any, key: str, channel: str) -> None:
    entity = entities()[key]
    run, expected = WRITE[channel]
    maker = firm.actor(author(key))
    for who in PEOPLE:
        made = make(maker, entity)
        record = guard.rows(entity.model, "with what its hooks did").get(pk=made.pk)
        client = firm.client(who)
        before = digest()
        done = run(client, entity, record, firm)
        assert done is expected(key, who), (key, channel, who)
        if not done:
            assert digest() == before, (key, channel, who)


@pytest.mark.parametrize("key", keys())
def test_creating(firm: Any, key: str) -> None:
    entity = entities()[key]
    maker = firm.actor("seller")
    for who in PEOPLE:
        may = (
            who in ("seller", "colleague", "stranger", "manager", "admin")
            if key in (*RECORDS, "competitor", "tag")
            else (who in ("manager", "admin") if key in (*SHARED, *MANAGED) else who in ("seller", "manager", "admin"))
        )
        data = {k: value(maker, entity, k) for k in required(entity)}
        if key in RECORDS:
            data = {k: v for k, v in data.items() if not entity.attributes[k].is_link}
            if key == "activity":
                data["kind"] = "note"
        client = firm.client(who)
        before = digest()
        answer = client.post(f"/{key}/new", data)
        assert (answer.status_code == 303) is may, (key, who, answer.status_code, answer.content.decode()[-600:])
        if not may:
            assert digest() == before


def required(entity: AnyEntity) -> list[str]:
    """What a form must carry."""
    found = {k for k, a in entity.attributes.items() if a.required} | {entity.title}
    if entity.via and not found & set(entity.via):
        found.add(entity.via[0])
    return sorted(k for k in found if entity.attributes[k].editable and k not in ("pipeline", "stage", "owner"))


def test_nobody_gets_in_without_signing_in(firm: Any) -> None:
    client = Client(headers={"accept-language": "zh-CN"})
    for key in entities():
        for path in ("", "new", "options", "bin", "import", "export"):
            answer = client.get(f"/{key}/{path}")
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login"), (key, path)


@pytest.mark.parametrize("path", ["", "departments", "roles", "pipelines"])
def test_the_settings_are_for_administrators(firm: Any, path: str) -> None:
    codes = {who: firm.client(who).get(f"/settings/{path}").status_code for who in PEOPLE}
    assert codes == {who: 200 if who == "admin" else 403 for who in PEOPLE}


@pytest.mark.parametrize("page", ["list", "board", "record"])
@pytest.mark.parametrize("key", keys())
def test_queries_do_not_grow_with_rows(firm: Any, key: str, page: str) -> None:
    from django.test.utils import CaptureQueriesContext

    entity = entities()[key]
    if page == "board" and not entity.is_staged:
        return
    maker = firm.actor(author(key))
    client = firm.client("admin")
    first = make(maker, entity)
    url = {"list": f"/{key}/?view=", "board": f"/{key}/board", "record": f"/{key}/{first.pk}"}[page]

    def queries() -> int:
        client.get(url)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    few = queries()
    while guard.rows(entity.model, "test").count() < 50:
        make(maker, entity)
    assert queries() == few
