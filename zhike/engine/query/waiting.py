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
            before = _limit(str(int(seconds * 1000)))
            yield
            _limit(before)  # where this is part of a longer transaction, what follows has its own time
    except OperationalError as problem:
        if not isinstance(problem.__cause__, QueryCanceled):
            raise
        raise TooLong from problem


def _limit(value: str) -> str:
    """Sets how long a statement of this transaction may take, in milliseconds; gives what it was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)", [value]
        )
        return str(cursor.fetchone()[0])
