"""Who may hand over whose records, and the plan of it: made, changed, looked at before anything is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Department, User
from zhike.engine import access, history, query
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.errors import Invalid, Missing, Refused, Wrong

from .models import Handover, HandoverItem, HandoverShare

OFFICES = ("all", "system")
State, Rest, Way = Handover.State, Handover.Rest, HandoverShare.Way
WAITING = (State.PLANNED, State.RUNNING)
MOST_RULES = 20
MOST_PEOPLE = 30


def may_plan(actor: Actor, person: User) -> bool:
    """Whether the actor may hand over what a person has: who closes accounts, and whose right to hand customers over
    reaches the person's. Nobody does it for somebody else's hand."""
    if actor.by or actor.limit or actor.place:
        return False
    return actor.office in OFFICES or by_right(actor, person)


def by_right(actor: Actor, person: User) -> bool:
    """Whether the right to hand customers over reaches a person's, whatever the office."""
    reach = access.scope(actor, get("account"), "transfer")
    if reach == "all":
        return True
    own, theirs = actor.user.department, person.department
    if actor.user.pk == person.pk or own is None or theirs is None:
        return False
    return own.pk in theirs.ancestors if reach == "subtree" else reach == "department" and own.pk == theirs.pk


def may_plan_any(actor: Actor) -> bool:
    """Whether there is anybody for whom the actor may."""
    if actor.by or actor.limit or actor.place:
        return False
    return actor.office in OFFICES or access.scope(actor, get("account"), "transfer") in (
        "department",
        "subtree",
        "all",
    )


def require(actor: Actor, person: User) -> None:
    """Refused unless `may_plan`."""
    if not may_plan(actor, person):
        raise Refused("hand over for somebody")


def reach(actor: Actor) -> Q:
    """Which hand-overs the actor may open: their own, those they plan, those of people whom they may plan for."""
    if actor.by or actor.limit or actor.place:
        return Q(pk__in=())
    within = access.scope(actor, get("account"), "transfer")
    if actor.office in OFFICES or within == "all":
        return Q()
    mine = Q(person=actor.user.pk) | Q(author=actor.user.pk)
    if actor.user.department_id and within in ("department", "subtree"):
        place = actor.user.department_id
        below = Q(person__department__ancestors__contains=[place])
        mine |= (below if within == "subtree" else Q(person__department=place)) & ~Q(person=actor.user.pk)
    return mine


def visible(actor: Actor) -> QuerySet[Handover]:
    """The hand-overs that the actor may open."""
    found = Handover.objects.filter(reach(actor), deleted_at=None)
    return found.select_related("person__department", "author", "rest_to")


def find(actor: Actor, pk: UUID, *, plan: bool = False) -> Handover:
    """A hand-over that the actor may open, or with `plan` change. Raises Missing, Refused."""
    found = visible(actor).filter(pk=pk).first()
    if found is None:
        raise Missing
    if plan:
        require(actor, found.person)
    return found


def manager_of(person: User, but: Collection[UUID] = ()) -> User | None:
    """Who leads somebody: whom they report to, else the nearest head of their departments; at work, and another."""
    gone = {person.pk, *but}
    found = User.objects.filter(is_active=True, deleted_at=None).exclude(pk__in=gone)
    if person.manager_id and (manager := found.filter(pk=person.manager_id).first()):
        return manager
    path = list(person.department.ancestors) if person.department else []
    heads = dict(Department.objects.filter(pk__in=path, deleted_at=None).values_list("pk", "head"))
    wanted = [heads[pk] for pk in reversed(path) if heads.get(pk)]
    known = found.in_bulk(wanted)
    return next((known[pk] for pk in wanted if pk in known), None)


@transaction.atomic
def create(
    actor: Actor, person: User, *, why: str = Handover.Why.LEAVING, last_day: dt.date | None = None, note: str = ""
) -> Handover:
    """A new plan, by which all goes to the manager until it says otherwise. Raises Refused, or Invalid where there
    is one already."""
    require(actor, person)
    if person.deleted_at:
        raise Missing
    User.objects.select_for_update(of=("self",)).get(pk=person.pk)  # two who plan at one moment find each other
    if Handover.objects.filter(person=person, state__in=WAITING, deleted_at=None).exists():
        raise Invalid([{"person": [Wrong(_("There is a hand-over for this person already."), "twice")]}])
    made = Handover.objects.create(
        person=person, author=actor.user, why=Handover.Why(why), last_day=last_day, note=note.strip()
    )
    history.note(actor, "handover.plan", entity="user", record=person.pk, details={"handover": str(made.pk)})
    return made


@transaction.atomic
def change(actor: Actor, pk: UUID, values: Mapping[str, Any]) -> Handover:
    """Change what a plan says beside its rules. Raises Missing, Refused, Invalid."""
    found = _planned(actor, pk)
    for key in values.keys() & {"why", "last_day", "note", "rest", "rest_to_id", "with_closed", "intro_days"}:
        setattr(found, key, values[key])
    if found.rest == Rest.PERSON:
        _check_people(actor, [found.rest_to_id] if found.rest_to_id else [], found, "rest_to")
    else:
        found.rest_to = None
    _saved(found)
    return found


