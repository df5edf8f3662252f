"""What befalls work on the database from outside: it goes away, its disk is full, others hold what is needed."""

from __future__ import annotations

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _

MISHAPS = (DatabaseError, psycopg.Error)  # what COPY meets comes past Django
GONE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
LOST = ("57P01", "57P02", "57P03")  # the server is stopped, has crashed, is starting
FULL = ("53100",)
BUSY = ("57014", "55P03", "40P01", "40001", "53200", "53300")  # time-out, lock, deadlock, clash, memory, connections


def is_lost(error: BaseException) -> bool:
    """Whether the connection to the database went, rather than that it refused something: whoever is next goes on."""
    state = sqlstate(error)
    return isinstance(error, GONE if not state else MISHAPS) and (not state or state[:2] == "08" or state in LOST)


def words(error: BaseException) -> str:
    """What happened and what to do, in the reader's language; "" where nothing is known of it."""
    state = sqlstate(error)
    if state in FULL:
        return full()
    if state in BUSY:
        return _(
            "The database was busy for too long: others are at work on the same rows, or on much. "
            "Go on in a moment: nothing is done twice."
        )
    if is_lost(error):
        return _("The database went away. Go on in a moment: nothing is done twice.")
    return ""


def full() -> str:
    """That there is no room left."""
    return _("The disk of the server is full. Ask the administrator to make room, then go on: nothing is done twice.")


def sqlstate(error: BaseException) -> str:
    """The server's number of what went wrong, "" where it said none."""
    return getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or ""
