"""Erasing one person: values out of every place, a token where the name was; deals, sums and dates stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhike.engine import history, lineage, outbox, query
from zhike.engine.access import Actor
from zhike.engine.entity import Action, AnyEntity, entities, get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import Erasure, OwnerPeriod, StageEvent
from zhike.engine.records import Change

from . import blank, kept, media, sweep, traces
from .needles import Needles, token
from .persons import Around, around, is_person, needles, own_rows, title_of

OFFICES = ("all", "security")
CHANNEL = "privacy"


@dataclass
class Plan:
    """What an erasure will do: `goes` and `stays` are (label, how many)."""

    entity: AnyEntity
    record: UUID
    goes: list[tuple[Any, int]] = field(default_factory=list)
    stays: list[tuple[Any, int]] = field(default_factory=list)
    erased: bool = False


def may_erase(actor: Actor, entity: AnyEntity, pk: UUID) -> bool:
    """Whether the actor may erase a person: may delete and reveal the record, and besides either administers security
    or was given the action `erase` over it. Nobody erases with another's hand."""
    if actor.by or actor.limit or not is_person(entity):
        return False
    if not all(_reaches(actor, entity, pk, action) for action in ("delete", "reveal")):
        return False
    return actor.office in OFFICES or _reaches(actor, entity, pk, "erase")


def _reaches(actor: Actor, entity: AnyEntity, pk: UUID, action: str) -> bool:
    return bool(query.visible(actor, entity, action).filter(pk=pk).exists())


def plan(actor: Actor, entity: AnyEntity, pk: UUID) -> Plan:
    """What would go and what would stay; Missing where the record is out of reach, Refused without the rights."""
    if not _reaches(actor, entity, pk, "read"):
        raise Missing
    if not may_erase(actor, entity, pk):
        raise Refused(f"erase {entity.key}")
    own = own_rows(entity, pk)
    where = around(entity, pk, needles(entity, pk, own).names)
    found = Plan(entity, pk, erased=is_erased(entity, pk))
    found.goes = [(get(key).plural, len(ids)) for key, ids in own.items()]
    if files := media.attached(own).count():
        found.goes.append((_("Files attached to them"), files))
    kinds = [e for e in entities().values() if e.menu and not is_person(e)]
    found.stays = [(e.plural, len(where.near[e.key])) for e in kinds if where.near.get(e.key)]
    return found


def is_erased(entity: AnyEntity, pk: UUID) -> bool:
    """Whether the record was erased and still is."""
    said = Erasure.objects.filter(entity=entity.key, record=pk).values_list("token", flat=True).first()
    return said is not None and title_of(entity, pk) == said


def erase(actor: Actor, entity: AnyEntity, pk: UUID, reason: str = "") -> Erasure:
    """Erase one person's data for good. Raises Missing or Refused; then nothing is changed."""
    if not _reaches(actor, entity, pk, "read"):
        raise Missing
    if not may_erase(actor, entity, pk):
        raise Refused(f"erase {entity.key}")
    return wipe(entity, pk, by=actor, reason=reason)


def wipe(entity: AnyEntity, pk: UUID, *, by: Actor | None, reason: str, thorough: bool = True) -> Erasure:
    """Erase without asking for rights: for rules the firm has set, and for lists that are applied again.

    Without `thorough` only the records around the person are looked through, not every table and file.
    """
    with transaction.atomic():
        entity.rows("one erasure at a time").select_for_update().get(pk=pk)
        own = own_rows(entity, pk)
        sought = needles(entity, pk, own)
        reason = sought.clean(reason, named=True)
        where = around(entity, pk, _names(entity, own))
        _sign(by)
        counts = blank.blank_all(own, sought.token)
        if thorough:
            counts |= {"tables": len(sweep.sweep(sought, where)), **media.clear(own, sought)}
        else:
            counts |= {"tables": len(sweep.near_only(sought, where)), "files": media.drop(list(media.attached(own)))}
        _notes(sought, where, everywhere=thorough)
        counts["history"] = traces.redact(sought, where, by, reason, everywhere=thorough)
        return _remember(entity, pk, sought, by, reason, counts)


