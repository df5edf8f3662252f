"""Records that are there as another entity already: a lead, and the customer or the contact that it doubles.

Such a pair cannot be merged; it is joined by the action that the entity names (`Entity.joined`), or called different.
Records that are closed, or lead to the other one already, are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from zhike.base.likeness import bulk
from zhike.engine.entity import AnyEntity, Sign, get

from .alike import CHUNK, CROWD, Found, Pair, of_names, rows, score

OPEN = "open"
MOST = 3  # records of the other entity that are offered for one
Elsewhere = Found


def find(entity: AnyEntity) -> dict[str, Elsewhere]:
    """Pairs of a record of the entity and one of another, by the key of that other."""
    found: dict[str, Elsewhere] = defaultdict(Found)
    for sign in entity.signs:
        for key, columns in sign.beyond.items():
            work = _names if sign.how == "firm" else _equal
            work(entity, sign, get(key), columns, found[key])
    for key, some in found.items():
        _leave_joined(entity, key, some)
    for key, some in found.items():
        _leave_parts(get(key), some, {k: other for k, other in found.items() if k != key})
    return {key: _best(some) for key, some in found.items() if some.pairs}


def standing(entity: AnyEntity) -> Any:
    """The records that are looked at: open ones where the entity goes through stages."""
    return rows(entity).filter(status=OPEN) if entity.is_staged else rows(entity)


def _columns(entity: AnyEntity, keys: tuple[str, ...]) -> list[str]:
    return [entity.attributes[k].column for k in keys]


def _equal(entity: AnyEntity, sign: Sign, other: AnyEntity, keys: tuple[str, ...], found: Found) -> None:
    """Equal values: the first of them is looked up by PostgreSQL."""
    mine, theirs = _columns(entity, sign.fields), _columns(other, keys)
    held: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for pk, *values in standing(entity).exclude(**{mine[0]: ""}).values_list("pk", *mine).iterator(CHUNK):
        if all(v not in (None, "") for v in values):
            held[tuple(values)].append(pk)
    there: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    wanted = standing(entity).exclude(**{mine[0]: ""}).values(mine[0])
    some = rows(other).filter(**{f"{theirs[0]}__in": wanted})
    for pk, *values in some.values_list("pk", *theirs).iterator(CHUNK):
        if tuple(values) in held:
            there[tuple(values)].append(pk)
    for value, others in there.items():
        if len(others) <= CROWD and len(held[value]) <= CROWD:
            for pair in ((a, b) for a in held[value] for b in others):
                found.put(pair, sign.key, sign.score)


def _names(entity: AnyEntity, sign: Sign, other: AnyEntity, keys: tuple[str, ...], found: Found) -> None:
    """Names of firms that are alike."""
    (column,), (theirs,) = _columns(entity, sign.fields), _columns(other, keys)
    mine = list(standing(entity).exclude(**{column: ""}).values_list("pk", column).iterator(CHUNK))
    if not mine:
        return
    all_ = [*mine, *rows(other).exclude(**{theirs: ""}).values_list("pk", theirs).iterator(CHUNK)]
    for a, b in bulk.pairs(bulk.keys([name for _pk, name in all_]), len(mine)):
        likeness, why = of_names(all_[a][1], all_[b][1])
        if why:
            found.put((all_[a][0], all_[b][0]), sign.key, likeness, why)


def _linked(entity: AnyEntity, key: str, ids: set[UUID]) -> Iterator[Pair]:
    """(record, the record of entity `key` that one of its fields leads to)."""
    columns = [a.column for a in entity.attributes.values() if a.stored and a.column and a.target == key]
    for column in columns:
        some = rows(entity).filter(pk__in=ids).exclude(**{column: None})
        yield from some.values_list("pk", column).iterator(CHUNK)


def _leave_joined(entity: AnyEntity, key: str, found: Found) -> None:
    for pair in list(_linked(entity, key, {a for a, _b in found.pairs})):
        found.pairs.pop(pair, None)


def _leave_parts(other: AnyEntity, found: Found, elsewhere: Mapping[str, Found]) -> None:
    """A contact of a customer that the same record doubles: the customer is offered, and the contact comes with it."""
    for key, some in elsewhere.items():
        whole = dict(_linked(other, key, {b for _a, b in found.pairs}))
        for a, b in [pair for pair in found.pairs if (pair[0], whole.get(pair[1])) in some.pairs]:
            found.pairs.pop((a, b))


def _best(found: Found) -> Found:
    """The surest few for each record."""
    for_one: dict[UUID, list[Pair]] = defaultdict(list)
    for pair in found.pairs:
        for_one[pair[0]].append(pair)
    for pairs in for_one.values():
        for pair in sorted(pairs, key=lambda p: -score(found.pairs[p]))[MOST:]:
            found.pairs.pop(pair)
    return found
