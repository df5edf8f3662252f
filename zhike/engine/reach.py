"""Who reaches one record, and why: the parts that decide for each person, asked for everybody together.

People with the same roles in the same department reach the same rows, except where a right looks at who somebody is:
owners, people a field of the record names, and people it is shared with are asked apart. All parts of many people are
asked in one query, so that 2,000 people cost some tens of queries and not thousands (`zhike bench access`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Q, Value, When

from zhike.base.models import User

from . import access, delegation, query
from .access import Actor, Part
from .entity import AnyEntity, get
from .models import Delegation, Share

PARTS = 150  # conditions asked in one query


@dataclass(frozen=True)
class Reached:
    """One person who reaches a record, with the parts that let them; `helpers` may enter for them, so far as lent."""

    user: User
    parts: Sequence[Part]
    helpers: Sequence[Delegation] = ()


def everybody(actor: Actor, entity: AnyEntity, pk: UUID, action: str = "read") -> list[Reached]:
    """All who may do `action` on a record that the actor may read, sorted by name. Raises Missing."""
    query.record(actor, entity, pk)
    people = list(User.objects.filter(is_active=True, deleted_at=None).select_related("department"))
    apart = _named(entity, pk)
    groups: dict[Any, list[User]] = {}
    for user in people:
        key = user.pk if user.pk in apart else (frozenset(user.roles), user.department_id)
        groups.setdefault(key, []).append(user)
    asked = {key: _parts(a, entity, action) for key, a in _actors(groups, entity, pk, actor).items()}
    held = _which(entity, pk, asked)
    helpers = _helpers(entity, action)
    found = [
        Reached(user, held[key], helpers.get(user.pk, ()))
        for key, members in groups.items()
        if held.get(key)
        for user in members
    ]
    return sorted(found, key=lambda r: (r.user.pinyin, r.user.name))


def of_person(actor: Actor, entity: AnyEntity, pk: UUID, user: User, action: str = "read") -> Reached:
    """The same for one person, straight from `access.why`."""
    query.record(actor, entity, pk)
    return Reached(user, access.why(Actor(user), entity, pk, action), _helpers(entity, action).get(user.pk, ()))


def _parts(actor: Actor, entity: AnyEntity, action: str) -> Sequence[Part]:
    return access.parts(actor, entity, action)


def _chain(entity: AnyEntity, pk: UUID, seen: frozenset[str] = frozenset()) -> Iterator[tuple[AnyEntity, UUID]]:
    """The record and those it is seen through."""
    yield entity, pk
    links = [entity.attributes[key] for key in entity.via]
    row = entity.rows("a record that the reader sees").filter(pk=pk).first() if links else None
    for a in links:
        target, other = get(a.target), a.read(row) if row else None
        if other and target.key not in seen:
            yield from _chain(target, other, seen | {entity.key})


def _named(entity: AnyEntity, pk: UUID) -> set[UUID]:
    """Everybody whom the record, or one it is seen through, names in a field or is shared with."""
    found: set[UUID] = set()
    for e, one in _chain(entity, pk):
        people = [a for a in e.attributes.values() if a.target == "user" and a.stored]
        for row in e.rows("a record that the reader sees").filter(pk=one):
            for value in (a.read(row) for a in people):
                found.update(value if isinstance(value, list) else [value])
        found |= set(
            Share.objects.filter(entity=e.key, record=one, kind=Share.Kind.USER).values_list("target", flat=True)
        )
        if e.model is User:
            found.add(one)
    return found - {None}


def _actors(groups: Mapping[Any, Sequence[User]], entity: AnyEntity, pk: UUID, reader: Actor) -> dict[Any, Actor]:
    """One actor for each group, with what is the same for many read once: roles and rights by set of roles, shares."""
    shares: list[Share] = []
    for e, one in _chain(entity, pk):
        rows = Share.objects.filter(Q(until=None) | Q(until__gte=reader.day), entity=e.key, record=one)
        shares += rows
    by_roles: dict[frozenset[UUID], Actor] = {}
    found = {}
    for key, members in groups.items():
        actor = Actor(members[0])
        known = by_roles.setdefault(frozenset(members[0].roles), actor)
        if known is not actor:
            actor.__dict__["held"], actor.__dict__["grants"] = known.held, known.grants
        actor.__dict__["shares"] = _shares(actor, shares)
        found[key] = actor
    return found


def _shares(actor: Actor, shares: Iterable[Share]) -> dict[str, dict[str, list[UUID]]]:
    """As `Actor.shares`, from rows that were read for everybody; only those of the records in question."""
    found: dict[str, dict[str, list[UUID]]] = {}
    if actor.held:
        place = actor.user.department
        targets = {actor.user.pk, *actor.roles, *(place.ancestors if place else ())}
        for s in shares:
            if s.target in targets:
                found.setdefault(s.entity, {}).setdefault(s.level, []).append(s.record)
    return found


def _which(entity: AnyEntity, pk: UUID, asked: Mapping[Any, Sequence[Part]]) -> dict[Any, list[Part]]:
    """Which parts hold the record: many of them in one query."""
    flat = [(key, part) for key, parts in asked.items() for part in parts]
    held: dict[Any, list[Part]] = {}
    rows = entity.rows("the parts decide").filter(pk=pk, deleted_at=None).order_by()
    for start in range(0, len(flat), PARTS):
        some = flat[start : start + PARTS]
        answers = {
            f"p{n}": Case(When(part.q, then=Value(True)), default=Value(False), output_field=BooleanField())
            for n, (_key, part) in enumerate(some)
            if part.q
        }
        row = rows.annotate(**answers).values("pk", *answers).first() or {}
        for n, (key, part) in enumerate(some):
            if row and row.get(f"p{n}", True):
                held.setdefault(key, []).append(part)
    return held


def _helpers(entity: AnyEntity, action: str) -> dict[UUID, list[Delegation]]:
    """principal -> those who may enter for them and are lent this action."""
    found: dict[UUID, list[Delegation]] = {}
    for d in delegation.in_force():
        if delegation.limit_of(d.scopes).allows(entity.key, action):
            found.setdefault(d.principal_id, []).append(d)
    return found
