"""Fields whose value follows from others by a formula that an administrator writes (docs/formulas.md).

One text, one tree, two back ends with the same results: `evaluate` in Python, `expression` in SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Value

from zhike.engine.custom import COMPUTED
from zhike.engine.entity import AnyEntity, get
from zhike.engine.kinds import KINDS, Attribute

from .check import FREE, Formula, check
from .parse import Problem
from .sql import OUTPUT, expression
from .tree import OF_KIND
from .values import evaluate
from .words import functions, names

if TYPE_CHECKING:
    from zhike.engine.access import Actor

__all__ = [
    "Formula",
    "Problem",
    "Shown",
    "attribute",
    "check",
    "evaluate",
    "expression",
    "functions",
    "names",
    "sample",
]


def attribute(plain: Attribute, entity: str, text: str) -> Attribute:
    """The field `plain` of `entity` with its value computed by the formula `text`.

    It is read when it is first used, for it may name fields that are made at the same time. A formula that no longer
    makes sense, because a field of it is gone, gives nothing.
    """

    @lru_cache(maxsize=1)
    def checked() -> Formula | None:
        try:
            return check(get(entity), text, kind=plain.kind.key, key=plain.key)
        except Problem:
            return None

    def made(actor: Actor | None = None) -> Any:
        found, kind = checked(), plain.kind.key
        return expression(found, actor, kind=kind) if found else Value(None, OUTPUT[OF_KIND[kind]])

    return replace(
        plain,
        formula=text,
        editable=False,
        required=False,
        expression=made,
        bound=made,
        sources=lambda: found.parts if (found := checked()) else frozenset(),
    )


COMPUTED["formula"] = lambda plain, entity, said: attribute(plain, entity, said["formula"])


@dataclass(frozen=True)
class Shown:
    """A record with what a formula makes of it, and what the formula read, as its reader may see both."""

    id: UUID
    title: str
    value: str
    parts: dict[str, str]


def sample(actor: Actor, entity: AnyEntity, text: str, *, kind: str = "", n: int = 5) -> list[Shown]:
    """What a formula gives for the records that were changed last; [] where the actor may not see a part of it.

    Raises Problem for a formula that makes no sense.
    """
    from zhike.engine import access, query  # they read the catalog, which reads this

    found = check(entity, text, kind=kind)
    a = attribute(Attribute(key="x_sample", label="", kind=KINDS[kind or FREE[found.type]]), entity.key, text)
    known = access.readable(actor, entity)
    if access.level(actor, entity, a) == "hidden" or entity.title not in known:
        return []
    own = [known[leaf.path] for leaf in found.leaves if leaf.link is None and leaf.path in known]
    shown = [known[entity.title], *own, replace(a, expression=lambda: a.bound(actor))]  # type: ignore[misc]
    rows = query.read(actor, entity, query.select(actor, entity, query.View())[:n], shown)
    page = query.Page(entity, query.View(), shown, rows, len(rows), query.labels(actor, shown, rows))
    return [
        Shown(
            row.id,
            page.text(row, entity.title),
            a.kind.text(a, row.values[a.key], page.labels),
            {b.key: b.kind.text(b, row.values[b.key], page.labels) for b in own},
        )
        for row in rows
    ]
