"""Rows as plain values, and the names of what they link to, as their reader may see them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Missing
from zhike.engine.kinds import Attribute, Cash, Toned

from .gate import DIRECTORY, every, open_fields, visible
from .model import Page, Row, View
from .ordering import KEY
from .selecting import select


def read(
    actor: Actor, entity: AnyEntity, rows: QuerySet[Any], attributes: Iterable[Attribute], *, clear: bool = False
) -> list[Row]:
    """Rows as plain values, only of the attributes given; what the actor sees in part arrives as `kinds.Masked`.

    With `clear`, as for an export, whole where the actor may reveal; the caller counts and notes that.
    """
    wanted = list(attributes)
    own = [a for a in wanted if a.custom]
    extra = {f"x_{a.key}": a.expression() for a in wanted if a.expression is not None}
    names = {a.key: a.column or f"x_{a.key}" for a in wanted if not a.custom}
    amounts = [a.key for a in wanted if a.kind.key == "money"] if has_currency(rows.model) else []
    more = {"currency": amounts, "custom": own, KEY: KEY in rows.query.annotations}
    columns = dict.fromkeys(["pk", "version", *names.values(), *(name for name, asked in more.items() if asked)])
    result = []
    for r in rows.annotate(**extra).values(*columns):
        values = {key: r[name] for key, name in names.items()} | {a.key: a.loaded(r["custom"]) for a in own}
        for key in amounts:
            if values[key] is not None:
                values[key] = Cash(values[key], r["currency"])
        result.append(Row(r["pk"], r["version"], values, r.get(KEY)))
    _mask(actor, entity, wanted, result, clear=clear)
    return result


def _mask(actor: Actor, entity: AnyEntity, wanted: Sequence[Attribute], rows: Sequence[Row], *, clear: bool) -> None:
    parts = [a for a in wanted if a.key in access.masked(actor, entity)]
    if not parts or not rows:
        return
    whole: set[UUID] = set()
    if clear and access.may(actor, entity, "reveal"):
        reach = visible(actor, entity, "reveal").filter(pk__in=[row.id for row in rows])
        whole = set(reach.values_list("pk", flat=True))
    for row in rows:
        if row.id not in whole:
            for a in parts:
                row.values[a.key] = a.kind.mask(row.values[a.key])


def has_currency(model: type[Model]) -> bool:
    """Whether amounts of a model come in several currencies."""
    return any(f.name == "currency" for f in model._meta.concrete_fields)


def in_currency(total: Decimal | None, least: str | None, greatest: str | None) -> Decimal | None:
    """A sum with its currency, or with none where rows of several currencies are in it."""
    return None if total is None else Cash(total, least if least and least == greatest else "")


def record(actor: Actor, entity: AnyEntity, pk: UUID, action: str = "read") -> Page:
    """One record with all the fields the actor may read, as a page of one row; Missing otherwise."""
    known = list(access.readable(actor, entity).values())
    rows = read(actor, entity, visible(actor, entity, action).filter(pk=pk), known)
    if not rows:
        raise Missing
    actor.known.setdefault(("seen", entity.key, action), set()).add(str(pk))
    return Page(entity, View(), known, rows, 1, labels(actor, known, rows))


def labels(actor: Actor, attributes: Iterable[Attribute], rows: Sequence[Row]) -> dict[tuple[str, UUID], str]:
    """Names of linked records that the actor may see: one query per linked entity, whatever the number of rows."""
    wanted: dict[str, set[UUID]] = {}
    for a in attributes:
        if not a.is_link:
            continue
        for row in rows:
            value = row.values.get(a.key)
            if value:
                wanted.setdefault(a.target, set()).update(value if isinstance(value, list) else [value])
    files = _files(wanted.pop("file", set()))  # who sees the row and the field sees what it holds
    return files | {(target, pk): n for target, ids in wanted.items() for pk, n in names(actor, target, ids).items()}


def _files(ids: Collection[UUID]) -> dict[tuple[str, UUID], str]:
    from zhike.engine.models import StoredFile

    found = StoredFile.objects.filter(pk__in=ids, deleted_at=None).values_list("pk", "name") if ids else ()
    return {("file", pk): name for pk, name in found}


def names(actor: Actor, target: str, ids: Iterable[UUID] | None) -> dict[UUID, str]:
    """Titles of records by id, as far as the actor may see them. People and departments are the firm's directory.

    None stands for all of them, of an entity that has few.
    """
    chosen = None if ids is None else set(ids)
    if chosen is not None and not chosen:
        return {}
    if target == "file":
        return _file_names(actor, chosen or ())
    entity = get(target)
    rows = entity.rows() if target in DIRECTORY else every(entity).filter(access.looking(actor, entity))
    found = rows if chosen is None else rows.filter(pk__among=chosen)
    columns = {f.name for f in entity.model._meta.concrete_fields}
    if "labels" in columns or "tone" in columns:
        return {r.pk: Toned(str(r), getattr(r, "tone", "neutral")) for r in found}
    return titles(actor, entity, found)


def titles(actor: Actor, entity: AnyEntity, rows: Any) -> dict[UUID, str]:
    """Titles of rows that the actor may see, as far as they may read them."""
    a = access.readable(actor, entity).get(entity.title)
    if a is None:
        return dict.fromkeys(rows.values_list("pk", flat=True), "…")
    found = dict(rows.values_list("pk", entity.title))
    return {pk: str(a.kind.mask(t)) for pk, t in found.items()} if a.key in access.masked(actor, entity) else found


def _file_names(actor: Actor, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of files that the actor put there, or that hang on a record they may see."""
    from zhike.engine.models import StoredFile

    found: dict[UUID, str] = {}
    by_entity: dict[str, dict[UUID, tuple[UUID | None, str]]] = {}
    for pk, name, uploader, key, record in StoredFile.objects.filter(pk__in=ids).values_list(
        "pk", "name", "uploader", "entity", "record"
    ):
        if uploader == actor.user.pk:
            found[pk] = name
        elif key in entities():
            by_entity.setdefault(key, {})[pk] = (record, name)
    for key, files in by_entity.items():
        records = {record for record, _name in files.values()}
        seen = set(visible(actor, get(key), "read").filter(pk__in=records).values_list("pk", flat=True))
        found |= {pk: name for pk, (record, name) in files.items() if record in seen}
    return found


def options(actor: Actor, entity: AnyEntity, term: str, limit: int = 20) -> list[tuple[UUID, str]]:
    """Records to choose from in a form: (id, title), found by `term`."""
    if entity.key not in DIRECTORY:
        access.require(actor, entity, "list")
        rows = select(actor, entity, View(search=term if entity.search else ""))
        if term and not entity.search:
            if entity.title not in open_fields(access.readable(actor, entity), access.closed(actor, entity)):
                return []
            rows = rows.filter(**{f"{entity.title}__icontains": term})
    else:
        rows = every(entity)
        if entity.key == "user":
            rows = rows.filter(Q(name__icontains=term) | Q(pinyin__icontains=term), is_active=True)
        elif entity.title != "labels":
            rows = rows.filter(**{f"{entity.title}__icontains": term})
    chosen = list(rows[:limit])
    shown = names(actor, entity.key, [r.pk for r in chosen])
    return [(r.pk, shown[r.pk]) for r in chosen if r.pk in shown]
