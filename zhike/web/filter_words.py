"""Whole filters in words: groups and linked records around the conditions of `filters`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid
from zhike.engine.kinds import Attribute
from zhike.engine.query import Clause, Condition, Group, Linked

from .filters import condition_text


def stored_text(actor: Actor, entity: AnyEntity, conditions: Any) -> list[str]:
    """Stored conditions in words, each for itself; what cannot be read is left out."""
    try:
        return [clause_text(actor, entity, clause) for clause in query.clauses(conditions or ())]
    except Invalid:
        return []


def clause_text(actor: Actor, entity: AnyEntity, clause: Clause) -> str:
    """One part of a filter in words, "" for one that names no field.

    Values that only the reader may see are looked up with the reader's rights; names of fields are no secret here.
    """
    if isinstance(clause, Condition):
        return _condition(actor, entity, clause)
    if isinstance(clause, Group):
        return _group(actor, entity, clause)
    return _linked(actor, entity, clause)


def _condition(actor: Actor, entity: AnyEntity, c: Condition) -> str:
    labels, a = _followed(entity, c.key)
    if a is None or c.op not in a.kind.ops:
        return ""
    return _("%(label)s: %(text)s") % {
        "label": " › ".join(labels),
        "text": condition_text(actor, a, Condition(a.key, c.op, c.value)),
    }


def _followed(entity: AnyEntity, path: str) -> tuple[list[str], Attribute | None]:
    labels: list[str] = []
    a: Attribute | None = None
    for key in path.split("."):
        if a is not None:
            if a.target not in entities():
                return labels, None
            entity = entities()[a.target]
        a = entity.attributes.get(key)
        if a is None:
            return labels, None
        labels.append(str(a.label))
    return labels, a


def _group(actor: Actor, entity: AnyEntity, group: Group) -> str:
    texts = _texts(actor, entity, group.parts)
    if group.kind == "none":
        return _("not (%(what)s)") % {"what": pgettext("between conditions", " or ").join(texts)}
    between = pgettext("between conditions", " and ") if group.kind == "all" else pgettext("between conditions", " or ")
    return between.join(texts)


def _linked(actor: Actor, entity: AnyEntity, c: Linked) -> str:
    key, _dot, by = c.path.partition(".")
    other = entities().get(key)
    if other is None or by not in other.attributes:
        return ""
    what = str(other.plural)
    if parts := _texts(actor, other, c.parts):
        what = _("%(what)s (%(parts)s)") % {"what": what, "parts": pgettext("between conditions", " and ").join(parts)}
    return _("with %(what)s") % {"what": what} if c.kind == "some" else _("without %(what)s") % {"what": what}


def _texts(actor: Actor, entity: AnyEntity, clauses: Iterable[Clause]) -> list[str]:
    return [text for clause in clauses if (text := clause_text(actor, entity, clause))]
