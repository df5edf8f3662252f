"""Locks between processes of one data folder; the system drops them when a process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zhike.launch.paths import adopt


class Lock:
    """An open lock file."""

    def __init__(self, place: Path) -> None:
        self._handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        adopt(place, place.parent)

    def share(self) -> None:
        """Joins the holders of the lock; waits while somebody has it alone."""
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def take(self) -> None:
        """Waits until nobody holds the lock, then holds it alone."""
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Holds the lock alone if nobody else holds it; True when it does."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Lets go, in this process and in every fork of it."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        os.close(self._handle)


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Runs a block while no other process is in one with the same lock file."""
    lock = Lock(place)
    lock.take()
    try:
        yield
    finally:
        lock.release()