def _names(entity: AnyEntity, own: dict[str, set[UUID]]) -> list[str]:
    found = []
    for key, ids in own.items():
        other = get(key)
        if is_person(other):
            rows = other.rows("the name to look for").filter(pk__in=ids)
            found += list(rows.values_list(other.title, flat=True))
    return [name for name in found if name]


def _remember(
    entity: AnyEntity, pk: UUID, sought: Needles, by: Actor | None, reason: str, counts: dict[str, int]
) -> Erasure:
    values = {"token": sought.token, "reason": reason[:200], "by": by.hand if by else None}
    for one in reversed(lineage.ids(entity.key, pk)):  # a backup of before a merge has each of them
        found, new = Erasure.objects.get_or_create(
            entity=entity.key, record=one, defaults={**values, "digests": list(sought.digests)}
        )
        if not new:
            Erasure.objects.filter(pk=found.pk).update(digests=sorted({*found.digests, *sought.digests}))
        kept.write(found)
    if by is not None:
        history.note(by, "erase", entity=entity.key, record=pk, details={"rows": counts})
        outbox.emit(f"{entity.key}.erase", entity.key, [pk], by)
    else:
        history.note_event("erase", channel=CHANNEL, details={"entity": entity.key, "records": [str(pk)]})
    return found


def _sign(by: Actor | None) -> None:
    """Tell the trigger of the history who erases."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('zhike.actor', %s, true), set_config('zhike.channel', %s, true), "
            "set_config('zhike.action', 'erase', true), set_config('zhike.dated', '', true), "
            "set_config('zhike.behalf', '', true)",
            [str(by.hand.pk) if by else "", by.channel if by else CHANNEL],
        )


def _notes(sought: Needles, where: Around, *, everywhere: bool) -> None:
    """What people wrote beside the steps and hand-overs of records."""
    ids = {pk for found in (where.own, where.near) for some in found.values() for pk in some}
    steps = StageEvent.objects.exclude(note="")
    periods = OwnerPeriod.objects.exclude(reason="")
    if not everywhere:
        steps, periods = steps.filter(record__in=ids), periods.filter(record__in=ids)
    for step in steps.iterator():
        words = sought.clean(step.note, named=step.record in ids)
        if words != step.note:
            with connection.cursor() as cursor:
                cursor.execute("SELECT zhike_step_redact(%s, %s)", [step.pk, words[:300]])
    for period in periods.iterator():
        words = sought.clean(period.reason, named=period.record in ids)
        if words != period.reason:
            OwnerPeriod.objects.filter(pk=period.pk).update(reason=words[:300])


def reapply() -> dict[str, int]:
    """After a backup was restored: erase again whom it brought back. {known: on the list, again: erased now}."""
    kept.level()
    again = known = 0
    for one in Erasure.objects.order_by("at"):
        known += 1
        entity = entities().get(one.entity)
        done = (
            None,
            one.token,
            token(one.entity, one.record),
        )  # what was merged bears the token of the whole, or its own
        if entity is None or title_of(entity, one.record) in done:
            continue
        wipe(entity, one.record, by=None, reason=one.reason)
        again += 1
    return {"known": known, "again": again}


# ---- the same as a named action, for every channel ----


def check(change: Change[Any]) -> None:
    """The action `erase` asks for more than its own permission row."""
    if not may_erase(change.actor, change.entity, change.record.pk):
        raise Refused(f"erase {change.entity.key}")


def follow(changes: Sequence[Change[Any]]) -> None:
    """Erase once the action has been written."""
    for change in changes:
        if change.action == "erase":
            wipe(change.entity, change.record.pk, by=change.actor, reason=change.note)


ERASE = Action(gettext_lazy("Erase personal data"), check, icon="user-round-x", tone="red")
