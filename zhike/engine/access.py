"""Who may do what: rows by scope, fields by exception. The only module that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import Q

from zhike.base.models import FieldGrant, Grant, Role, User

from .entity import AnyEntity, get
from .errors import Refused
from .kinds import Attribute

ACTIONS = ("read", "create", "update", "delete", "transfer", "import", "export")
ANY = "*"
_RANK = {Grant.Scope.OWN: 1, Grant.Scope.DEPARTMENT: 2, Grant.Scope.ALL: 3}
NOBODY = Q(pk__in=())


@dataclass(frozen=True)
class Actor:
    """Someone acting through a channel; made once per request or job, passed as the first argument everywhere."""

    user: User
    channel: str = "web"

    @cached_property
    def roles(self) -> frozenset[UUID]:
        """The roles in force now."""
        return frozenset(Role.objects.filter(pk__in=self.user.roles, deleted_at=None).values_list("pk", flat=True))

    @cached_property
    def grants(self) -> Mapping[tuple[str, str], str]:
        """(entity, action) -> the widest scope that any role gives."""
        found: dict[tuple[str, str], str] = {}
        if not self.user.is_active:
            return found
        rows = Grant.objects.filter(role__in=self.roles).values_list("entity", "action", "scope")
        for entity, action, scope in rows:
            if _RANK[Grant.Scope(scope)] > _RANK.get(found.get((entity, action)), 0):  # type: ignore[call-overload]
                found[entity, action] = scope
        return found

    @cached_property
    def field_levels(self) -> Mapping[tuple[str, str], str]:
        """(entity, field) -> hidden or read; the mildest role wins; one without an exception is milder still."""
        found: dict[tuple[str, str], list[str]] = {}
        for entity, key, level in FieldGrant.objects.filter(role__in=self.roles).values_list("entity", "key", "level"):
            found.setdefault((entity, key), []).append(level)
        return {
            where: FieldGrant.Level.READ if FieldGrant.Level.READ in levels else FieldGrant.Level.HIDDEN
            for where, levels in found.items()
            if len(levels) == len(self.roles)
        }

    @cached_property
    def scopes(self) -> dict[tuple[str, str], str]:
        """What `scope` has answered for this actor."""
        return {}

    @cached_property
    def depth(self) -> int:
        """How deep the actor's department lies: 1 for the root."""
        return len(self.user.department.ancestors) if self.user.department else 0


def scope(actor: Actor, entity: AnyEntity, action: str) -> str:
    """own, department, all, or "" for no right."""
    key = (entity.key, action)
    if key not in actor.scopes:
        actor.scopes[key] = _scope(actor, entity, action)
    return actor.scopes[key]


def _scope(actor: Actor, entity: AnyEntity, action: str) -> str:
    found = [actor.grants.get(where) for where in ((entity.key, action), (entity.key, ANY), (ANY, action), (ANY, ANY))]
    ranked = sorted((s for s in found if s), key=lambda s: _RANK[Grant.Scope(s)])
    return ranked[-1] if ranked else ""


def may(actor: Actor, entity: AnyEntity, action: str) -> bool:
    """Whether the actor may do `action` on at least some rows."""
    return bool(scope(actor, entity, action))


def require(actor: Actor, entity: AnyEntity, action: str) -> None:
    """Refused unless `may`."""
    if not may(actor, entity, action):
        raise Refused(f"{action} {entity.key}")


def rows(actor: Actor, entity: AnyEntity, action: str) -> Q:
    """The rows of `entity` on which the actor may do `action`; none unless a permission row says so."""
    reach = scope(actor, entity, action)
    if reach == Grant.Scope.ALL:
        return Q()
    allowed = _scoped(actor, entity, reach)
    if reach and (action == "read" or not entity.has_owner):  # what has an owner is changed by its owner
        for link in entity.via:
            allowed |= _through(actor, entity, link, "read" if action == "read" else "update")
    return allowed


def _scoped(actor: Actor, entity: AnyEntity, reach: str) -> Q:
    if not reach:
        return NOBODY
    if not entity.has_owner:
        return _directory(actor, entity, reach)
    allowed = Q(owner=actor.user.pk)
    if reach == Grant.Scope.DEPARTMENT and actor.depth:
        # ancestors[depth] = department, not containment: this is what the expression indexes of Record answer
        allowed |= Q(**{f"ancestors__{actor.depth - 1}": actor.user.department_id})
    return allowed


def _directory(actor: Actor, entity: AnyEntity, reach: str) -> Q:
    """Scopes of rows without an owner: a person's own row, or the people and departments below."""
    if entity.model is User:
        own = Q(pk=actor.user.pk)
        if reach == Grant.Scope.DEPARTMENT and actor.user.department_id:
            own |= Q(department__ancestors__contains=[actor.user.department_id])
        return own
    return NOBODY


def _through(actor: Actor, entity: AnyEntity, link: str, action: str) -> Q:
    """Rows seen through the record that `link` points to."""
    target = get(entity.attributes[link].target)
    if not may(actor, target, action):
        return NOBODY
    seen = target.model._base_manager.filter(rows(actor, target, action), deleted_at=None).values("pk")
    return Q(**{f"{link}__in": seen})


def readable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields the actor may read: no other can be shown, filtered, sorted, grouped or exported."""
    return {
        key: a
        for key, a in entity.attributes.items()
        if actor.field_levels.get((entity.key, key)) != FieldGrant.Level.HIDDEN
    }


def writable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields the actor may write."""
    return {
        key: a
        for key, a in entity.attributes.items()
        if a.editable and a.expression is None and (entity.key, key) not in actor.field_levels
    }
