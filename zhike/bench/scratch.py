"""A database of the bench's own, so that no measurement touches what people entered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connections


@contextmanager
def database(server: Any, name: str) -> Iterator[str]:
    """Point Django at a fresh, migrated scratch database and back again; gives its address."""
    from config.settings import database as settings_of

    connection = connections["default"]
    before, address = dict(connection.settings_dict), os.environ.get("DATABASE_URL")
    url = server.scratch(name)
    keys = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    connection.close()
    connection.settings_dict.update({k: v for k, v in settings_of(url).items() if k in keys})
    os.environ["DATABASE_URL"] = url
    try:
        call_command("migrate", verbosity=0)
        yield url
    finally:
        connection.close()
        connection.settings_dict.update({k: before[k] for k in keys})
        os.environ.pop("DATABASE_URL")
        if address is not None:
            os.environ["DATABASE_URL"] = address
        server.drop(name)
