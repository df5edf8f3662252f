"""Asking, before something is written, whether it is there already: the same questions at every door.

Whoever writes says at which door (`at`); the write path asks once for the whole list, one query for each sign. What is
there already but out of the writer's sight is told by the department that has it, and by nothing else. What lies in the
recycle bin is told too, and never more than told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.base import fold, names
from zhike.base.likeness import firms
from zhike.engine import access, lineage, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, Sign, get
from zhike.engine.errors import Wrong
from zhike.engine.models import DuplicateVerdict

from . import rules

if TYPE_CHECKING:
    from zhike.engine.records import Change

NEAR_ROWS = 20  # rows of one write that are also asked for similar names; more are an import's work
MOST = 50  # records that are compared for one name
TOLD = 5
POSSIBLE = "possible_duplicate"  # the code of what is asked, and can be saved all the same
Place = tuple[str, UUID]
Row = Mapping[str, Any]
Told = dict[UUID, list[str]]


Further = Callable[["Sign", str, "Change[Any]"], "Hit | None"]


@dataclass(frozen=True)
class _Door:
    name: str = ""
    confirmed: bool = False
    further: Further | None = None
    told: Told = field(default_factory=dict)


NO_DOOR = _Door()
_door: ContextVar[_Door] = ContextVar("door", default=NO_DOOR)
_in_bin: ContextVar[bool] = ContextVar("in_bin", default=False)


@contextmanager
def at(door: str, *, confirmed: bool = False, further: Further | None = None) -> Iterator[Told]:
    """What is written inside comes through this door: typed, form, api or imported; `confirmed`: they were asked.

    `further` tells of records that would be there by then: those that a trial run has tried before. Gives what is to
    be told of the records all the same, by id.
    """
    said = _Door(door, confirmed, further)
    token = _door.set(said)
    try:
        yield said.told
    finally:
        _door.reset(token)


def asked(wrongs: Iterable[Wrong]) -> bool:
    """Whether what stands in the way is a question alone."""
    found = [w.code for w in wrongs]
    return bool(found) and set(found) == {POSSIBLE}


def words(told: Told, limit: int = 3) -> str:
    """What is to be told of records, in one line."""
    return " ".join(list(dict.fromkeys(text for texts in told.values() for text in texts))[:limit])


@dataclass(frozen=True)
class Hit:
    """A record that is there already; `id` and `name` are empty where it is out of sight.

    One `in_bin` can be restored by who gets its id.
    """

    sign: Sign
    level: str
    entity: AnyEntity
    id: UUID | None
    name: str
    department: str
    is_owned: bool
    in_bin: bool = False

    @property
    def text(self) -> str:
        """In words, which reveal no more than rights allow."""
        said = {"what": self.entity.label, "sign": self.sign.label, "name": self.name, "where": self.department}
        if self.in_bin:
            return self._of_bin() % said
        if self.id:
            return _("%(sign)s: %(what)s “%(name)s” is there already.") % said
        if self.department:
            return _("%(sign)s: there is one already, at %(where)s. Ask there.") % said
        return _("%(sign)s: there is one already. Ask your administrator.") % said

    def _of_bin(self) -> str:
        if self.id:
            return _("%(sign)s: %(what)s “%(name)s” lies in the recycle bin. It can be restored.")
        if self.department:
            return _("%(sign)s: one lies in the recycle bin, at %(where)s. Ask there.")
        return _("%(sign)s: one lies in the recycle bin. Ask your administrator.")


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
        twins = _twins(sign, rows) if door.name != "imported" else frozenset()
        for n, (c, mine) in enumerate(zip(moved, found, strict=True)):
            hit = hits[mine[0]] if mine else door.further(sign, level, c) if door.further else None
            if hit:
                _say(c, sign, level, hit.text, door)
            elif n in twins:
                text = _("%(sign)s: another of the rows that are written has the same.") % {"sign": sign.label}
                _say(c, sign, level, text, door)
        _of_bin(sign, [(c, row) for c, row, mine in zip(moved, rows, found, strict=True) if not mine], door)


def _of_bin(sign: Sign, lone: Sequence[tuple[Change[Any], Row]], door: _Door) -> None:
    """What is like it in the recycle bin, where nothing else is; an import has its own ways to go on."""
    if not 0 < len(lone) <= NEAR_ROWS or door.name == "imported":
        return
    actor, entity = lone[0][0].actor, lone[0][0].entity
    found = _others(entity, [c for c, _row in lone], _binned(entity, sign, [row for _c, row in lone]))
    hits = _told(actor, sign, "hint", found, in_bin=True)
    for (c, _row), mine in zip(lone, found, strict=True):
        if mine:
            _say(c, sign, "hint", hits[mine[0]].text, door)


def _twins(sign: Sign, rows: Sequence[Row]) -> frozenset[int]:
    """The rows of one write that are like one before them, in what is compared as a whole."""
    seen: set[Any] = set()
    found = []
    for n, row in enumerate(rows if len(rows) > 1 else ()):
        if not (value := mark(sign, row)):
            continue
        if value in seen:
            found.append(n)
        seen.add(value)
    return frozenset(found)


def _others(entity: AnyEntity, changes: Sequence[Change[Any]], found: list[list[Place]]) -> list[list[Place]]:
    """Without the record itself, and without those that somebody has called different from it."""
    ids = [c.record.pk for c in changes if not c.is_new]
    rows = DuplicateVerdict.objects.filter(entity=entity.key, verdict=DuplicateVerdict.Verdict.DIFFERENT)
    said = rows.filter(Q(left__in=ids) | Q(right__in=ids)) if ids else ()
    apart = {frozenset((v.left, v.right)) for v in said}
    return [
        [(key, pk) for key, pk in mine if pk != c.record.pk and frozenset((pk, c.record.pk)) not in apart]
        for c, mine in zip(changes, found, strict=True)
    ]


def _say(c: Change[Any], sign: Sign, level: str, text: str, door: _Door) -> None:
    if sign.fields[0] in c.errors:
        return  # one reason is enough
    if level == "block":
        c.fail(sign.fields[0], text, "duplicate")
    elif level == "ask" and not door.confirmed:
        c.fail(sign.fields[0], text, POSSIBLE)
    else:
        c.extra.setdefault("warnings", []).append((sign.fields[0], text))
        door.told.setdefault(c.record.pk, []).append(text)


def look(actor: Actor, entity: AnyEntity, values: Row, *, door: str = "typed") -> list[Hit]:
    """What is there already of values that are not written yet, surest first and what lies in the recycle bin last.

    Empty values say nothing.
    """
    levels = rules.levels(entity)
    found: dict[Place, Hit] = {}
    binned: dict[Place, Hit] = {}
    for sign in entity.signs:
        level = levels[sign.key, door]
        if level == "off" or not all(values.get(k) for k in sign.fields):
            continue
        (mine,) = _known(entity, sign, [values])
        for place, hit in _told(actor, sign, level, [mine[:TOLD]]).items():
            found.setdefault(place, hit)
        if not mine:
            (old,) = _binned(entity, sign, [values])
            binned = {**_told(actor, sign, "hint", [old[:1]], in_bin=True), **binned}
    return [*found.values(), *binned.values()][:TOLD]


def _told(
    actor: Actor, sign: Sign, level: str, found: Iterable[Sequence[Place]], *, in_bin: bool = False
) -> dict[Place, Hit]:
    """What the actor may be told of records: one query for each entity and one for what is in sight."""
    wanted: dict[str, list[UUID]] = {}
    for key, pk in dict.fromkeys(place for mine in found for place in mine):
        wanted.setdefault(key, []).append(pk)
    hits = {}
    for key, ids in wanted.items():
        entity = get(key)
        seen = _restorable(actor, entity, ids) if in_bin else query.names(actor, key, ids)
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
                    in_bin,
                )
    return hits


def _restorable(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of those records of the recycle bin that the actor may bring back."""
    if not access.may(actor, entity, "restore"):
        return {}
    rows = entity.rows("rows from access, in the bin").filter(access.rows(actor, entity, "restore"), pk__in=ids)
    return query.titles(actor, entity, rows.filter(deleted_at__isnull=False))


# ---- what is there


def _known(entity: AnyEntity, sign: Sign, rows: Sequence[Row]) -> list[list[Place]]:
    """For each row the records that the sign leads to, of this entity and of those beyond it."""
    found: list[list[Place]] = [[] for _row in rows]
    for key, fields in {entity.key: sign.fields, **sign.beyond}.items():
        given = [tuple(row.get(k) for k in sign.fields) for row in rows]
        for n, ids in _WORK[sign.how](get(key), fields, given):
            found[n] += [(key, pk) for pk in ids]
    return found


def _binned(entity: AnyEntity, sign: Sign, rows: Sequence[Row]) -> list[list[Place]]:
    """The same of what lies in the recycle bin."""
    token = _in_bin.set(True)
    try:
        return _known(entity, sign, rows)
    finally:
        _in_bin.reset(token)


Values = Sequence[tuple[Any, ...]]


def _rows(entity: AnyEntity) -> Any:
    """What is looked through: what is there, or what can come out of the recycle bin by itself."""
    rows = entity.rows("whether it is there already; told without name where out of sight")
    if _in_bin.get():
        return lineage.single(entity, rows.filter(deleted_at__isnull=False))
    return rows.filter(deleted_at=None)


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
