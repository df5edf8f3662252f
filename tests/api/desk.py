"""A program that talks to the API as one person's key, and what the tests count before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client

from tests.registry import factory
from zhike.engine import tokens
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity

ROOT = "/api/v1"
BOOKS = ("engine_history", "engine_counter", "engine_token")  # what every request by a key leaves there


@dataclass
class Program:
    """Sends JSON with a key; `last` is the last answer."""

    secret: str
    headers: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to one request; names of headers with _ for -."""
        own = {k.replace("_", "-"): v for k, v in headers.items()}
        sent: dict[str, Any] = {"authorization": f"Bearer {self.secret}", **self.headers, **own}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = sent.pop("content-type", "application/json")
        whole = path if path.startswith("/") else f"{ROOT}/{path}"
        return Client(raise_request_exception=False).generic(
            method, whole, data, content_type=kind, headers=sent, REMOTE_ADDR=self.address
        )

    def get(self, path: str, **headers: str) -> Any:
        """A GET."""
        return self("GET", path, **headers)


def key_of(user: Any, scopes: Sequence[str] = ("*:*",), **options: Any) -> tokens.Issued:
    """A key of a person."""
    return tokens.issue(Actor(user, "web"), name="test", scopes=scopes, **options)


def program(user: Any, scopes: Sequence[str] = ("*:*",), **options: Any) -> Program:
    """A program with a key of a person."""
    return Program(key_of(user, scopes, **options).secret)


def digest(*without: str) -> dict[str, tuple[int, str]]:
    """Rows and a hash of every table but the books in which requests are counted and noted."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'django%%'")
        for (table,) in cursor.fetchall():
            if table not in (*BOOKS, *without):
                rows = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                cursor.execute(f'SELECT count(*), {rows} FROM "{table}" t')  # noqa: S608  names from the catalogue
                found[table] = cursor.fetchone()
    return found


def body_of(actor: Actor, entity: AnyEntity) -> dict[str, Any]:
    """A JSON body for a new record."""
    return {k: as_json(entity, k, v) for k, v in factory.values(actor, entity).items()}


def as_json(entity: AnyEntity, key: str, raw: str) -> Any:
    """A value as the API takes it, given the text of a form."""
    kind = entity.attributes[key].kind.key
    if kind == "integer":
        return int(raw)
    if kind == "boolean":
        return raw == "1"
    if kind == "datetime":
        return raw.replace(" ", "T") + ":00+08:00"
    return raw
