"""What the people of the demo firm promised their customers, and the targets that were set for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from gettext import gettext as _
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zhike.base.models import Department
from zhike.engine import records
from zhike.engine.entity import get

from .dice import ZONE, Dice, at, fill, moment
from .story import Deal

if TYPE_CHECKING:
    from .store import Store

SHARE = 0.3  # of the deals in which something is promised
FATES = ("kept", "late", "broken", "withdrawn", "open")
WEIGHTS = (80, 9, 6, 2, 3)
STEP = 10_000  # targets are set in whole ten thousands


@dataclass
class Pledge:
    """One promise: who made it when, the values of its record, and what was done with it afterwards."""

    by: str
    at: dt.datetime
    values: dict[str, Any]
    after: list[tuple[str, str, dt.datetime, dict[str, Any]]] = field(default_factory=list)  # action, who, when, values


def pledge(store: Store) -> None:
    """Promises in deals, most of them kept; the seller whom visitors log in as has more of them of late."""
    dice, tale = Dice(len(store.deals), "promises"), store.tale
    made: list[Pledge] = []
    for n, deal in enumerate(tale.deals):
        if dice.chance(SHARE):
            made.append(_pledge(store, dice, n, deal, since=deal.created, fate=""))
    mine = [
        n for n, d in enumerate(tale.deals) if d.outcome == "open" and d.owner_at(at(store.days.last, 18)) == "seller"
    ]
    for n, fate in zip([*mine[:1] * 3, *mine[1:4]], ("overdue", "overdue", *["soon"] * 4), strict=False):
        made.append(_pledge(store, dice, n, tale.deals[n], since=tale.deals[n].created, fate=fate))
    late = [
        n
        for n, d in enumerate(tale.deals)
        if d.owner == "seller" and (d.closed is None or d.closed.date() >= store.days.ago(40))
    ]
    for n in late[:16]:
        since = max(tale.deals[n].created, at(store.days.ago(50), 9))
        made.append(_pledge(store, dice, n, tale.deals[n], since=since, fate=""))
    text = _("Demo firm: promises")
    ids = store.create("promise", [(p.by, p.values, p.at) for p in made], text)
    steps: dict[tuple[str, str], dict[UUID, tuple[dt.datetime, dict[str, Any]]]] = {}
    for order in ("confirm", "refuse", "keep", "break", "withdraw"):
        for pk, one in zip(ids, made, strict=True):
            for action, by, when, values in one.after:
                if action == order:
                    steps.setdefault((action, by), {})[pk] = (when, values)
    for (action, by), some in steps.items():
        records.update_many(
            store.actors[by],
            get("promise"),
            {pk: values for pk, (_when, values) in some.items()},
            action=action,
            at={pk: when for pk, (when, _values) in some.items()},
        )
    store.step(0, text)


def _pledge(store: Store, dice: Dice, n: int, deal: Deal, *, since: dt.datetime, fate: str) -> Pledge:
    days, words = store.days, store.firm.text["promises"]
    if fate:
        day = days.ago(dice.randint(5, 9) if fate == "overdue" else dice.randint(0, 2))
        due = days.ago(dice.randint(1, 3)) if fate == "overdue" else days.ahead(dice.randint(1, 6))
    else:
        until = (deal.closed or at(days.last, 18)).date()
        day = days.any(dice, since=since.date(), until=max(since.date(), until))
        due = days.after(day, dice.randint(2, 9)) or days.ahead(dice.randint(1, 8))
    when = moment(dice, max(day, since.date()), after=since)
    due = max(due, when.date())
    by, said = deal.owner_at(when), dice.choice(words["texts"])
    thing = store.firm.text["products"][deal.product]["short"]
    values: dict[str, Any] = {
        "text": fill(dice, said["text"], p=thing),
        "account": store.accounts[deal.customer],
        "deal": store.deals[n],
        "made_on": when.date(),
        "due_on": due,
    }
    if deal.people and dice.chance(0.7):
        values["contact"] = store.contacts[dice.choice(deal.people)]
    found = Pledge(by, when, values)
    if said.get("ask") and dice.chance(0.8):
        _ask(store, dice, found, day=when.date())
    if due < days.today and fate != "overdue":
        _settle(store, dice, found, deal, due)
    return found


def _ask(store: Store, dice: Dice, found: Pledge, *, day: dt.date) -> None:
    """Somebody from service is asked, and mostly answers the same or the next day."""
    helpers = [s.username for s in store.firm.staff.values() if s.department == "service" and s.username != found.by]
    if not helpers:
        return
    words, who = store.firm.text["promises"], dice.choice(helpers)
    found.values["asked_of"] = store.users[who].pk
    answered = store.days.after(day, dice.randint(0, 1))
    if answered is None or dice.chance(0.08):
        return
    when = moment(dice, answered, after=found.at)
    if dice.chance(0.07):
        found.after.append(("refuse", who, when, {"answer_note": dice.choice(words["refusals"])}))
    else:
        found.after.append(("confirm", who, when, {"answer_note": dice.choice(words["answers"])}))


def _settle(store: Store, dice: Dice, found: Pledge, deal: Deal, due: dt.date) -> None:
    """What became of a promise whose day is over."""
    days, words = store.days, store.firm.text["promises"]
    fate = dice.weighted(FATES, WEIGHTS)
    first = max((when for _a, _b, when, _v in found.after), default=found.at)
    if fate == "open" and days.between(due, days.last) < 15:
        return
    if fate == "late":
        late = days.after(due, dice.randint(1, 4))
        if late is None:
            return
        when = moment(dice, late, after=first)
        found.after.append(("keep", deal.owner_at(when), when, {"kept_on": when.date()}))
    elif fate in ("broken", "withdrawn"):
        when = moment(dice, days.after(due, 1) or due, after=first)
        key = "reasons" if fate == "broken" else "withdrawn"
        values = {"reason": dice.choice(words[key])}
        if fate == "broken" and dice.chance(0.6):
            values["remedy"] = dice.choice(words["remedies"])
        found.after.append(("break" if fate == "broken" else "withdraw", deal.owner_at(when), when, values))
    else:
        when = moment(dice, due if due in days.past else days.after(due, 0) or due, after=first)
        found.after.append(("keep", deal.owner_at(when), when, {"kept_on": min(when.astimezone(ZONE).date(), due)}))


# ---- targets


def aim(store: Store) -> None:
    """Targets of the year: by month for each seller, by month, quarter and year for departments and the firm."""
    firm, days = store.firm, store.days
    year = days.today.year
    when = max(at(dt.date(year, 1, 4), 9), at(days.start, 9))
    dice = Dice(year, "targets")
    monthly = {s.username: _usual(store, s.username) * Decimal(dice.uniform(0.9, 1.25)) for s in firm.sellers}
    base = {"measure": "won_amount"}
    rows: list[tuple[str, dict[str, Any], dt.datetime]] = []
    heads = {key: firm.head(key) for key in ("east", "south", "north")}
    sums: dict[str, Decimal] = {}
    for one in firm.sellers:
        for month in range(1, 13):
            value = _step(monthly[one.username] * _season(month))
            first = dt.date(year, month, 1)
            said = {**base, "level": "person", "owner": store.users[one.username].pk, "first_on": first, "value": value}
            rows.append((heads[one.department].username, said, when))
            sums[one.department] = sums.get(one.department, Decimal(0)) + value
    place = {d.name: d.pk for d in Department.objects.all()}
    names = {d["key"]: d["name"] for d in firm.text["firm"]["departments"]}
    for key, head in heads.items():
        said = {**base, "level": "department", "unit": place[names[key]], "owner": store.users[head.username].pk}
        rows += _spread(said, year, sums[key], head.username, when)
    boss = next(s for s in firm.staff.values() if s.position == "general")
    said = {**base, "level": "firm", "owner": store.users[boss.username].pk}
    rows += _spread(said, year, sum(sums.values(), Decimal(0)), boss.username, when)
    store.create("target", rows, _("Demo firm: targets"))


def _usual(store: Store, seller: str) -> Decimal:
    """What somebody wins in a month of the last year, or what one expects of a beginner."""
    since = store.days.ago(250)
    won = [d for d in store.tale.deals if d.outcome == "won" and d.closed and d.closed.date() >= since]
    own = [d.amount for d in won if d.closed and d.owner_at(d.closed) == seller]
    return max(sum(own, Decimal(0)) / 12, Decimal(6 * STEP))


def _season(month: int) -> Decimal:
    return Decimal("0.6") if month in (1, 2) else Decimal("1.15") if month in (6, 11, 12) else Decimal(1)


def _step(value: Decimal) -> Decimal:
    return Decimal(max(1, round(value / STEP)) * STEP)


def _spread(
    said: dict[str, Any], year: int, whole: Decimal, by: str, when: dt.datetime
) -> Sequence[tuple[str, dict[str, Any], dt.datetime]]:
    """The year a little above the sum of the people, its quarters and months in their share."""

    def made(period: str, month: int, value: Decimal) -> dict[str, Any]:
        return {**said, "period": period, "first_on": dt.date(year, month, 1), "value": _step(value)}

    total = whole * Decimal("1.05")
    parts = [made("year", 1, total)]
    parts += [made("quarter", m, total * sum(_season(n) for n in range(m, m + 3)) / 12) for m in (1, 4, 7, 10)]
    parts += [made("month", m, total * _season(m) / 12) for m in range(1, 13)]
    return [(by, values, when) for values in parts]
