"""A database of the bench's own, so that no measurement touches what people entered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from zhike.engine import catalog

PARTS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def lies(server: Any, name: str) -> bool:
    """Whether an earlier run has left this scratch database."""
    return bool(server.kept(name))


@contextmanager
def database(server: Any, name: str, *, keep: bool = False, again: bool = False) -> Iterator[str]:
    """Point Django at a fresh, migrated scratch database and back again; gives its address.

    With `again` at the one that an earlier run has left; with `keep` it is left to a later one.
    """
    connection = connections["default"]
    before, address = {key: connection.settings_dict[key] for key in PARTS}, os.environ.get("DATABASE_URL")
    owner, settings.OWNER_URL = settings.OWNER_URL, ""  # one role does both here
    url = server.kept(name) if again else server.scratch(name)
    parts = conninfo_to_dict(url)
    connection.close()
    connection.settings_dict.update({key: parts.get(part) or "" for key, part in PARTS.items()})
    os.environ["DATABASE_URL"] = url
    try:
        catalog.assume(None)
        call_command("migrate", interactive=False, verbosity=0)
        yield url
    finally:
        settings.OWNER_URL = owner
        catalog.assume(None)
        connection.close()
        connection.settings_dict.update(before)
        os.environ.pop("DATABASE_URL")
        if address is not None:
            os.environ["DATABASE_URL"] = address
        if not keep:
            server.drop(name)
