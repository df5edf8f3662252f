"""What the configuration says of a field beyond its kind, on the write path: defaults, required, unique, offered."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from . import catalog
from .entity import AnyEntity
from .errors import Wrong
from .kinds import Attribute

if TYPE_CHECKING:
    from .access import Actor
    from .records import Change

MANY = 100  # values of one unique field in one go, from which the field as a whole is locked
AT_ONCE = 200  # values asked for in one query
Ruled = tuple[str, Attribute]
BLANK: tuple[Any, ...] = (None, "", [], ())


def default(a: Attribute, actor: Actor) -> Any:
    """What a new record of the actor has in a field where nothing is said; blank where the default does not fit."""
    said = a.default
    if said == "me" and a.kind.key == "user":
        return actor.user.pk
    if said == "my_department" and a.kind.key == "department":
        return actor.user.department_id
    if said == "today" and a.kind.key in ("date", "datetime"):
        said = timezone.localdate() if a.kind.key == "date" else timezone.now()
    try:
        return a.kind.clean(a, said)
    except Wrong:
        return a.empty


def _ruled(change: Change[Any]) -> tuple[list[Ruled], list[Ruled], set[str]]:
    """Of the fields of an entity those with a default of the firm, those required, those with retired choices."""
    fields = change.attributes.items()
    return catalog.current().once(
        ("ruled", change.entity.key),
        lambda: (
            [(k, a) for k, a in fields if a.custom and a.default is not None],
            [(k, a) for k, a in fields if a.required],
            {k for k, a in fields if a.retired},
        ),
    )


def fill(change: Change[Any]) -> None:
    """Give a new record the defaults of the fields that the firm has made."""
    if change.is_new and change.back is None:
        for key, a in _ruled(change)[0]:
            if key not in change.values:
                change.set(key, default(a, change.actor))


def require(change: Change[Any]) -> None:
    """Required fields have a value. What the firm has made later does not stand in the way of older records."""
    if change.back is not None:
        return
    attributes = change.attributes
    for key, a in _ruled(change)[1]:
        asked = not a.custom or change.is_new or key in change.values
        lacks = asked and key not in change.errors and change.get(key) in BLANK
        if lacks and is_shown(a, attributes, change.get):
            change.fail(key, _("%(field)s is required.") % {"field": a.label}, "required")


def check_offered(change: Change[Any]) -> None:
    """A choice that is retired stays where it is, and is not chosen anew."""
    attributes = change.attributes
    for key in change.values.keys() & _ruled(change)[2]:
        a, before, value = attributes[key], change.was(key), change.values[key]
        old = set(before if isinstance(before, list) else [before])
        for one in value if isinstance(value, list) else [value]:
            if one in a.retired and one not in old and change.back is None:
                shown = a.kind.text(a, [one] if isinstance(value, list) else one, {})
                change.fail(
                    key, _("“%(value)s” is not offered any more. Choose another.") % {"value": shown}, "retired"
                )


# ---- unique


def unique(entity: AnyEntity) -> list[tuple[str, ...]]:
    """The keys that no two records share: those of the declaration, and fields that the firm wants unique."""
    return [*entity.unique, *((k,) for k, a in entity.attributes.items() if a.custom and a.unique)]


def lock(entity: AnyEntity, a: Attribute, values: Collection[Any]) -> None:
    """Let two who write the same value at once wait for each other, until the transaction ends.

    Values of built-in fields are kept apart by an index of the database, which custom fields have not.
    """
    field = f"unique:{entity.key}:{a.key}"
    whole = len(values) > MANY
    with connection.cursor() as cursor:
        shared = "" if whole else "_shared"
        cursor.execute(f"SELECT pg_advisory_xact_lock{shared}(hashtextextended(%s, 0))", [field])
        if not whole:
            for text in sorted(f"{field}:{json.dumps(a.kind.pack(v), default=str)}" for v in values):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [text])


def holders(entity: AnyEntity, keys: Sequence[str], values: Collection[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """Which of the values are taken: value -> the id of the record that has it, outside the recycle bin."""
    fields = [entity.attributes[k] for k in keys]
    rows = entity.rows("existence only, nothing is shown").filter(deleted_at=None)
    if not any(a.custom for a in fields):
        found = rows.filter(**{f"{fields[0].column}__among": [v[0] for v in values]})
        return {tuple(r[:-1]): r[-1] for r in found.values_list(*(a.column for a in fields), "pk")}
    lock(entity, fields[0], [v[0] for v in values])
    wanted = [v[0] for v in values]
    taken = {}
    for start in range(0, len(wanted), AT_ONCE):
        either = reduce(or_, (fields[0].equals(v) for v in wanted[start : start + AT_ONCE]))
        for pk, custom in rows.filter(either).values_list("pk", "custom"):
            taken[(fields[0].loaded(custom),)] = pk
    return taken


# ---- shown


def is_shown(a: Attribute, attributes: Mapping[str, Attribute], get: Callable[[str], Any]) -> bool:
    """Whether a field is asked for: the conditions of the record itself under which it is; no condition always holds.

    Conditions on linked records are not asked here: what they would say depends on who looks.
    """
    return all(_holds(part, attributes, get) for part in a.visible_if)


def _holds(part: Sequence[Any], attributes: Mapping[str, Attribute], get: Callable[[str], Any]) -> bool:
    if part and part[0] in ("any", "all", "not"):
        inner = [_holds(one, attributes, get) for one in part[1:]]
        return any(inner) if part[0] == "any" else all(inner) if part[0] == "all" else not all(inner)
    if len(part) < 2 or (a := attributes.get(str(part[0]))) is None or not a.stored:
        return True
    try:
        return _answers(a, str(part[1]), part[2] if len(part) > 2 else None, get(a.key))
    except (Wrong, TypeError):
        return True


def _answers(a: Attribute, op: str, said: Any, value: Any) -> bool:
    """One condition on a value, as the filter language means it."""
    if op == "empty":
        return (value in BLANK) is (str(said).lower() not in ("0", "false"))
    parts = said if isinstance(said, list | tuple) else str(said or "").split(",")
    several = [a.kind.operand(a, v) for v in parts] if op in ("in", "between") else []
    first = None if several else a.kind.operand(a, said)
    if op in ("eq", "ne", "in"):
        return (value in (several if op == "in" else [first])) is (op != "ne")
    if op == "has":
        return first in (value or ())
    if op == "contains":
        return str(first).lower() in str(value or "").lower()
    if value in BLANK:
        return False
    low, high = {"gte": (first, None), "lte": (None, first), "between": (*several, None, None)[:2]}.get(
        op, (None, None)
    )
    return (low is None or value >= low) and (high is None or value <= high)
