"""Applying migrations to tables that are in use: waits are short, told and tried again; a newer database is refused.

A migration that waits for a table makes everybody wait who comes after it. So it waits a few seconds only, lets the
others pass, and tries again; nothing of a step that was given up is kept. A statement that works may take as long as it
takes: whoever rewrites a million rows is not stopped halfway.
"""

import threading
import time
from gettext import gettext as _
from types import TracebackType
from typing import Self

import psycopg

from zhike.cli.show import say
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import Server

LOCK_SECONDS, TRIES, PAUSE = 5, 6, 2.0
NAME = "zhike migrate"  # what the server calls our connection
OPTIONS = {"application_name": NAME, "options": f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout=0"}
BLOCKING = """
SELECT format('%%s (%%s): %%s', b.pid, coalesce(nullif(b.application_name, ''), b.usename), left(b.query, 80))
FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS p(pid) JOIN pg_stat_activity b ON b.pid = p.pid
WHERE w.application_name = %s AND w.datname = current_database()
"""


def apply(server: Server, *, tries: int = TRIES, pause: float = PAUSE) -> None:
    """Apply what is pending; needs `schema.owner(server, **OPTIONS)` around it.

    Raises LaunchError that names who holds the tables, or what the database says of a step that fails.
    """
    # Here, because importing them needs Django's settings to be in the environment.
    from django.core.management import call_command
    from django.db import Error, connection

    with Watch(server) as watch:
        for n in range(1, tries + 1):
            try:
                call_command("migrate", interactive=False, verbosity=0)
            except Error as error:
                connection.close()
                if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise LaunchError(
                        _("A step of the upgrade failed, and nothing of it was kept: %(reason)s")
                        % {"reason": str(error).strip()}
                    ) from error
                say(
                    _("A table is in use; try %(n)d of %(tries)d. In the way: %(who)s")
                    % {"n": n, "tries": tries, "who": watch.told()}
                )
                time.sleep(pause if n < tries else 0)
            else:
                return
    raise LaunchError(
        _(
            "The tables stayed in use for %(count)d times %(seconds)d seconds. In the way: %(who)s. Let that work end, "
            "or end it (SELECT pg_terminate_backend(number)), then run `zhike migrate`. Nothing of this step was kept."
        )
        % {"count": tries, "seconds": LOCK_SECONDS, "who": watch.told()}
    )


class Watch:
    """Remembers who was last in our way, from a connection of its own."""

    def __init__(self, server: Server) -> None:
        # The owner of the tables does not see what other roles ask.
        self._url = server.cluster.url(role="postgres", database="zhike") if server.cluster else server.url
        self._end = threading.Event()
        self._last: list[str] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._end.wait(0.3):
                    rows = connection.execute(BLOCKING, [NAME]).fetchall()
                    self._last = [str(row[0]) for row in rows] or self._last
        except psycopg.Error:
            return  # only names are missing then

    def told(self) -> str:
        """Who it was: process number, name, and what it asked."""
        return "; ".join(self._last) or "?"


def refuse_newer() -> None:
    """Raises LaunchError where the database has had migrations that this code does not know; needs Django set up."""
    # Here for the same reason as above.
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known = {*loader.disk_migrations, *(key for m in loader.disk_migrations.values() for key in m.replaces)}
    applied = loader.applied_migrations or {}
    newer = sorted(f"{app}.{name}" for app, name in {*applied} - known if app in loader.migrated_apps)
    if newer:
        raise LaunchError(
            _(
                "The database was brought up to date by a later Zhike: this one lacks %(steps)s. Start that one "
                "again; or restore the backup that was made before the upgrade into an empty folder, with this one."
            )
            % {"steps": ", ".join(newer[:3])}
        )
