"""Merging: one transaction through the write path; all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from zhike.engine import catalog, history, operations, outbox, query, records, rolling
from zhike.engine.access import Actor
from zhike.engine.duplicates import groups
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Conflict, Invalid, Missing, Wrong
from zhike.engine.lineage import into, merged
from zhike.engine.models import Erasure, Merge, Operation
from zhike.engine.operations import Tally

from .choices import Deciding, above, require
from .moving import Moving, note
from .pointers import links

LATER = (5, 90)  # seconds until it is looked whether somebody was writing meanwhile


def merge(
    actor: Actor,
    entity: AnyEntity,
    keep: UUID,
    others: Sequence[UUID],
    values: Mapping[str, UUID | str] | None = None,
    versions: Mapping[UUID, int] | None = None,
) -> Operation:
    """Make `others` part of `keep`; gives the operation, which can be taken back for operations.MERGE_DAYS.

    `values` are field -> the id of the record whose value it gets, or choices.ALL; `versions` those that the choice was
    based on. Raises Missing, Refused, Invalid, or Conflict where one of them has been changed or merged meanwhile; then
    nothing is written.
    """
    try:
        with transaction.atomic():
            done = _merge(actor, entity, keep, list(others), values or {}, versions or {})
            groups.merged(actor, entity, keep, others, done)
            return done
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        text = _("These records cannot be merged, because that would break the rule %(name)s.") % {"name": name}
        raise Invalid([{"": [Wrong(text, "constraint")]}]) from error


def seen(actor: Actor, entity: AnyEntity, pk: UUID) -> UUID | None:
    """The record that an old id leads to, for who may read that one: nobody else learns that the id ever was."""
    keeper = into(entity.key, pk)
    if keeper is None or not query.visible(actor, entity, "read").filter(pk=keeper).exists():
        return None
    return keeper


def listed(body: Mapping[str, Any], keep: UUID, version: int | None) -> tuple[list[UUID], dict[UUID, int]]:
    """The records that go and the versions known, out of {"others": [{"id", "version"}]}."""
    others = [UUID(str(one["id"])) for one in body["others"]]
    versions = {UUID(str(one["id"])): int(one["version"]) for one in body["others"] if "version" in one}
    return others, versions | ({keep: version} if version is not None else {})


def _merge(
    actor: Actor,
    entity: AnyEntity,
    keep: UUID,
    others: list[UUID],
    said: Mapping[str, Any],
    versions: Mapping[UUID, int],
) -> Operation:
    found = _locked(actor, entity, keep, others, versions)
    given = Deciding(actor, entity, [found[pk] for pk in (keep, *others)], said).values()
    operation = operations.begin(actor, entity, "merge", keys=given, record=keep)
    operation.choices = {key: str(source) for key, source in said.items()}
    operation.save(update_fields=["choices"])
    mark = operations.marked()
    history.acting(actor, "merge")
    _untie(entity, found[keep], set(others))
    note(operation, entity, dict.fromkeys(others, keep))
    moving = Moving(actor, operation)
    moving.run(entity, dict.fromkeys(others, keep))
    _put_away(actor, entity, others)
    settle(entity, [keep], moving.moved)
    records.update_many(
        actor, entity, {keep: given}, action="merge", versions={k: v for k, v in versions.items() if k == keep}
    )
    recount(entity, [keep, *others], moving.moved)
    for key, ids in moving.moved.items():
        outbox.emit(f"{key}.update", key, sorted(ids), actor)
    history.note(actor, "merge", entity=entity.key, record=keep, details={"rows": len(others) + 1, "records": others})
    operations.add(actor, operation, mark, Tally(len(others) + 1))
    for seconds in LATER:
        sweep.configure(schedule_in={"seconds": seconds}).defer(operation=str(operation.pk))
    return operation


@app.task(name="zhike.merge.sweep", retry=5)
@catalog.fresh()
def sweep(operation: str) -> None:
    """Move what somebody was just writing when the records were merged: it was not there yet to be seen."""
    with transaction.atomic():
        found = Operation.objects.select_for_update().filter(pk=operation, state=Operation.State.DONE).first()
        if found is None or found.entity not in entities() or found.record is None:
            return
        entity, actor = get(found.entity), Actor(found.user, found.channel, by=found.by)
        losers = Merge.objects.filter(operation=found, entity=entity.key).values_list("loser", flat=True)
        keeper = into(entity.key, found.record) or found.record
        mark = operations.marked()
        history.acting(actor, "merge")
        moving = Moving(actor, found)
        moving.run(entity, dict.fromkeys(losers, keeper))
        if moving.moved:
            settle(entity, [keeper], moving.moved)
            recount(entity, [keeper], moving.moved)
            operations.add(actor, found, mark, Tally(0))


def _locked(
    actor: Actor, entity: AnyEntity, keep: UUID, others: Sequence[UUID], versions: Mapping[UUID, int]
) -> dict[UUID, Any]:
    """The records, locked in the order of ids, so that two merges of the same ones wait for each other."""
    rows = entity.rows("locked first, then asked for").filter(pk__in={keep, *others})
    found = {r.pk: r for r in rows.order_by("pk").select_for_update(of=("self",))}
    try:
        require(actor, entity, keep, others)
    except Missing:
        if versions and merged(entity, [keep, *others]):
            raise Conflict([keep, *others]) from None
        raise
    if stale := [pk for pk, v in versions.items() if pk in found and found[pk].version != v]:
        raise Conflict(stale)
    if Erasure.objects.filter(entity=entity.key, record__in=found).exists():
        raise Invalid(
            [{"": [Wrong(_("Personal data of one of these records were erased: it is not merged."), "erased")]}]
        )
    if any(getattr(r, "locked_at", None) for r in found.values()):
        raise Invalid([{"": [Wrong(_("One of these records is locked for storage only. Unlock it first."), "locked")]}])
    return found


def _untie(entity: AnyEntity, keeper: Any, gone: set[UUID]) -> None:
    """Links of the record that stays to those that go, and to what would then stand below it."""
    columns = set()
    for other, a in links(entity.key):
        if other.key != entity.key:
            continue
        value = a.read(keeper)
        if a.kind.key == "links":
            fit: Any = [v for v in value if v not in gone]
        else:
            fit = above(entity, a, keeper.pk, gone, value) if value else value
        if fit != value:
            a.write(keeper, fit)
            columns.add(a.column or "custom")
    if columns:
        entity.rows("what stays does not hang on what goes").bulk_update([keeper], sorted(columns))


def _put_away(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> None:
    """To the recycle bin, whence they come out with their merge alone."""
    now = timezone.now()
    entity.rows("ids from the gate").filter(pk__in=ids).update(deleted_at=now, updated_at=now)
    for hook in entity.after_remove:
        hook(ids)
    outbox.emit(f"{entity.key}.delete", entity.key, ids, actor)


def settle(entity: AnyEntity, ids: Sequence[UUID], moved: Mapping[str, set[UUID]], *, back: bool = False) -> None:
    """Have the rules of what moved bring the records in step that it has come to."""
    for other in list(entities().values()):
        for hook in other.after_move:
            hook(entity.key, ids, sorted(moved.get(other.key, ())), back)


def recount(entity: AnyEntity, ids: Sequence[UUID], moved: Mapping[str, set[UUID]]) -> None:
    """Stored roll-ups of the records, of what moved, and of what these point at."""
    for found in (one for rollups in rolling.every_stored().values() for one in rollups):
        if found.owner == entity.key:
            rolling.recount(found, ids)
    rolling.follow(entity, ids)
    for key, rows in moved.items():
        rolling.follow(get(key), sorted(rows))
