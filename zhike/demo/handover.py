"""Somebody in the demo firm who leaves, with a plan, and somebody who has moved, whose customers are watched."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.utils import timezone

from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.models import Operation
from zhike.modules.handover import accepting, continuity, running, services, splitting
from zhike.modules.handover.models import Handover, HandoverItem

if TYPE_CHECKING:
    from .store import Store

AGO = 20  # days since somebody moved
LAST = 12  # days until somebody leaves


def hand_over(store: Store) -> None:
    """In the department of the manager whom visitors log in as: one plan, one hand-over that is watched."""
    manager = store.users["manager"]
    team = [store.users[s.username] for s in store.firm.sellers if s.department == "east" and s.username != "seller"]
    leaving, moved, *others = [User.objects.select_related("department").get(pk=p.pk) for p in (team[-1], *team[:-1])]
    actor, visited = Actor(User.objects.select_related("department").get(pk=manager.pk)), store.users["seller"]
    words = store.firm.text["handover"]
    found = services.create(actor, moved, why=Handover.Why.MOVING, note=words["moved"])
    services.add_share(actor, found.pk, way="one", people=[visited.pk], where="tier__in=S,A")
    services.add_share(actor, found.pk, way="even", people=[visited.pk, *(p.pk for p in others[:2])])
    running.begin(actor, found.pk)
    running.perform(found.pk)
    _watch(found, visited)
    found = services.create(
        actor, leaving, last_day=timezone.localdate() + dt.timedelta(days=LAST), note=words["leaves"]
    )
    services.add_share(actor, found.pk, way="former", entity="account")
    services.add_share(actor, found.pk, way="even", people=[p.pk for p in others[:3]])
    splitting.sync(found)
    continuity.count()


def _watch(found: Handover, visited: User) -> None:
    """As if it had been some weeks ago: most of it is accepted."""
    at = timezone.now() - dt.timedelta(days=AGO)
    items = HandoverItem.objects.filter(handover=found.pk, state=HandoverItem.State.HANDED)
    items.update(handed_at=at)
    customers = list(items.filter(entity="account").order_by("to", "pk"))
    for to in {i.to_id for i in customers if i.to_id}:
        mine = [i.pk for i in customers if i.to_id == to]
        rest = 3 if to == visited.pk else 0
        if said := mine[: len(mine) - rest]:
            accepting.answer(Actor(User.objects.get(pk=to)), said, HandoverItem.State.ACCEPTED)
    kept = Handover.objects.get(pk=found.pk).operations
    Operation.objects.filter(pk__in=kept.values()).delete()  # too long ago to be taken back
    Handover.objects.filter(pk=found.pk).update(
        operations={},
        started_at=at,
        handed_at=at,
        created_at=at,
        watch_until=timezone.localdate(at) + dt.timedelta(days=90),
    )
