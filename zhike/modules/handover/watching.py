"""The 90 days after a hand-over: who was spoken to, what was won and lost since, who stayed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from zhike.engine import access, guard, notices, query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.activities.models import Activity
from zhike.modules.activities.services import CONTACT_KINDS
from zhike.modules.customers.models import Account

from . import services
from .models import Handover, HandoverItem

SILENT_DAYS = 14
DAYS = 90
Item = HandoverItem.State
WENT = (Item.HANDED, Item.ACCEPTED, Item.ASKED, Item.DECLINED)
LOST = (Account.Status.LOST, Account.Status.BLACKLIST)
SILENT = gettext_noop("%(n)s customers taken over from %(name)s have heard nothing for %(days)s days")


@dataclass(frozen=True)
class Watched:
    """A customer after a hand-over. Amounts are of deals won, in CNY: of the 90 days before, and since."""

    item: HandoverItem
    contact: dt.datetime | None
    won: int
    lost: int
    before: Decimal | None
    since: Decimal | None
    stands: bool  # neither lost, nor in a pool, nor deleted

    @property
    def is_silent(self) -> bool:
        """No contact within fourteen days."""
        at = self.item.handed_at or timezone.now()
        return self.contact is None and timezone.now() - at > dt.timedelta(days=SILENT_DAYS)

    @property
    def is_kept(self) -> bool:
        """Still ours, and spoken to since."""
        return self.stands and self.contact is not None


@dataclass(frozen=True)
class Retention:
    """Of the customers whose 90 days are over, how many are still ours and were spoken to."""

    n: int
    kept: int

    @property
    def percent(self) -> float | None:
        """In percent; None while no watch is over."""
        return report.share(self.kept, self.n)


def items(actor: Actor, handover: UUID | None = None) -> list[HandoverItem]:
    """The customers that were handed over, of hand-overs that the actor may open: those of the last year."""
    seen = services.visible(actor).filter(handed_at__gte=timezone.now() - dt.timedelta(days=365))
    seen = seen.filter(pk=handover) if handover else seen
    rows = HandoverItem.objects.filter(handover__in=seen, entity="account", state__in=WENT, handed_at__isnull=False)
    return list(rows.select_related("handover__person", "to").order_by("handed_at", "pk"))


def watched(actor: Actor, found: Sequence[HandoverItem]) -> list[Watched]:
    """What became of each customer since, as far as the actor may see customers, activities and deals."""
    account = get("account")
    seen = query.visible(actor, account).filter(pk__in=[i.record for i in found])
    standing = dict(seen.annotate(stands=~Q(status__in=LOST) & Q(owner__isnull=False)).values_list("pk", "stands"))
    at = {i.record: i.handed_at for i in found if i.record in standing and i.handed_at}
    spoken, deals = _spoken(actor, at), _deals(actor, at)
    rows = []
    for i in found:
        if i.record not in standing:
            continue
        won, lost, before, since = deals.get(i.record, (0, 0, None, None))
        rows.append(Watched(i, spoken.get(i.record), won, lost, before, since, bool(standing[i.record])))
    return rows


def _spoken(actor: Actor, at: Mapping[UUID, dt.datetime]) -> dict[UUID, dt.datetime]:
    """The last contact since each was handed over."""
    if not at or not access.may(actor, get("activity"), "list"):
        return {}
    done = query.visible(actor, get("activity")).filter(account__in=list(at), status="done", kind__in=CONTACT_KINDS)
    last = done.order_by().values_list("account").annotate(last=Max("done_at"))
    return {pk: when for pk, when in last if when and when > at[pk]}


def _deals(actor: Actor, at: Mapping[UUID, dt.datetime]) -> dict[UUID, tuple[int, int, Decimal | None, Decimal | None]]:
    """Deals won and lost since, and the amounts won in the 90 days before and since."""
    deal = get("deal")
    if not at or not access.may(actor, deal, "list"):
        return {}
    amounts = "amount" in access.readable(actor, deal)
    days: dict[dt.date, list[UUID]] = {}
    for pk, when in at.items():
        days.setdefault(timezone.localdate(when), []).append(pk)
    found: dict[UUID, tuple[int, int, Decimal | None, Decimal | None]] = {}
    for day, ids in days.items():
        rows = query.visible(actor, deal).filter(account__in=ids).order_by()
        after, won = Q(closed_on__gte=day), Q(status="won")
        earlier = Q(closed_on__lt=day, closed_on__gte=day - dt.timedelta(days=DAYS))
        for pk, *values in rows.values_list("account").annotate(
            n_won=Count("pk", filter=after & won),
            n_lost=Count("pk", filter=after & Q(status="lost")),
            before=Sum(F("amount"), filter=earlier & won & Q(currency="CNY")),
            since=Sum(F("amount"), filter=after & won & Q(currency="CNY")),
        ):
            zero = Decimal(0) if amounts else None
            before, since = (v or zero if amounts else None for v in values[2:])
            found[pk] = (values[0], values[1], before, since)
    return found


def retention(rows: Sequence[Watched], today: dt.date | None = None) -> Retention:
    """Over those whose 90 days are over."""
    day = today or timezone.localdate()
    over = [w for w in rows if w.item.handed_at and (day - timezone.localdate(w.item.handed_at)).days >= DAYS]
    return Retention(len(over), sum(w.is_kept for w in over))


def alarm(now: dt.datetime | None = None) -> int:
    """Tell who planned a hand-over, and each successor, once of customers that have heard nothing for 14 days; close
    the watches that are over. Gives how many customers it concerns."""
    moment = now or timezone.now()
    since = moment - dt.timedelta(days=SILENT_DAYS)
    rows = HandoverItem.objects.filter(entity="account", state__in=WENT, alarmed_at=None, handed_at__lt=since)
    rows = rows.filter(handover__watch_until__gte=timezone.localdate(moment)).select_related("handover__person")
    found = [i for i in rows if not _heard(i)]
    HandoverItem.objects.filter(pk__in=[i.pk for i in found]).update(alarmed_at=moment)
    told: dict[tuple[UUID, UUID], list[HandoverItem]] = {}
    for i in found:
        for pk in {i.handover.author_id, i.to_id or i.handover.author_id}:
            told.setdefault((i.handover_id, pk), []).append(i)
    for (pk, who), some in told.items():
        params: dict[str, Any] = {"n": str(len(some)), "name": some[0].handover.person.name, "days": str(SILENT_DAYS)}
        url = f"/handover/watch?of={pk}" if who == some[0].handover.author_id else f"/handed/?of={pk}"
        cause = f"handover-silent:{pk}:{who}:{timezone.localdate(moment)}"
        notices.tell(who, SILENT, params, url, cause, kind="handover")
    over = Handover.objects.filter(watch_until__lt=timezone.localdate(moment))
    over.filter(state__in=(Handover.State.HANDED, Handover.State.ACCEPTED)).update(state=Handover.State.CLOSED)
    return len(found)


def _heard(item: HandoverItem) -> bool:
    rows = guard.rows(Activity, "whether a customer was spoken to at all").filter(account=item.record)
    return bool(rows.filter(done_at__gt=item.handed_at, kind__in=CONTACT_KINDS, deleted_at=None).exists())
