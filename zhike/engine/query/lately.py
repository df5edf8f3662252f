"""Figures that may be a minute old: what first pages and heads of lanes add up over many rows.

Where a page allows it (`allow_lately`), its reader gets a figure that was added up less than FIGURE_SECONDS ago, if
that took long, and the page says as of when. It is found by the very statement, which holds the rights of its reader:
whoever may see other rows asks another statement. Where rights stand in rows of their own, as shares do, and where the
reader has changed something since, it is added up anew.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from zhike.engine.access import Actor
from zhike.engine.models import Operation, Share

SLOW = 0.02  # seconds: what is quicker is added up each time
MOST = 500  # figures that a worker keeps
ROOM = 5_000  # groups of one of them
COMMIT = dt.timedelta(seconds=5)  # what was written so long before a figure may have been committed after it
SHARES = Share._meta.db_table  # its rows give rights
T = TypeVar("T")


@dataclass
class _Figure:
    lock: Lock = field(default_factory=Lock)
    until: float = 0.0
    at: dt.datetime | None = None
    value: Any = None


_kept: OrderedDict[Hashable, _Figure] = OrderedDict()
_lock = Lock()


def allow_lately(actor: Actor) -> None:
    """From here on, figures of this request may be FIGURE_SECONDS old."""
    if settings.FIGURE_SECONDS:
        actor.known.setdefault("lately", [])


def as_of(actor: Actor) -> dt.datetime | None:
    """When the oldest figure of this request was added up; None if all were added up for it."""
    return min(actor.known.get("lately", ()), default=None)


def figure(actor: Actor, rows: QuerySet[Any], measures: Hashable, work: Callable[[], T]) -> T:
    """What `work` measures over `rows`, or what it gave lately; `measures` says what that is."""
    told = actor.known.get("lately")
    if told is None:
        return work()
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return work()
    if SHARES in sql:
        return work()
    kept = _place((connection.settings_dict["NAME"], sql, repr(values), measures))
    with kept.lock:  # who asks for the same meanwhile waits for it instead of asking once more
        if kept.at is None or monotonic() > kept.until or _wrote(actor, kept.at):
            at, begun = timezone.now(), monotonic()
            found = work()
            is_slow = monotonic() - begun > SLOW and (not isinstance(found, list) or len(found) <= ROOM)
            kept.at, kept.value = (at, found) if is_slow else (None, None)
            kept.until = begun + settings.FIGURE_SECONDS
            return found
        told.append(kept.at)
        value: T = kept.value
        return value


def _place(key: Hashable) -> _Figure:
    with _lock:
        found = _kept.setdefault(key, _Figure())
        _kept.move_to_end(key)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
        return found


def _wrote(actor: Actor, since: dt.datetime) -> bool:
    """Whether the reader has changed something since then."""
    if "wrote" not in actor.known:
        mine = Operation.objects.filter(user=actor.user).order_by("-at")
        actor.known["wrote"] = mine.values_list("at", flat=True).first()
    last: dt.datetime | None = actor.known["wrote"]
    return last is not None and last > since - COMMIT
