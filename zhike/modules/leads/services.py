"""Rules of leads: a lead is converted once, into a customer and a contact, and stays visible from there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.base import addresses
from zhike.engine import guard, query, records, stages
from zhike.engine.access import Actor
from zhike.engine.duplicates import groups as duplicates
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused, Wrong
from zhike.engine.models import Stage
from zhike.engine.records import Change
from zhike.modules.customers import services as customers
from zhike.modules.customers.models import Account, Contact

from .models import Lead

NEW = "new"


def tidy_lead(change: Change[Lead]) -> None:
    """The region out of the address; a converted lead stays where it is."""
    lead = change.record
    if lead.address and not lead.region:
        lead.region = addresses.parse(lead.address).code or ""
    if lead.score is not None and lead.score > 100:
        change.fail("score", _("Enter a score from 0 to 100."))
    moved = not change.is_new and change.changed("stage") and change.back is None
    if moved and change.was("converted_at"):
        change.fail("stage", _("This lead has been converted. Go on with the customer or the deal."), "converted")


def check_conversion(changes: Sequence[Change[Lead]]) -> None:
    """A lead gets to its won stage by being converted, not by being moved there; imports bring it along as history."""
    moved = [c for c in changes if not c.is_new and c.action != "convert" and c.changed("stage")]
    won = set(
        Stage.objects.filter(pk__in={c.record.stage_id for c in moved}, status=Stage.Status.WON).values_list(
            "pk", flat=True
        )
    )
    for c in moved:
        if c.record.stage_id in won and not c.record.converted_at:
            c.fail(
                "stage", _("Convert the lead: that makes the customer and the contact, and moves it here."), "convert"
            )


def convert_lead(change: Change[Lead]) -> None:
    """The action `convert`: link or make the customer and the contact, move the lead to its won stage.

    `change.extra` may say which: `account` is the id of a customer to link, `new_account` true makes a new one even
    where one like it exists. Without either, the surest match that the actor may see is linked, else a new one made.
    """
    lead = change.record
    if lead.converted_at:
        change.fail("", _("This lead has been converted already."), "converted")
    elif lead.status != Stage.Status.OPEN:
        change.fail("", _("This lead is marked as invalid. Reopen it before you convert it."), "closed")
    if change.errors:
        return
    try:
        lead.account_id = _account(change)
        lead.contact_id = _contact(change)
    except Invalid as invalid:
        for key, found in invalid.first.items():
            for wrong in found:
                change.fail(key if key in change.entity.attributes else "", wrong.text, wrong.code)
        return
    except Refused:
        change.fail(
            "", _("This lead fills fields that you may not fill. Ask a colleague who may to convert it."), "right"
        )
        return
    lead.converted_at = change.at
    lead.stage_id = _first(lead.pipeline_id, Stage.Status.WON)


def settle_doubles(changes: Sequence[Change[Lead]]) -> None:
    """A lead that has become part of a customer doubles it no more; one whose conversion is taken back does again."""
    for c in changes:
        if c.is_new or not c.changed("converted_at"):
            continue
        lead = c.record
        if lead.converted_at:
            ids = [pk for pk in (lead.account_id, lead.contact_id) if pk]
            duplicates.joined(c.actor, c.entity, lead.pk, ids)
        else:
            duplicates.released(c.entity, lead.pk)


def _first(pipeline: UUID, status: str) -> UUID:
    found = next((s.pk for s in stages.of(pipeline) if s.status == status), None)
    if found is None:
        raise Invalid([{"stage": [Wrong(_("This pipeline has no such stage. Ask your administrator."))]}])
    return found


def _account(change: Change[Lead]) -> UUID:
    """The customer that the lead becomes part of."""
    actor, lead = change.actor, change.record
    chosen: UUID | None = change.extra.get("account")
    if chosen is not None:
        if not query.names(actor, "account", [chosen]):
            raise Invalid([{"account": [Wrong(_("There is no such customer, or you may not see it."))]}])
        return chosen
    if not change.extra.get("new_account"):
        found = next((m.id for m in candidates(actor, lead) if m.id), None)
        if found is not None:
            return found
    person = not lead.company and not lead.uscc
    made: Account = records.create(
        actor,
        get("account"),
        _given(
            actor,
            lead,
            {
                "name": lead.company or lead.name,
                "kind": Account.Kind.PERSON if person else Account.Kind.FIRM,
                "status": Account.Status.INTENT,
                "phone": lead.phone if person or not _person_name(lead) else "",
                "email": lead.email if person or not _person_name(lead) else "",
                **{key: getattr(lead, key) for key in ("uscc", "region", "address", "industry", "source", "tags")},
            },
        ),
    )
    return made.pk


def candidates(actor: Actor, lead: Lead) -> list[customers.Match]:
    """Customers that this lead may belong to, surest first: what the dialogue of the conversion offers.

    A person's name alone is no match, because namesakes are common.
    """
    found = customers.matches(actor, name=lead.company, uscc=lead.uscc, phone=lead.phone, email=lead.email)
    return [m for m in found if m.why != "email" or not lead.company]


def _person_name(lead: Lead) -> str:
    """The person behind a lead of a firm; "" where the lead itself is the person."""
    if lead.contact_name:
        return lead.contact_name
    return lead.name if lead.company and lead.name != lead.company else ""


def _contact(change: Change[Lead]) -> UUID | None:
    """The contact at the customer: one with the same number or name is there already, or a new one."""
    actor, lead = change.actor, change.record
    name = _person_name(lead)
    if not name:
        return None
    rows = query.visible(actor, get("contact")).filter(account=lead.account_id)
    same = (rows.filter(phone=lead.phone).first() if lead.phone else None) or rows.filter(name=name).first()
    if same is not None:
        return UUID(str(same.pk))
    made: Contact = records.create(
        actor,
        get("contact"),
        _given(
            actor,
            lead,
            {
                "name": name,
                "account": lead.account_id,
                **{key: getattr(lead, key) for key in ("phone", "email", "wechat", "position", "source")},
            },
        ),
    )
    return made.pk


def _given(actor: Actor, lead: Lead, values: dict[str, Any]) -> dict[str, Any]:
    """What is made from a lead belongs to the lead's owner."""
    found = {key: value for key, value in values.items() if value not in (None, "", [])}
    if lead.owner_id and lead.owner_id != actor.user.pk:
        found["owner"] = lead.owner_id
    return found


