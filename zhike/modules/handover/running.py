"""Handing over: in batches, each of them one transaction, so that a worker that is killed is followed by another.

What an item says of its state and where its record is are written together: nothing goes twice and nothing is left. The
records go by the plan and not by the rights of whoever planned it, through the one write path under every way an owner
changes. What they have got meanwhile is found at the end, and goes by the same rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from zhike.base.models import User
from zhike.engine import catalog, history, leaving, operations, records
from zhike.engine.access import Actor, Place
from zhike.engine.attempts import Outcome, attempt
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Refused, Wrong
from zhike.engine.models import Operation
from zhike.engine.operations import Tally
from zhike.engine.pools import known

from . import accepting, services, splitting
from .models import Handover, HandoverItem

BATCH = 200
STALE = dt.timedelta(seconds=60)
WATCH_DAYS = 90
State, Item = Handover.State, HandoverItem.State


def is_running(person: UUID) -> bool:
    """Whether what somebody has is on its way to others."""
    return Handover.objects.filter(person=person, state=State.RUNNING).exists()


@transaction.atomic
def begin(actor: Actor, pk: UUID) -> Handover:
    """Start what was planned; the worker does it. Raises Missing, Refused, Invalid."""
    services.find(actor, pk, plan=True)
    found = Handover.objects.select_for_update(of=("self",)).select_related("person__department").get(pk=pk)
    if found.state not in (State.PLANNED, State.RUNNING) and not _failed(found):
        raise Invalid([{"": [Wrong(_("This is handed over already."), "begun")]}])
    if found.state == State.PLANNED:
        splitting.sync(found)
        found.started_at = timezone.now()
        history.note(actor, "handover.begin", entity="user", record=found.person_id, details={"handover": str(pk)})
    found.items.filter(state=Item.FAILED).update(state=Item.PLANNED, text="")
    found.state, found.updated_at = State.RUNNING, timezone.now()
    found.save(update_fields=["state", "started_at", "updated_at"])
    transaction.on_commit(partial(_defer, found.pk))
    return found


def _defer(pk: UUID) -> None:
    perform_later.defer(handover=str(pk))


def _failed(found: Handover) -> bool:
    return found.items.filter(state__in=(Item.FAILED, Item.PLANNED)).exists()


@transaction.atomic
def emergency(actor: Actor, person: User, note: str = "") -> Handover:
    """Close an account at this moment: nobody signs in with it any more, and what they have goes to their manager.

    A plan that is there already is run instead. Raises Refused, Invalid.
    """
    waiting = Handover.objects.filter(person=person, state=State.PLANNED, deleted_at=None).first()
    found = waiting or services.create(actor, person, note=note)
    Handover.objects.filter(pk=found.pk).update(is_emergency=True)
    begun = begin(actor, found.pk)
    if person.is_active:
        records.update(actor, get("user"), person.pk, {"is_active": False})
    return begun


@app.task(name="zhike.handover.run", queue="transfer")
@catalog.fresh()
def perform_later(handover: str) -> None:
    """All batches of a hand-over."""
    perform(UUID(handover))


def abandoned() -> list[UUID]:
    """Hand-overs that nobody works on any more; each is taken to be worked on from now."""
    rows = Handover.objects.filter(state=State.RUNNING, updated_at__lt=timezone.now() - STALE)
    found = list(rows.values_list("pk", flat=True))
    rows.filter(pk__in=found).update(updated_at=timezone.now())
    return found


def perform(pk: UUID) -> None:
    """Batch after batch, until nothing is left to be done."""
    while batch(pk):
        pass


@transaction.atomic
def batch(pk: UUID) -> bool:
    """The next records of one entity that go to one person, and that they went; whether there may be more."""
    rows = Handover.objects.select_for_update(of=("self",)).select_related("person__department", "author__department")
    found = rows.filter(pk=pk, state=State.RUNNING).first()
    if found is None:
        return False
    with translation.override(found.author.language or settings.LANGUAGE_CODE):
        waiting = found.items.filter(state=Item.PLANNED).order_by("rank", "to", "pk")
        first = waiting.first()
        if first is None:
            return _end(found)
        some = list(waiting.filter(rank=first.rank, to=first.to_id)[:BATCH])
        _hand(found, get(first.entity), some)
    found.updated_at = timezone.now()
    found.save(update_fields=["updated_at", "operations"])
    return True


def reason(handover: Handover) -> str:
    """What stands at the owner period of everything that goes."""
    text = _("Hand-over from %(name)s: %(why)s") % {"name": handover.person.name, "why": handover.get_why_display()}
    return text[:200]


def _hand(handover: Handover, entity: AnyEntity, items: Sequence[HandoverItem]) -> None:
    givers = {i.record: i.giver_id for i in items}
    rows = entity.rows(leaving.WHY).filter(pk__in=givers, deleted_at=None).values_list("pk", "owner")
    theirs = [pk for pk, owner in rows if owner == givers[pk]]
    outcome, mark = Outcome(), operations.marked()
    actor = _by_plan(handover, entity, theirs)
    extra: dict[str, Any] = {"owner": items[0].to_id}
    if items[0].to_id is None and (pools := known.of(entity)):
        extra["pool"] = pools[0].pool.pk
    if handover.is_emergency:
        extra["beyond"] = True
    write = partial(_write, actor, entity, extra, reason(handover))
    attempt(theirs, write, outcome)
    _note(handover, actor, entity, mark, outcome)
    now, done = timezone.now(), set(outcome.done)
    for item in items:
        if item.record in done:
            item.state, item.handed_at, item.text = Item.HANDED, now, ""
            item.giver_id = item.to_id or item.giver_id
        elif item.record in outcome.skipped:
            item.state, item.text = Item.FAILED, outcome.skipped[item.record][1][:300]
        else:
            item.state, item.text = Item.GONE, ""
    HandoverItem.objects.bulk_update(items, ["state", "handed_at", "text", "giver"], batch_size=BATCH)


def _write(actor: Actor, entity: AnyEntity, extra: dict[str, Any], note: str, ids: Sequence[UUID]) -> None:
    records.update_many(actor, entity, {pk: {} for pk in ids}, action="handover", extra=extra, note=note)


def _by_plan(handover: Handover, entity: AnyEntity, ids: Sequence[UUID]) -> Actor:
    """Who planned it, with the right of the plan: to hand over these records, and nothing else."""
    rows = {entity.key: Q(pk__in=list(ids))}
    return replace(Actor(handover.author, "job"), place=Place(entity.key, rows, frozenset({"handover"})))


def _note(handover: Handover, actor: Actor, entity: AnyEntity, mark: tuple[int, int], outcome: Outcome) -> None:
    """One operation for each entity, so that it can be taken back with the right to hand over."""
    if not outcome.done:
        return
    kept = handover.operations.get(entity.key)
    operation = Operation.objects.filter(pk=kept).first() if kept else None
    if operation is None or operation.state != Operation.State.DONE:
        operation = operations.begin(replace(actor, place=None), entity, "transfer", keys=["owner"])
        handover.operations = {**handover.operations, entity.key: str(operation.pk)}
    operations.add(actor, operation, mark, Tally(len(outcome.done), outcome.counts()))


def _end(handover: Handover) -> bool:
    """What they have got meanwhile goes too; then the successors are told, and the watch begins."""
    splitting.sync(handover)
    if handover.items.filter(state=Item.PLANNED).exists():
        return True
    first = handover.handed_at is None
    now = timezone.now()
    handover.state, handover.updated_at = State.HANDED, now
    handover.handed_at = handover.handed_at or now
    handover.watch_until = handover.watch_until or timezone.localdate(now) + dt.timedelta(days=WATCH_DAYS)
    handover.save(update_fields=["state", "handed_at", "watch_until", "updated_at"])
    _pass_on_questions(handover)
    accepting.introduce(handover)
    accepting.tell(handover, first=first)
    return False


def _pass_on_questions(handover: Handover) -> None:
    """Whether a promise can be kept, and who was asked is not here to answer: now their manager is asked, or nobody."""
    if handover.why == Handover.Why.MOVING:
        return
    manager, entity = services.manager_of(handover.person) or handover.author, get("promise")
    rows = entity.rows(leaving.WHY).filter(asked_of=handover.person_id, answer="", status="open", deleted_at=None)
    asked: dict[UUID | None, list[UUID]] = {}
    for pk, *theirs in rows.values_list("pk", "made_by", "owner"):
        asked.setdefault(None if manager.pk in theirs else manager.pk, []).append(pk)
    for person, ids in asked.items():
        place = Place(entity.key, {entity.key: Q(pk__in=ids)}, frozenset({"update"}), written=frozenset({"asked_of"}))
        actor = replace(Actor(handover.author, "job"), place=place)
        write = partial(_ask, actor, entity, person, reason(handover))
        attempt(ids, write, Outcome())


def _ask(actor: Actor, entity: AnyEntity, person: UUID | None, note: str, ids: Sequence[UUID]) -> None:
    records.update_many(actor, entity, {pk: {"asked_of": person} for pk in ids}, note=note)


def take_back(actor: Actor, pk: UUID) -> int:
    """Take a hand-over back, entity by entity, last ones first: what nobody has changed since goes back to whom it came
    from. Gives how many records did not. Raises Missing, Refused, Invalid."""
    from zhike.engine import undo

    found = services.find(actor, pk, plan=True)
    if found.author_id != actor.user.pk:
        raise Refused("take back somebody else's hand-over")
    if not found.person.is_active:
        raise Invalid([{"": [Wrong(_("%(name)s no longer works here.") % {"name": found.person.name}, "left")]}])
    left = 0
    with transaction.atomic():
        found = Handover.objects.select_for_update(of=("self",)).get(pk=pk)
        if found.state not in (State.HANDED, State.ACCEPTED):
            raise Invalid([{"": [Wrong(_("Only what is handed over can be taken back."), "state")]}])
        for key in sorted(found.operations, key=splitting.ranks().get, reverse=True):  # type: ignore[arg-type]
            made = undo.undo(actor, UUID(found.operations[key]))
            left += sum(made.skipped.values())
        for entity in leaving.owned():
            back = entity.rows(leaving.WHY).filter(owner=found.person_id, deleted_at=None).values("pk")
            items = found.items.filter(entity=entity.key, record__in=back)
            items.update(state=Item.PLANNED, handed_at=None, giver=found.person_id, answer="", answered_at=None)
        found.state, found.operations, found.handed_at, found.watch_until = State.PLANNED, {}, None, None
        found.started_at, found.updated_at = None, timezone.now()
        found.save()
    return left
