"""Facts for others to react to: a job in the same transaction as the change, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from zhike.base.ids import uuid7

from . import catalog

if TYPE_CHECKING:
    from .access import Actor


@dataclass(frozen=True)
class Event:
    """What happened: `name` is "<entity>.<action>"; handlers read the records themselves, with their own rights.

    `id` is the same for every reaction to it and however often they run.
    """

    name: str
    entity: str
    ids: tuple[UUID, ...]
    actor: UUID
    channel: str
    id: str = ""


Handler = Callable[[Event], None]
ANY = "*"
NOBODY = UUID(int=0)  # what a rule does, nobody does
_handlers: dict[str, list[Handler]] = {}
_wanted: list[Callable[[str], bool]] = []
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def on(name: str) -> Callable[[Handler], Handler]:
    """Register a reaction to an event. It runs in the worker, may run twice, and must not mind."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(name, []).append(handler)
        return handler

    return register


def on_any(handler: Handler, wanted: Callable[[str], bool]) -> None:
    """Register a reaction to every event whose name is `wanted` when it happens."""
    _handlers.setdefault(ANY, []).append(handler)
    _wanted.append(wanted)


@contextmanager
def quiet() -> Iterator[None]:
    """Nobody hears of what happens inside: data that are loaded are no news."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def emit(name: str, entity: str, ids: Sequence[UUID], actor: Actor) -> None:
    """Queue the reactions to an event, if anybody listens; part of the caller's transaction."""
    if _quiet.get():
        return
    listening = [(name, n) for n in range(len(_handlers.get(name, ())))]
    listening += [(ANY, n) for n, wanted in enumerate(_wanted) if wanted(name)]
    event = str(uuid7())
    for key, n in listening:
        deliver.defer(
            name=name,
            handler=n,
            entity=entity,
            ids=[str(i) for i in ids],
            actor=str(NOBODY if actor.is_rule else actor.user.pk),
            channel=actor.channel,
            event=event,
            key=key,
        )


@app.task(name="zhike.deliver", retry=5)
@catalog.fresh()
def deliver(
    name: str, handler: int, entity: str, ids: list[str], actor: str, channel: str, event: str = "", key: str = ""
) -> None:
    """Run one reaction; each is a job of its own, so that one that fails does not repeat the others."""
    happened = Event(name, entity, tuple(UUID(i) for i in ids), UUID(actor), channel, event)
    with transaction.atomic():
        _handlers[key or name][handler](happened)
