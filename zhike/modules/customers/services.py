"""Rules of customers: registration codes, the group tree, and finding a customer that is there already."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import addresses
from zhike.base import uscc as codes
from zhike.base.names import name_key
from zhike.engine import bulk, guard, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.records import Change, maintain

from .models import Account, Address, Affiliation, Contact

GROUP_DEPTH = 20


def tidy_account(change: Change[Account]) -> None:
    """Keep the duplicate key in step, check the registration code, read the region out of the address."""
    account = change.record
    account.kind = account.kind or Account.Kind.FIRM
    account.status = account.status or Account.Status.POTENTIAL
    account.name_key = name_key(account.name)
    if change.is_new or "uscc" in change.values or "region" in change.values:
        account.uscc = codes.normalise(account.uscc)
        _check_code(change)
    if account.address and not account.region and "address" in change.values:
        account.region = addresses.parse(account.address).code or ""


def _check_code(change: Change[Account]) -> None:
    """A wrong check digit is refused where a person types it; files keep it, with a warning."""
    account = change.record
    if not account.uscc or not (problem := _code_problem(account.uscc, account.region)):
        return
    texts = {
        "length": _("A unified social credit code has 18 characters; this has %(n)s."),
        "alphabet": _("A unified social credit code holds no I, O, S, V or Z."),
        "department": _("No registering department of a unified social credit code begins like this."),
    }
    text = texts.get(problem, _("The check character of this code is wrong. Compare it with the licence."))
    text %= {"n": len(account.uscc)}
    if change.actor.channel == "import":
        change.extra.setdefault("warnings", []).append(("uscc", text))
    else:
        change.fail("uscc", text, "uscc")


def _code_problem(code: str, region: str) -> str | None:
    if region.startswith("71"):
        return codes.tw_problem(code)
    if region.startswith("81"):
        return codes.hk_br_problem(code)
    return codes.tax_id_problem(code)


def check_groups(changes: Sequence[Change[Account]]) -> None:
    """No customer is its own parent, at whatever distance: one query per level for the whole batch."""
    moved = [c for c in changes if c.record.parent_id and (c.is_new or c.changed("parent"))]
    planned = {c.record.pk: c.record.parent_id for c in changes}
    above: dict[UUID, UUID | None] = {c.record.pk: c.record.parent_id for c in moved}
    for _level in range(GROUP_DEPTH):
        if not any(above.values()):
            return
        for c in moved:
            if above.get(c.record.pk) == c.record.pk:
                c.fail("parent", _("A customer cannot belong to itself, neither directly nor through others."))
                above[c.record.pk] = None
        above = _one_up(above, planned)
    for c in moved:
        if above.get(c.record.pk):
            c.fail("parent", _("Groups can be %(n)s levels deep at most.") % {"n": GROUP_DEPTH})


def _one_up(above: Mapping[UUID, UUID | None], planned: Mapping[UUID, UUID | None]) -> dict[UUID, UUID | None]:
    wanted = {pk for pk in above.values() if pk and pk not in planned}
    rows = (
        guard.rows(Account, "only who is above whom").filter(pk__in=wanted) if wanted else Account._base_manager.none()
    )
    parents = {**planned, **dict(rows.values_list("pk", "parent_id"))}
    return {pk: parents.get(up) if up else None for pk, up in above.items()}


def check_superior(change: Change[Contact]) -> None:
    """Nobody reports to himself; who has left, has left on a day."""
    contact = change.record
    if contact.reports_to_id == contact.pk:
        change.fail("reports_to", _("Nobody is his own superior."))
    if contact.employment == Contact.Employment.LEFT and contact.left_on is None:
        contact.left_on = timezone.localdate(change.at)


def check_dates(change: Change[Affiliation]) -> None:
    """A relation ends after it began."""
    tie = change.record
    if tie.from_on and tie.to_on and tie.to_on < tie.from_on:
        change.fail("to_on", _("This day lies before the beginning."))


def read_region(change: Change[Address]) -> None:
    """The region stands in the text of most addresses."""
    if change.record.detail and not change.record.region:
        change.record.region = addresses.parse(change.record.detail).code or ""


def follow_employer(changes: Sequence[Change[Contact]]) -> None:
    """The main employer of a contact is also a relation: a change ends the former one, and keeps it."""
    ended: list[tuple[UUID, UUID, dt.date]] = []
    begun: list[Change[Contact]] = []
    for c in changes:
        if c.back is not None:
            continue  # the relations are taken back with the contact, as they were
        contact, before = c.record, c.was("account")
        today = timezone.localdate(c.at)
        if before and before != contact.account_id:
            ended.append((contact.pk, before, today))
        if (
            contact.employment == Contact.Employment.LEFT
            and contact.account_id
            and (c.is_new or c.changed("employment"))
        ):
            ended.append((contact.pk, contact.account_id, contact.left_on or today))
        if contact.account_id and (c.is_new or before != contact.account_id):
            begun.append(c)
    _begin(begun)
    for contact_id, account_id, day in ended:
        Affiliation.objects.filter(
            Q(from_on=None) | Q(from_on__lte=day), contact=contact_id, account=account_id, to_on=None, deleted_at=None
        ).update(to_on=day)


def _begin(begun: Sequence[Change[Contact]]) -> None:
    known = set(
        Affiliation.objects.filter(contact__in=[c.record.pk for c in begun], to_on=None, deleted_at=None).values_list(
            "contact", "account"
        )
    )
    bulk.insert(
        Affiliation,
        [
            Affiliation(contact=c.record, account_id=c.record.account_id, position=c.record.position)
            for c in begun
            if c.record.account_id and (c.record.pk, c.record.account_id) not in known
        ],
    )


@dataclass(frozen=True)
class Match:
    """A customer that is there already; `why` is uscc, name, phone or email, `id` and `name` are empty out of sight."""

    why: str
    id: UUID | None
    name: str
    department: str


def matches(
    actor: Actor, *, name: str = "", uscc: str = "", phone: str = "", email: str = "", limit: int = 5
) -> list[Match]:
    """Customers that look like the same one, surest first.

    Those out of the actor's sight are told by their department alone, so that nobody learns whose they are.
    """
    found: dict[UUID, tuple[str, Any]] = {}
    for why, same in _same(name=name, uscc=uscc, phone=phone, email=email):
        rows = guard.rows(Account, "told without name where out of sight").filter(same, deleted_at=None)
        for account in rows.select_related("department").order_by("created_at")[:limit]:
            found.setdefault(account.pk, (why, account))
    chosen = dict(list(found.items())[:limit])
    seen = query.names(actor, "account", chosen)
    return [
        Match(why, pk if pk in seen else None, seen.get(pk, ""), str(account.department or ""))
        for pk, (why, account) in chosen.items()
    ]


def _same(*, name: str, uscc: str, phone: str, email: str) -> Iterable[tuple[str, Q]]:
    if code := codes.normalise(uscc):
        yield "uscc", Q(uscc=code)
    if key := name_key(name):
        yield "name", Q(name_key=key)
    if phone:
        yield "phone", Q(phone=phone)
    if email:
        yield "email", Q(email=email)


def bought(wins: Mapping[UUID, tuple[int, dt.date | None]], *, gained: bool) -> None:
    """Bring customers in step with their won deals: for each account how many, and the day of the first.

    One purchase makes a customer, two make one who buys again, none (`gained` false: a win was taken back) makes an
    interested one. Sales from before Zhike count as one purchase. A blacklisted customer stays so.
    """
    rows = guard.rows(Account, "status follows won deals").in_bulk(list(wins))
    data: dict[UUID, dict[str, Any]] = {}
    for pk, account in rows.items():
        count, first = wins[pk]
        status = _status(account, count + bool(account.prior_sales), gained=gained)
        if (status, first) != (account.status, account.first_won_on):
            data[pk] = {"status": status, "first_won_on": first}
    if data:
        maintain(get("account"), data, "status and first purchase follow won deals")


def _status(account: Account, purchases: int, *, gained: bool) -> str:
    kinds = Account.Status
    if account.status == kinds.BLACKLIST or (not gained and account.status not in (kinds.CUSTOMER, kinds.REPEAT)):
        return account.status
    return kinds.REPEAT if purchases > 1 else kinds.CUSTOMER if purchases == 1 else kinds.INTENT
