"""Filters as SQL: groups, linked records, conditions, over the rows and fields that their reader may use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, F, Func, Q, QuerySet
from django.utils.translation import gettext as _

from zhike.engine import access
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute

from .columns import points_here, target_of
from .gate import Sight
from .model import Clause, Condition, Group, Linked
from .operators import leaf

EVERYBODY = ~access.NOBODY


def narrow(rows: QuerySet[Any], sight: Sight, entity: AnyEntity, clauses: Sequence[Clause]) -> QuerySet[Any]:
    """Rows of which all clauses hold; Invalid for a name that is not there for the reader, or a value that is none.

    A field that is seen in part answers to its whole value alone outside the rows that go with it (access.closed), or
    a filter would spell the rest. Linked records are those that the reader may list: they tell no more than their list.
    """
    if not clauses:
        return rows
    wanted = [matching(sight, entity, clause) for clause in clauses]
    if aliases := computed(sight, entity, clauses):
        rows = rows.alias(**aliases)
    return rows.filter(*wanted)


def computed(sight: Sight, entity: AnyEntity, clauses: Sequence[Clause]) -> dict[str, Any]:
    """The aliases that `matching` needs: the computed fields that the clauses name on the entity itself."""
    known = sight.fields(entity)[0]
    named = [known[key] for key in _own(clauses) if key in known]
    return {a.key: a.expression() for a in named if a.expression is not None}


def _own(clauses: Sequence[Clause]) -> Iterator[str]:
    for clause in clauses:
        if isinstance(clause, Condition):
            yield clause.key
        elif isinstance(clause, Group):
            yield from _own(clause.parts)


def matching(sight: Sight, entity: AnyEntity, clause: Clause) -> Q:
    """One clause, over the columns of its fields, and the aliases of `computed`; Invalid as above."""
    if isinstance(clause, Group):
        return _grouped(sight, entity, clause)
    if isinstance(clause, Linked):
        return _linked(sight, entity, clause)
    if "." in clause.key:
        return _beyond(sight, entity, clause)
    known, closed = sight.fields(entity)
    a, rows = known.get(clause.key), closed.get(clause.key)
    if a is None or clause.op not in a.kind.ops or (rows == access.NOBODY and clause.op not in ("eq", "empty")):
        raise _unknown(clause.key, f"{clause.key} {clause.op}")
    try:
        if rows is None or clause.op == "empty":
            return leaf(a, clause.op, clause.value, sight.actor)
        if clause.op == "eq":
            return a.equals(a.kind.clean(a, clause.value) or None)
        return leaf(a, clause.op, clause.value, sight.actor) & rows
    except Wrong as wrong:
        raise Invalid([{clause.key: [wrong]}]) from None


def _grouped(sight: Sight, entity: AnyEntity, group: Group) -> Q:
    parts = [matching(sight, entity, part) for part in group.parts]
    if group.kind == "all":
        return Q(*parts)
    found = access.NOBODY
    for part in parts:
        found |= part or EVERYBODY
    return ~Q(_Holds(found)) if group.kind == "none" else found


class _Holds(Func):
    """Whether a condition holds; where it is unknown, as of something empty, it does not."""

    template = "((%(expressions)s) IS TRUE)"
    output_field = BooleanField()

    def __init__(self, condition: Any) -> None:
        wrapped = condition if isinstance(condition, F | Func) else ExpressionWrapper(condition, BooleanField())
        super().__init__(wrapped)


def _beyond(sight: Sight, entity: AnyEntity, c: Condition) -> Q:
    """A condition over the record that a link leads to; without such a record in sight it does not hold."""
    first, _dot, rest = c.key.partition(".")
    a, rows = _link(sight, entity, first, c.key)
    target = entities()[a.target]
    try:
        inner = narrow(sight.rows(target).filter(target_of(a)), sight, target, [Condition(rest, c.op, c.value)])
    except Invalid as invalid:
        raise _renamed(invalid, c.key, f"{c.key} {c.op}") from None
    return Q(Exists(inner)) & rows


def _linked(sight: Sight, entity: AnyEntity, c: Linked) -> Q:
    """Records that point here and are in sight: some of them, or none."""
    key, _dot, by = c.path.partition(".")
    other = entities().get(key)
    if other is None:
        raise _unknown(c.path, c.path)
    a, rows = _link(sight, other, by, c.path)
    if a.target != entity.key:
        raise _unknown(c.path, c.path)
    pointing = sight.rows(other).filter(points_here(a)).filter(rows)
    found = Exists(narrow(pointing, sight, other, c.parts))
    return Q(found) if c.kind == "some" else ~Q(found)


def _link(sight: Sight, entity: AnyEntity, key: str, path: str) -> tuple[Attribute, Q]:
    """A link that the reader may follow, and the rows in which they may."""
    known, closed = sight.fields(entity)
    a = known.get(key)
    if a is None or not a.is_link or a.expression is not None or a.target not in entities():
        raise _unknown(path, path)
    return a, closed.get(key, Q())


class Unknown(Wrong):
    """A filter names what is not there for its reader."""


def _unknown(key: str, shown: str) -> Invalid:
    return Invalid([{key[:160]: [Unknown(_("There is no such filter: %(name)s.") % {"name": shown[:80]})]}])


def _renamed(invalid: Invalid, key: str, shown: str) -> Invalid:
    """The fault of a field beyond a link, under the name by which it was asked."""
    wrongs = [wrong for found in invalid.first.values() for wrong in found]
    return _unknown(key, shown) if any(isinstance(w, Unknown) for w in wrongs) else Invalid([{key: wrongs}])
