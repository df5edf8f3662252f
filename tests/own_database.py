"""A database of a test file's own, in which what is written is committed and other processes see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from config.settings import database

KEYS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@contextmanager
def own_database(postgres: Any, django_db_blocker: Any, name: str) -> Iterator[str]:
    """Work on an empty firm's database inside, given by its address; skips the test where the server is another's."""
    if postgres.cluster is None:
        pytest.skip("needs a cluster of its own")
    url: str = postgres.scratch(name)
    found = database(url)
    with django_db_blocker.unblock():
        before = {key: connection.settings_dict[key] for key in KEYS}
        connection.close()
        connection.settings_dict.update({key: found[key] for key in KEYS})
        try:
            call_command("migrate", interactive=False, verbosity=0)
            yield url
        finally:
            connection.close()
            connection.settings_dict.update(before)
