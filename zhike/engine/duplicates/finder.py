"""The finder: records of an entity that are there twice, compared in one go and kept as groups for people to decide on.

Nothing is compared with everything. Equal values are put together by PostgreSQL, names by what two alike ones share
(`likeness.bulk`). What several signs say is added up as if they were independent; a number of which everybody has one
(`Entity.apart`) keeps two records apart where both have another. The groups are for no reader in particular: whoever
looks at them sees the records that he may (`groups.py`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from zhike.base.fold import fold
from zhike.base.ids import uuid7
from zhike.base.likeness import bulk, firms, learn
from zhike.engine.entity import AnyEntity, Sign
from zhike.engine.models import DuplicateGroup, DuplicateVerdict

ALIKE = 0.8  # from here on a pair is offered
APART = 0.6  # the most that two records get whose registration numbers differ
CROWD = 50  # records that share one value, above which it is a switchboard; a group is no larger either
CHUNK = 20_000
PERSON, NAMESAKES = 4, 0.6  # characters of a person's name, and what it says of two records that share it
_LOCK = 7_203_118
State = DuplicateGroup.State
Pair = tuple[UUID, UUID]
Tell = Callable[[int, int, str], None]
Signs = Mapping[str, float]


@dataclass
class Found:
    """Pairs with what speaks for each: sign -> likeness, and reasons of names in one word."""

    pairs: dict[Pair, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    why: dict[Pair, str] = field(default_factory=dict)

    def add(self, a: UUID, b: UUID, sign: str, score: float, why: str = "") -> None:
        """One more thing that two records have in common."""
        pair = (a, b) if a < b else (b, a)
        self.pairs[pair][sign] = max(score, self.pairs[pair].get(sign, 0.0))
        if why:
            self.why[pair] = why


def _silently(_done: int, _total: int, _text: str) -> None:
    return


def run(entity: AnyEntity, tell: Tell = _silently) -> int:
    """Find the duplicates of an entity anew and keep them; how many groups are open then.

    What was decided stays decided: pairs called different are left out, and groups put off keep standing.
    """
    signs = [s for s in entity.signs if s.how != "full"]
    found = Found()
    for n, sign in enumerate(signs):
        tell(n, len(signs) + 1, str(sign.label))
        _WORK[sign.how](entity, sign, found)
    tell(len(signs), len(signs) + 1, "")
    _keep_apart(entity, found)
    return _store(entity, found)


def together(signs: Iterable[float]) -> float:
    """What several signs say, as if each were wrong by itself."""
    doubt = 1.0
    for score in signs:
        doubt *= 1 - score
    return 1 - doubt


def _rows(entity: AnyEntity) -> Any:
    return entity.rows("the finder compares all; each reader is shown what he may see").filter(deleted_at=None)


def _same(entity: AnyEntity, sign: Sign, found: Found) -> None:
    """Records with equal values: PostgreSQL puts them together."""
    columns = [entity.attributes[k].column for k in sign.fields]
    filled = Q(*(~Q(**{c: ""}) & Q(**{f"{c}__isnull": False}) for c in columns))
    rows = _rows(entity).filter(filled)
    shared = rows.values(*columns).annotate(n=Count("pk")).filter(n__gt=1, n__lte=CROWD).order_by()
    several = rows.filter(**{f"{columns[0]}__in": shared.values(columns[0])})
    groups: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for pk, *values in several.values_list("pk", *columns).iterator(CHUNK):
        groups[tuple(values)].append(pk)
    for members in groups.values():
        if 1 < len(members) <= CROWD:
            for a, b in combinations(members, 2):
                found.add(a, b, sign.key, sign.score)


def _person(entity: AnyEntity, sign: Sign, found: Found) -> None:
    """Persons of one name with the other fields equal: the first field is the name."""
    columns = [entity.attributes[k].column for k in sign.fields]
    groups: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for pk, name, *others in _rows(entity).values_list("pk", *columns).iterator(CHUNK):
        if name and all(v not in (None, "") for v in others):
            groups[fold(name), *others].append(pk)
    for members in groups.values():
        if 1 < len(members) <= CROWD:
            for a, b in combinations(members, 2):
                found.add(a, b, sign.key, sign.score)


def _firm(entity: AnyEntity, sign: Sign, found: Found) -> None:
    """Names of firms that are alike."""
    column = entity.attributes[sign.fields[0]].column
    rows = list(_rows(entity).exclude(**{column: ""}).values_list("pk", column).iterator(CHUNK))
    texts = [name for _pk, name in rows]
    known = bulk.keys(texts)
    for a, b in bulk.pairs(known):
        score, why = firms.similarity(texts[a], texts[b])
        if score >= ALIKE:
            # three characters without a legal form are mostly a person, and persons have namesakes
            bare = known.legal[a] == known.key[a] == known.legal[b] and len(known.key[a]) <= PERSON
            found.add(rows[a][0], rows[b][0], sign.key, NAMESAKES if bare else score, why)


_WORK: Mapping[str, Callable[[AnyEntity, Sign, Found], None]] = {"same": _same, "person": _person, "firm": _firm}


def _keep_apart(entity: AnyEntity, found: Found) -> None:
    """Pairs whose registration numbers differ are two legal entities, however alike their names."""
    if not entity.apart or not found.pairs:
        return
    columns = [entity.attributes[k].column for k in entity.apart]
    ids = list({pk for pair in found.pairs for pk in pair})
    held: dict[UUID, tuple[Any, ...]] = {}
    for n in range(0, len(ids), CHUNK):
        some = _rows(entity).filter(pk__in=ids[n : n + CHUNK]).exclude(**dict.fromkeys(columns, ""))
        held.update({pk: tuple(values) for pk, *values in some.values_list("pk", *columns)})
    for a, b in [pair for pair in found.pairs if pair[0] in held and pair[1] in held]:
        if any(x and y and x != y for x, y in zip(held[a], held[b], strict=True)):
            found.pairs[a, b]["apart"] = APART


def score(signs: Signs) -> float:
    """How likely two records are one."""
    most = signs.get("apart", 1.0)
    return round(min(most, together(v for k, v in signs.items() if k != "apart")), 4)


# ---- groups


def _store(entity: AnyEntity, found: Found) -> int:
    decided = set(DuplicateVerdict.objects.filter(entity=entity.key).values_list("left", "right"))
    scored = {pair: score(signs) for pair, signs in found.pairs.items() if pair not in decided}
    kept = {pair: s for pair, s in scored.items() if s >= ALIKE}
    rows = [_row(entity, members, pairs, found) for members, pairs in _groups(kept)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = DuplicateGroup.objects.filter(entity=entity.key)
        later = {tuple(sorted(g)) for g in before.filter(state=State.LATER).values_list("records", flat=True)}
        before.filter(state=State.OPEN).delete()
        fresh = [row for row in rows if tuple(sorted(row[2])) not in later]
        names = "id, entity, records, score, pairs, state, found_at"
        with cursor.copy(f"COPY engine_duplicategroup ({names}) FROM STDIN") as copy:
            for row in fresh:
                copy.write_row(row)
    return len(fresh)


def _row(entity: AnyEntity, members: Sequence[UUID], pairs: Mapping[Pair, float], found: Found) -> tuple[Any, ...]:
    named = {s.key for s in entity.signs if s.how == "firm"}
    told = [
        [str(a), str(b), s, [found.why.get((a, b), k) if k in named else k for k in found.pairs[a, b]]]
        for (a, b), s in sorted(pairs.items(), key=lambda item: -item[1])
    ]
    return uuid7(), entity.key, list(members), max(pairs.values()), json.dumps(told), State.OPEN.value, timezone.now()


def _groups(scored: Mapping[Pair, float]) -> Iterator[tuple[list[UUID], dict[Pair, float]]]:
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
