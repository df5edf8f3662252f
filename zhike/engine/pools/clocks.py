"""What modules know of records that keep them with their owners: events that count, and states that exempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from .document import Counts


@dataclass(frozen=True)
class Clock:
    """Events that keep a record with its owner.

    `events` gives those of one entity as a queryset over the rows of something else, with the column `at` (when) and
    `of` (the record), filtered by what counts; None where there are none of that entity.
    """

    key: str
    label: Any
    events: Callable[[str, Counts], tuple[QuerySet[Any], str, str] | None]
    saves: Any = ""  # what the owner is told that keeps the record, in words


@dataclass(frozen=True)
class Exemption:
    """A state in which records stay with their owners whatever the rules say."""

    key: str
    label: Any
    entities: Mapping[str, Callable[[], Q]]  # entity -> the rows that are in it


@dataclass(frozen=True)
class Kind:
    """A sort of follow-up that may count."""

    key: str
    label: Any


clocks: dict[str, Clock] = {}
exemptions: dict[str, Exemption] = {}
kinds: dict[str, Kind] = {}


def register(*found: Clock | Exemption | Kind) -> None:
    """Make known what a module offers; ValueError when a key is taken."""
    for one in found:
        place: dict[str, Any] = (
            clocks if isinstance(one, Clock) else exemptions if isinstance(one, Exemption) else kinds
        )
        if one.key in place:
            raise ValueError(one.key)
        place[one.key] = one


def exempt(entity: str, keys: list[str]) -> Q:
    """The rows of an entity that are in one of some states."""
    found = Q(pk__in=())
    for key in keys:
        if (rows := exemptions[key].entities.get(entity) if key in exemptions else None) is not None:
            found |= rows()
    return found
