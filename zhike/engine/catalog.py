"""The published configuration: custom fields and objects, choices, layouts, numbers, as one document.

Nothing is made of it at run time but plain values (`entity.Entity`, `kinds.Attribute`), so processes cannot disagree:
each asks once per request, job or command which configuration is published, and reads it anew where that is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse

from zhike.base import changes

from .models import Configuration

T = TypeVar("T")
Next = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One document, never changed; `number` is 0 where nothing was published. Others keep what they derive in it."""

    document: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    pk: UUID | None = None
    _derived: dict[Any, Any] = field(default_factory=dict)

    def part(self, name: str) -> Mapping[str, Any]:
        """One of fields, objects, choices, layouts, numbers; empty where the document has none."""
        found: Mapping[str, Any] = self.document.get(name) or {}
        return found

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made once for this document."""
        try:
            found: T = self._derived[key]
        except KeyError:
            found = self._derived[key] = make()
        return found


NOTHING = Snapshot()


@dataclass
class _Chosen:
    """What one request, job or command works with: found when it is first asked for, and then kept to its end."""

    snapshot: Snapshot | None = None


_chosen: ContextVar[_Chosen | None] = ContextVar("catalog", default=None)
_latest = _Chosen()  # of this process


def current() -> Snapshot:
    """The configuration in force: of this request, job or command, else the one this process read last."""
    chosen = _chosen.get()
    if chosen is None:
        return _latest.snapshot or latest()
    if chosen.snapshot is None:
        chosen.snapshot = latest()
    return chosen.snapshot


def latest() -> Snapshot:
    """The published configuration, read anew only where it is not the one this process knows: one cheap query."""
    return changes.kept("configuration", _read)


def _read() -> Snapshot:
    published = Configuration.objects.filter(state=Configuration.State.PUBLISHED)
    known = _latest.snapshot
    if known is None and not _is_there():
        return NOTHING
    pk = published.values_list("pk", flat=True).first()
    if known is None or known.pk != pk:
        row = published.filter(pk=pk).first() if pk else None
        known = _latest.snapshot = Snapshot(row.document, row.number or 0, row.pk) if row else Snapshot()
    return known


def _is_there() -> bool:
    """Whether the tables are made yet: migrations and `zhike migrate` come before the first configuration."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [Configuration._meta.db_table])
        return bool(cursor.fetchone()[0])


@contextmanager
def fresh() -> Iterator[None]:
    """A request, job or command: what is published now is found once, and holds until it ends."""
    token = _chosen.set(_Chosen())
    try:
        yield
    finally:
        _chosen.reset(token)


@contextmanager
def preview(document: Mapping[str, Any]) -> Iterator[Snapshot]:
    """Work as if `document` were published; nobody else does."""
    found = Snapshot(document)
    token = _chosen.set(_Chosen(found))
    try:
        yield found
    finally:
        _chosen.reset(token)


def refresh() -> Snapshot:
    """Look again, in the middle of a request or a command: after publishing."""
    chosen = _chosen.get()
    found = latest()
    if chosen is not None:
        chosen.snapshot = found
    return found


def assume(snapshot: Snapshot | None) -> None:
    """Take `snapshot` for what was read last; None to read anew, as after a transaction that published was undone."""
    _latest.snapshot = snapshot


def middleware(get_response: Next) -> Next:
    """Pages, the API and MCP: each request works with the configuration that is published when it begins."""

    def answer(request: HttpRequest) -> HttpResponse:
        with fresh():
            return get_response(request)

    return answer
