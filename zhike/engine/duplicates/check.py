"""Asking, before something is written, whether it is there already: the same questions at every door.

Whoever writes says at which door (`at`); the write path asks once for the whole list, one query for each sign. What is
there already but out of the writer's sight is told by the department that has it, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.base import fold, names
from zhike.base.likeness import firms
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, Sign, get
from zhike.engine.models import DuplicateVerdict

from . import rules

if TYPE_CHECKING:
    from zhike.engine.records import Change

NEAR_ROWS = 20  # rows of one write that are also asked for similar names; more are an import's work
MOST = 50  # records that are compared for one name
TOLD = 5
Place = tuple[str, UUID]
Row = Mapping[str, Any]


Further = Callable[["Sign", str, "Change[Any]"], "Hit | None"]


@dataclass(frozen=True)
class _Door:
    name: str = ""
    confirmed: bool = False
    further: Further | None = None


NO_DOOR = _Door()
_door: ContextVar[_Door] = ContextVar("door", default=NO_DOOR)


@contextmanager
def at(door: str, *, confirmed: bool = False, further: Further | None = None) -> Iterator[None]:
    """What is written inside comes through this door: typed, form, api or imported; `confirmed`: they were asked.

    `further` tells of records that would be there by then: those that a trial run has tried before.
    """
    token = _door.set(_Door(door, confirmed, further))
    try:
        yield
    finally:
        _door.reset(token)


@dataclass(frozen=True)
class Hit:
    """A record that is there already; `id` and `name` are empty where it is out of sight."""

    sign: Sign
    level: str
    entity: AnyEntity
    id: UUID | None
    name: str
    department: str
    is_owned: bool

    @property
    def text(self) -> str:
        """In words, which reveal no more than rights allow."""
        said = {"what": self.entity.label, "sign": self.sign.label, "name": self.name, "where": self.department}
        if self.id:
            return _("%(sign)s: %(what)s “%(name)s” is there already.") % said
        if self.department:
            return _("%(sign)s: there is one already, at %(where)s. Ask there.") % said
        return _("%(sign)s: there is one already. Ask your administrator.") % said


def check(changes: Sequence[Change[Any]]) -> None:
    """Refuse, or warn of, what is there already, at the door that is in force; called by the write path alone."""
    actor, entity, door = changes[0].actor, changes[0].entity, _door.get()
    if not entity.signs or not door.name or changes[0].back is not None:
        return
    levels = rules.levels(entity)
    for sign in entity.signs:
        level = levels[sign.key, door.name]
        moved = [c for c in changes if c.is_new or any(c.changed(k) for k in sign.fields)]
        if level == "off" or not moved:
            continue
        rows = [{k: c.get(k) for k in sign.fields} for c in moved]
        found = _others(entity, moved, _known(entity, sign, rows))
        hits = _told(actor, sign, level, found)
        for c, mine in zip(moved, found, strict=True):
            hit = hits[mine[0]] if mine else door.further(sign, level, c) if door.further else None
            if hit:
                _say(c, sign, level, hit, confirmed=door.confirmed)


def _others(entity: AnyEntity, changes: Sequence[Change[Any]], found: list[list[Place]]) -> list[list[Place]]:
    """Without the record itself, and without those that somebody has called different from it."""
    ids = [c.record.pk for c in changes if not c.is_new]
    said = DuplicateVerdict.objects.filter(Q(left__in=ids) | Q(right__in=ids), entity=entity.key) if ids else ()
    apart = {frozenset((v.left, v.right)) for v in said}
    return [
        [(key, pk) for key, pk in mine if pk != c.record.pk and frozenset((pk, c.record.pk)) not in apart]
        for c, mine in zip(changes, found, strict=True)
    ]


def _say(c: Change[Any], sign: Sign, level: str, hit: Hit, *, confirmed: bool) -> None:
    if sign.fields[0] in c.errors:
        return  # one reason is enough
    if level == "block":
        c.fail(sign.fields[0], hit.text, "duplicate")
    elif level == "ask" and not confirmed:
        c.fail(sign.fields[0], hit.text, "possible_duplicate")
    else:
        c.extra.setdefault("warnings", []).append((sign.fields[0], hit.text))


def look(actor: Actor, entity: AnyEntity, values: Row, *, door: str = "typed") -> list[Hit]:
    """What is there already of values that are not written yet, surest first; empty values say nothing."""
    levels = rules.levels(entity)
    found: dict[Place, Hit] = {}
    for sign in entity.signs:
        level = levels[sign.key, door]
        if level == "off" or not all(values.get(k) for k in sign.fields):
            continue
        (mine,) = _known(entity, sign, [values])
        for place, hit in _told(actor, sign, level, [mine[:TOLD]]).items():
            found.setdefault(place, hit)
    return list(found.values())[:TOLD]


def _told(actor: Actor, sign: Sign, level: str, found: Iterable[Sequence[Place]]) -> dict[Place, Hit]:
    """What the actor may be told of records: one query for each entity and one for what is in sight."""
    wanted: dict[str, list[UUID]] = {}
    for key, pk in dict.fromkeys(place for mine in found for place in mine):
        wanted.setdefault(key, []).append(pk)
    hits = {}
    for key, ids in wanted.items():
        entity = get(key)
        seen = query.names(actor, key, ids)
        rows = entity.rows("only the department of what is out of sight").filter(pk__in=ids)
        where = {r.pk: r for r in rows.select_related("department").only("pk", "owner", "department__name")}
        for pk in ids:
            if pk in where:
                r, shown = where[pk], pk in seen
                hits[key, pk] = Hit(
                    sign,
                    level,
                    entity,
                    pk if shown else None,
                    seen.get(pk, ""),
                    str(r.department or ""),
                    bool(r.owner_id),
                )
    return hits


# ---- what is there


def _known(entity: AnyEntity, sign: Sign, rows: Sequence[Row]) -> list[list[Place]]:
    """For each row the records that the sign leads to, of this entity and of those beyond it."""
    found: list[list[Place]] = [[] for _row in rows]
    for key, fields in {entity.key: sign.fields, **sign.beyond}.items():
        given = [tuple(row.get(k) for k in sign.fields) for row in rows]
        for n, ids in _WORK[sign.how](get(key), fields, given):
            found[n] += [(key, pk) for pk in ids]
    return found


Values = Sequence[tuple[Any, ...]]


def _rows(entity: AnyEntity) -> Any:
    return entity.rows("whether it is there already; told without name where out of sight").filter(deleted_at=None)


def _same(entity: AnyEntity, fields: Sequence[str], given: Values) -> Iterator[tuple[int, list[UUID]]]:
    wanted = {value for value in given if all(v not in (None, "") for v in value)}
    if not wanted:
        return
    columns = [entity.attributes[k].column for k in fields]
    first = _rows(entity).filter(**{f"{columns[-1]}__among": {value[-1] for value in wanted}})
    held: dict[tuple[Any, ...], list[UUID]] = {}
    for pk, *values in first.order_by("created_at").values_list("pk", *columns)[: MOST * len(wanted)]:
        held.setdefault(tuple(values), []).append(pk)
    yield from ((n, held[value]) for n, value in enumerate(given) if value in wanted and value in held)


def _person(entity: AnyEntity, fields: Sequence[str], given: Values) -> Iterator[tuple[int, list[UUID]]]:
    wanted = {value[1:] for value in given if all(v not in (None, "") for v in value)}
    if not wanted:
        return
    columns = [entity.attributes[k].column for k in fields]
    rows = _rows(entity).filter(**{f"{columns[1]}__among": {value[0] for value in wanted}})
    held: dict[tuple[Any, ...], list[UUID]] = {}
    for pk, name, *others in rows.order_by("created_at").values_list("pk", *columns):
        held.setdefault((fold.fold(name), *map(str, others)), []).append(pk)
    for n, (name, *others) in enumerate(given):
        if name and (ids := held.get((fold.fold(name), *map(str, others)))):
            yield n, ids


def mark(sign: Sign, values: Row) -> tuple[Any, ...]:
    """What two records have alike where the sign leads from one to the other; empty where it says nothing.

    Names that are only alike are not told this way.
    """
    found = tuple(values.get(k) for k in sign.fields)
    if sign.how == "firm" or any(v in (None, "") for v in found):
        return ()
    if sign.how == "same":
        return found
    if sign.how == "person":
        return fold.fold(str(found[0])), *map(str, found[1:])
    legal = names.legal_key(str(found[0]))
    return (legal,) if len(legal) > 4 and names.has_form(legal) else ()


def _full(entity: AnyEntity, fields: Sequence[str], given: Values) -> Iterator[tuple[int, list[UUID]]]:
    """One whole legal name: only what has a legal form is one, persons have namesakes."""
    wanted = {n: names.legal_key(str(value[0] or "")) for n, value in enumerate(given)}
    wanted = {n: legal for n, legal in wanted.items() if len(legal) > 4 and names.has_form(legal)}
    keys = {names.name_key(str(given[n][0])) for n in wanted}
    if not keys:
        return
    column = entity.attributes[fields[0]].column
    held: dict[str, list[UUID]] = {}
    for pk, name in _rows(entity).filter(name_key__among=keys).order_by("created_at").values_list("pk", column):
        held.setdefault(names.legal_key(name), []).append(pk)
    yield from ((n, held[legal]) for n, legal in wanted.items() if legal in held)


def _firm(entity: AnyEntity, fields: Sequence[str], given: Values) -> Iterator[tuple[int, list[UUID]]]:
    """Names that are alike: those that have the letters of it, or all but one slip of them."""
    if len(given) > NEAR_ROWS:
        return
    column = entity.attributes[fields[0]].column
    for n, value in enumerate(given):
        name = str(value[0] or "")
        core = firms.parse(name).core
        if len(core) < 2 or (len(core) <= 4 and core == names.legal_key(name)):
            continue  # a person, or too little
        some = _rows(entity).filter(_near(core)).values_list("pk", column)[:MOST]
        scored = [(firms.similarity(name, other)[0], pk) for pk, other in some]
        if ids := [pk for s, pk in sorted(scored, key=lambda x: -x[0]) if s >= firms.ALIKE]:
            yield n, ids


def _near(core: str) -> Q:
    wanted = [fold.query_grams(core)]
    if fold.may_slip(core) and len(core) > 3:
        wanted += [grams for _pattern, grams in fold.slips(core) if len(grams) > 1]
    return reduce(or_, (Q(search_grams__contains=grams) for grams in wanted))


_WORK = {"same": _same, "person": _person, "full": _full, "firm": _firm}
