"""What assignment does when something happens elsewhere: what comes in without an owner is given at once."""

from __future__ import annotations

from zhike.engine.entity import get
from zhike.engine.outbox import Event, on_any

from . import (
    answered,  # noqa: F401 - makes its kinds of notices known
    deciding,
)


def _came_in(event: Event) -> None:
    entity = get(event.entity)
    if found := deciding.lately(entity, event.ids):
        deciding.run(entity, found)


def _wanted(event: str) -> bool:
    entity, _dot, what = event.partition(".")
    return what == "create" and entity in deciding.ENTITIES and deciding.has_rules(entity)


on_any(_came_in, _wanted)
