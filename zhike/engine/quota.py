"""How much of something was used in the running minute or day, counted in the database for all processes together."""

from __future__ import annotations

import time

from django.db import connection
from django.utils import timezone

_STEP = 10**10  # a counter holds window × _STEP + number, so that a new window starts over without a second statement


def spend(name: str, amount: int, *, window: int) -> int:
    """Add `amount` to what is used under `name`; gives the sum of the window with the given number.

    One statement, so that two requests at the same moment are both counted. `name` has at most 40 characters.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO engine_counter (entity, last) VALUES (%(name)s, %(start)s + %(amount)s) "
            "ON CONFLICT (entity) DO UPDATE SET last = greatest(engine_counter.last, %(start)s) + %(amount)s "
            "RETURNING last",
            {"name": name, "start": window * _STEP, "amount": amount},
        )
        return int(cursor.fetchone()[0]) % _STEP


def minute() -> int:
    """The number of the running minute."""
    return int(time.time()) // 60


def to_next_minute() -> int:
    """Seconds until it ends."""
    return 60 - int(time.time()) % 60


def day() -> int:
    """The number of the running day in the firm's time zone."""
    return timezone.localdate().toordinal()


def to_next_day() -> int:
    """Seconds until it ends."""
    now = timezone.localtime()
    return 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
