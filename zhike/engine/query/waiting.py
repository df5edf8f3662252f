"""Statements that end where somebody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TooLong(Exception):
    """A statement was ended because somebody waits."""


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Statements end after so many seconds; 0 for as long as they take. Raises TooLong; what was done is undone."""
    if not seconds:
        yield
        return
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            yield
    except OperationalError as problem:
        if not isinstance(problem.__cause__, QueryCanceled):
            raise
        raise TooLong from problem
