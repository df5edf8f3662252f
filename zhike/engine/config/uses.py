"""What hangs on a field or an object: how often it is filled, and what would break if it were gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from zhike.base.models import FieldGrant, Grant
from zhike.engine.entity import AnyEntity, declared, entities
from zhike.engine.labels import localized
from zhike.engine.models import Pipeline, SavedView, Stage, Webhook

from . import changes
from .changes import Document, field_name, layout_name, object_name

SAMPLED = 50_000  # tables beyond this are counted by a sample of pages
SAMPLE = 20_000


@dataclass(frozen=True)
class Use:
    """In how many records a field is filled (`about`: reckoned from a sample), and the last change of one of them."""

    count: int = 0
    last: dt.datetime | None = None
    about: bool = False


@dataclass(frozen=True)
class Break:
    """One thing that would break or be lost: what it is, and its name."""

    what: str
    name: str


def counts(entity: AnyEntity) -> dict[str, Use]:
    """How every field of an entity is used, in one query over the whole table, or a sample where it is large."""
    known = {k: a for k, a in entity.attributes.items() if a.column or a.custom}
    model: Any = entity.model
    table, columns = model._meta.db_table, [a for a in known.values() if not a.custom]
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = %s::regclass", [table])
        rows = int(cursor.fetchone()[0])
        part = max(0.01, round(100 * SAMPLE / rows, 3)) if rows > SAMPLED else 100
        sampled = f" TABLESAMPLE SYSTEM ({part})" if part < 100 else ""
        quote = connection.ops.quote_name
        filled = ", ".join(
            f"count(*) FILTER (WHERE {_filled(c := quote(a.column))}), max(updated_at) FILTER (WHERE {_filled(c)})"
            for a in columns
        )
        where, values = (
            ("deleted_at IS NULL AND object = %s", [entity.key]) if entity.object else ("deleted_at IS NULL", [])
        )
        if not any(f.name == "deleted_at" for f in model._meta.concrete_fields):
            where = "true"
        cursor.execute(f"SELECT {filled} FROM {quote(table)}{sampled} WHERE {where}", values)  # noqa: S608 names of the model
        found = cursor.fetchone()
        uses = {a.key: _use(found[2 * n], found[2 * n + 1], part) for n, a in enumerate(columns)}
        if entity.takes_fields:
            cursor.execute(
                f"SELECT k, count(*), max(updated_at) FROM {quote(table)}{sampled}, jsonb_object_keys(custom) k "  # noqa: S608 as above
                f"WHERE {where} GROUP BY k",
                values,
            )
            uses |= {key: _use(n, last, part) for key, n, last in cursor.fetchall()}
    return uses


def _filled(column: str) -> str:
    return f"{column} IS NOT NULL AND {column}::text NOT IN ('', '{{}}', '[]', 'false')"


def _use(count: int, last: dt.datetime | None, part: float) -> Use:
    return Use(round(count * 100 / part), last, part < 100)


def impact(before: Document, after: Document) -> dict[str, list[Break]]:
    """What would break or be lost, by the path of each entry that is removed or retired."""
    found: dict[str, list[Break]] = {}
    for step in changes.diff(before, after):
        section, place = step.path[0], step.path[1]
        now = _at(after, step.path)
        going = step.kind == "removed" or (isinstance(now, Mapping) and now.get("retired") and step.kind == "changed")
        if section == "fields" and going:
            found[step.where] = of_field(before, place, step.path[2])
        elif section == "objects" and going:
            found[step.where] = of_object(before, place)
    return {k: v for k, v in found.items() if v}


def _at(found: Any, path: Iterable[str]) -> Any:
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def of_field(document: Document, entity: str, key: str) -> list[Break]:
    """Everything that names a field of an entity."""
    found = [
        *_layouts(document, entity, key),
        *_calculations(document, entity, key),
        *_views(entity, key),
        *_stages(entity, key),
        *_rights(entity, key),
    ]
    e = entities().get(entity)
    if e is not None and (use := counts(e).get(key)) and use.count:
        text = _("about %(n)s records") if use.about else _("%(n)s records")
        last = f" · {use.last:%Y-%m-%d}" if use.last else ""
        found.append(Break(_("values that nobody will see"), text % {"n": f"{use.count:,}"} + last))
    return found


def _layouts(document: Document, entity: str, key: str) -> Iterator[Break]:
    for part, versions in document.get("layouts", {}).get(entity, {}).items():
        for who, content in versions.items():
            keys = [k for s in content for k in s.get("keys", ())] if part == "form" else content
            if key in keys:
                yield Break(_("layout"), layout_name(part, who))


def _calculations(document: Document, entity: str, key: str) -> Iterator[Break]:
    for other, fields in document.get("fields", {}).items():
        for said in fields.values():
            label = _("%(label)s: %(text)s") % {
                "label": object_name(other, document),
                "text": localized(said["labels"]),
            }
            rolled = said.get("rollup", {})
            if rolled.get("entity") == entity and key in (
                rolled.get("field"),
                rolled.get("by"),
                *named(rolled.get("where")),
            ):
                yield Break(_("roll-up"), label)
            if other == entity and key in words(said.get("formula", "")):
                yield Break(_("formula"), label)
            if other == entity and key in named(said.get("visible_if")):
                yield Break(_("field shown only if"), label)


def words(formula: str) -> set[str]:
    """The names in a formula."""
    cleaned = "".join(c if c.isalnum() or c in "_." else " " for c in formula)
    return {part for word in cleaned.split() for part in word.split(".")}


def named(where: Any) -> set[str]:
    """All words in conditions, however deep: cautious, for a field may be called like a value."""
    if isinstance(where, str):
        return set(where.split("."))
    return {name for part in where or () if isinstance(part, str | list | tuple) for name in named(part)}


def _views(entity: str, key: str) -> Iterator[Break]:
    for row in SavedView.objects.filter(entity=entity, deleted_at=None).select_related("owner")[:2000]:
        query: Mapping[str, Any] = row.query
        keys = named(query.get("where")) | {str(query.get("sort", "")).lstrip("-"), str(query.get("group", ""))}
        keys |= {str(c[0]) for c in query.get("columns", ()) if isinstance(c, list) and c}
        if key in keys:
            who = f" · {row.owner.name}" if row.owner else ""
            yield Break(_("saved view"), localized(row.labels) + who)


def _stages(entity: str, key: str) -> Iterator[Break]:
    for pipeline in Pipeline.objects.filter(entity=entity, is_current=True, deleted_at=None):
        for stage in Stage.objects.filter(pipeline=pipeline, required_fields__contains=[key], deleted_at=None):
            yield Break(_("required at stage"), f"{pipeline} · {stage}")


def _rights(entity: str, key: str) -> Iterator[Break]:
    for grant in Grant.objects.filter(entity=entity).exclude(conditions=[]).select_related("role"):
        if key in named(grant.conditions):
            yield Break(_("condition of a right"), grant.role.name)
    for level in FieldGrant.objects.filter(entity=entity, key=key).select_related("role"):
        yield Break(_("level of a field"), level.role.name)


def of_object(document: Document, key: str) -> list[Break]:
    """Everything that hangs on an object."""
    found = []
    for other, fields in document.get("fields", {}).items():
        for said in fields.values():
            if other != key and key in (said.get("target"), said.get("rollup", {}).get("entity")):
                label = {"label": object_name(other, document), "text": localized(said["labels"])}
                found.append(Break(_("field"), _("%(label)s: %(text)s") % label))
    found += [
        Break(_("saved view"), localized(v.labels)) for v in SavedView.objects.filter(entity=key, deleted_at=None)
    ]
    roles = Grant.objects.filter(entity=key).values_list("role__name", flat=True).distinct()
    found += [Break(_("rights of the role"), name) for name in roles]
    hooks = Webhook.objects.filter(is_active=True, deleted_at=None)
    found += [Break(_("webhook"), h.name) for h in hooks if any(str(e).split(".")[0] == key for e in h.events)]
    if (e := entities().get(key)) is not None:
        rows = e.rows("a count, nothing is shown").filter(deleted_at=None).order_by()[:10_001].count()
        if rows:
            text = _("more than %(n)s records") if rows > 10_000 else _("%(n)s records")
            found.append(Break(_("records that nobody will see"), text % {"n": f"{min(rows, 10_000):,}"}))
    return found


def suitable(said: Mapping[str, Any]) -> Sequence[str]:
    """Kinds into which a field could be turned."""
    from .convert import WAYS

    return WAYS.get(str(said.get("kind")), ())


__all__ = ["Break", "Use", "counts", "declared", "field_name", "impact", "of_field", "of_object", "suitable"]
