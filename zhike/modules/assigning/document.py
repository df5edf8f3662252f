"""What a rule of assignment says, as an administrator wrote it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from zhike.engine.errors import Invalid, Wrong

Minutes = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
Time = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Span = tuple[Time, Time]
Trait = Literal["territory", "skill", "on_duty", "tenure_least", "tenure_most"]
OFFICE_HOURS: tuple[Span, ...] = (("09:00", "18:00"),)


class Want(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a person is to have: `days` belongs to the two of tenure, counted from the hire date."""

    what: Trait
    days: Days | None = None


class Accept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets a record accepts it within `minutes` of work; else it goes on, to `rounds` people in all, then up."""

    minutes: Minutes
    rounds: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    then: Literal["manager", "person", "pool"] = "manager"
    person: UUID | None = None


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about one rule; `who` are people, departments (and below) or roles.

    `must` holds of everybody who gets something. `prefer` is in order: among those who are left, the ones that have it
    go first; where nobody has it, it is passed over.
    """

    conditions: list[Any] = []
    who: list[UUID] = []
    must: list[Want] = []
    prefer: list[Want] = []
    mode: Literal["turn", "load", "hand"] = "turn"
    accept: Accept | None = None
    respond: Minutes | None = None  # minutes of work until a lead is to be answered
    hours: list[Span] = msgspec.field(default_factory=lambda: list(OFFICE_HOURS))


def read(stored: Any) -> Document:
    """What is stored; msgspec.ValidationError where a program wrote something else."""
    return msgspec.convert(stored or {}, Document, str_keys=True)


def stored(document: Document) -> dict[str, Any]:
    """As it is kept."""
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def checked(given: Any, *, traits: frozenset[str], has_pool: bool, has_answer: bool) -> Document:
    """What an administrator gave; Invalid with what is wrong by its place. `traits` are those records can ask for."""
    try:
        found = msgspec.convert(given, Document, str_keys=True)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("`$.")[2].split(".")[0].split("[")[0].strip("`") or "who"
        raise Invalid([{where: [Wrong(_("Something here is missing, or too large or too small."))]}]) from error
    wrong: dict[str, list[Wrong]] = {}
    for key, text in _wrongs(found, traits, has_pool, has_answer):
        wrong.setdefault(key, []).append(Wrong(text))
    if wrong:
        raise Invalid([wrong])
    return found


def _wrongs(found: Document, traits: frozenset[str], has_pool: bool, has_answer: bool) -> Iterator[tuple[str, str]]:
    if not found.who and found.mode != "hand":
        yield "who_people", _("Say who gets them.")
    for key, wants in (("must", found.must), ("prefer", found.prefer)):
        if any(w.what not in traits for w in wants):
            yield key, _("Choose one of the values offered.")
        if any(w.what.startswith("tenure") and w.days is None for w in wants):
            yield key, _("Say how many days.")
        if len({w.what for w in wants}) < len(wants):
            yield key, _("Something stands in it twice.")
    if not are_hours(found.hours) or not found.hours:
        yield "hours", _("Write hours as 09:00-12:00, 13:30-18:00, one after the other.")
    if found.accept and found.accept.then == "person" and not found.accept.person:
        yield "accept_person", _("Say to whom it goes then.")
    if found.accept and found.accept.then == "pool" and not has_pool:
        yield "accept_then", _("There is no pool for these records.")
    if found.respond and not has_answer:
        yield "respond", _("Only leads have a first response.")


def are_hours(spans: list[Span]) -> bool:
    """Whether each span ends after it begins, and no two overlap."""
    times = [time for span in spans for time in span]
    return all(a < b for a, b in pairwise(times))


def hours_of(text: str) -> list[list[str]]:
    """Spans of "09:00-12:00, 13:30-18:00"; Invalid where it cannot be read."""
    found = []
    for part in text.replace("，", ",").replace("、", ",").replace("：", ":").replace("－", "-").split(","):
        if not part.strip():
            continue
        begin, dash, end = part.strip().partition("-")
        try:
            spans = [dt.time.fromisoformat(t.strip().zfill(5)).strftime("%H:%M") for t in (begin, end)]
        except ValueError:
            spans = []
        if not (dash and spans):
            raise Invalid([{"hours": [Wrong(_("Write hours as 09:00-12:00, 13:30-18:00, one after the other."))]}])
        found.append(spans)
    return found


def hours_text(spans: list[Span]) -> str:
    """As they are typed."""
    return ", ".join(f"{begin}-{end}" for begin, end in spans)
