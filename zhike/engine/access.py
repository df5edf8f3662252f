"""Who may do what: rows by reach, fields by level. The only module that decides.

A right is a row: role × entity × action → how far it reaches, narrowed by stored conditions. What somebody reaches is a
list of `Part`s, each with its reason: `rows` joins them for the gate, `why` asks each of them about one record, so that
the explanation and the decision are the same code (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q

from zhike.base.models import FieldGrant, Grant, User

from .actor import ANY, FEW, LOOK_ONLY, LOOKING, Actor, Limit, Place, Right, stored
from .entity import AnyEntity, get
from .errors import Refused
from .fields import among
from .kinds import Attribute
from .models import DEPTHS

if TYPE_CHECKING:
    from .query import Clause

__all__ = ["ANY", "FEW", "LOOKING", "LOOK_ONLY", "Actor", "Limit", "Place", "Right", "stored"]  # beside what is here
ACTIONS = (
    "list",
    "read",
    "create",
    "update",
    "delete",
    "restore",
    "merge",
    "transfer",
    "bulk",
    "import",
    "export",
    "reveal",
)
SHARED = {"read": frozenset({"list", "read"}), "write": frozenset({"list", "read", "update", "bulk"})}
EXPLICIT = frozenset(
    {"erase", "lock", "unlock", "merge", "hold", "unhold", "recall"}
)  # what "every action" of an entity does not give, only a row of its own
ORDER = ("hidden", "masked", "read", "write")  # field levels from least to most
NOBODY = Q(pk__in=())


@dataclass(frozen=True)
class Part:
    """Rows somebody reaches for one reason: own, department, subtree, all, share, named or via, through `detail`."""

    q: Q
    reason: str
    role: UUID | None = None
    detail: Any = None


def rights(actor: Actor, entity: AnyEntity, action: str) -> Sequence[Right]:
    """The rights in force; the widest one alone where it has no conditions."""
    key = (entity.key, action)
    if key not in actor.known:
        actor.known[key] = _rights(actor, entity, action)
    found: Sequence[Right] = actor.known[key]
    return found


def _rights(actor: Actor, entity: AnyEntity, action: str) -> Sequence[Right]:
    if actor.limit and not actor.limit.allows(entity.key, action):
        return ()
    if actor.place is not None:
        return (Right(Grant.Scope.ALL),) if actor.place.allows(entity.key, action) else ()
    places = ((entity.key, action), (entity.key, ANY), (ANY, action), (ANY, ANY))
    found = [
        right
        for where in places
        if action not in EXPLICIT or where != (entity.key, ANY)
        for right in actor.grants.get(where, ())
        if (right.scope == Grant.Scope.ACCOUNT) is (actor.account is not None)  # a portal has rights of its own alone
    ]
    whole = [r for r in found if r.scope == Grant.Scope.ALL and not r.conditions]
    return whole[:1] or found


_WIDTH = ("", Grant.Scope.OWN, Grant.Scope.DEPARTMENT, Grant.Scope.SUBTREE, Grant.Scope.ALL)


def scope(actor: Actor, entity: AnyEntity, action: str) -> str:
    """The widest reach: own, department, subtree, all, or "" for no right; what is shared does not count."""
    reached = [r.scope for r in rights(actor, entity, action) if r.scope in _WIDTH]
    return max(reached, key=_WIDTH.index, default="")


def may(actor: Actor, entity: AnyEntity, action: str) -> bool:
    """Whether the actor may do `action` on at least some rows."""
    return bool(rights(actor, entity, action)) or bool(_shares(actor, entity, action))


def require(actor: Actor, entity: AnyEntity, action: str) -> None:
    """Refused unless `may`."""
    if not may(actor, entity, action):
        raise Refused(f"{action} {entity.key}")


def rows(actor: Actor, entity: AnyEntity, action: str) -> Q:
    """The rows of `entity` on which the actor may do `action`; none unless a permission row or a share says so."""
    found = parts(actor, entity, action)
    if any(part.reason == Grant.Scope.ALL and not part.q for part in found):
        return Q()
    joined = NOBODY
    for part in found:
        joined |= part.q
    return joined


def looking(actor: Actor, entity: AnyEntity) -> Q:
    """The rows that the actor may list or read: those whose titles they see."""
    if signature(actor, entity, "list") == signature(actor, entity, "read"):
        return rows(actor, entity, "read")
    each = [rows(actor, entity, action) for action in LOOKING]
    return Q() if Q() in each else reduce(or_, each)


def pieces(actor: Actor, entity: AnyEntity, action: str) -> Sequence[Part]:
    """The parts, broken up until an index of its own can answer each; one alone where everything is reached."""
    found = parts(actor, entity, action)
    if any(part.reason == Grant.Scope.ALL and not part.q for part in found):
        return (Part(Q(), Grant.Scope.ALL),)
    return [replace(part, q=q) for part in found for q in _alternatives(part.q)] or (Part(NOBODY, ""),)


def _alternatives(q: Q) -> list[Q]:
    return [Q(each) for each in q.children] if q.connector == Q.OR and not q.negated else [q]


def parts(actor: Actor, entity: AnyEntity, action: str) -> Sequence[Part]:
    """Why somebody reaches rows: one part per right, one for what is shared, one per record they are seen through."""
    key = ("parts", entity.key, action)
    if key not in actor.known:
        actor.known[key] = tuple(_parts(actor, entity, action))
    found: Sequence[Part] = actor.known[key]
    return found


def _parts(actor: Actor, entity: AnyEntity, action: str) -> Iterable[Part]:
    held = rights(actor, entity, action)
    if actor.place is not None:
        yield from (Part(actor.place.rows[entity.key], "place"),) if held else ()
        return
    for right in held:
        if (q := _scoped(actor, entity, right)) is not None:
            yield Part(q, right.scope, right.role)
    if shared := _shares(actor, entity, action):
        yield Part(_shared(actor, entity, shared), "share")
    for key in _named(entity, action) if held and actor.account is None else ():
        yield Part(Q(**{key: actor.user.pk}), "named", detail=key)
    if held and not any(r.scope == Grant.Scope.ALL and not r.conditions for r in held):
        yield from _via(actor, entity, action)


def _named(entity: AnyEntity, action: str) -> list[str]:
    """The fields that open a record to the person they name, for this action."""
    return [key for key, actions in entity.named_may.items() if action in actions]


def _via(actor: Actor, entity: AnyEntity, action: str) -> Iterable[Part]:
    """Rows seen through another record. What has an owner is changed by its owner, not through what it hangs on."""
    if entity.has_owner and action not in LOOKING:
        return
    for link in entity.via:
        if (q := _through(actor, entity, link, action if action in LOOKING else "update")) is not None:
            yield Part(q, "via", detail=link)


def signature(actor: Actor, entity: AnyEntity, action: str) -> str:
    """The same text for actions that reach the same rows, so that a page need not ask for each of them."""
    held = [(r.scope, r.conditions) for r in rights(actor, entity, action)]
    return repr((held, action in LOOKING, _named(entity, action), sorted(_shares(actor, entity, action))))


def _shares(actor: Actor, entity: AnyEntity, action: str) -> Mapping[str, Sequence[UUID]]:
    """Records shared with the actor for this action; a share opens a record, but never what a token leaves out."""
    if actor.limit and not actor.limit.allows(entity.key, action):
        return {}
    return {level: some for level, some in actor.shares.get(entity.key, {}).items() if action in SHARED[level]}


def _shared(actor: Actor, entity: AnyEntity, found: Mapping[str, Sequence[UUID]]) -> Q:
    """The records of some levels of sharing."""
    if all(len(some) <= FEW for some in found.values()):
        return Q(pk__in=[pk for some in found.values() for pk in some])
    return Q(Exists(actor.shared.filter(entity=entity.key, level__in=found, record=OuterRef("pk"))))


def by_shares(actor: Actor, entity: AnyEntity) -> Q:
    """The records of an entity that are shared with the actor, for those who begin with them: few among many found."""
    found = _shares(actor, entity, "list")
    records = actor.shared.filter(entity=entity.key, level__in=found).values("record")
    return Q(among(F("pk"), ArraySubquery(records)))


def _scoped(actor: Actor, entity: AnyEntity, right: Right) -> Q | None:
    """The rows of one right; None for none at all."""
    if right.scope == Grant.Scope.ALL:
        either = [Q()]
    elif right.scope == Grant.Scope.ACCOUNT:
        either = _portal(actor, entity)
    elif not entity.has_owner:
        either = _directory(actor, entity, right.scope)
    elif right.scope in (Grant.Scope.OWN, Grant.Scope.DEPARTMENT, Grant.Scope.SUBTREE):
        either = [Q(owner=actor.user.pk)]
        if right.scope == Grant.Scope.DEPARTMENT and actor.user.department_id:
            either.append(Q(department=actor.user.department_id))
        if right.scope == Grant.Scope.SUBTREE and actor.user.department:
            either.append(_below(actor.user.department.ancestors))
    else:
        either = []
    narrowed = meeting(actor, entity, right.conditions)
    return reduce(or_, (each & narrowed for each in either)) if either else None


def _below(path: Sequence[UUID]) -> Q:
    """What belongs to a department or to one below it; `path` leads there from the root.

    ancestors[depth] = department, not containment: this is what the expression indexes of Record answer. Below the
    last depth that has one, the department above it cuts out the candidates.
    """
    found = Q(**{f"ancestors__{len(path) - 1}": path[-1]})
    return found & Q(**{f"ancestors__{DEPTHS - 1}": path[DEPTHS - 1]}) if len(path) > DEPTHS else found


def _portal(actor: Actor, entity: AnyEntity) -> list[Q]:
    """What belongs to the customer of a portal: itself, and what points at it."""
    if entity.key == "account":
        return [Q(pk=actor.account)]
    return [Q(account=actor.account)] if "account" in entity.attributes else []


def meeting(actor: Actor, entity: AnyEntity, conditions: Sequence[Clause]) -> Q:
    """Stored conditions as rows: the same language as lists, but over every field, because the firm set them."""
    if not conditions:
        return Q()
    from .query import conditions as language  # query reads access, so access may only read it once both are there
    from .query import gate

    sight = gate.Sight(actor, whole=True)
    if not language.computed(sight, entity, conditions):
        return Q(*(language.matching(sight, entity, c) for c in conditions))
    chosen = entity.rows().filter(pk=OuterRef("pk"))
    return Q(Exists(language.narrow(chosen, sight, entity, conditions)))


def bounds(actor: Actor, entity: AnyEntity, action: str) -> Q:
    """What the stored conditions of the rights to an action ask of a record, wherever it lies; Q() for nothing."""
    found = Q(pk__in=())
    for right in rights(actor, entity, action):
        if not right.conditions:
            return Q()
        found |= meeting(actor, entity, right.conditions)
    return found


def _directory(actor: Actor, entity: AnyEntity, reach: str) -> list[Q]:
    """Reach over rows without an owner: a person's own row, or the people and departments below."""
    if entity.model is User:
        own = [Q(pk=actor.user.pk)]
        if reach == Grant.Scope.SUBTREE and actor.user.department_id:
            own.append(Q(department__ancestors__contains=[actor.user.department_id]))
        if reach == Grant.Scope.DEPARTMENT and actor.user.department_id:
            own.append(Q(department=actor.user.department_id))
        return own
    return []


