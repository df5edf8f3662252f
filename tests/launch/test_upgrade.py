"""Tables are brought up to date once, as a whole, with a backup before, and never from behind somebody's back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel
from psycopg import sql

from zhike import backup
from zhike.backup import copying
from zhike.cli import migrating, schema, upgrade
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import Server

pytestmark = pytest.mark.django_db
T = TypeVar("T")
VALUES = {"boolean": True, "uuid": "0" * 32, "timestamp with time zone": "2026-01-01", "ARRAY": [], "jsonb": "{}"}


def apart(work: Callable[..., T], *values: Any, **more: Any) -> T:
    """Run in a thread: Django's connection there is another than the one of the test's transaction."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *values, **more).result()


class Step(NamedTuple):
    """The newest migration of a module on which nothing else is built, the one before it, and a table it changes."""

    app: str
    name: str
    before: str
    table: str


@cache
def newest() -> Step:
    loader = MigrationLoader(None)
    modules = [config.label for config in apps.get_app_configs() if config.name.startswith("zhike.modules.")]
    nodes, steps = loader.graph.node_map, []
    for app, name in loader.graph.leaf_nodes():
        operations = loader.get_migration(app, name).operations
        made = {op.name_lower for op in operations if isinstance(op, CreateModel)}
        changed = [op.model_name.lower() for op in operations if hasattr(op, "model_name")]
        tables = [f"{app}_{model}" for model in changed if model not in made]
        before = [parent.key[1] for parent in nodes[app, name].parents if parent.key[0] == app]
        if app in modules and tables and before and not nodes[app, name].children:
            steps.append(Step(app, name, before[0], tables[0]))
    return min(steps)


@pytest.fixture(scope="module")
def behind(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The name of a database that lacks the last step, with somebody in it; made once, as rolling back takes long."""
    server, step = Server(postgres.scratch("behind")), newest()

    def back() -> None:
        with schema.owner(server):
            call_command("migrate", step.app, step.before, verbosity=0)

    with django_db_blocker.unblock():
        apart(back)
    with psycopg.connect(server.url) as connection:
        needed = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'base_user'"
            " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'"
        ).fetchall()
        insert = sql.SQL("INSERT INTO base_user ({}) VALUES ({})").format(
            sql.SQL(", ").join(sql.Identifier(name) for name, _kind in needed),
            sql.SQL(", ").join(sql.Placeholder() for _column in needed),
        )
        texts = ("character varying", "text")
        connection.execute(insert, ["a" if k in texts else VALUES.get(k, 1) for _name, k in needed])
    yield "zhike_scratch_behind"
    postgres.drop("behind")


@pytest.fixture
def old(postgres: Any, behind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Such a database for each test."""
    monkeypatch.setattr(postgres, "template", behind)
    server = Server(postgres.scratch("old"))
    yield server
    postgres.drop("old")


def done(server: Server) -> bool:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM django_migrations WHERE (app, name) = (%s, %s)", newest()[:2]
        ).fetchone()
    return row == (1,)


def test_a_backup_is_made_before_and_an_upgrade_that_stopped_halfway_is_noticed(
    old: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "backups"
    blocked.write_text("")
    with pytest.raises(LaunchError, match="--no-backup"):
        apart(schema.migrate, tmp_path, old)
    blocked.unlink()
    assert not done(old)
    assert not (tmp_path / schema.HALF).exists()

    def stopped(_server: Server) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrating, "apply", stopped)
        with pytest.raises(KeyboardInterrupt):
            apart(schema.migrate, tmp_path, old)
    (made,) = backup.found(blocked)
    for refuses in (schema.update, schema.require_current):
        with pytest.raises(LaunchError, match="zhike migrate") as refused:
            apart(refuses, tmp_path, old)
        assert str(made.place) in str(refused.value)
    assert apart(schema.migrate, tmp_path, old, save=False) == 1
    assert done(old)
    assert not (tmp_path / schema.HALF).exists()
    apart(schema.update, tmp_path, old)
    assert backup.found(blocked) == [made]
    with psycopg.connect(old.url) as connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('engine', '0999_later', now())")
    starts: list[Callable[[Path, Server], Any]] = [schema.update, schema.require_current, schema.migrate]
    for start in starts:
        with pytest.raises(LaunchError, match=r"engine\.0999_later"):
            apart(start, tmp_path, old)


def test_whoever_holds_a_table_is_named_and_a_second_start_waits(
    old: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migrating.OPTIONS, "options", "-c lock_timeout=700ms")
    holder = psycopg.connect(old.url, application_name="report")
    holder.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(newest().table)))

    def work() -> None:
        with schema.owner(old, **migrating.OPTIONS):
            migrating.apply(old, tries=2, pause=0)

    with pytest.raises(LaunchError, match=r"report\): SELECT count"):
        apart(work)
    assert not done(old)
    threading.Timer(0.5, holder.close).start()
    counts: list[int] = []
    starts = [
        threading.Thread(target=lambda: counts.append(schema.migrate(tmp_path, old, save=False))) for _n in range(2)
    ]
    for start in starts:
        start.start()
        time.sleep(0.1)
    for start in starts:
        start.join()
    assert sorted(counts) == [0, 1]


def test_a_rehearsal_tells_what_an_upgrade_does_to_a_copy(old: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = Server(Server(old.url).scratch("copied"))
    try:
        copying.copy(old.url, copied.url)
        found = apart(upgrade.rehearse, copied)
        assert [step.name for step in found.steps] == [".".join(newest()[:2])]
        assert found.steps[0].locks[newest().table]
        assert (found.changed, found.problems) == ([], [])
        assert (done(copied), done(old)) == (True, False)
        with psycopg.connect(old.url) as connection:  # a step with a side effect that nobody would expect of it
            connection.execute(
                "CREATE FUNCTION harm() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN UPDATE base_user SET username = 'b'; RETURN NULL; END $$;"
                "CREATE TRIGGER harm AFTER INSERT ON django_migrations EXECUTE FUNCTION harm()"
            )
        copied = Server(Server(old.url).scratch("copied"))
        copying.copy(old.url, copied.url)
        monkeypatch.setattr(upgrade, "LOCKS", upgrade.LOCKS + "HAVING c.relname <> 'base_user'")
        found = apart(upgrade.rehearse, copied)
        assert [text.split(":")[0] for text in found.problems] == ["base_user"]
    finally:
        old.drop("copied")
