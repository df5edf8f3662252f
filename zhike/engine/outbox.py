"""Facts for others to react to: a job in the same transaction as the change, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

if TYPE_CHECKING:
    from .access import Actor


@dataclass(frozen=True)
class Event:
    """What happened: `name` is "<entity>.<action>"; handlers read the records themselves, with their own rights."""

    name: str
    entity: str
    ids: tuple[UUID, ...]
    actor: UUID
    channel: str


Handler = Callable[[Event], None]
_handlers: dict[str, list[Handler]] = {}


def on(name: str) -> Callable[[Handler], Handler]:
    """Register a reaction to an event. It runs in the worker, may run twice, and must not mind."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(name, []).append(handler)
        return handler

    return register


def emit(name: str, entity: str, ids: Sequence[UUID], actor: Actor) -> None:
    """Queue the reactions to an event, if anybody listens; part of the caller's transaction."""
    for n in range(len(_handlers.get(name, ()))):
        deliver.defer(
            name=name,
            handler=n,
            entity=entity,
            ids=[str(i) for i in ids],
            actor=str(actor.user.pk),
            channel=actor.channel,
        )


@app.task(name="zhike.deliver", retry=5)
def deliver(name: str, handler: int, entity: str, ids: list[str], actor: str, channel: str) -> None:
    """Run one reaction; each is a job of its own, so that one that fails does not repeat the others."""
    event = Event(name, entity, tuple(UUID(i) for i in ids), UUID(actor), channel)
    with transaction.atomic():
        _handlers[name][handler](event)