def _through(actor: Actor, entity: AnyEntity, link: str, action: str) -> Q | None:
    """Rows seen through the record that `link` points to."""
    a = entity.attributes[link]
    target = get(a.target)
    if not may(actor, target, action):
        return None
    seen = target.rows().filter(deleted_at=None, pk=a.typed(OuterRef("custom")) if a.custom else OuterRef(link))
    return reduce(or_, (Q(Exists(seen.filter(piece.q))) for piece in pieces(actor, target, action)))


def why(actor: Actor, entity: AnyEntity, pk: UUID, action: str = "read") -> list[Part]:
    """The reasons for which the actor may do `action` on one record, by the parts that decide it; [] for none."""
    found = entity.rows().filter(pk=pk, deleted_at=None)
    return [part for part in parts(actor, entity, action) if found.filter(part.q).exists()]


def level(actor: Actor, entity: AnyEntity, a: Attribute, status: str = "") -> str:
    """hidden, masked, read or write: the mildest of what the roles say, each as the kind of the field is by default.

    What is computed is seen no better than the fields that it is made of.
    """
    key = ("level", entity.key, a.key, status)
    if key not in actor.known:
        found = _level(actor, entity, a, status)
        if a.expression is not None or a.sources is not None:
            found = min([found, *_beneath(actor, entity, a)], key=ORDER.index)
            if found == FieldGrant.Level.MASKED and not a.masks:
                found = FieldGrant.Level.HIDDEN  # a part of the number in it cannot be shown
        actor.known[key] = found
    answer: str = actor.known[key]
    return answer


