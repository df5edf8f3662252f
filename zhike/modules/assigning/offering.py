"""What follows when a rule gave something: people are told, asked to accept, and the clock of the lead starts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from zhike.base.calendar_cn import Overrides
from zhike.base.models import Department, User
from zhike.engine import notices, records
from zhike.engine.entity import AnyEntity
from zhike.engine.notices import kinds

from . import clock
from .choosing import Choice
from .models import Offer

if TYPE_CHECKING:
    from .deciding import Ruling

Written = Sequence[tuple[UUID, "Ruling", Choice]]
SINGLY = 20  # records of one batch that a person is told of one by one
GIVEN = gettext_noop("A rule gave you %(what)s “%(title)s”")
ASKED = gettext_noop("A rule gave you %(what)s “%(title)s”: accept it by %(until)s")
SEVERAL = gettext_noop("Rules gave you %(n)s records: %(what)s")
kinds.register(kinds.NoticeKind("assigned", _("A rule gave me something"), "todo", mail=True, push=True, urgent=True))


@dataclass(frozen=True)
class Round:
    """Which person in turn a record is offered to, and what joins the rounds of one record."""

    number: int
    chain: UUID


def offer(entity: AnyEntity, written: Written, now: dt.datetime, off: Overrides, rounds: Mapping[UUID, Round]) -> None:
    """Ask those who got something by a rule that wants it to accept."""
    found, until = [], dict[UUID, dt.datetime]()
    for pk, r, choice in written:
        if (accept := r.said.accept) is None or choice.person is None:
            continue
        if r.rule.pk not in until:
            until[r.rule.pk] = clock.after(now, accept.minutes, r.said.hours, off)
        nth = rounds.get(pk) or Round(1, uuid4())
        found.append(
            Offer(entity=entity.key, record=pk, rule=r.rule, person_id=choice.person, round=nth.number,
                  chain=nth.chain, at=now, due_at=until[r.rule.pk])
        )  # fmt: skip
    Offer.objects.filter(record__in=[o.record for o in found], state=Offer.State.WAITING).update(
        state=Offer.State.MOVED, answered_at=now
    )
    Offer.objects.bulk_create(found, batch_size=1_000)


def tell(entity: AnyEntity, written: Written) -> None:
    """Tell people what they got: each record, or how many where they are many."""
    got: dict[UUID, list[UUID]] = {}
    for pk, _r, choice in written:
        if choice.person is not None:
            got.setdefault(choice.person, []).append(pk)
    waiting = Offer.objects.filter(record__in=[pk for pk, *_more in written], state=Offer.State.WAITING)
    until = dict(waiting.values_list("record", "due_at"))
    for person, ids in got.items():
        if len(ids) > SINGLY:
            url, cause = f"/{entity.key}/?view=mine", f"assigned:{ids[0]}:{person}:{len(ids)}"
            notices.tell(person, SEVERAL, {"n": str(len(ids)), "entity": entity.key}, url, cause, kind="assigned")
            continue
        for pk in ids:
            said(entity, pk, person, ASKED if pk in until else GIVEN, until.get(pk))


def said(entity: AnyEntity, pk: UUID, person: UUID, text: str, until: dt.datetime | None = None) -> None:
    """One notice about one record."""
    params = {"until": f"{timezone.localtime(until):%m-%d %H:%M}"} if until else {}
    cause = f"assigned:{pk}:{person}:{timezone.now():%y%m%d%H%M%S}"
    notices.tell(person, text, params, f"/{entity.key}/{pk}", cause, kind="assigned", about=(entity.key, pk))


def start_clock(entity: AnyEntity, written: Written, now: dt.datetime, off: Overrides) -> None:
    """Until when leads are to be answered, counted from the first time they were given: who waits is the customer."""
    if entity.key != "lead":
        return
    due = {pk: clock.after(now, r.said.respond, r.said.hours, off) for pk, r, _c in written if r.said.respond}
    rows = entity.rows("whose clock has not started").filter(pk__in=due, response_due_at=None, first_response_at=None)
    data = {pk: {"response_due_at": due[pk]} for pk in rows.values_list("pk", flat=True)}
    if data:
        records.maintain(entity, data, "until when a lead is to be answered follows from the rule that gave it")


def above(person: User) -> User | None:
    """Who is told of somebody's neglect: who they report to, else the nearest head of a department who is not them."""
    if person.manager_id:
        return User.objects.filter(pk=person.manager_id, is_active=True, deleted_at=None).first()
    place: Department | None = person.department
    while place is not None:
        if place.head_id and place.head_id != person.pk:
            return User.objects.filter(pk=place.head_id, is_active=True, deleted_at=None).first()
        place = place.parent
    return None
