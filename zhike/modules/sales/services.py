"""Rules of sales: winning, losing, reopening, and what a won deal means for the customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import guard, records, stages
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Pipeline, Stage, StageEvent
from zhike.engine.records import Change
from zhike.modules.customers import services as customers
from zhike.modules.customers.models import Account
from zhike.modules.leads import services as leads
from zhike.modules.leads.models import Lead

from .models import Deal

OPEN, WON, LOST = Stage.Status.OPEN, Stage.Status.WON, Stage.Status.LOST


def tidy_deal(change: Change[Deal]) -> None:
    """Only a deal that is closed has a closing day; win % left empty, or left alone, follows the stage."""
    deal = change.record
    if deal.amount is not None and deal.amount < 0:
        change.fail("amount", _("An amount is not negative."))
    if change.is_new and deal.started_on is None and "started_on" not in change.values:
        deal.started_on = timezone.localdate(change.at)
    moved = change.is_new or change.changed("stage")
    if "closed_on" in change.values and deal.closed_on and deal.status == OPEN and not moved:
        change.fail("closed_on", _("This deal is open. Win it or lose it to close it."), "open")
    said = "probability" in change.values
    if said and (deal.probability is None or (moved and not change.changed("probability"))):
        del change.values["probability"]
        change.extra["by_stage"] = True
    elif not said and moved:
        change.extra["by_stage"] = True


def follow_stage(changes: Sequence[Change[Deal]]) -> None:
    """Win % other than that of the stage needs a reason; a deal that is won at once was expected on that day."""
    known = {s.pk: s for s in Stage.objects.filter(pk__in={c.record.stage_id for c in changes})}
    for c in changes:
        deal, stage = c.record, known.get(c.record.stage_id)
        if stage is not None and stage.status == WON and deal.expected_on is None:
            deal.expected_on = deal.closed_on or timezone.localdate(c.at)
        if c.extra.get("by_stage"):
            deal.probability_reason = ""
            deal.probability = stage.win_percent if stage else None
        elif stage is not None and "probability" in c.values:
            _judge(c, stage)


def _judge(change: Change[Deal], stage: Stage) -> None:
    deal = change.record
    if deal.probability == stage.win_percent:
        deal.probability_reason = ""
    elif not deal.probability_reason and change.actor.channel != "import" and change.changed("probability"):
        text = _("This stage stands for %(percent)s %%. Say why this deal differs.")
        change.fail("probability_reason", text % {"percent": f"{stage.win_percent.normalize():f}"}, "needed")


def win_deal(change: Change[Deal]) -> None:
    """The action `win`: to the won stage, on the day given or today."""
    _close(change, WON)


def lose_deal(change: Change[Deal]) -> None:
    """The action `lose`: to the lost stage, with its reason."""
    _close(change, LOST)


def _close(change: Change[Deal], status: str) -> None:
    deal = change.record
    if deal.status != OPEN:
        change.fail("", _("This deal is closed already. Reopen it first."), "closed")
        return
    stage = next((s for s in stages.of(deal.pipeline_id) if s.status == status), None)
    if stage is None:
        change.fail("stage", _("This pipeline has no such stage. Ask your administrator."))
        return
    deal.stage_id = stage.pk


def reopen_deal(change: Change[Deal]) -> None:
    """The action `reopen`: back to the open stage that it was closed from, in the pipeline as it is now."""
    deal = change.record
    if deal.status == OPEN:
        change.fail("", _("This deal is open."), "open")
        return
    old = Pipeline.objects.get(pk=deal.pipeline_id)
    now = Pipeline.objects.filter(entity="deal", key=old.key, is_current=True, deleted_at=None).first() or old
    choices = {s.key: s.pk for s in stages.of(now.pk) if s.status == OPEN}
    if not choices:
        change.fail("stage", _("This pipeline has no such stage. Ask your administrator."))
        return
    steps = StageEvent.objects.filter(record=deal.pk, from_stage__status=OPEN, to_stage__status__in=(WON, LOST))
    last = steps.order_by("-at", "-id").values_list("from_stage__key", flat=True).first()
    deal.pipeline_id = now.pk
    deal.stage_id = choices.get(last or "") or next(iter(choices.values()))
    deal.won_reason = deal.lost_reason = deal.lost_note = ""


def follow_wins(changes: Sequence[Change[Deal]]) -> None:
    """A won deal makes its account a customer, in the same transaction and for the whole batch at once."""
    gained: set[UUID] = set()
    given_back: set[UUID] = set()
    for c in changes:
        deal = c.record
        now = deal.account_id if deal.status == WON else None
        before = c.was("account") if c.was("status") == WON else None
        if now and (now != before or c.changed("closed_on")):
            gained.add(now)
        if before and before != now:
            given_back.add(before)
    recount(gained, gained=True)
    recount(given_back - gained, gained=False)


def recount_removed(ids: Sequence[UUID]) -> None:
    """A won deal in the recycle bin is no purchase; one that comes back is."""
    rows = guard.rows(Deal, "which customers are concerned").filter(pk__in=ids, status=WON, account__isnull=False)
    for deleted in (True, False):
        accounts = rows.filter(deleted_at__isnull=not deleted).values_list("account_id", flat=True)
        recount(set(accounts), gained=not deleted)


def recount_moved(key: str, _ids: Sequence[UUID], rows: Sequence[UUID], back: bool) -> None:
    """A won deal that comes to a customer by merging is a purchase of theirs; taken back, all is as it was."""
    if key == "account" and not back:
        won = guard.rows(Deal, "which customers are concerned").filter(pk__in=rows, status=WON, deleted_at=None)
        recount(set(won.exclude(account=None).values_list("account_id", flat=True)), gained=True)


def recount(accounts: set[UUID], *, gained: bool) -> None:
    """Count the won deals of these customers and bring the customers in step."""
    if not accounts:
        return
    locked = guard.rows(Account, "customers follow their deals").filter(pk__in=accounts).order_by("pk")
    list(locked.select_for_update().values_list("pk"))  # two deals of one customer won at the same moment
    rows = guard.rows(Deal, "won deals of these customers").filter(account__in=accounts, status=WON, deleted_at=None)
    found = {r[0]: (r[1], r[2]) for r in rows.values_list("account").annotate(Count("pk"), Min("closed_on"))}
    customers.bought({pk: found.get(pk, (0, None)) for pk in accounts}, gained=gained)


@dataclass(frozen=True)
class Conversion:
    """What became of a lead."""

    lead: Lead
    account: UUID | None
    contact: UUID | None
    deal: Deal | None


def convert(
    actor: Actor,
    lead: UUID,
    *,
    account: UUID | None = None,
    new_account: bool = False,
    deal_name: str = "",
    amount: Decimal | None = None,
    expected_on: dt.date | None = None,
    version: int | None = None,
) -> Conversion:
    """Convert a lead into customer and contact and, given `deal_name`, open a deal: all of it or nothing.

    `account` links that customer, `new_account` makes a new one in any case. Amounts are in CNY. Raises Missing,
    Refused, Conflict, or Invalid.
    """
    with transaction.atomic():
        done = leads.convert(actor, lead, account=account, new_account=new_account, version=version)
        deal = _open_deal(actor, done, deal_name, {"amount": amount, "expected_on": expected_on}) if deal_name else None
    return Conversion(done, done.account_id, done.contact_id, deal)


def _open_deal(actor: Actor, lead: Lead, name: str, values: dict[str, Any]) -> Deal:
    values |= {"name": name, "account": lead.account_id, "lead": lead.pk, "source": lead.source}
    if lead.owner_id and lead.owner_id != actor.user.pk:
        values["owner"] = lead.owner_id
    deal: Deal = records.create(actor, get("deal"), values)
    if lead.contact_id:
        records.create(actor, get("dealcontact"), {"deal": deal.pk, "contact": lead.contact_id})
    return deal