def convert(
    actor: Actor, lead: UUID, *, account: UUID | None = None, new_account: bool = False, version: int | None = None
) -> Lead:
    """Convert a lead into a customer and a contact, once.

    `account` links that customer, `new_account` makes a new one in any case; otherwise the surest visible match is
    linked. Raises Missing, Refused, Conflict, or Invalid with the reason.
    """
    found: Lead = records.act(
        actor, get("lead"), lead, "convert", version=version, extra={"account": account, "new_account": new_account}
    )
    return found


def invalidate_lead(change: Change[Lead]) -> None:
    """The action `invalidate`: no use to us, for a reason."""
    if change.record.status != Stage.Status.OPEN:
        change.fail("", _("This lead is closed already."), "closed")
        return
    change.record.stage_id = _first(change.record.pipeline_id, Stage.Status.LOST)


def reopen_lead(change: Change[Lead]) -> None:
    """The action `reopen`: back to the first stage."""
    if change.record.status != Stage.Status.LOST:
        change.fail("", _("Only a lead marked as invalid can be reopened."), "open")
        return
    change.record.stage_id = _first(change.record.pipeline_id, Stage.Status.OPEN)
    change.record.lost_note = ""


def of_accounts(accounts: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """For each customer the leads that it came from: their follow-ups belong to its time line."""
    rows = guard.rows(Lead, "ids only").filter(account__in=list(accounts), deleted_at=None)
    found: dict[UUID, list[UUID]] = {}
    for account, pk in rows.values_list("account", "pk"):
        found.setdefault(account, []).append(pk)
    return found
