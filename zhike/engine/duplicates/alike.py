"""What the finder knows of pairs of records: what speaks for each, and what that makes together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from zhike.base import names
from zhike.base.likeness import firms
from zhike.engine.entity import AnyEntity

ALIKE = 0.8  # from here on a pair is offered
CROWD = 50  # records that share one value, above which it is a switchboard; a group is no larger either
CHUNK = 20_000
PERSON, NAMESAKES = 4, 0.6  # characters of a person's name, and what it says of two records that share it
Pair = tuple[UUID, UUID]
Signs = Mapping[str, float]


@dataclass
class Found:
    """Pairs with what speaks for each: sign -> likeness, and reasons of names in one word."""

    pairs: dict[Pair, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    why: dict[Pair, str] = field(default_factory=dict)

    def add(self, a: UUID, b: UUID, sign: str, score: float, why: str = "") -> None:
        """One more thing that two records have in common."""
        self.put((a, b) if a < b else (b, a), sign, score, why)

    def put(self, pair: Pair, sign: str, score: float, why: str = "") -> None:
        """The same of a pair whose order means something."""
        self.pairs[pair][sign] = max(score, self.pairs[pair].get(sign, 0.0))
        if why:
            self.why[pair] = why

    def reasons(self, pair: Pair, named: Iterable[str]) -> list[str]:
        """In what they are alike; `named` are the signs by names, which say it in a word of their own."""
        return [self.why.get(pair, k) if k in named else k for k in self.pairs[pair]]


def together(signs: Iterable[float]) -> float:
    """What several signs say, as if each were wrong by itself."""
    doubt = 1.0
    for score in signs:
        doubt *= 1 - score
    return 1 - doubt


def score(signs: Signs) -> float:
    """How likely two records are one."""
    most = signs.get("apart", 1.0)
    return round(min(most, together(v for k, v in signs.items() if k != "apart")), 4)


def of_names(a: str, b: str) -> tuple[float, str]:
    """How alike two names are, and in what; nothing where they are not.

    Up to four characters without a legal form are mostly a person, and persons have namesakes.
    """
    likeness, why = firms.similarity(a, b)
    if likeness < ALIKE:
        return 0.0, ""
    legal = names.legal_key(a)
    if len(legal) <= PERSON and legal == names.legal_key(b) and not names.has_form(legal):
        return NAMESAKES, why
    return likeness, why


def rows(entity: AnyEntity) -> Any:
    """All that is there of an entity."""
    return entity.rows("the finder compares all; each reader is shown what he may see").filter(deleted_at=None)
