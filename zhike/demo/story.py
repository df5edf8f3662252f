"""What happened: how leads came and went, and how deals were won and lost."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Any

from .dice import Days, Dice, fill, moment, rounded
from .market import PLACES, TIER_PULL, Customer, Market, Numbers, called, firm_name
from .people import Firm, Staff
from .words import is_chinese, person_name

OPEN_STAGES = ("contact", "need", "proposal", "negotiation")
SHARES = (0.18, 0.26, 0.3, 0.26)  # of a deal's life in each open stage
LOST_AT = (0.16, 0.26, 0.38, 0.2)
WON_REASONS = ("product", "price", "relation", "service", "brand", "other")
LOST_REASONS = ("price", "competitor", "product", "no_budget", "postponed", "no_contact", "relation", "terms")
LOST_NOTES = {"competitor": 0, "price": 0, "postponed": 1, "no_budget": 1, "product": 2, "relation": 4, "terms": 5}
LEAD_SOURCES = ("exhibition", "search", "inquiry", "signup", "advertising", "referral", "phone", "social", "cold_visit")
LEAD_WEIGHTS = (20, 24, 14, 8, 10, 9, 6, 4, 5)
INVALID = ("no_demand", "unreachable", "wrong_number", "competitor", "out_of_scope", "no_budget", "spam", "duplicate")
INVALID_WEIGHTS = (26, 22, 8, 14, 10, 10, 5, 5)


@dataclass
class Step:
    """A change of a record: to a stage, or to another owner when `stage` is empty; `by` is a login name."""

    at: dt.datetime
    by: str
    stage: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass
class Deal:
    """A deal from its first day; `steps` come after. `rival` is the number of a competitor, -1 for none."""

    values: dict[str, Any]
    customer: int
    people: list[int]
    owner: str
    created: dt.datetime
    product: int
    line: str
    amount: Decimal
    rival: int = -1
    lead: int | None = None
    steps: list[Step] = field(default_factory=list)
    outcome: str = "open"
    is_stuck: bool = False

    @property
    def stage(self) -> str:
        """The stage that it is in at the end."""
        return next((s.stage for s in reversed(self.steps) if s.stage), "contact")

    @property
    def closed(self) -> dt.datetime | None:
        """When it was won or lost."""
        return self.steps[-1].at if self.outcome != "open" else None

    def stage_at(self, when: dt.datetime) -> str:
        """The stage that it was in at that time."""
        return next((s.stage for s in reversed(self.steps) if s.stage and s.at <= when), "contact")

    def owner_at(self, when: dt.datetime) -> str:
        """Who had it at that time."""
        given = [s.values["owner"] for s in self.steps if "owner" in s.values and s.at <= when]
        return given[-1] if given else self.owner


@dataclass
class Lead:
    """A lead; a converted one knows its customer and its contact."""

    values: dict[str, Any]
    call: str
    owner: str
    created: dt.datetime
    product: int
    steps: list[Step] = field(default_factory=list)
    customer: int | None = None
    person: int | None = None


@dataclass
class Tale:
    """All leads and deals."""

    leads: list[Lead] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)


def tell(seed: int, firm: Firm, days: Days, market: Market, *, leads: int, deals: int) -> Tale:
    """The story of the two years: leads first, since some became customers and their first deals."""
    dice, tale = Dice(seed, "story"), Tale()
    _leads(dice, firm, days, market, tale, leads)
    _deals(dice, firm, days, market, tale, deals)
    return tale


# ---- leads


def _leads(dice: Dice, firm: Firm, days: Days, market: Market, tale: Tale, count: int) -> None:
    numbers, names = Numbers(dice), {c.values["name"] for c in market.customers}
    grown = [
        n for n, c in enumerate(market.customers) if c.is_firm and c.parent is None and c.created.date() > days.ago(440)
    ]
    converted = sorted(dice.sample(grown, min(len(grown), round(count * 0.14))))
    tale.leads = [_converted(dice, firm, days, market, n) for n in converted]
    tale.leads += [_other(dice, firm, days, numbers, names) for _n in range(count - len(converted))]
    tale.leads.sort(key=lambda lead: lead.created)


def _origin(dice: Dice, firm: Firm, created: dt.datetime, product: int) -> dict[str, Any]:
    words, source = firm.text["leads"], dice.weighted(LEAD_SOURCES, LEAD_WEIGHTS)
    thing = firm.text["products"][product]["short"]
    slots = {"p": thing, "line": dice.choice(firm.text["deals"]["lines"])}
    found = {
        "source": source,
        "interest": firm.text["products"][product]["name"],
        "demand": fill(dice, dice.choice(words["demands"]), **slots),
        "score": round(dice.triangular(15, 95, 50)),
    }
    if source in ("exhibition", "advertising", "referral"):
        found["campaign"] = dice.choice(words["campaigns"]).format(year=created.year)
    if source in ("search", "advertising"):
        found |= {"keyword": dice.choice(words["keywords"]), "medium": dice.choice(("cpc", "organic"))}
    return found


def _product(dice: Dice, firm: Firm) -> int:
    products = firm.text["products"]
    return dice.weighted(range(len(products)), [p["weight"] for p in products])


def _converted(dice: Dice, firm: Firm, days: Days, market: Market, place: int) -> Lead:
    """The lead behind a customer: it came some days before, and was converted when the customer was made."""
    customer = market.customers[place]
    person = market.people[customer.people[0]]
    span = next(n for n in range(dice.randint(3, 25), -1, -1) if days.after(customer.created.date(), -n))
    began = days.after(customer.created.date(), -span) or days.start
    created, product = moment(dice, began).replace(hour=8, minute=dice.randint(5, 55)), _product(dice, firm)
    values = {
        "name": customer.values["name"],
        "company": customer.values["name"],
        "contact_name": person.values["name"],
        "position": person.values["position"],
        "phone": person.values["phone"],
        "region": customer.values["region"],
        "industry": customer.values["industry"],
        **_origin(dice, firm, created, product),
    }
    customer.values["source"] = person.values["source"] = values["source"]
    customer.values["status"] = "intent"
    lead = Lead(values, person.call, customer.owner, created, product, customer=place, person=customer.people[0])
    for share, stage in ((0.1, "contacted"), (0.55, "qualified")):
        day = days.after(began, round(span * share))
        if day and day < customer.created.date() and (stage == "contacted" or dice.chance(0.7)):
            when = moment(dice, day, after=lead.steps[-1].at if lead.steps else created)
            lead.steps.append(Step(when, lead.owner, stage))
    lead.steps.append(Step(person.created + dt.timedelta(minutes=1), lead.owner, "converted"))
    return lead


def _other(dice: Dice, firm: Firm, days: Days, numbers: Numbers, names: set[str]) -> Lead:
    """A lead that came to nothing, or is still open."""
    region, _area, team, _weight = dice.weighted(PLACES, [p[3] for p in PLACES])
    owner = dice.choice(firm.team(team))
    created = moment(dice, days.any(dice))
    product = _product(dice, firm)
    name, _short, industry = firm_name(dice, firm, region, names)
    person, surname, gender = person_name(dice, firm.text)
    values = {
        "name": name,
        "company": name,
        "contact_name": person,
        "phone": numbers.mobile(),
        "region": region,
        "industry": industry,
        **_origin(dice, firm, created, product),
    }
    call = called(person, surname, gender, "", chinese=is_chinese(firm.text))
    lead = Lead(values, call, owner.username, created, product)
    _follow(dice, firm, days, lead)
    return lead


def _follow(dice: Dice, firm: Firm, days: Days, lead: Lead) -> None:
    age = days.between(lead.created.date(), days.last)
    fates = ("invalid", "contacted", "qualified", "new")
    weights = (92, 5, 2, 1) if age > 45 else (46, 32, 19, 3) if age > 10 else (10, 42, 8, 40)
    fate = dice.weighted(fates, weights)
    if fate == "new" or (day := days.after(lead.created.date(), dice.weighted((0, 1, 2, 4), (50, 28, 14, 8)))) is None:
        return
    when = moment(dice, day, after=lead.created)
    lead.steps.append(Step(when, lead.owner, "contacted"))
    wait = dice.randint(2, 9)
    if fate != "contacted" and (later := days.after(day, wait)):
        values = {}
        if fate == "invalid":
            values = {"lost_reason": dice.weighted(INVALID, INVALID_WEIGHTS)}
            if dice.chance(0.4):
                values["lost_note"] = dice.choice(firm.text["leads"]["lost_notes"])
        lead.steps.append(Step(moment(dice, later, after=when), lead.owner, fate, values))


# ---- deals


def _deals(dice: Dice, firm: Firm, days: Days, market: Market, tale: Tale, count: int) -> None:
    begun: list[tuple[int, dt.datetime, int | None]] = []
    for n, lead in enumerate(tale.leads):
        if lead.customer is not None and dice.chance(0.72):
            begun.append((lead.customer, lead.steps[-1].at + dt.timedelta(minutes=dice.randint(2, 50)), n))
    pull = [TIER_PULL[c.tier] * dice.lognormvariate(0, 0.8) * c.is_firm for c in market.customers]
    sums, known = list(accumulate(pull)), [c.created for c in market.customers]
    while len(begun) < count:
        created = moment(dice, days.any(dice))
        here = bisect_left(known, created)
        if here and sums[here - 1]:
            begun.append((bisect_left(sums, dice.uniform(0, sums[here - 1])), created, None))
    for place, created, origin in sorted(begun[:count], key=lambda b: b[1]):
        deal = _deal(dice, firm, days, market, place, created, None if origin is None else tale.leads[origin])
        deal.lead = origin
        tale.deals.append(deal)
    for deal in tale.deals:
        _hand_over(firm, market.customers[deal.customer], deal)


def _hand_over(firm: Firm, customer: Customer, deal: Deal) -> None:
    """An open deal goes along with its customer; what is done afterwards is done by the new owner."""
    gone = customer.handover
    if gone is None or gone.at <= deal.created or (deal.closed and deal.closed <= gone.at):
        return
    for step in deal.steps:
        if step.at > gone.at:
            step.by = gone.to
    boss = firm.head(firm.staff[gone.to].department).username
    deal.steps.append(Step(gone.at, boss, values={"owner": gone.to}, note=gone.note))
    deal.steps.sort(key=lambda step: step.at)


def _deal(
    dice: Dice, firm: Firm, days: Days, market: Market, place: int, created: dt.datetime, lead: Lead | None
) -> Deal:
    customer = market.customers[place]
    product = lead.product if lead else _product(dice, firm)
    thing = firm.text["products"][product]
    line = dice.choice(firm.text["deals"]["lines"])
    name = dice.choice(firm.text["deals"]["names"]).format(
        short=customer.short, p=thing["short"], line=line, year=created.year
    )
    amount = dice.money(thing["price"] * 1.25)
    here = [p for p in customer.people if market.people[p].created <= created] or customer.people[:1]
    people = dice.sample(here, min(len(here), dice.weighted((1, 2, 3), (50, 35, 15))))
    found = Deal({"name": name}, place, people, customer.owner_at(created), created, product, line, amount)
    found.values["source"] = customer.values["source"] if lead else "returning"
    if dice.chance(0.5):
        found.values["procurement"] = dice.weighted(
            ("tender", "comparison", "negotiation", "single_source", "direct"), (14, 40, 18, 10, 18)
        )
    if dice.chance(0.4):
        found.rival = dice.randrange(len(firm.text["competitors"]))
        slots = {"comp": firm.text["competitors"][found.rival]["name"]}
        found.values["competitor_note"] = fill(dice, dice.choice(firm.text["deals"]["competitive"]), **slots)
    if dice.chance(0.75):
        found.values["amount"] = rounded(amount, dice.uniform(0.8, 1.25), 1000)
    _live(dice, firm, days, customer, found, market.people[people[0]].call if people else customer.short)
    return found


def _live(dice: Dice, firm: Firm, days: Days, customer: Customer, deal: Deal, call: str) -> None:
    """Through the stages: as fast as chance has it, won as often as its seller wins, stopped where today begins."""
    seller = firm.staff[deal.owner]
    length = round(dice.size(54, 0.5, 20, 150) * (1.15 if deal.amount > 500_000 else 1.0))
    length = min(length, 150)
    wins = dice.chance(_chances(seller, customer, deal))
    last = 3 if wins else dice.weighted((0, 1, 2, 3), LOST_AT)
    if not wins:
        length = max(20, round(length * (0.45 + 0.18 * last)))
    deal.is_stuck = dice.chance(0.1) and days.between(deal.created.date(), days.last) < 200
    place = deal.created.date()
    deal.values["expected_on"] = _calendar(place, length, dice.uniform(0.75, 1.1))
    used = 0.0
    for n in range(1, last + 1):
        used += SHARES[n - 1] * dice.uniform(0.7, 1.3)
        stuck = deal.is_stuck and n > 1 and dice.chance(0.5)
        day = None if stuck else days.after(place, max(n, round(length * used / sum(SHARES[: last + 1]))))
        if day is None:
            return _stay(dice, firm, days, deal, length, call)
        _enter(dice, days, deal, OPEN_STAGES[n], day)
    day = None if deal.is_stuck else days.after(place, max(length, last + 2))
    if day is None:
        return _stay(dice, firm, days, deal, length, call)
    return _close(dice, firm, deal, day, won=wins)


def _chances(seller: Staff, customer: Customer, deal: Deal) -> float:
    skill = seller.skill * {"S": 1.25, "A": 1.1, "B": 1.0, "C": 0.85}[customer.tier]
    return skill * (0.8 if deal.amount > 600_000 else 1.0) * (1.12 if deal.rival < 0 else 0.85)


def _calendar(day: dt.date, working: int, factor: float) -> dt.date:
    return day + dt.timedelta(days=round(working * 7 / 5 * factor))


def _by(deal: Deal) -> tuple[str, dt.datetime]:
    """Who makes the next step, and what it comes after."""
    last = deal.steps[-1].at if deal.steps else deal.created
    return deal.owner, last


def _enter(dice: Dice, days: Days, deal: Deal, stage: str, day: dt.date) -> None:
    owner, last = _by(deal)
    when = moment(dice, max(day, last.date()), after=last)
    values: dict[str, Any] = {}
    if stage == "proposal":
        values["amount"] = deal.amount
    if stage == "negotiation":
        values["forecast"] = dice.choice(("commit", "best", "best"))
    if stage == "proposal" and dice.chance(0.04) and (back := days.after(day, 3)) and (again := days.after(day, 8)):
        deal.steps.append(Step(when, owner, stage, values))
        deal.steps.append(Step(moment(dice, back), owner, "need"))
        deal.steps.append(Step(moment(dice, again), owner, stage))
        return
    deal.steps.append(Step(when, owner, stage, values))


def _close(dice: Dice, firm: Firm, deal: Deal, day: dt.date, *, won: bool) -> None:
    owner, last = _by(deal)
    when = moment(dice, max(day, last.date()), after=last)
    if won:
        paid = rounded(deal.amount, dice.uniform(0.92, 1.0), 100)
        values = {"amount": paid, "won_reason": dice.weighted(WON_REASONS, (34, 14, 20, 18, 10, 4))}
        deal.outcome, deal.amount = "won", paid
    else:
        reason = dice.weighted(LOST_REASONS, (26, 22, 10, 12, 14, 8, 5, 3))
        values = {"lost_reason": reason}
        notes = firm.text["deals"]["lost_notes"]
        if dice.chance(0.7):
            rival = firm.text["competitors"][max(deal.rival, 0)]["name"]
            values["lost_note"] = fill(dice, notes[LOST_NOTES.get(reason, 6)], comp=rival)
        if reason in ("competitor", "price") and deal.rival < 0:
            deal.rival = 0
        deal.outcome = "lost"
    deal.steps.append(Step(when, owner, deal.outcome, values))


def _stay(dice: Dice, firm: Firm, days: Days, deal: Deal, length: int, call: str) -> None:
    """A deal that is still open: when it should close, and what comes next."""
    age = days.between(deal.created.date(), days.last)
    left = max(3, length - age)
    expected = _calendar(days.last, left, dice.uniform(0.8, 1.3))
    if deal.is_stuck or dice.chance(0.1):
        expected = min(deal.values["expected_on"], days.last - dt.timedelta(days=dice.randint(3, 40)))
        expected = max(expected, deal.created.date() + dt.timedelta(days=10))
    now = deal.steps[-1].values if deal.steps else deal.values
    now["expected_on"] = expected
    if not deal.is_stuck and dice.chance(0.6):
        day = dice.choice(firm.text["slots"]["days"])
        now["next_step"] = fill(dice, dice.choice(firm.text["deals"]["next"]), c=call, d=day)
