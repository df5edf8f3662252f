"""Running numbers of records: given out by a sequence, which nobody waits for, so a long import blocks no one.

A number is never given twice; where a save fails in the database one may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, migrations

_trial: ContextVar[bool] = ContextVar("trial", default=False)


@contextmanager
def trial() -> Iterator[None]:
    """What is written inside will be taken back: it uses up no numbers."""
    token = _trial.set(True)
    try:
        yield
    finally:
        _trial.reset(token)


def take(key: str, pattern: str, count: int) -> Sequence[str]:
    """The next numbers of an entity, written in its pattern; empty ones in a trial."""
    if _trial.get() or not count:
        return [""] * count
    with connection.cursor() as cursor:
        if key.startswith("x_"):  # an object that the firm has made: no migration made its sequence
            cursor.execute("SELECT * FROM zhike_take_numbers(%s, %s)", [key, count])
        else:
            cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [_name(key), count])
        return [pattern % row[0] for row in cursor.fetchall()]


def peek(key: str, pattern: str, count: int) -> Sequence[str]:
    """What the next numbers would be, without taking any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [_name(key)])
        last, called = 0, True
        if cursor.fetchone()[0]:
            cursor.execute(f"SELECT last_value, is_called FROM {connection.ops.quote_name(_name(key))}")  # noqa: S608 quoted
            last, called = cursor.fetchone()
    first = last + 1 if called else last
    return [pattern % n for n in range(first, first + count)]


def restart(key: str) -> None:
    """Begin again at 1; only for an entity that has no records."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(%s::regclass, 1, false)", [_name(key)])


def sequence(key: str) -> migrations.RunSQL:
    """A migration operation that makes the sequence of an entity, going on where its counter stood."""
    counted = f"FROM engine_counter WHERE entity = '{key}'"
    start = f"SELECT setval('{_name(key)}', coalesce(max(last), 0) + 1, false) {counted}"
    return migrations.RunSQL(f"CREATE SEQUENCE {_name(key)}; {start}", f"DROP SEQUENCE {_name(key)}")


def _name(key: str) -> str:
    return f"zhike_number_{key}"
