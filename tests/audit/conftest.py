"""A database of its own for these tests: they commit, and work as the application's role and as a superuser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.settings import database
from zhike.launch import rights

KEYS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@dataclass
class Log:
    """Three ways into the database with the log under test."""

    owner: str
    app: str
    superuser: str

    def run(self, url: str, *statements: str) -> list[Any]:
        """Statements in one transaction; gives the rows of the last."""
        with psycopg.connect(url) as found:
            for text in statements:
                cursor = found.execute(text)
            return cursor.fetchall() if cursor.description else []

    def tamper(self, *statements: str) -> list[Any]:
        """As somebody with all rights and the triggers off."""
        return self.run(self.superuser, "SET session_replication_role = replica", *statements)


def use(url: str) -> dict[str, Any]:
    """Point Django at an address; gives where it pointed before."""
    before = {key: connection.settings_dict[key] for key in KEYS}
    connection.close()
    found = database(url)
    connection.settings_dict.update({key: found[key] for key in KEYS})
    return before


@pytest.fixture(scope="module")
def fresh(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Log]:
    """An empty database with all tables; Django works in it as the application does."""
    if postgres.cluster is None:
        pytest.skip("needs a cluster of its own")
    owner = postgres.scratch("audit")
    log = Log(owner, make_conninfo(owner, user=rights.ROLE), make_conninfo(owner, user="postgres"))
    with django_db_blocker.unblock():
        before = use(owner)
        try:
            call_command("migrate", interactive=False, verbosity=0)
            rights.prepare(owner, log.app)
            use(owner.replace("postgres://zhike@", f"postgres://{rights.ROLE}@"))
            yield log
        finally:
            connection.close()
            connection.settings_dict.update(before)
            postgres.drop("audit")


@pytest.fixture
def log(fresh: Log) -> Iterator[Log]:
    """The same database, emptied of history."""
    fresh.tamper("TRUNCATE engine_history, engine_seal, engine_stageevent")
    yield fresh
    connection.close()


@pytest.fixture
def boss(log: Log) -> Any:
    """An actor who may do everything."""
    from zhike.base.models import Role, User
    from zhike.engine.access import Actor

    user = User.objects.filter(username="boss").first() or User.objects.create_user(
        "boss", None, name="王芳", roles=[Role.objects.get(key="administrator").pk]
    )
    return Actor(user)


@pytest.fixture
def fill(boss: Any) -> Callable[[int], list[Any]]:
    """Makes customers, each in a transaction of its own."""
    from zhike.engine import records
    from zhike.engine.entity import get

    def made(count: int) -> list[Any]:
        return [records.create(boss, get("account"), {"name": f"客户{n}有限公司"}) for n in range(count)]

    return made
