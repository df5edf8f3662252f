"""What commands need around them: the data folder, a running database, and Django set up on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zhike.backup import require_whole
from zhike.launch import paths, postgres
from zhike.launch.postgres import Server


def environment(home: Path, server: Server) -> dict[str, str]:
    """The environment of a process that works on this data folder and database."""
    return {
        **os.environ,
        "DATABASE_URL": server.app,
        "ZHIKE_OWNER_URL": server.url if server.url != server.app else "",
        "ZHIKE_EMBEDDED": "1" if server.cluster else os.environ.get("ZHIKE_EMBEDDED", ""),
        "ZHIKE_HOME": str(home),
        "ZHIKE_SECRET_KEY": os.environ.get("ZHIKE_SECRET_KEY") or paths.secret_key(home),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


@contextmanager
def database(*, resumes: bool = False) -> Iterator[tuple[Path, Server]]:
    """The data folder and its running database, while the block runs; the environment says so meanwhile.

    Raises LaunchError where a restore into it was not finished, except to the one who `resumes` it.
    """
    home = paths.home()
    if not resumes:
        require_whole(home)
    with postgres.ensure(home) as server:
        variables = environment(home, server)
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield home, server
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def django_ready() -> Iterator[tuple[Path, Server]]:
    """Like `database`, with Django set up on it and its connections closed afterwards."""
    with database() as (home, server):
        # Here, because commands without data (--help above all) must not wait for Django.
        import django
        from django.db import connections

        django.setup()
        try:
            yield home, server
        finally:
            connections.close_all()
