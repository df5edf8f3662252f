"""The decision itself, on plain values: who of some people gets a record by a rule. It reads and writes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from zhike.base.calendar_cn import Overrides

from . import clock
from .document import Document, Span, Want

MOST_KEPT = 40  # people named in one explanation
NOT_RECEIVING, AWAY, TRIED, DAILY, OPEN, HOLDING = "not_receiving", "away", "tried", "daily", "open", "holding"
PASSED = "passed"  # fits, where others are preferred


@dataclass
class Room:
    """How many more a limit of a pool lets people hold; the common limit of a department is one of all its people."""

    pool: UUID
    left: int


@dataclass
class Candidate:
    """Somebody whom a rule names, with what they have at this moment.

    `today` is what rules have given them since midnight, `open` how many open records they own, `rooms` what pools
    still let them hold, one for each limit that is theirs.
    """

    id: UUID
    is_receiving: bool = True
    daily: int | None = None
    open_limit: int | None = None
    territories: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    hours: tuple[Span, ...] = ()
    away: tuple[dt.date | None, dt.date | None] | None = None
    hired_on: dt.date | None = None
    today: int = 0
    open: int = 0
    rooms: list[Room] = field(default_factory=list)

    def limits(self, pool: UUID | None) -> list[Room]:
        """The limits for which a record of a pool counts; one without a pool counts for all."""
        return [room for room in self.rooms if pool in (None, room.pool)]


@dataclass(frozen=True)
class Facts:
    """What decides about a record beside the rule."""

    id: UUID
    region: str = ""
    interest: str = ""
    pool: UUID | None = None


@dataclass(frozen=True)
class Choice:
    """Who gets it, and why: `ranked` fit, best first; `left` are the others, each with the reason,
    those first who fit too and were passed over.

    `preferred` are the preferences that somebody met, in their order.
    """

    person: UUID | None
    ranked: tuple[tuple[UUID, int, int, int], ...] = ()  # who, open records, records of today, turn
    left: tuple[tuple[UUID, str], ...] = ()
    preferred: tuple[str, ...] = ()
    fitting: int = 0

    def why(self, said: Document) -> dict[str, Any]:
        """As it is kept: ids, keys and numbers, no words; with what the rule said at that moment."""
        return {
            "mode": said.mode,
            "must": [w.what for w in said.must],
            "fit": [[str(pk), *figures] for pk, *figures in self.ranked[:MOST_KEPT]],
            "fitting": self.fitting,
            "left": [[str(pk), reason] for pk, reason in self.left[:MOST_KEPT]],
            "out": len(self.left),
            "preferred": list(self.preferred),
        }


def covers(territories: Iterable[str], region: str) -> bool:
    """Whether a division lies in one of some: 310000 covers 310115."""
    return bool(region) and any(region.startswith(_stem(code)) for code in territories if code)


def _stem(code: str) -> str:
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return code


def knows(skills: Iterable[str], interest: str) -> bool:
    """Whether what somebody knows is among what is asked for, whatever the case of letters."""
    asked = interest.casefold()
    return any(word and word.casefold() in asked for word in skills)


def has(want: Want, person: Candidate, facts: Facts, now: dt.datetime, hours: Sequence[Span], off: Overrides) -> bool:
    """Whether somebody has what a rule wants; who was hired when is not known has no tenure at all."""
    if want.what == "territory":
        return covers(person.territories, facts.region)
    if want.what == "skill":
        return knows(person.skills, facts.interest)
    if want.what == "on_duty":
        return clock.works(now, person.hours or hours, off)
    if person.hired_on is None or want.days is None:
        return False
    tenure = (timezone.localdate(now) - person.hired_on).days
    return tenure >= want.days if want.what == "tenure_least" else 0 <= tenure <= want.days


def barred(person: Candidate, facts: Facts, now: dt.datetime) -> str:
    """What keeps somebody from getting anything just now, whatever the rule says; "" for nothing."""
    if not person.is_receiving:
        return NOT_RECEIVING
    if person.away is not None:
        first, last = person.away
        day = timezone.localdate(now)
        if (first is None or first <= day) and (last is None or day <= last):
            return AWAY
    if person.daily is not None and person.today >= person.daily:
        return DAILY
    if person.open_limit is not None and person.open >= person.open_limit:
        return OPEN
    if any(room.left <= 0 for room in person.limits(facts.pool)):
        return HOLDING
    return ""


def choose(
    said: Document,
    facts: Facts,
    people: Sequence[Candidate],
    turns: Mapping[UUID, int],
    now: dt.datetime,
    off: Overrides,
    tried: Collection[UUID] = (),
) -> Choice:
    """Who gets a record: of those whom nothing bars and who have all that they must, those preferred, then by turn.

    `turns` says when this rule gave somebody something last, as a number that grows with each record it gives.

    The mode `turn` takes who has waited longest; `load` who has the fewest open records, then who has waited longest.
    People who never got anything come first, in the order of their ids.
    """
    left: list[tuple[UUID, str]] = []
    fitting: list[Candidate] = []
    for person in people:
        reason = TRIED if person.id in tried else barred(person, facts, now)
        reason = reason or next((w.what for w in said.must if not has(w, person, facts, now, said.hours, off)), "")
        if reason:
            left.append((person.id, reason))
        else:
            fitting.append(person)
    best, preferred = fitting, []
    for want in said.prefer:
        some = [p for p in best if has(want, p, facts, now, said.hours, off)]
        if some:
            best = some
            preferred.append(want.what)
    if len(best) < len(fitting):
        kept = {p.id for p in best}
        left = [*((p.id, PASSED) for p in fitting if p.id not in kept), *left]
    best = sorted(best, key=lambda p: (p.open if said.mode == "load" else 0, turns.get(p.id, 0), p.id))
    ranked = tuple((p.id, p.open, p.today, turns.get(p.id, 0)) for p in best[:MOST_KEPT])
    return Choice(best[0].id if best else None, ranked, tuple(left), tuple(preferred), len(fitting))


def given(person: Candidate, pool: UUID | None) -> None:
    """They got one: what is known of them follows, so that the next record is decided by it."""
    person.today += 1
    person.open += 1
    for room in person.limits(pool):
        room.left -= 1
