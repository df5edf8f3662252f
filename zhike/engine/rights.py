"""The rights of a role as one value: read, checked, compared, tried out and written as a whole.

What a change would do is not foretold but done: the proposed rows are written in a savepoint, the gate is asked for the
people concerned, and the savepoint is rolled back.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from zhike.base.models import FieldGrant, Grant, Role, User

from . import access, history, people, query
from .access import ANY, EXPLICIT, Actor
from .entity import AnyEntity, entities
from .errors import Conflict, Invalid, Missing, Refused, Wrong

Cell = tuple[str, str]
SCOPES = (Grant.Scope.OWN, Grant.Scope.DEPARTMENT, Grant.Scope.SUBTREE, Grant.Scope.ALL)
COUNTED = 200  # people whose rows are counted one by one
SHOWN = 20
SECONDS = 8.0


@dataclass(frozen=True)
class Given:
    """How far one permission reaches, and its stored conditions as JSON."""

    scope: str
    conditions: str = "[]"

    @property
    def rows(self) -> list[list[Any]]:
        """The conditions as the values of their JSON (query/language.py)."""
        found: list[list[Any]] = json.loads(self.conditions)
        return found


@dataclass(frozen=True)
class Book:
    """All rights of a role: (entity, action) -> reach, (entity, field, status or "") -> level."""

    grants: Mapping[Cell, Given]
    fields: Mapping[tuple[str, str, str], str]

    def cell(self, entity: str, action: str) -> Given | None:
        """What holds for one action, rows for every action or every entity included; the widest where several do."""
        places = [(entity, action), (ANY, action), (ANY, ANY)]
        places += [] if action in EXPLICIT else [(entity, ANY)]
        found = [self.grants[p] for p in places if p in self.grants]
        known = [g for g in found if g.scope in SCOPES]
        return max(known, key=lambda g: SCOPES.index(Grant.Scope(g.scope)), default=found[0] if found else None)

    @property
    def is_everything(self) -> bool:
        """Whether the role may do everything: such a role is not edited cell by cell."""
        return (ANY, ANY) in self.grants

    def data(self) -> dict[str, Any]:
        """As JSON; `of_data` reads it back."""
        return {
            "grants": sorted([*k, g.scope, g.conditions] for k, g in self.grants.items()),
            "fields": sorted([*k, level] for k, level in self.fields.items()),
        }

    def digest(self) -> str:
        """The same text for the same rights."""
        return hashlib.sha256(json.dumps(self.data()).encode()).hexdigest()


def of_data(data: Mapping[str, Any]) -> Book:
    """A book from its data."""
    grants = {(e, a): Given(s, c) for e, a, s, c in data["grants"]}
    return Book(grants, {(e, k, w): level for e, k, w, level in data["fields"]})


def now(role: Role) -> Book:
    """The rights in force."""
    grants = Grant.objects.filter(role=role).values_list("entity", "action", "scope", "conditions")
    fields = FieldGrant.objects.filter(role=role).values_list("entity", "key", "when", "level")
    return Book(
        {(e, a): Given(s, json.dumps(c or [], ensure_ascii=False)) for e, a, s, c in grants},
        {(e, k, w): level for e, k, w, level in fields},
    )


def actions(entity: AnyEntity) -> tuple[str, ...]:
    """All actions of an entity: the common ones and its own."""
    return (*access.ACTIONS, *(a for a in entity.actions if a not in access.ACTIONS))


def with_cells(old: Book, cells: Mapping[Cell, Given]) -> Book:
    """The same role with other permissions; a row for every action stays one where all cells still agree with it."""
    known = entities()
    grants = {k: g for k, g in old.grants.items() if k[0] != ANY and k[0] not in known}
    for e in known.values():
        wide = old.grants.get((e.key, ANY))
        if wide and all(cells.get((e.key, a)) == wide for a in actions(e) if a not in EXPLICIT):
            grants[e.key, ANY] = wide
        for action in actions(e):
            given = cells.get((e.key, action))
            if given and not ((e.key, ANY) in grants and action not in EXPLICIT):
                grants[e.key, action] = given
    return replace(old, grants=grants)


def with_fields(old: Book, entity: str, levels: Mapping[tuple[str, str], str]) -> Book:
    """The same role with other levels of one entity's fields: (field, status or "") -> level."""
    kept = {k: v for k, v in old.fields.items() if k[0] != entity}
    return replace(old, fields={**kept, **{(entity, k, w): level for (k, w), level in levels.items()}})


def check(actor: Actor, book: Book, old: Book) -> None:
    """Raises Invalid, by "entity:action" or "entity.field", for what is new and not in the one language of rights."""
    errors: dict[str, list[Wrong]] = {}
    for (key, action), given in book.grants.items() - old.grants.items():
        try:
            _check_grant(actor, key, action, given)
        except Wrong as wrong:
            errors.setdefault(f"{key}:{action}", []).append(wrong)
    for (key, name, when), level in book.fields.items() - old.fields.items():
        e = entities().get(key)
        bad = e is None or name not in e.attributes or level not in FieldGrant.Level.values
        if bad or (when and (level != FieldGrant.Level.READ or e is None or not e.is_staged)):
            errors.setdefault(f"{key}.{name}", []).append(Wrong(_("There is no such level of this field.")))
    if errors:
        raise Invalid([errors])


