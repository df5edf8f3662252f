"""What successors get beside the records: a notice, an introduction to plan, and a word to say."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from zhike.base import calendar_cn
from zhike.base.models import User
from zhike.engine import guard, notices, records
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome, attempt
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.notices.kinds import NoticeKind
from zhike.engine.notices.quiet import own_days
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account
from zhike.modules.sales.models import Deal

from .models import Handover, HandoverItem

Item = HandoverItem.State
IMPORTANT = (Account.Tier.S, Account.Tier.A)
GOT = gettext_noop("%(n)s customers of %(name)s are handed over to you")
ENDED = gettext_noop("The hand-over of %(name)s is done: %(n)s records, %(failed)s could not go")
ANSWERED = {
    Item.DECLINED: gettext_noop("%(by)s declines a customer of %(name)s"),
    Item.ASKED: gettext_noop("%(by)s asks about a customer of %(name)s"),
}
notices.register(NoticeKind("handover", gettext_lazy("Hand-overs: mine to accept, mine to watch"), "todo", mail=True))


def introduce(handover: Handover) -> int:
    """Plan an introduction of each important customer (tier S or A, or with an open deal) for its successor.

    Gives how many; a customer for whom there is one by this hand-over gets no second.
    """
    items = list(handover.items.filter(entity="account", state=Item.HANDED).exclude(to=None))
    ids = [i.record for i in items]
    rows = guard.rows(Account, "which customers are introduced").filter(pk__in=ids, deleted_at=None)
    names = dict(rows.values_list("pk", "name"))
    dealing = guard.rows(Deal, "which customers are introduced").filter(account__in=ids, status="open", deleted_at=None)
    important = set(rows.filter(tier__in=IMPORTANT).values_list("pk", flat=True))
    important |= set(dealing.values_list("account", flat=True))
    due = calendar_cn.add_working_days(timezone.localdate(), handover.intro_days, overrides=own_days())
    made = 0
    people = User.objects.in_bulk({i.to_id for i in items})
    for pk, person in people.items():
        wanted = [i for i in items if i.to_id == pk and i.record in important and i.record in names]
        made += _planned(handover, person, [i.record for i in wanted], due.isoformat())
    return made


def _planned(handover: Handover, person: User, accounts: Sequence[UUID], due: str) -> int:
    """As the successor's own activities: whoever may not write any, or not of a customer, gets none."""
    entity, outcome = get("activity"), Outcome()
    subject = _("Introduction: taking over from %(name)s") % {"name": handover.person.name}

    def write(some: Sequence[UUID]) -> None:
        values = [
            {"kind": Activity.Kind.VISIT, "subject": subject[:200], "due_at": due, "account": pk, "status": "planned"}
            for pk in some
        ]
        keys = [f"handover:{handover.pk}:{pk}:{person.pk}" for pk in some]
        records.create_many(Actor(person, "job"), entity, values, keys=keys)

    attempt(accounts, write, outcome)
    return len(outcome.done)


def tell(handover: Handover, *, first: bool) -> None:
    """One notice for each successor, and one for who planned it."""
    name, at = handover.person.name, f"{handover.updated_at:%Y%m%d%H%M%S}"
    items = handover.items.filter(state=Item.HANDED, entity="account").exclude(to=None)
    count: dict[UUID, int] = {}
    for pk in items.values_list("to", flat=True):
        if pk is not None:
            count[pk] = count.get(pk, 0) + 1
    for pk, n in count.items():
        cause = f"handover:{handover.pk}:{pk}:{n}"
        notices.tell(pk, GOT, {"n": str(n), "name": name}, f"/handed/?of={handover.pk}", cause, kind="handover")
    if first:
        params = {
            "name": name,
            "n": str(handover.items.exclude(state__in=(Item.FAILED, Item.GONE)).count()),
            "failed": str(handover.items.filter(state=Item.FAILED).count()),
        }
        url, cause = f"/handover/{handover.pk}", f"handover-done:{handover.pk}:{at}"
        notices.tell(handover.author_id, ENDED, params, url, cause, kind="handover")


@transaction.atomic
def answer(actor: Actor, ids: Sequence[UUID], said: str, note: str = "") -> int:
    """Accept customers that one was handed, ask back, or decline with the reason; how many.

    Who declines keeps the customer until the manager has given it to somebody else. Raises Missing where one of them
    is not the actor's, Refused for another hand, Invalid without a reason.
    """
    if actor.by or actor.limit or actor.place:
        raise Refused("answer for somebody")
    if said not in (Item.ACCEPTED, Item.ASKED, Item.DECLINED):
        raise Missing
    if said != Item.ACCEPTED and not note.strip():
        raise Invalid([{"note": [Wrong(_("Say why, or what you want to know."), "required")]}])
    mine = HandoverItem.objects.select_for_update(of=("self",)).select_related("handover__person")
    open_ = (Item.HANDED, Item.ASKED, Item.DECLINED)
    found = list(mine.filter(pk__in=ids, to=actor.user.pk, entity="account", state__in=open_))
    if len(found) != len(set(ids)):
        raise Missing
    rows = HandoverItem.objects.filter(pk__in=[i.pk for i in found])
    rows.update(state=said, answer=note.strip()[:300], answered_at=timezone.now())
    for handover in {i.handover_id: i.handover for i in found}.values():
        _told(actor, handover, said, [i for i in found if i.handover_id == handover.pk])
        _settle(handover)
    return len(found)


def _told(actor: Actor, handover: Handover, said: str, items: Sequence[HandoverItem]) -> None:
    if said == Item.ACCEPTED:
        return
    params = {"by": actor.user.name, "name": handover.person.name}
    cause = f"handover-said:{items[0].pk}:{said}:{timezone.now():%Y%m%d%H%M%S}"
    notices.tell(
        handover.author_id, ANSWERED[Item(said)], params, f"/handover/{handover.pk}?show={said}", cause, kind="handover"
    )


def _settle(handover: Handover) -> None:
    """Accepted as a whole once every customer is."""
    customers = handover.items.filter(entity="account").exclude(to=None).exclude(state=Item.GONE)
    if handover.state == Handover.State.HANDED and not customers.exclude(state=Item.ACCEPTED).exists():
        Handover.objects.filter(pk=handover.pk).update(state=Handover.State.ACCEPTED, updated_at=timezone.now())
