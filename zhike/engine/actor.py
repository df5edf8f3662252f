"""Who acts, and within what: made once per request or job, and passed as the first argument everywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from zhike.base import changes
from zhike.base.models import FieldGrant, Grant, Policy, Role, User

from .models import Share

if TYPE_CHECKING:
    from .query import Clause

ANY = "*"
RULE = "rule"  # the channel of what rules do
LOOKING = frozenset({"list", "read"})
FEW = 100  # records shared with somebody that a statement names one by one; more of them the database looks up


@dataclass(frozen=True)
class Limit:
    """Bounds within somebody's rights: of a token, a delegation, or of looking at the system as somebody else.

    `scopes` are "entity:action" with * for any of either; they only ever take away.
    """

    scopes: frozenset[str]

    @classmethod
    def of(cls, scopes: Iterable[str]) -> Limit:
        """From stored texts."""
        return cls(frozenset(scopes))

    def allows(self, entity: str, action: str) -> bool:
        """Whether the action on the entity lies within."""
        return not self.scopes.isdisjoint((f"{entity}:{action}", f"{entity}:{ANY}", f"{ANY}:{action}", f"{ANY}:{ANY}"))


LOOK_ONLY = Limit.of((f"{ANY}:list", f"{ANY}:read"))


@dataclass(frozen=True)
class Right:
    """One permission in force: how far it reaches, under which conditions, and the role that gives it."""

    scope: str
    conditions: tuple[Clause, ...] = ()
    role: UUID | None = None


@dataclass(frozen=True)
class Place:
    """Where somebody acts by the rights of the place instead of their own: a pool shows and gives its records so.

    `rows` are the records by entity; `actions` hold for the entity `key`, what else is named in `rows` can be looked
    at. `shown` fields are read, `masked` ones in part, `written` ones written, all others hidden.
    """

    key: str
    rows: Mapping[str, Q]
    actions: frozenset[str]
    shown: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()

    def allows(self, entity: str, action: str) -> bool:
        """Whether the action on the entity is among what the place gives."""
        return action in self.actions if entity == self.key else entity in self.rows and action in LOOKING

    def level(self, entity: str, key: str) -> str:
        """How much of a field is seen here."""
        if entity != self.key:
            return str(FieldGrant.Level.READ if entity in self.rows else FieldGrant.Level.HIDDEN)
        if key in self.masked:
            return str(FieldGrant.Level.MASKED)
        if key in self.written:
            return str(FieldGrant.Level.WRITE)
        return str(FieldGrant.Level.READ if key in self.shown else FieldGrant.Level.HIDDEN)


@dataclass(frozen=True)
class Actor:
    """Someone acting through a channel; made once per request or job, passed as the first argument everywhere.

    `user` is the person whose rights count and whose name stands as owner. Where somebody else's hand is at work (an
    assistant, an administrator who looks as somebody), `by` is that person, and history keeps both names. `account` is
    the customer for whom somebody uses the portal: only rights "of the portal account" count then. `place` is where
    rights of its own hold instead. `phone` says that they look at a small screen: the firm may have laid out less.
    """

    user: User
    channel: str = "web"
    by: User | None = None
    limit: Limit | None = None
    account: UUID | None = None
    place: Place | None = None
    phone: bool = False
    day: dt.date = field(default_factory=timezone.localdate)

    def within(self, limit: Limit, *, by: User | None = None, channel: str = "") -> Actor:
        """The same person within bounds."""
        return replace(self, limit=limit, by=by or self.by, channel=channel or self.channel)

    @classmethod
    def of_rule(cls) -> Actor:
        """Nobody: a rule of the firm does it, by the rights of a place alone."""
        return cls(User(pk=None, name=""), RULE)

    @property
    def is_rule(self) -> bool:
        """Whether a rule acts, and nobody."""
        return self.channel == RULE

    @property
    def hand(self) -> User:
        """Who is really at work."""
        return self.by or self.user

    @cached_property
    def held(self) -> Mapping[UUID, Role]:
        """The roles in force now; with separate administrators, the role that may do everything is not."""
        if not self.user.is_active or self.user.deleted_at:
            return {}
        return changes.kept(("roles", *self.user.roles), self._held)

    def _held(self) -> Mapping[UUID, Role]:
        found = Role.objects.filter(pk__in=self.user.roles, deleted_at=None)
        if any(r.office == Role.Office.ALL for r in found) and Policy.current().separate_admins:
            found = found.exclude(office=Role.Office.ALL)
        return {r.pk: r for r in found}

    @property
    def roles(self) -> frozenset[UUID]:
        """Their ids."""
        return frozenset(self.held)

    @property
    def office(self) -> str:
        """Which settings are open: all, system, security, audit, or "". Nobody opens them with another's hand."""
        if self.by or self.limit or self.place:
            return ""
        return next((r.office for r in self.held.values() if r.office), "")

    @cached_property
    def grants(self) -> Mapping[tuple[str, str], Sequence[Right]]:
        """(entity, action) -> the rights that all roles give together."""
        return changes.kept(("grants", self.roles), self._grants)

    def _grants(self) -> Mapping[tuple[str, str], Sequence[Right]]:
        found: dict[tuple[str, str], list[Right]] = {}
        rows = Grant.objects.filter(role__in=self.roles).values_list("role", "entity", "action", "scope", "conditions")
        for role, entity, action, scope, conditions in rows:
            found.setdefault((entity, action), []).append(Right(scope, stored(conditions), role))
        return found

    @cached_property
    def levels(self) -> Mapping[tuple[str, str, str], Mapping[UUID, str]]:
        """(entity, field, status or "") -> what each role that says anything about it says."""
        return changes.kept(("levels", self.roles), self._levels)

    def _levels(self) -> Mapping[tuple[str, str, str], Mapping[UUID, str]]:
        found: dict[tuple[str, str, str], dict[UUID, str]] = {}
        rows = FieldGrant.objects.filter(role__in=self.roles).values_list("role", "entity", "key", "when", "level")
        for role, entity, key, when, level in rows:
            found.setdefault((entity, key, when), {})[role] = level
        return found

    @property
    def shared(self) -> QuerySet[Share]:
        """What is shared with this person now."""
        if not self.held or self.account or self.place:
            return Share.objects.none()
        targets = [self.user.pk, *self.roles]
        if self.user.department:
            targets += self.user.department.ancestors
        return Share.objects.filter(Q(until=None) | Q(until__gte=self.day), target__in=targets)

    @cached_property
    def shares(self) -> Mapping[str, Mapping[str, Sequence[UUID]]]:
        """entity -> level -> the records shared with this person now; FEW + 1 of them stand for more."""
        place = self.user.department.ancestors if self.user.department else ()
        return changes.kept(
            ("shares", self.user.pk, self.roles, *place, self.account, self.place is None, self.day), self._shares
        )

    def _shares(self) -> Mapping[str, Mapping[str, Sequence[UUID]]]:
        found: dict[str, dict[str, Sequence[UUID]]] = {}
        grouped = self.shared.values("entity", "level").annotate(every=ArrayAgg("record"))
        some = grouped.annotate(some=F(f"every__0_{FEW + 1}")).values_list("entity", "level", "some")
        for entity, level, records in some:
            found.setdefault(entity, {})[level] = records
        return found

    @cached_property
    def known(self) -> dict[Any, Any]:
        """What was answered before for this actor."""
        return {}

    @cached_property
    def depth(self) -> int:
        """How deep the actor's department lies: 1 for the root."""
        return len(self.user.department.ancestors) if self.user.department else 0


def stored(conditions: Any) -> tuple[Clause, ...]:
    """Conditions as they are kept: [[field, operator, value], ["any", …], …]."""
    from .query import language  # query reads access, so access may only read it once both are there

    return language.clauses(conditions or ())
