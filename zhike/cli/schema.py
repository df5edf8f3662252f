"""Keeps the tables in step with the code, and finds out in milliseconds that nothing is to be done."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from importlib.metadata import distributions
from pathlib import Path

import psycopg
from psycopg import errors

from zhike.cli.show import say
from zhike.launch.errors import LaunchError
from zhike.launch.paths import CODE, adopt
from zhike.launch.postgres import Server

LOCK = 0x7A68696B65  # "zhike": nobody else's advisory lock
NOTE = "schema.json"


def update(home: Path, server: Server) -> None:
    """Applies the migrations that the database lacks; does not even load Django when it lacks none."""
    if _noted(home) == [fingerprint(), applied(server.url)]:
        return
    # Here, because this is the slow way and the line above saves it.
    import django

    django.setup()
    migrate(home, server)


def migrate(home: Path, server: Server) -> int:
    """Applies what is pending, one process at a time; gives the number of migrations applied."""
    # Here, because importing them needs Django's settings to be in the environment.
    from django.core.management import call_command
    from django.db import connection

    with _alone(server.url):
        plan = pending()
        if plan:
            say(_("Updating the tables: %(count)d steps") % {"count": len(plan)})
            call_command("migrate", interactive=False, verbosity=0)
        connection.close()
    note = home / NOTE
    note.write_text(json.dumps([fingerprint(), applied(server.url)]), "utf-8")
    adopt(note, home)
    return len(plan)


def pending() -> list[str]:
    """Names of the migrations that the code has and the database lacks; needs Django set up."""
    # Here for the same reason as above.
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def fingerprint() -> str:
    """Changes whenever the migrations that the code brings may have changed."""
    digest = hashlib.sha256()
    for file in sorted([*(CODE / "zhike").rglob("migrations/*.py"), CODE / "config" / "settings.py"]):
        digest.update(str(file.relative_to(CODE)).encode() + file.read_bytes())
    for package in sorted(f"{found.name}={found.version}" for found in distributions()):
        digest.update(package.encode())
    return digest.hexdigest()


def applied(url: str) -> str:
    """Which migrations a database has had and when: differs between any two databases."""
    with psycopg.connect(url) as connection:
        try:
            rows = connection.execute("SELECT id, app, name, applied FROM django_migrations ORDER BY id").fetchall()
        except errors.UndefinedTable:
            return "none"
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def identity(url: str) -> str:
    """A name for this one database, stable through later migrations."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT app, name, applied FROM django_migrations ORDER BY id LIMIT 1").fetchone()
    return hashlib.sha256(repr(row).encode()).hexdigest()


def nobody(url: str) -> bool:
    """Whether nobody can log in."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT NOT EXISTS (SELECT FROM base_user WHERE is_active)").fetchone()
    return bool(row and row[0])


def require_current(home: Path, server: Server) -> None:
    """For a server of one's own: refuses to serve on tables that are behind, since others may be using them."""
    if _noted(home) == [fingerprint(), applied(server.url)]:
        return
    # Here, because the line above saves it.
    import django

    django.setup()
    missing = pending()
    if missing:
        raise LaunchError(
            _("The database lacks %(count)d updates of its tables. Run `zhike migrate`, then start again.")
            % {"count": len(missing)}
        )


def _noted(home: Path) -> object:
    try:
        return json.loads((home / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def _alone(url: str) -> Iterator[None]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield
