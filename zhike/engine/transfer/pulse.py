"""What a long job needs beside its work: to tell how far it is while the work is one transaction, out of which nothing
is seen, and to be spared what costs more than it brings there."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils import timezone

from zhike.engine.models import Job

BEAT = 1.0
State = Job.State


@contextmanager
def calm() -> Iterator[None]:
    """Look for lost cycles seldom inside: the search walks through everything alive, and rows make none."""
    seldom = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*seldom)
        gc.unfreeze()


class Still:
    """Stands in for Pulse where nobody waits to see how far the work is."""

    stopped = False
    broken: Callable[[], None] | None = None  # what ends the statement at work, when the job is stopped

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of: object) -> None:
        return

    def __call__(self, done: int, total: int, text: str) -> None:
        """Nobody to tell."""

    def rest(self) -> None:
        """Nothing to end."""


class Pulse(Still):
    """Tells others how far a job is, and learns that it was stopped: over a connection of its own, because the work
    itself is one transaction, out of which nothing is seen."""

    def __init__(self, pk: UUID, ticket: str, done: int, total: int) -> None:
        self._pk, self._ticket = pk, ticket
        self._done, self._total = done, total
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_of: object) -> None:
        self.rest()

    def __call__(self, done: int, total: int, text: str) -> None:
        """How far the work is."""
        self._done, self._total = done, total

    def rest(self) -> None:
        """End, before the work itself writes to the row of the job."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._end.wait(BEAT):
                rows = Job.objects.filter(pk=self._pk, state=State.RUNNING, options__queued=self._ticket)
                if not rows.update(done=self._done, total=self._total, updated_at=timezone.now()):
                    self.stopped = True
                    if self.broken and not self._end.is_set():
                        self.broken()
        except DatabaseError:
            self.stopped = True
        finally:
            connection.close()