def _check_grant(actor: Actor, key: str, action: str, given: Given) -> None:
    e = entities().get(key)
    if (e is None and key != ANY) or (e is not None and action not in (*actions(e), ANY)):
        raise Wrong(_("There is no such permission."))
    if given.scope not in Grant.Scope.values:
        raise Wrong(_("There is no such reach."))
    if e is None or given.conditions == "[]":
        return
    try:
        sight = query.Sight(actor, whole=True)
        rows = query.narrow(e.rows("no row is read"), sight, e, access.stored(given.rows))
        rows.filter(pk__in=[]).exists()
        str(rows.query)
    except Invalid as invalid:
        raise next(iter(invalid.first.values()))[0] from None
    except (ValueError, TypeError):
        raise Wrong(_("This condition cannot be read.")) from None


@dataclass(frozen=True)
class Step:
    """One line of a difference: a permission (`action`) or a field (`name`, `when`) before and after; None for none."""

    entity: str
    action: str = ""
    name: str = ""
    when: str = ""
    before: Given | str | None = None
    after: Given | str | None = None


def diff(old: Book, new: Book) -> list[Step]:
    """What is different, cell by cell and field by field, wildcards resolved."""
    found = []
    for e in entities().values():
        for action in actions(e):
            before, after = old.cell(e.key, action), new.cell(e.key, action)
            if before != after:
                found.append(Step(e.key, action, before=before, after=after))
    for key in sorted(old.fields.keys() | new.fields.keys()):
        if old.fields.get(key) != new.fields.get(key):
            entity, name, when = key
            found.append(Step(entity, "", name, when, old.fields.get(key), new.fields.get(key)))
    return found


def _write(role: Role, old: Book, new: Book) -> None:
    """Make the stored rows those of `new`, touching only what differs."""
    for e, a in old.grants.keys() - new.grants.keys():
        Grant.objects.filter(role=role, entity=e, action=a).delete()
    for (e, a), g in new.grants.items():
        if old.grants.get((e, a)) != g:
            values = {"scope": g.scope, "conditions": g.rows}
            Grant.objects.update_or_create(role=role, entity=e, action=a, defaults=values)
    for e, k, w in old.fields.keys() - new.fields.keys():
        FieldGrant.objects.filter(role=role, entity=e, key=k, when=w).delete()
    for (e, k, w), level in new.fields.items():
        if old.fields.get((e, k, w)) != level:
            FieldGrant.objects.update_or_create(role=role, entity=e, key=k, when=w, defaults={"level": level})


@transaction.atomic
def save(actor: Actor, role: UUID, new: Book, base: str) -> list[Step]:
    """Write the rights of a role that were `base` (a digest) when the change was looked at; what changed.

    Raises Refused without the office, or for a role that may do everything; Conflict when the rights have moved on.
    """
    if actor.office not in people.GIVING:
        raise Refused("rights")
    found = Role.objects.select_for_update().filter(pk=role, deleted_at=None).first()
    if found is None:
        raise Missing
    old = now(found)
    if old.is_everything or new.is_everything:
        raise Refused("administrator role")
    if old.digest() != base:
        raise Conflict([role])
    check(actor, new, old)
    steps = diff(old, new)
    history.acting(actor, "rights")
    _write(found, old, new)
    history.note(actor, "rights", entity="role", record=role, details={"rights": [_plain(s) for s in steps]})
    people.tell_own_rights(actor, set(members(found).values_list("pk", flat=True)))
    return steps


def _plain(step: Step) -> list[Any]:
    def text(side: Given | str | None) -> Any:
        return [side.scope, side.rows] if isinstance(side, Given) else side

    where = step.action or f"{step.name}{'@' + step.when if step.when else ''}"
    return [step.entity, where, text(step.before), text(step.after)]


def members(role: Role) -> Any:
    """The people at work who hold a role."""
    return User.objects.filter(roles__contains=[role.pk], is_active=True, deleted_at=None)


@dataclass(frozen=True)
class Line:
    """What one person gains and loses of one entity's records."""

    user: User
    entity: AnyEntity
    loses: int
    gains: int


@dataclass
class Effect:
    """What a change of rights does to the people who hold the role.

    `counted` says for how many of `members` the records were counted; `lines` are the most concerned of them.
    `fields` and `doing` are (entity, field or action, before, after, number of people).
    """

    members: int
    counted: int = 0
    concerned: int = 0
    loses: int = 0
    gains: int = 0
    lines: list[Line] = field(default_factory=list)
    fields: list[tuple[AnyEntity, str, str, str, int]] = field(default_factory=list)
    doing: list[tuple[AnyEntity, str, bool, bool, int]] = field(default_factory=list)