def _beneath(actor: Actor, entity: AnyEntity, a: Attribute) -> list[str]:
    """The levels of what a value is made of: as it says, in other entities too, or as its expression does."""
    if a.sources is None:
        parts = [b for b in entity.attributes.values() if b.expression is None and {b.key, b.column} & a.made_of]
        return [level(actor, entity, b) for b in parts]
    found = [(get(key), part) for key, part in a.sources()]
    return [level(actor, e, e.attributes[key]) if key in e.attributes else ORDER[0] for e, key in found]


def _level(actor: Actor, entity: AnyEntity, a: Attribute, status: str) -> str:
    if actor.place is not None:
        return actor.place.level(entity.key, a.key)
    said = actor.levels.get((entity.key, a.key, ""), {})
    found = max((said.get(role, a.level) for role in actor.roles), key=ORDER.index, default="hidden")
    late = actor.levels.get((entity.key, a.key, status), {}) if status else {}
    if late and len(late) == len(actor.roles) and found == FieldGrant.Level.WRITE:
        return str(FieldGrant.Level.READ)
    return found


def readable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields the actor may read, masked ones too: no other can be shown, filtered, sorted, grouped or exported."""
    return dict(_once(actor, entity, _readable))


def _once(actor: Actor, entity: AnyEntity, work: Callable[[Actor, AnyEntity], Any]) -> Any:
    """What `work` finds, worked out once a request for the fields that the entity has now."""
    every, key = entity.attributes, (work, entity.key)
    if key not in actor.known or actor.known[key][0] is not every:
        actor.known[key] = (every, work(actor, entity))
    return actor.known[key][1]


def _readable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    return {
        key: _within(actor, a)
        for key, a in entity.attributes.items()
        if not a.unseen and level(actor, entity, a) != FieldGrant.Level.HIDDEN
    }


def _within(actor: Actor, a: Attribute) -> Attribute:
    """What is computed from other records, from those alone that the actor reaches."""
    return replace(a, expression=partial(a.bound, actor)) if a.bound else a


def masked(actor: Actor, entity: AnyEntity) -> frozenset[str]:
    """The fields whose values the actor sees in part."""
    found: frozenset[str] = _once(actor, entity, _masked)
    return found


def _masked(actor: Actor, entity: AnyEntity) -> frozenset[str]:
    return frozenset(k for k, a in entity.attributes.items() if level(actor, entity, a) == FieldGrant.Level.MASKED)


def closed(actor: Actor, entity: AnyEntity) -> Mapping[str, Q]:
    """The fields that may not answer questions everywhere, with the rows in which they may.

    A filter or a search over a masked field would spell it, and an order would tell it. Who may reveal a value one by
    one may search it too, in just those rows; elsewhere one can only ask for the whole of a value that one knows.
    """
    key = ("closed", entity.key)
    if key not in actor.known:
        hidden = masked(actor, entity)
        actor.known[key] = (
            {} if not hidden or _reveals_all(actor, entity) else dict.fromkeys(hidden, rows(actor, entity, "reveal"))
        )
    found: Mapping[str, Q] = actor.known[key]
    return found


def _reveals_all(actor: Actor, entity: AnyEntity) -> bool:
    """Whether the actor may reveal whatever they may list."""
    if any(p.reason == Grant.Scope.ALL and not p.q for p in parts(actor, entity, "reveal")):
        return True
    reached = parts(actor, entity, "list")
    plain = all(p.reason not in ("share", "named", "via") for p in reached)
    return plain and rights(actor, entity, "list") == rights(actor, entity, "reveal")


def writable(actor: Actor, entity: AnyEntity, status: str = "") -> dict[str, Attribute]:
    """The fields the actor may write, in a record of that status where the entity has stages."""
    return {
        key: a
        for key, a in entity.attributes.items()
        if a.editable
        and a.expression is None
        and level(actor, entity, a, status) in (FieldGrant.Level.WRITE, FieldGrant.Level.MASKED)
    }
