"""Who got a record takes it, gives it on, or says nothing: then it goes to the next, and at last up."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.notices.quiet import own_days

from . import deciding, offering
from .deciding import Ruling
from .document import Accept
from .models import Decision, Offer

State = Offer.State
ESCALATED = gettext_noop("Nobody accepted %(what)s “%(title)s” in time: it is yours now")


def waiting(actor: Actor, pk: UUID) -> Offer:
    """What somebody was asked; Missing where it is not theirs or over."""
    found = Offer.objects.select_for_update().filter(pk=pk, person=actor.user.pk, state=State.WAITING).first()
    if found is None:
        raise Missing
    return found


def accept(actor: Actor, pk: UUID, now: dt.datetime | None = None) -> Offer:
    """Somebody takes what a rule gave them. Raises Missing."""
    with transaction.atomic():
        found = waiting(actor, pk)
        _end(found, State.ACCEPTED, now or timezone.now())
    return found


def decline(actor: Actor, pk: UUID, note: str, now: dt.datetime | None = None) -> Offer:
    """Somebody does not take it and says why; it goes to the next at once. Raises Missing or Invalid."""
    if not note.strip():
        raise Invalid([{"note": [Wrong(_("Say why: whoever gets it next will want to know."), "required")]}])
    now = now or timezone.now()
    with transaction.atomic():
        rulings = _locked(get(Offer.objects.filter(pk=pk).values_list("entity", flat=True).first() or "lead"))
        found = waiting(actor, pk)
        found.note = note.strip()[:300]
        _go_on(found, State.DECLINED, rulings, now)
    return found


def lapse(now: dt.datetime | None = None) -> int:
    """What nobody accepted in time goes on, each in a transaction of its own; how many."""
    now, count = now or timezone.now(), 0
    due = Offer.objects.filter(state=State.WAITING, due_at__lte=now).order_by("due_at", "pk")
    for pk, key in list(due.values_list("pk", "entity")[:1_000]):
        with transaction.atomic():
            rulings = _locked(get(key))
            found = Offer.objects.select_for_update().filter(pk=pk, state=State.WAITING).first()
            if found is not None:
                _go_on(found, State.LAPSED, rulings, now)
                count += 1
    return count


def _locked(entity: AnyEntity) -> list[Ruling]:
    """The rules first, then offers and records: so that two never wait for each other."""
    return deciding.rules(entity, lock=True)


def _end(found: Offer, state: str, now: dt.datetime) -> None:
    found.state, found.answered_at = state, now
    found.save(update_fields=["state", "answered_at", "note"])


def _go_on(found: Offer, state: str, rulings: list[Ruling], now: dt.datetime) -> None:
    """To the next person by the same rule, or up; what has gone elsewhere, or was looked after, stays where it is."""
    entity = get(found.entity)
    columns = (*deciding.columns(entity), "owner", "last_contact_at")
    row = entity.rows("whose record it is now").filter(pk=found.record, deleted_at=None).values(*columns).first()
    if row is None or row["owner"] != found.person_id:
        _end(found, State.MOVED, now)
        return
    if state == State.LAPSED and row["last_contact_at"] and row["last_contact_at"] >= found.at:
        _end(found, State.ACCEPTED, now)  # who has called has taken it
        return
    _end(found, state, now)
    r = next((r for r in rulings if r.rule.pk == found.rule_id), None)
    if r is None or r.said.accept is None:
        return  # the rule is no more, or asks nobody any more: it stays
    if found.round < r.said.accept.rounds and _next(entity, found, r, row, now):
        return
    _escalate(entity, found, r.said.accept, now)


def _next(entity: AnyEntity, found: Offer, r: Ruling, row: dict[str, object], now: dt.datetime) -> bool:
    """Whether somebody else got it."""
    off = own_days()
    deciding.man(entity, [r], now)
    tried = set(Offer.objects.filter(chain=found.chain).values_list("person", flat=True))
    choice = r.decide(deciding.facts(entity, row), now, off, tried)
    if choice.person is None:
        return False
    r.keep()
    rounds = {found.record: offering.Round(found.round + 1, found.chain)}
    still = Q(owner=found.person_id)
    return bool(deciding.give(entity, {found.record: (r, choice)}, None, now, off, still=still, rounds=rounds).done)


def _escalate(entity: AnyEntity, found: Offer, said: Accept, now: dt.datetime) -> None:
    """Up, as the rule says; where that leads to nobody, to who is above, and else it stays where it is."""
    kinds = Decision.Outcome
    for kind in dict.fromkeys((said.then, "manager")):
        to = None
        if kind == "manager":
            to = offering.above(User.objects.select_related("department").get(pk=found.person_id))
        elif kind == "person":
            to = User.objects.filter(pk__in=[said.person], is_active=True, deleted_at=None).first()
        outcome, still, note = Outcome(), Q(owner=found.person_id), _("Nobody accepted it in time")
        if kind == "pool":
            deciding.move(entity, [found.record], "recycle", note, outcome, still)
        elif to is not None and to.pk != found.person_id:
            deciding.move(entity, [found.record], "assign", note, outcome, still, owner=to.pk)
        if outcome.done:
            _note(found, kinds(kind), to, now)
            if to is not None:
                offering.said(entity, found.record, to.pk, ESCALATED)
            return
    _note(found, kinds.STAYS, found.person, now)


def _note(found: Offer, outcome: str, to: User | None, now: dt.datetime) -> None:
    why = {"mode": "escalated", "rounds": found.round}
    Decision.objects.create(
        entity=found.entity, record=found.record, rule_id=found.rule_id, person=to, outcome=outcome, why=why, at=now
    )
