"""What it costs to add a field to a table of a million rows while people work on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from django.db import connection, transaction

from zhike.engine import owner
from zhike.engine.models import Configuration

from . import Figure, exact, figure, site, within
from .site import FRAGMENT, Browser

URL = "/account/?view=all"
GOAL = 1_000.0  # milliseconds, for the field as for the longest wait
NEW = "x_added"


def index(key: str) -> None:
    """The index of a custom field, built while others go on reading and writing."""
    with owner.connected() as hand:
        hand.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS account_{key} ON customers_account ((custom -> '{key}'), id)"
        )


def added(browsers: Sequence[Browser], seconds: float) -> Iterator[Figure]:
    """Publish a field and build its index; how long either takes, and the longest that somebody waits meanwhile."""
    before = site.together(browsers, site.asking(URL, FRAGMENT), seconds=seconds)
    node, times, done = _node(), dict[str, float](), threading.Event()

    def change() -> None:
        try:
            time.sleep(seconds / 4)
            times["field"] = _seconds(_publish)
            times["index"] = _seconds(lambda: index(NEW))
        finally:
            connection.close()
            done.set()

    hand = threading.Thread(target=change)
    hand.start()
    waits: list[float] = []
    while not (done.is_set() and waits):
        waits += site.together(browsers, site.asking(URL, FRAGMENT), seconds=min(1.0, seconds)).times
    hand.join()
    yield within("a field more: until it is published", times["field"] * 1000, "ms", 0, GOAL)
    yield exact("a field more: the table is not rewritten", _node(), node, "relfilenode")
    yield within("a field more: longest wait of 8 people", max(waits) * 1000, "ms", max(before.times) * 1000, GOAL)
    yield figure("a field more: its index is built meanwhile", times["index"], "s", 0)
    answer = browsers[0].get(f"{URL}&{NEW}__eq=1")
    yield exact("a field more: everybody has it on the next request", answer.status, 200, "status")
    _publish(more=False)
    with owner.connected() as connected:
        connected.execute(f"DROP INDEX CONCURRENTLY account_{NEW}")


def _publish(*, more: bool = True) -> None:
    """The document with one field more, or without it again."""
    with transaction.atomic():
        state = Configuration.State
        last = Configuration.objects.get(state=state.PUBLISHED)
        fields = {**last.document["fields"]}
        added = {NEW: {"kind": "integer", "labels": {"en": NEW}, "indexed": True}} if more else {}
        fields["account"] = {key: said for key, said in fields["account"].items() if key != NEW} | added
        Configuration.objects.filter(pk=last.pk).update(state=state.PAST)
        number = (last.number or 0) + 1
        Configuration.objects.create(number=number, state=state.PUBLISHED, document={**last.document, "fields": fields})


def _node() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('customers_account')")
        found: int = cursor.fetchone()[0]
        return found


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
