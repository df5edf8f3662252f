"""Keeps the tables in step with the code, and finds out in milliseconds that nothing is to be done."""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from importlib.metadata import distributions
from pathlib import Path

import psycopg
from psycopg import errors

from zhike import __version__, backup
from zhike.cli import migrating
from zhike.cli.show import say
from zhike.launch import rights
from zhike.launch.errors import LaunchError
from zhike.launch.paths import CODE, adopt
from zhike.launch.postgres import Server

LOCK = 0x7A68696B65  # "zhike": nobody else's advisory lock
NOTE = "schema.json"
HALF = "upgrading.json"


def update(home: Path, server: Server, *, save: bool = True) -> None:
    """Applies the migrations that the database lacks; does not even load Django when it lacks none.

    Raises LaunchError as `migrate`, and where an earlier upgrade stopped halfway.
    """
    refuse_half(home)
    if _noted(home) == [fingerprint(), applied(server.url, server.app)]:
        return
    # Here, because this is the slow way and the line above saves it.
    import django

    django.setup()
    migrate(home, server, save=save)


def migrate(home: Path, server: Server, *, save: bool = True) -> int:
    """Applies what is pending, one process at a time; gives the number of migrations applied.

    An installation with data is backed up before (`save`), and a note stands in its folder until all steps are done.
    Raises LaunchError where the database is newer than the code, no backup can be made, or a step cannot be done.
    """
    with _alone(server.url), owner(server, **migrating.OPTIONS):
        migrating.refuse_newer()
        plan = pending()
        if plan:
            say(_("Updating the tables: %(count)d steps") % {"count": len(plan)})
            if _has_people(server.url):
                _note_upgrade(home, plan, _save(home, server) if save else "")
            migrating.apply(server)
        rights.prepare(server.url, server.app)
    (home / HALF).unlink(missing_ok=True)
    note = home / NOTE
    note.write_text(json.dumps([fingerprint(), applied(server.url, server.app)]), "utf-8")
    adopt(note, home)
    return len(plan)


@contextmanager
def owner(server: Server, **options: str) -> Iterator[None]:
    """Django works as the owner of the tables while the block runs, with these options of a connection.

    Needs Django set up.
    """
    # Here for the same reason as above.
    from django.db import connection

    from config.settings import database

    keys = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    before = {key: connection.settings_dict[key] for key in keys}
    connection.close()
    found = database(server.url)
    said = " ".join(filter(None, [found["OPTIONS"].get("options", ""), options.pop("options", "")]))
    found["OPTIONS"] |= {**options, **({"options": said} if said else {})}
    connection.settings_dict.update({key: found[key] for key in keys})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


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


def applied(url: str, app: str) -> str:
    """Which migrations a database has had and when, and whether the application has its rights: no two are equal."""
    with psycopg.connect(url) as connection:
        try:
            rows = connection.execute("SELECT id, app, name, applied FROM django_migrations ORDER BY id").fetchall()
            ready = rights.fit(connection, app)
        except (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn):
            return "none"
        except errors.UndefinedObject:  # there is no such role
            ready = False
    return hashlib.sha256(repr(rows).encode()).hexdigest() if ready else "unfit"


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
    refuse_half(home)
    found = applied(server.url, server.app)
    if _noted(home) == [fingerprint(), found]:
        return
    # Here, because the line above saves it.
    import django

    django.setup()
    with owner(server):
        migrating.refuse_newer()
        missing = pending()
    if found == "unfit" and not missing:
        raise LaunchError(
            _(
                "The application's role lacks its rights in the database, or the database was restored. "
                "Run `zhike migrate`, then start again."
            )
        )
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
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not (row and row[0]):
            say(_("Another process is just updating the tables; waiting for it."))
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield


def refuse_half(home: Path) -> None:
    """Raises LaunchError where an upgrade was begun and not finished: some tables are new, and some are not."""
    said = backup.noted(home / HALF)
    if said:
        raise LaunchError(
            _(
                "The upgrade to Zhike %(zhike)s of %(at)s was not finished (%(count)d steps). Run `zhike migrate` to "
                "finish it. Or go back: with the Zhike from before, restore %(backup)s into an empty folder."
            )
            % {**said, "count": len(said.get("steps", [])), "backup": said.get("backup") or _("the newest backup")}
        )


def _note_upgrade(home: Path, plan: list[str], saved: str) -> None:
    before = backup.noted(home / HALF)  # one that stopped halfway: the backup from before it is the one to go back to
    at = dt.datetime.now().astimezone().isoformat(" ", "seconds")
    said = {"zhike": __version__, "at": at, "steps": plan, "backup": before.get("backup") or saved}
    backup.write_whole(home / HALF, json.dumps(said, ensure_ascii=False))
    adopt(home / HALF, home)


def _has_people(url: str) -> bool:
    with psycopg.connect(url) as connection:
        try:
            row = connection.execute("SELECT EXISTS (SELECT FROM base_user)").fetchone()
        except errors.UndefinedTable:
            return False
    return bool(row and row[0])


def _save(home: Path, server: Server) -> str:
    """Where the backup before an upgrade is. Raises LaunchError where none can be made."""
    say(_("Making a backup before it …"))
    try:
        recipient = os.environ.get("ZHIKE_BACKUP_RECIPIENT", "")
        made = backup.make(home, server, backup.folder(home), recipient=recipient)
    except (backup.BackupError, OSError) as error:
        raise LaunchError(
            _(
                "No backup could be made before the upgrade, so nothing was changed. If you have one: --no-backup. "
                "%(why)s"
            )
            % {"why": error}
        ) from error
    return str(made.place)
