"""What the finder found, as groups for people to decide on: in which order, and what is left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from zhike.base.ids import uuid7
from zhike.base.likeness import learn
from zhike.engine.entity import AnyEntity
from zhike.engine.models import DuplicateGroup, DuplicateVerdict

from . import learning
from .alike import ALIKE, CROWD, Found, Pair, score
from .beyond import Elsewhere

_LOCK = 7_203_118
_COLUMNS = ("id", "entity", "records", "score", "pairs", "state", "found_at", "beyond", "again")
State = DuplicateGroup.State
Group = tuple[list[UUID], Mapping[Pair, float]]


def store(entity: AnyEntity, found: Found, elsewhere: Mapping[str, Elsewhere]) -> int:
    """Put the groups of an entity in the place of those that are open; how many there are then."""
    verdicts = DuplicateVerdict.objects.filter(entity=entity.key, verdict=DuplicateVerdict.Verdict.DIFFERENT)
    decided = set(verdicts.values_list("left", "right"))
    named = {s.key for s in entity.signs if s.how == "firm"}
    judge = learning.of(entity)

    def rated(some: Found) -> dict[Pair, float]:
        left = {p: signs for p, signs in some.pairs.items() if (min(p), max(p)) not in decided}
        return judge.kept({p: (score(signs), some.reasons(p, named)) for p, signs in left.items()})

    rows = [_row(entity, "", one, found, named) for one in groups(rated(found))]
    for key, some in elsewhere.items():
        rows += [_row(entity, key, ([*pair], {pair: s}), some, named) for pair, s in rated(some).items()]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = DuplicateGroup.objects.filter(entity=entity.key)
        later = {frozenset(g) for g in before.filter(state=State.LATER).values_list("records", flat=True)}
        undone = list(before.filter(state=State.OPEN).exclude(again={}).values_list("again", flat=True))
        before.filter(state=State.OPEN).delete()
        fresh = [row for row in rows if frozenset(row[2]) not in later]
        with cursor.copy(f"COPY engine_duplicategroup ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            for row in fresh:
                copy.write_row((*row, json.dumps(_again(row[2], undone))))
    return len(fresh)


def _row(entity: AnyEntity, beyond: str, group: Group, found: Found, named: set[str]) -> tuple[Any, ...]:
    members, pairs = group
    told = [
        [str(p[0]), str(p[1]), score(found.pairs[p]), found.reasons(p, named)]
        for p, _s in sorted(pairs.items(), key=lambda item: -item[1])
    ]
    best = max(pairs.values())
    return uuid7(), entity.key, list(members), best, json.dumps(told), State.OPEN.value, timezone.now(), beyond


def _again(members: Sequence[UUID], undone: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The merge that was taken back of records that are found again."""
    held = {str(pk) for pk in members}
    return next((u for u in undone if {u["keep"], *u["others"]} <= held), {})


def groups(scored: Mapping[Pair, float]) -> Iterator[tuple[list[UUID], dict[Pair, float]]]:
    """What pairs lead from one to another; a chain that grows too long is cut where it is weakest."""
    place: dict[UUID, int] = {}
    for pair in scored:
        for pk in pair:
            place.setdefault(pk, len(place))
    ids = list(place)
    waiting: list[tuple[float, dict[Pair, float]]] = [(ALIKE, dict(scored))]
    while waiting:
        least, pairs = waiting.pop()
        of_group: dict[int, dict[Pair, float]] = defaultdict(dict)
        made = learn.groups((place[a], place[b]) for a, b in pairs)
        number = {row: n for n, members in enumerate(made) for row in members}
        for pair, s in pairs.items():
            of_group[number[place[pair[0]]]][pair] = s
        for n, members in enumerate(made):
            if len(members) <= CROWD:
                yield [ids[row] for row in members], of_group[n]
            elif least < 1:
                stricter = {pair: s for pair, s in of_group[n].items() if s > least + 0.04}
                waiting.append((least + 0.04, stricter))
