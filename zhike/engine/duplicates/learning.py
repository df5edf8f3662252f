"""What people decided about the pairs that the finder offered, and what it makes of that where it may learn.

Decisions are counted by sign and by how alike the finder had found the pair (`BANDS`). Of a sign and band with ENOUGH
of them the share that was merged is estimated as (merged + 1) / (decided + 2), Laplace's rule of succession. A pair is
then rated at the mean of its likeness and of what such decisions say of its signs; that is its place in the order, and
below LEAST it is offered no more. So what the finder is sure of is always offered. The doors never learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import UUID

from django.db import connection

from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import DuplicateGroup, DuplicateVerdict, Operation

from . import rules
from .alike import ALIKE, Pair

BANDS = (ALIKE, 0.9, 0.95)  # where each band begins; the last one ends with what is sure
ENOUGH = 20  # decisions of one sign and band, below which they say nothing
LEAST = 0.5  # the rating below which a pair is not offered, where there are decisions to learn from
Verdict = DuplicateVerdict.Verdict

_COUNTED = """
SELECT reasons, width_bucket(score, %s::float8[]), count(*), count(*) FILTER (WHERE verdict = 'merged')
FROM engine_duplicateverdict WHERE entity = %s AND score IS NOT NULL GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Figures:
    """Of the pairs with one sign and a likeness from `begins`: how many were decided on, and how many merged."""

    sign: str
    begins: float
    decided: int
    merged: int

    @property
    def share(self) -> float:
        """How many such pairs are one, estimated."""
        return (self.merged + 1) / (self.decided + 2)

    @property
    def is_enough(self) -> bool:
        """Whether the finder would go by it."""
        return self.decided >= ENOUGH


@dataclass(frozen=True)
class Judge:
    """Rates pairs; without anything learned, at their likeness."""

    entity: AnyEntity
    shares: Mapping[tuple[str, float], float]

    def kept(self, pairs: Mapping[Pair, tuple[float, Sequence[str]]]) -> dict[Pair, float]:
        """The pairs that are offered with their ratings, out of (likeness, reasons)."""
        found = {}
        for pair, (likeness, reasons) in pairs.items():
            if likeness >= ALIKE:
                rating, least = self._rated(likeness, reasons)
                if rating >= least:
                    found[pair] = rating
        return found

    def _rated(self, likeness: float, reasons: Sequence[str]) -> tuple[float, float]:
        band = _band(likeness)
        said = [self.shares[s, band] for s in signs(self.entity, reasons) if (s, band) in self.shares]
        return (round((likeness + fmean(said)) / 2, 4), LEAST) if said else (likeness, ALIKE)


def of(entity: AnyEntity) -> Judge:
    """How the finder rates the pairs of an entity now."""
    learned = figures(entity) if rules.learns(entity) else ()
    return Judge(entity, {(f.sign, f.begins): f.share for f in learned if f.is_enough})


def figures(entity: AnyEntity) -> list[Figures]:
    """What was decided, by sign and band, in the order of the signs; nothing of what nobody decided on."""
    decided, merged = Counter[tuple[str, float]](), Counter[tuple[str, float]]()
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [list(BANDS), entity.key])
        for reasons, bucket, n, yes in cursor.fetchall():
            for sign in signs(entity, reasons):
                place = sign, BANDS[max(0, bucket - 1)]
                decided[place] += n
                merged[place] += yes
    keys = [s.key for s in entity.signs]
    places = sorted(decided, key=lambda place: (keys.index(place[0]), place[1]))
    return [Figures(*place, decided[place], merged[place]) for place in places]


def _band(likeness: float) -> float:
    return max((b for b in BANDS if b <= likeness), default=BANDS[0])


def signs(entity: AnyEntity, reasons: Iterable[str]) -> list[str]:
    """The signs that reasons stand for: those of names say in a word of their own in what they are alike."""
    own = {s.key for s in entity.signs}
    of_names = next((s.key for s in entity.signs if s.how == "firm"), "")
    found = (why if why in own else of_names for why in reasons if why != "apart")
    return list(dict.fromkeys(s for s in found if s))


def note(
    actor: Actor,
    row: DuplicateGroup,
    pairs: Iterable[tuple[UUID, UUID]],
    verdict: str,
    operation: Operation | None = None,
) -> None:
    """Remember what was decided of pairs of a group, and what the finder had said of them.

    Nothing is learned from what a program decides.
    """
    told = {frozenset((p[0], p[1])): p for p in row.pairs}
    made = []
    for a, b in _sorted(pairs):
        said = told.get(frozenset((str(a), str(b))))
        made.append(
            DuplicateVerdict(
                entity=row.entity,
                left=a,
                right=b,
                verdict=verdict,
                score=said[2] if said and actor.channel != "api" else None,
                reasons=said[3] if said else [],
                group=row.pk,
                operation=operation,
                by=actor.hand,
            )
        )
    DuplicateVerdict.objects.bulk_create(made, ignore_conflicts=True)


def _sorted(pairs: Iterable[tuple[UUID, UUID]]) -> Iterator[Pair]:
    yield from dict.fromkeys((min(a, b), max(a, b)) for a, b in pairs)
