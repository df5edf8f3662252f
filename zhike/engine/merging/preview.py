"""What a merge would do, as its reader may know it: fields side by side, and how much would move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.engine import access, layouts, query, sharing
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute, Labels
from zhike.engine.models import StoredFile

from .choices import ALL, Deciding, joins, require
from .pointers import links


@dataclass(frozen=True)
class Option:
    """One value that a field can get: from which record, or `choices.ALL`; empty where that record says nothing."""

    source: str
    text: str
    picked: bool


@dataclass(frozen=True)
class Field:
    """One field of the records, in their order; `open` says that it can be chosen."""

    key: str
    label: Any
    options: Sequence[Option]
    differs: bool
    open: bool


@dataclass(frozen=True)
class Preview:
    """The records that would be merged, the one that stays first; `moves` are (what, how many) that lead to others."""

    keep: UUID
    ids: Sequence[UUID]
    versions: Mapping[UUID, int]
    fields: Sequence[Field]
    moves: Sequence[tuple[Any, int]]


def preview(
    actor: Actor, entity: AnyEntity, keep: UUID, others: Sequence[UUID], said: Mapping[str, UUID | str] | None = None
) -> Preview:
    """What there is to choose; raises as merging does. Values come as their reader sees them, masked ones in part, and
    are compared as such."""
    require(actor, entity, keep, others)
    ids = [keep, *others]
    rows = entity.rows("reached by the actor").in_bulk(ids)
    deciding = Deciding(actor, entity, [rows[pk] for pk in ids], said or {})
    known = [a for a in _shown(actor, entity) if a.stored and not a.unseen and a.kind.key != "json"]
    seen = {
        r.id: r for r in query.read(actor, entity, query.visible(actor, entity, "update").filter(pk__in=ids), known)
    }
    shown = [seen[pk] for pk in ids]
    labels = query.labels(actor, known, shown)
    fields = [_field(deciding, a, shown, labels) for a in known]
    told = [f for f in fields if any(o.text for o in f.options)]
    versions = {pk: rows[pk].version for pk in ids}
    return Preview(keep, ids, versions, sorted(told, key=lambda f: not f.differs), moves(actor, entity, keep, others))


def _shown(actor: Actor, entity: AnyEntity) -> list[Attribute]:
    """All fields that the actor may read, those of the layout first and in its order."""
    known = access.readable(actor, entity)
    return [known[k] for k in dict.fromkeys((*layouts.of(actor, entity).keys, *known)) if k in known]


def _field(deciding: Deciding, a: Attribute, rows: Sequence[query.Row], labels: Labels) -> Field:
    texts = [a.kind.text(a, r.values.get(a.key), labels) for r in rows]
    is_open, differs = a.key in deciding.fields, len(set(texts)) > 1
    picked = str(deciding.said.get(a.key) or deciding.default(a)[0]) if is_open else str(rows[0].id)
    options = [Option(str(r.id), text, str(r.id) == picked) for r, text in zip(rows, texts, strict=True)]
    if is_open and differs and joins(deciding.entity, a):
        whole = _("All of them") if a.kind.blank == () else _("All texts, one below the other")
        options.append(Option(ALL, whole, picked == ALL))
    return Field(a.key, a.label, options, differs, is_open)


def moves(actor: Actor, entity: AnyEntity, keep: UUID, others: Sequence[UUID]) -> list[tuple[Any, int]]:
    """What leads to the records that go, as far as the actor may list it: what others have there is not told."""
    ways: dict[str, tuple[AnyEntity, list[Any]]] = {}
    for other, a in links(entity.key):
        if a.key in access.readable(actor, other) and access.may(actor, other, "list"):
            ways.setdefault(other.key, (other, []))[1].append(a.leads_to(others))
    found: list[tuple[Any, int]] = []
    for other, parts in ways.values():
        rows = query.visible(actor, other).filter(reduce(or_, parts)).exclude(pk__in=[keep, *others])
        found.append((other.plural, rows.count()))
    files = StoredFile.objects.filter(entity=entity.key, record__in=others, deleted_at=None).count()
    found.append((_("Files"), files))
    if sharing.may_share(actor, entity, keep):
        found.append((_("Shares"), sharing.count(entity, others)))
    return [(label, n) for label, n in found if n]