def _planned(actor: Actor, pk: UUID) -> Handover:
    """A plan that can still be changed, locked."""
    find(actor, pk, plan=True)
    found = Handover.objects.select_for_update(of=("self",)).select_related("person__department").get(pk=pk)
    if found.state != State.PLANNED:
        raise Invalid([{"": [Wrong(_("This hand-over has begun: change single records instead."), "begun")]}])
    return found


def _saved(handover: Handover) -> None:
    handover.updated_at = timezone.now()
    handover.version += 1
    handover.save()


def _check_people(actor: Actor, people: Sequence[UUID], handover: Handover, key: str) -> None:
    """Successors work here and are others; who plans by an office alone names anybody but themselves."""
    known = User.objects.filter(pk__in=people, is_active=True, deleted_at=None).exclude(pk=handover.person_id).count()
    to_oneself = actor.user.pk in people and not by_right(actor, handover.person)
    if not people or known != len(set(people)) or len(people) > MOST_PEOPLE or to_oneself:
        raise Invalid([{key: [Wrong(_("Choose people who work here, other than who hands over."), "people")]}])


@transaction.atomic
def add_share(
    actor: Actor,
    pk: UUID,
    *,
    way: str,
    people: Sequence[UUID] = (),
    entity: str = "account",
    where: str = "",
    ids: Sequence[UUID] = (),
) -> HandoverShare:
    """One more rule, after those that are there. Raises Missing, Refused, Invalid."""
    found = _planned(actor, pk)
    chosen = entities().get(entity)
    if chosen is None or not chosen.has_owner:
        raise Missing
    if way == Way.POOL and not hasattr(chosen.model, "pool_id"):
        raise Invalid([{"way": [Wrong(_("Records of this kind lie in no pool."), "pool")]}])
    if way in (Way.ONE, Way.EVEN) or people:
        _check_people(actor, list(people), found, "people")
    if way == Way.ONE and len(people) != 1:
        raise Invalid([{"people": [Wrong(_("Choose one person."), "people")]}])
    if where:
        query.select(actor, chosen, query.parse(where)).exists()  # Invalid where it cannot be asked
    last = found.shares.order_by("-order").values_list("order", flat=True).first()
    if (last or 0) >= MOST_RULES:
        raise Invalid([{"": [Wrong(_("At most %(n)s rules.") % {"n": MOST_RULES}, "many")]}])
    made = HandoverShare.objects.create(
        handover=found, order=(last or 0) + 1, entity=entity, where=where, ids=list(ids), way=way, people=list(people)
    )
    _saved(found)
    return made


@transaction.atomic
def drop_share(actor: Actor, pk: UUID, order: int) -> None:
    """One rule less. Raises Missing, Refused, Invalid."""
    found = _planned(actor, pk)
    found.shares.filter(order=order).delete()
    _saved(found)


@transaction.atomic
def give(actor: Actor, pk: UUID, items: Sequence[UUID], to: UUID) -> int:
    """Single records by hand to somebody, with what hangs on them: in a plan for later, else they go at once.

    Gives how many; raises Missing, Refused, Invalid.
    """
    found = find(actor, pk, plan=True)
    found = Handover.objects.select_for_update(of=("self",)).get(pk=pk)
    _check_people(actor, [to], found, "to")
    chosen = list(found.items.filter(pk__in=items).exclude(state=HandoverItem.State.GONE))
    customers = [i.record for i in chosen if i.entity == "account"]
    along = found.items.filter(of__in=customers, by_hand=False).exclude(state=HandoverItem.State.GONE)
    ids = {i.pk for i in chosen} | set(along.values_list("pk", flat=True))
    rows = HandoverItem.objects.filter(pk__in=ids).exclude(to=to, state=HandoverItem.State.HANDED)
    rows.filter(pk__in=[i.pk for i in chosen]).update(by_hand=True)
    count = rows.update(to=to, rule=None, state=HandoverItem.State.PLANNED, text="", answer="", answered_at=None)
    if found.state not in WAITING:
        found.state = State.RUNNING
    _saved(found)
    return count


@transaction.atomic
def write_words(actor: Actor, item: HandoverItem, words: str) -> None:
    """What who leaves, or who plans it, adds to the letter of one customer. Raises Refused."""
    if (
        actor.by
        or actor.limit
        or (actor.user.pk != item.handover.person_id and not may_plan(actor, item.handover.person))
    ):
        raise Refused("words of a hand-over")
    HandoverItem.objects.filter(pk=item.pk).update(words=words.strip()[:10_000])


@transaction.atomic
def drop(actor: Actor, pk: UUID) -> None:
    """Give a plan up before it has begun. Raises Missing, Refused, Invalid."""
    found = _planned(actor, pk)
    found.deleted_at, found.state = timezone.now(), State.CLOSED
    _saved(found)
    history.note(actor, "handover.drop", entity="user", record=found.person_id, details={"handover": str(pk)})
