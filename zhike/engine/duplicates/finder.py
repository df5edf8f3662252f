"""The finder: records of an entity that are there twice, compared in one go and kept as groups for people to decide on.

Nothing is compared with everything. Equal values are put together by PostgreSQL, names by what two alike ones share
(`likeness.bulk`). What several signs say is added up as if they were independent; a number of which everybody has one
(`Entity.apart`) keeps two records apart where both have another. Where a sign looks at other entities too (a lead at
customers), pairs with those are found as well (`beyond`). The groups are for no reader in particular: whoever looks at
them sees the records that he may (`groups.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from zhike.base.fold import fold
from zhike.base.likeness import bulk
from zhike.engine.entity import AnyEntity, Sign

from . import beyond, keeping
from .alike import CHUNK, CROWD, Found, of_names
from .alike import rows as _rows

APART = 0.6  # the most that two records get whose registration numbers differ
Tell = Callable[[int, int, str], None]


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
    return keeping.store(entity, found, beyond.find(entity))


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
    ids, texts = bytearray(), []  # a million ids as objects would take as much memory as the names
    for pk, name in _rows(entity).exclude(**{column: ""}).values_list("pk", column).iterator(CHUNK):
        ids += pk.bytes
        texts.append(name)
    for a, b in bulk.pairs(bulk.keys(texts)):
        score, why = of_names(texts[a], texts[b])
        if why:
            one, other = (UUID(bytes=bytes(ids[16 * n : 16 * n + 16])) for n in (a, b))
            found.add(one, other, sign.key, score, why)


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
