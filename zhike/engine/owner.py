"""The role that owns the tables, for the few things the application itself may not do, such as making an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection


@contextmanager
def connected() -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own as the owner, each statement for itself (CREATE INDEX CONCURRENTLY works).

    Only the worker and the command line have the owner's address: pages hand such work to a job. Where one role does
    both, it is that one.
    """
    if settings.OWNER_URL:
        found = psycopg.connect(settings.OWNER_URL, autocommit=True)
    else:
        found = psycopg.connect(**connection.get_connection_params() | {"autocommit": True, "cursor_factory": None})
    try:
        yield found
    finally:
        found.close()
