"""Stored roll-ups, kept in step within the transaction of each change.

The records that they belong to are locked first and counted then, so that two changes at once cannot count past each
other. They lie among the custom values, where an index sorts and filters by them, and leave no history of their own:
they follow from records that do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, QuerySet, Value
from procrastinate.contrib.django import app

from . import catalog, exactjson
from .entity import AnyEntity, get
from .formula.sql import Piece
from .kinds import Attribute
from .rollup import NUMBERS, Rollup, expression

if TYPE_CHECKING:
    from .records import Change

BATCH = 2_000


def every_stored() -> Mapping[str, Sequence[Rollup]]:
    """The stored roll-ups by the entity whose records they count."""
    snapshot = catalog.current()
    return snapshot.once("rollups", lambda: _stored(snapshot.document))


def _stored(document: Mapping[str, Any]) -> Mapping[str, Sequence[Rollup]]:
    found: dict[str, list[Rollup]] = {}
    for owner, fields in (document.get("fields") or {}).items():
        for key, said in fields.items():
            rolled = said.get("rollup") or {}
            if rolled.get("stored") and not said.get("retired"):
                made = Rollup.of(owner, key, rolled)
                found.setdefault(made.entity, []).append(made)
    return found


def follow(entity: AnyEntity, ids: Sequence[UUID], *, keys: Collection[str] | None = None) -> None:
    """Count anew what belongs to the records to which these point; after a change of some fields, where they matter."""
    for found in every_stored().get(entity.key, ()):
        if keys is None or not found.keys.isdisjoint(keys):
            by = entity.attributes[found.by]
            rows = entity.rows("links alone").filter(pk__in=ids).annotate(there=_id(by))
            recount(found, rows.values_list("there", flat=True))


def follow_changes(entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """Count anew what belongs to the records to which changed ones point, or pointed before."""
    for found in every_stored().get(entity.key, ()):
        touched = [c for c in changes if c.is_new or any(c.changed(k) for k in found.keys)]
        recount(found, [pk for c in touched for pk in (c.get(found.by), c.was(found.by))])
    if entity.takes_fields and "currency" in entity.attributes:
        moved = [c.record.pk for c in changes if not c.is_new and c.changed("currency")]
        for found in (one for rollups in every_stored().values() for one in rollups if moved):
            if found.owner == entity.key and found.field:
                recount(found, moved)


def _id(by: Attribute) -> Any:
    return by.typed() if by.custom else F(by.column)


def recount(found: Rollup, owners: Iterable[UUID | None]) -> int:
    """Store what the records of `owner` with these ids are to show; gives how many showed something else."""
    changed = 0
    owner, ids = get(found.owner), sorted({pk for pk in owners if pk})
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            rows = owner.rows("roll-ups over everything").filter(pk__in=ids[start : start + BATCH])
            list(rows.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))
            changed += _recount(found, rows)
    return changed


def _recount(found: Rollup, rows: QuerySet[Any]) -> int:
    key = Value(found.key, models.TextField())
    json = Piece("({0})", packed(found), output_field=models.JSONField())
    differs = Piece(
        "({0} -> {1}) IS DISTINCT FROM {2}", F(exactjson.COLUMN), key, json, output_field=models.BooleanField()
    )
    new = Piece(
        "jsonb_set_lax({0}, ARRAY[{1}], {2}, true, 'delete_key')",
        F(exactjson.COLUMN),
        key,
        json,
        output_field=models.JSONField(),
    )
    wrong = list(rows.filter(differs).values_list("pk", flat=True))
    return rows.filter(pk__in=wrong).update(custom=new) if wrong else 0


def packed(found: Rollup) -> Any:
    """The value as it is kept among the custom ones."""
    value = expression(found)
    kind = "integer" if found.measure == "count" else get(found.entity).attributes[found.field].kind.key
    if kind == "datetime":
        text = "to_jsonb(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"
    elif kind == "date":
        text = "to_jsonb(to_char({0}, 'YYYY-MM-DD'))"
    elif kind in NUMBERS:
        text = "to_jsonb({0}::numeric)"
    elif kind == "boolean":
        text = "to_jsonb(NULLIF({0}, FALSE))"
    else:
        text = "to_jsonb(NULLIF({0}::text, ''))"
    return Piece(text, value, output_field=models.JSONField(decoder=exactjson.Decoder))


def rebuild(found: Rollup) -> int:
    """Count a stored roll-up anew for every record; gives how many showed something else."""
    changed, last = 0, None
    owner = get(found.owner)
    while True:
        rows = owner.rows("ids alone").order_by("pk")
        ids = list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:BATCH])
        if not ids:
            return changed
        changed += recount(found, ids)
        last = ids[-1]


def rebuild_all() -> int:
    """Every stored roll-up; gives how many values were wrong."""
    return sum(rebuild(one) for rollups in every_stored().values() for one in rollups)


@app.task(name="zhike.rollups.count")
@catalog.fresh()
def count_all() -> None:
    """Count all anew in the worker: of a new one, what was there before it."""
    rebuild_all()


def published(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Have new and changed ones counted: at once, and again when all requests that know nothing of them are over."""
    if _stored(old) != _stored(new):
        count_all.defer()
        count_all.configure(schedule_in={"minutes": 2}).defer()
