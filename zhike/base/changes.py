"""What every page asks for and what seldom changes: people, roles, rights, shares, views, the firm's policy.

Triggers note every change of those tables in `zhike_change`, in the transaction that makes it. A page reads that mark
once, with its session, before it reads anything else, and then takes what an earlier page has read under the same mark.
So a change of role, department or account takes effect on the next request, in every process. Whoever has no mark (a
write, a job, a command, the API) reads the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

T = TypeVar("T")
Next = Callable[[HttpRequest], HttpResponse]
READING = ("GET", "HEAD")
MARK = "SELECT concat_ws(' ', count(*), sum(id), bit_xor(hashint8extended(id, 1))) FROM zhike_change"
ROOM = 50_000  # things that are kept at most


@dataclass
class _Page:
    """What this page may take from what others have read; None before it knows the mark."""

    kept: MutableMapping[Any, Any] | None = None


_page: ContextVar[_Page | None] = ContextVar("changes", default=None)
_latest: tuple[str, dict[Any, Any]] = ("", {})  # of this process: the mark, and what was read under it


@contextmanager
def reading() -> Iterator[None]:
    """A page that only reads."""
    token = _page.set(_Page())
    try:
        yield
    finally:
        _page.reset(token)


def is_reading() -> bool:
    """Whether this is a page that only reads and has no mark yet."""
    page = _page.get()
    return page is not None and page.kept is None


def marked(mark: str) -> None:
    """This page has read the mark."""
    global _latest  # noqa: PLW0603 - one for the process; a page goes on with the one it has
    page = _page.get()
    if page is None:
        return
    if _latest[0] != mark or len(_latest[1]) > ROOM:
        _latest = (mark, {})
    page.kept = _latest[1]


def kept(key: Any, make: Callable[[], T]) -> T:
    """What `make` gave for this key since the last change; made anew where this is no page with a mark.

    It is shared by all pages of the process: nobody may change it.
    """
    page = _page.get()
    if page is None or page.kept is None:
        return make()
    try:
        found: T = page.kept[key]
    except KeyError:
        found = page.kept[key] = make()
    return found


def middleware(get_response: Next) -> Next:
    """Pages that only read."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in READING:
            return get_response(request)
        with reading():
            return get_response(request)

    return answer
