"""What our people did and plan to do, in their own words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .dice import Days, Dice, at, fill, moment
from .market import TIER_PULL, Customer, Market
from .people import Firm
from .story import Deal, Lead, Tale
from .words import is_chinese

KINDS = {
    "lead": {"call": 62, "message": 16, "mail": 10, "visit": 6, "note": 6},
    "contact": {"call": 36, "visit": 24, "message": 14, "mail": 6, "meeting": 8, "note": 12},
    "need": {"call": 28, "visit": 24, "message": 12, "mail": 10, "meeting": 14, "note": 12},
    "proposal": {"call": 34, "visit": 16, "message": 14, "mail": 14, "meeting": 12, "note": 10},
    "negotiation": {"call": 38, "visit": 20, "message": 14, "mail": 10, "meeting": 10, "note": 8},
    "won": {"call": 60, "meeting": 20, "note": 20},
    "lost": {"call": 50, "message": 20, "note": 30},
    "care": {"call": 50, "visit": 20, "message": 18, "mail": 4, "meeting": 2, "note": 6},
    "service": {"call": 30, "visit": 60, "note": 10},
}
MINUTES = {"call": (3, 24), "meeting": (40, 120), "visit": (45, 180)}
PLANS = {"call": 40, "visit": 20, "meeting": 10, "task": 22, "message": 5, "mail": 3}


@dataclass
class Act:
    """One activity; `at` is when it was written down. Numbers say which lead, deal, customer and person it is with."""

    values: dict[str, Any]
    owner: str
    at: dt.datetime
    customer: int | None = None
    person: int | None = None
    lead: int | None = None
    deal: int | None = None


@dataclass
class About:
    """Whom and what an activity is about; `who` is the record that it is told of, the numbers are as in Act."""

    call: str
    product: int
    who: tuple[str, int]
    customer: int | None = None
    person: int | None = None
    lead: int | None = None
    deal: int | None = None
    line: str = ""
    amount: Decimal | None = None
    rival: int = -1


class Talk:
    """Makes activities, each phrased for its customer, product and stage."""

    def __init__(self, seed: int, firm: Firm, days: Days, market: Market, tale: Tale) -> None:
        self.dice, self.firm, self.days = Dice(seed, "talk"), firm, days
        self.market, self.tale = market, tale
        self.acts: list[Act] = []
        self._chinese = is_chinese(firm.text)
        self._pains = firm.text["slots"]["pain"]
        self._said: dict[tuple[str, int], str] = {}

    def body(self, phase: str, kind: str, about: About, *, first: bool) -> str:
        """A text that differs from the last one about the same record; openings only at the beginning."""
        patterns = [p for p in self.firm.text["talk"][phase][kind] if first or not p.startswith("^")]
        patterns = [p for p in patterns if p != self._said.get(about.who)] or patterns
        self._said[about.who] = pattern = self.dice.choice(patterns)
        return fill(self.dice, pattern.removeprefix("^"), **self._slots(about))

    def _slots(self, about: About) -> dict[str, Any]:
        text, dice = self.firm.text, self.dice
        value = about.amount or Decimal(dice.randint(8, 60) * 10_000)
        unit = 10_000 if self._chinese else 1_000
        return {
            "c": about.call,
            "p": text["products"][about.product]["short"],
            "line": about.line or dice.choice(text["deals"]["lines"]),
            "pain": self._pains[((about.customer or 0) * 7 + dice.randint(0, 1)) % len(self._pains)],
            "comp": text["competitors"][about.rival if about.rival >= 0 else dice.randrange(5)]["name"],
            "wan": f"{float(value / unit):.1f}".removesuffix(".0"),
            "d": dice.choice(text["slots"]["days"]),
        }

    def subject(self, phase: str, kind: str, product: int) -> str:
        """A short title."""
        titles = self.firm.text["onsite" if kind in ("visit", "meeting") else "subjects"][phase]
        title = str(self.dice.choice(titles))
        if self.dice.chance(0.45):
            title += ("：" if self._chinese else ": ") + self.firm.text["products"][product]["short"]
        return title

    def done(
        self,
        phase: str,
        kind: str,
        when: dt.datetime,
        owner: str,
        about: About,
        *,
        first: bool = False,
        answered: bool = True,
    ) -> None:
        """Something that was done at that time."""
        dice = self.dice
        values: dict[str, Any] = {
            "kind": kind,
            "status": "done",
            "subject": self.subject(phase, kind, about.product),
            "body": self.body(phase, "noanswer" if kind == "call" and not answered else kind, about, first=first),
            "done_at": when,
            "result": self._result(kind, answered=answered),
        }
        if kind in ("call", "message", "mail"):
            values["direction"] = "out" if not answered or dice.chance(0.84) else "in"
        if kind in MINUTES and answered:
            values["duration_minutes"] = round(dice.triangular(*MINUTES[kind]) / 5 + 0.5) * 5
        if kind in ("visit", "meeting") and dice.chance(0.5):
            values["place"] = dice.choice(self.firm.text["slots"]["places"])
        self._add(values, owner, when + dt.timedelta(minutes=dice.choice((1, 2, 4, 7, 15, 40))), about)

    def _add(self, values: dict[str, Any], owner: str, written: dt.datetime, about: About) -> None:
        self.acts.append(Act(values, owner, written, about.customer, about.person, about.lead, about.deal))

    def _result(self, kind: str, *, answered: bool) -> str:
        if kind == "call":
            return "connected" if answered else self.dice.choice(("no_answer", "no_answer", "busy"))
        if kind in ("visit", "meeting"):
            return "held"
        if kind in ("message", "mail"):
            return "replied" if self.dice.chance(0.75) else "no_reply"
        return ""

    def plan(self, due: dt.datetime, made: dt.datetime, owner: str, about: About) -> None:
        """Something to be done."""
        dice = self.dice
        kind = dice.weighted(list(PLANS), list(PLANS.values()))
        values = {
            "kind": kind,
            "status": "planned",
            "subject": fill(dice, dice.choice(self.firm.text["plans"][kind]), **self._slots(about)),
            "due_at": due,
            "priority": dice.weighted(("normal", "high", "low"), (78, 16, 6)),
        }
        self._add(values, owner, made, about)

    # ---- who is talked to

    def person(self, places: Sequence[int], when: dt.datetime) -> int | None:
        """Somebody of these who was known at that time and had not left."""
        people = self.market.people
        here = [p for p in places if people[p].created < when and people[p].values.get("employment") != "left"]
        return self.dice.choice(here) if here else None

    def call(self, person: int | None, customer: Customer) -> str:
        """How that person is spoken of."""
        return self.market.people[person].call if person is not None else customer.short

    def kind(self, phase: str) -> str:
        """What sort of activity, as usual in this phase."""
        weights = KINDS[phase]
        return self.dice.weighted(list(weights), list(weights.values()))


def converse(seed: int, firm: Firm, days: Days, market: Market, tale: Tale, *, count: int) -> list[Act]:
    """All activities, `count` of them, in the order of the days they were written down."""
    talk = Talk(seed, firm, days, market, tale)
    for n, lead in enumerate(tale.leads):
        _about_lead(talk, n, lead)
    for n, deal in enumerate(tale.deals):
        _about_deal(talk, n, deal)
    _plans(talk)
    if len(talk.acts) > count:
        kept = [a for a in talk.acts if a.values["status"] == "planned"]
        done = [a for a in talk.acts if a.values["status"] == "done"]
        talk.acts = kept + talk.dice.sample(done, max(0, count - len(kept)))
    _care(talk, count - len(talk.acts))
    return sorted(talk.acts, key=lambda act: act.at)


def _about_lead(talk: Talk, n: int, lead: Lead) -> None:
    dice, about = talk.dice, About(lead.call, lead.product, ("lead", n), lead=n)
    contacted = next((s.at for s in lead.steps if s.stage == "contacted"), None)
    if contacted is None:
        return
    talk.done("lead", "call", contacted, lead.owner, about, first=True, answered=dice.chance(0.7))
    for step in lead.steps[1:]:
        when = step.at - dt.timedelta(minutes=dice.randint(3, 9))
        if when > contacted and step.stage != "converted":
            answered = step.values.get("lost_reason") not in ("unreachable", "wrong_number")
            kind = talk.kind("lead") if answered else "call"
            talk.done("lead", kind, when, lead.owner, about, answered=answered)
    if lead.steps[-1].stage in ("contacted", "qualified") and dice.chance(0.5):
        later = talk.days.after(lead.steps[-1].at.date(), dice.randint(1, 6))
        if later:
            talk.done("lead", talk.kind("lead"), moment(dice, later, after=lead.steps[-1].at), lead.owner, about)


def _about_deal(talk: Talk, n: int, deal: Deal) -> None:
    """More often while it is alive, never again once it is stuck; a word at the end, and service after a sale."""
    dice, days = talk.dice, talk.days
    end = (deal.closed or at(days.last, 18)).date()
    if deal.is_stuck:
        last = deal.steps[-1].at.date() if deal.steps else deal.created.date()
        end = min(end, days.after(last, dice.randint(2, 9)) or end)
    pace = talk.firm.staff[deal.owner].pace
    day, first = days.after(deal.created.date(), dice.randint(0, 2)), True
    while day and day <= end:
        when = moment(dice, day, after=deal.created)
        if not deal.closed or when < deal.closed:
            _word(talk, n, deal, when, first=first)
        day, first = days.after(day, max(2, round(dice.expovariate(pace / 8.5)) + 2)), False
    if deal.closed:
        _word(talk, n, deal, deal.closed + dt.timedelta(minutes=dice.randint(2, 30)), phase=deal.outcome)
        if deal.outcome == "won":
            _serve(talk, n, deal, deal.closed.date())


def _word(
    talk: Talk, n: int, deal: Deal, when: dt.datetime, *, first: bool = False, phase: str = "", owner: str = ""
) -> None:
    phase = phase or deal.stage_at(when)
    about = _of_deal(talk, n, deal, when)
    talk.done(phase, talk.kind(phase), when, owner or deal.owner_at(when), about, first=first)


def _of_deal(talk: Talk, n: int, deal: Deal, when: dt.datetime) -> About:
    person = talk.person(deal.people, when)
    call = talk.call(person, talk.market.customers[deal.customer])
    found = About(call, deal.product, ("deal", n), deal.customer, person, deal=n)
    found.line, found.amount, found.rival = deal.line, deal.amount, deal.rival
    return found


def _of_customer(talk: Talk, n: int, when: dt.datetime, product: int) -> About:
    customer = talk.market.customers[n]
    person = talk.person(customer.people, when)
    return About(talk.call(person, customer), product, ("account", n), n, person)


def _serve(talk: Talk, n: int, deal: Deal, closed: dt.date) -> None:
    engineers = [s.username for s in talk.firm.staff.values() if s.department == "service"]
    for wait in (18, 35, 110):
        day = talk.days.after(closed, talk.dice.randint(wait, wait + 25))
        if day and talk.dice.chance(0.6):
            _word(talk, n, deal, moment(talk.dice, day), phase="service", owner=talk.dice.choice(engineers))


def _care(talk: Talk, count: int) -> None:
    """What is left: looking after customers, important ones more often, silent ones only at the beginning."""
    dice, days, customers = talk.dice, talk.days, talk.market.customers
    weights = [TIER_PULL[c.tier] ** 0.6 * talk.firm.staff[c.owner].pace for c in customers]
    own: dict[int, list[int]] = {}
    for deal in talk.tale.deals:
        own.setdefault(deal.customer, []).append(deal.product)
    for place in dice.choices(range(len(customers)), weights, k=max(0, count)):
        customer = customers[place]
        silent = customer.values["status"] in ("silent", "lost")
        since, until = customer.created.date(), days.ago(90) if silent else days.last
        day = days.any(dice, since=since, until=max(since, until))
        when = moment(dice, day, after=customer.created + dt.timedelta(minutes=10))
        product = dice.choice(own.get(place) or range(len(talk.firm.text["products"])))
        about = _of_customer(talk, place, when, product)
        talk.done("care", talk.kind("care"), when, customer.owner_at(when), about)


def _plans(talk: Talk) -> None:
    """What is planned: most live deals have a next step, some are overdue, some forgotten."""
    dice, days = talk.dice, talk.days
    for n, deal in enumerate(talk.tale.deals):
        if deal.outcome == "open":
            state = dice.weighted(("next", "late", ""), (8, 24, 68) if deal.is_stuck else (62, 14, 24))
            _plan_deal(talk, n, deal, state)
    for n, lead in enumerate(talk.tale.leads):
        stage = lead.steps[-1].stage if lead.steps else "new"
        if stage in ("new", "contacted", "qualified") and dice.chance(0.55 if stage != "new" else 0.2):
            due = _due(talk, "late" if dice.chance(0.2) else "next", lead.steps[-1].at if lead.steps else lead.created)
            talk.plan(*due, lead.owner, About(lead.call, lead.product, ("lead", n), lead=n))
    for n, customer in enumerate(talk.market.customers):
        if customer.tier in "SA" and dice.chance(0.2):
            _plan_care(talk, n, customer, days.ahead(dice.randint(0, 15)))
    _plan_seller(talk)


def _due(talk: Talk, state: str, after: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """(when it is due, when it was planned)"""
    dice, days = talk.dice, talk.days
    soonest = 0 if days.ahead(0) in days.working else 1
    wait = max(soonest, min(dice.randint(0, 14), dice.randint(0, 20)))
    day = days.ago(dice.randint(1, 9)) if state == "late" else days.ahead(wait)
    made = moment(dice, days.ago(dice.randint(2, 14)))
    due = at(day, dice.choice((9, 10, 10, 11, 13, 14, 15, 16)), dice.choice((0, 0, 30)))
    made = max(min(made, due - dt.timedelta(hours=20)), after + dt.timedelta(minutes=2))
    return max(due, made), made


def _plan_deal(talk: Talk, n: int, deal: Deal, state: str) -> None:
    if not state:
        return
    due, made = _due(talk, state, deal.steps[-1].at if deal.steps else deal.created)
    talk.plan(due, made, deal.owner_at(made), _of_deal(talk, n, deal, made))


def _plan_care(talk: Talk, n: int, customer: Customer, day: dt.date, hour: int = 10) -> None:
    made = moment(talk.dice, talk.days.ago(talk.dice.randint(1, 8)), after=customer.created)
    if made < customer.created:
        return
    about = _of_customer(talk, n, made, talk.dice.randrange(8))
    talk.plan(at(day, hour, talk.dice.choice((0, 30))), made, customer.owner_at(made), about)


def _plan_seller(talk: Talk) -> None:
    """The seller whom visitors log in as has a full day and a full week, and some things left over."""
    days, dice = talk.days, talk.dice
    mine = [
        n
        for n, c in enumerate(talk.market.customers)
        if c.is_firm and c.created.date() < days.ago(30) and c.owner_at(at(days.last, 18)) == "seller"
    ]
    chosen = dice.sample(mine, min(len(mine), 18))
    when = [(days.ahead(0), hour) for hour in (9, 10, 11, 13, 15, 16)]
    when += [(days.ago(n), 14) for n in (1, 2, 4)]
    when += [(days.ahead(n), hour) for n in (1, 2, 3, 4) for hour in (9, 14)]
    for place, (day, hour) in zip(chosen, when, strict=False):
        _plan_care(talk, place, talk.market.customers[place], day, hour)