def effect(role: Role, new: Book) -> Effect:
    """What the rights of `new` would change for the people who hold the role, computed by the gate itself."""
    everybody = list(members(role).select_related("department"))
    found = Effect(len(everybody))
    chosen = everybody if len(everybody) <= COUNTED else _most(everybody)
    kinds: dict[frozenset[UUID], list[User]] = {}
    for user in everybody:
        kinds.setdefault(frozenset(user.roles), []).append(user)
    before = _look(chosen, kinds)
    with transaction.atomic():
        _write(role, now(role), new)
        after = _look(chosen, kinds)
        transaction.set_rollback(True)
    _compare_kinds(found, kinds, before, after)
    _count(found, chosen, before, after)
    return found


@dataclass(frozen=True)
class _Looked:
    rows: Mapping[tuple[UUID, str], Q]
    may: Mapping[tuple[frozenset[UUID], str, str], bool]
    levels: Mapping[tuple[frozenset[UUID], str, str], str]


def _look(chosen: Sequence[User], kinds: Mapping[frozenset[UUID], Sequence[User]]) -> _Looked:
    """What the gate says now: rows for people, actions and levels for sets of roles."""
    typical = {roles: Actor(some[0]) for roles, some in kinds.items()}
    rows, may, levels = {}, {}, {}
    for roles, actor in typical.items():
        for e in entities().values():
            for action in actions(e):
                may[roles, e.key, action] = bool(access.rights(actor, e, action))
            for key, a in e.attributes.items():
                levels[roles, e.key, key] = access.level(actor, e, a)
    for user in chosen:
        actor, same = Actor(user), typical[frozenset(user.roles)]
        actor.__dict__["held"], actor.__dict__["grants"] = same.held, same.grants
        for e in entities().values():
            rows[user.pk, e.key] = access.rows(actor, e, "list")
    return _Looked(rows, may, levels)


def _most(everybody: Sequence[User]) -> list[User]:
    """Those who own the most records."""
    owned: dict[UUID, int] = {}
    for e in entities().values():
        if e.has_owner:
            rows = e.rows("numbers only").filter(owner__in=[u.pk for u in everybody], deleted_at=None)
            for pk, n in rows.order_by().values("owner").annotate(n=Count("pk")).values_list("owner", "n"):
                owned[pk] = owned.get(pk, 0) + n
    return sorted(everybody, key=lambda u: -owned.get(u.pk, 0))[:COUNTED]


def _compare_kinds(
    found: Effect, kinds: Mapping[frozenset[UUID], Sequence[User]], before: _Looked, after: _Looked
) -> None:
    doing: dict[tuple[str, str, bool, bool], int] = {}
    fields: dict[tuple[str, str, str, str], int] = {}
    for (roles, key, action), may in before.may.items():
        if may != (then := after.may[roles, key, action]):
            doing[key, action, may, then] = doing.get((key, action, may, then), 0) + len(kinds[roles])
    for (roles, key, name), level in before.levels.items():
        if level != (later := after.levels[roles, key, name]):
            fields[key, name, level, later] = fields.get((key, name, level, later), 0) + len(kinds[roles])
    found.doing = [(entities()[k], a, x, y, n) for (k, a, x, y), n in doing.items()]
    found.fields = [(entities()[k], a, x, y, n) for (k, a, x, y), n in fields.items()]


def _count(found: Effect, chosen: Iterable[User], before: _Looked, after: _Looked) -> None:
    end = time.monotonic() + SECONDS
    for user in chosen:
        if time.monotonic() > end:
            break
        found.counted += 1
        mine = [line for e in entities().values() if (line := _line(user, e, before, after))]
        found.concerned += bool(mine)
        found.loses += sum(line.loses for line in mine)
        found.gains += sum(line.gains for line in mine)
        found.lines += mine
    found.lines = sorted(found.lines, key=lambda line: -(line.loses + line.gains))
    if len(found.lines) > COUNTED or found.members > COUNTED:
        found.lines = found.lines[:SHOWN]


def _line(user: User, e: AnyEntity, before: _Looked, after: _Looked) -> Line | None:
    one, two = before.rows[user.pk, e.key], after.rows[user.pk, e.key]
    rows = e.rows("numbers only").filter(deleted_at=None).order_by()
    if _sql(rows.filter(one)) == _sql(rows.filter(two)):
        return None
    loses = rows.filter(one).exclude(pk__in=rows.filter(two).values("pk")).count()
    gains = rows.filter(two).exclude(pk__in=rows.filter(one).values("pk")).count()
    return Line(user, e, loses, gains) if loses or gains else None


def _sql(rows: Any) -> str:
    """The query in words of the database; "" for no rows at all."""
    try:
        sql, values = rows.values("pk").query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return ""
    return f"{sql} {values}"
