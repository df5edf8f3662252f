"""Puts the story into the database: through the write path, as the people who did it, on the days they did it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from gettext import gettext as _
from typing import Any
from uuid import UUID

from django.db import connection

from zhike.base.models import Department, Grant, Role, User
from zhike.engine import records
from zhike.engine.access import ANY, Actor, Right
from zhike.engine.entity import get
from zhike.engine.models import Stage

from .assigning import assigning
from .comments import comments
from .dice import Days, Dice, at
from .handover import hand_over
from .market import Market
from .people import ACCOUNTS, PASSWORD, TEAMS, Firm
from .persons import consent
from .pools import pools
from .promises import aim, pledge
from .story import Deal, Lead, Step, Tale
from .talk import Act

CHANNEL = "demo"  # marks every row in the history, so that it can be found again
PART = 1_000
COUNTED = ("account", "contact", "lead", "deal", "activity")
Progress = Callable[[int, int, str], None]
Row = tuple[str, dict[str, Any], dt.datetime]  # who made it, what, when


@dataclass(frozen=True)
class Past(Actor):
    """Somebody at an earlier time, when rights may have been others."""

    channel: str = CHANNEL

    @cached_property
    def grants(self) -> Mapping[tuple[str, str], Sequence[Right]]:
        """Everything: what happened cannot be refused any more."""
        return {(ANY, ANY): (Right(Grant.Scope.ALL),)}


@dataclass
class Store:
    """What is written, and the ids of what has been written, by the numbers of the story."""

    firm: Firm
    days: Days
    market: Market
    tale: Tale
    acts: Sequence[Act]
    progress: Progress
    users: dict[str, User] = field(default_factory=dict)
    actors: dict[str, Past] = field(default_factory=dict)
    accounts: list[UUID] = field(default_factory=list)
    contacts: list[UUID] = field(default_factory=list)
    leads: list[UUID] = field(default_factory=list)
    deals: list[UUID] = field(default_factory=list)
    done: int = 0

    @cached_property
    def total(self) -> int:
        """How many records there will be, about."""
        parts = (self.market.customers, self.market.people, self.tale.leads, self.tale.deals, self.acts)
        return sum(len(part) for part in parts)

    def create(self, entity: str, rows: Sequence[Row], text: str) -> list[UUID]:
        """New records by those who made them; ids in the order of `rows`."""
        found: list[UUID] = [UUID(int=0)] * len(rows)
        for by, places in _by(range(len(rows)), lambda n: rows[n][0]):
            for part in _parts(places):
                made = records.create_many(
                    self.actors[by], get(entity), [rows[n][1] for n in part], at=[rows[n][2] for n in part]
                )
                for n, record in zip(part, made, strict=True):
                    found[n] = record.pk
                self.step(len(part) if entity in COUNTED else 0, text)
        return found

    def step(self, count: int, text: str) -> None:
        """Tell how far it is."""
        self.done += count
        self.progress(min(self.done, self.total), self.total, text)


def _by(items: Iterable[int], key: Callable[[int], Any]) -> list[tuple[Any, list[int]]]:
    found: dict[Any, list[int]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.items())


def _parts(items: Sequence[int]) -> list[Sequence[int]]:
    return [items[n : n + PART] for n in range(0, len(items), PART)]


def write(store: Store) -> None:
    """Everything, in the order in which it refers to each other."""
    _people(store)
    shared = _shared(store)
    _customers(store, shared["tag"])
    consent(store)
    _leads(store)
    _deals(store, shared["product"], shared["competitor"])
    _activities(store)
    comments(store)
    pledge(store)
    aim(store)
    sign()
    pools(store)
    hand_over(store)
    sign()
    assigning(store)


# ---- the firm


def sign(user: UUID | None = None) -> None:
    """Mark what is written without the write path, such as the first person, as part of the demo."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('zhike.actor', %s, true), set_config('zhike.channel', %s, true), "
            "set_config('zhike.action', 'create', true), set_config('zhike.dated', '', true)",
            [str(user or ""), CHANNEL],
        )


def _people(store: Store) -> None:
    sign()
    places, roles = _departments(store.firm), {r.key: r.pk for r in Role.objects.all()}
    for one in store.firm.staff.values():
        user = User(
            username=one.username,
            name=one.name,
            email=f"{one.username}@example.com",
            position=store.firm.text["firm"]["positions"][one.position],
            hired_on=one.hired_on,
            department=places[one.team or one.department],
            roles=[roles[one.role]] if one.role else [],
            created_at=at(store.days.start, 8),
        )
        if one.username in ACCOUNTS:
            user.set_password(PASSWORD)
        else:
            user.set_unusable_password()
        user.save()
        store.users[one.username] = user
        store.actors[one.username] = Past(user)
    for one in store.firm.staff.values():
        if one.manager:
            User.objects.filter(username=one.username).update(manager=store.users[one.manager])
        if one.is_head:
            Department.objects.filter(pk=places[one.department].pk).update(head=store.users[one.username])
    for team in (team for teams in TEAMS.values() for team in teams):
        Department.objects.filter(pk=places[team].pk).update(head=store.users[store.firm.team(team)[0].username])


def _departments(firm: Firm) -> dict[str, Department]:
    def make(name: str, parent: Department | None, order: int) -> Department:
        found = Department(name=name, parent=parent, order=order)
        found.ancestors = [*(parent.ancestors if parent else []), found.pk]
        found.save()
        return found

    root = make(firm.text["firm"]["name"], None, 0)
    found: dict[str, Department] = {}
    for n, department in enumerate(firm.text["firm"]["departments"]):
        found[department["key"]] = make(department["name"], root, n)
        for m, (key, name) in enumerate(department.get("teams", {}).items()):
            found[key] = make(name, found[department["key"]], m)
    return found


def _shared(store: Store) -> dict[str, list[UUID]]:
    """Tags, products and competitors."""
    text, when = store.firm.text, at(store.days.start, 8, 30)
    tones = ("red", "violet", "blue", "amber", "teal", "green", "pink", "neutral")
    rows: dict[str, list[dict[str, Any]]] = {
        "tag": [{"name": name, "tone": tone} for name, tone in zip(text["firm"]["tags"], tones, strict=True)],
        "product": [
            {"code": p["code"], "name": p["name"], "series": p["series"], "unit": p["unit"], "list_price": p["price"]}
            for p in text["products"]
        ],
        "competitor": [dict(c) for c in text["competitors"]],
    }
    boss = store.firm.head("marketing").username
    return {
        entity: store.create(entity, [(boss, values, when) for values in found], _("Demo firm: the firm itself"))
        for entity, found in rows.items()
    }


# ---- customers


def _customers(store: Store, tags: Sequence[UUID]) -> None:
    dice, text = Dice(len(store.accounts), "tags"), _("Demo firm: customers")
    customers = store.market.customers
    rows: list[Row] = []
    for one in customers:
        values = dict(one.values)
        if dice.chance(0.22):
            values["tags"] = dice.sample(list(tags), dice.choice((1, 1, 2)))
        rows.append((one.owner, values, one.created))
    store.accounts = store.create("account", rows, text)
    _branches(store)
    people = store.market.people
    rows = [
        (customers[p.customer].owner_at(p.created), {**p.values, "account": store.accounts[p.customer]}, p.created)
        for p in people
    ]
    store.contacts = store.create("contact", rows, _("Demo firm: contacts"))
    for n, one in enumerate(customers):
        if one.handover:
            step = Step(one.handover.at, "", values={"owner": store.users[one.handover.to].pk}, note=one.handover.note)
            boss = store.firm.head(store.firm.staff[one.owner].department).username
            _change(store, "account", {store.accounts[n]: step}, boss)
            mine = {store.contacts[p]: step for p in one.people if people[p].created < one.handover.at}
            _change(store, "contact", mine, boss)


def _branches(store: Store) -> None:
    customers = store.market.customers
    for n, one in enumerate(customers):
        if one.parent is not None:
            when = one.created + dt.timedelta(minutes=2)
            _change(
                store,
                "account",
                {store.accounts[n]: Step(when, "", values={"parent": store.accounts[one.parent]})},
                one.owner,
            )


def _change(store: Store, entity: str, steps: Mapping[UUID, Step], by: str) -> None:
    if steps:
        records.update_many(
            store.actors[by],
            get(entity),
            {pk: s.values for pk, s in steps.items()},
            at={pk: s.at for pk, s in steps.items()},
            note=next(iter(steps.values())).note,
        )


# ---- leads and deals


def _rounds(store: Store, entity: str, ids: Sequence[UUID], steps: Sequence[Sequence[Step]], text: str) -> None:
    """The first steps of all, then the second ones, and so on: each batch by the one who made it."""
    stages = dict(
        Stage.objects.filter(pipeline__entity=entity, pipeline__is_default=True, pipeline__is_current=True)
        .filter(deleted_at=None)
        .values_list("key", "pk")
    )
    for n in range(max(map(len, steps), default=0)):
        here = [place for place, found in enumerate(steps) if len(found) > n]
        for (by, _note), places in _by(here, lambda place, n=n: (steps[place][n].by, steps[place][n].note)):  # type: ignore[misc]
            for part in _parts(places):
                wanted = {}
                for place in part:
                    step = steps[place][n]
                    values = dict(step.values)
                    if step.stage:
                        values["stage"] = stages[step.stage]
                    if "owner" in values:
                        values["owner"] = store.users[values["owner"]].pk
                    wanted[ids[place]] = Step(step.at, step.by, values=values, note=step.note)
                _change(store, entity, wanted, by)
        store.step(0, text)


def _leads(store: Store) -> None:
    leads, text = store.tale.leads, _("Demo firm: leads")
    store.leads = store.create("lead", [(lead.owner, lead.values, lead.created) for lead in leads], text)
    steps = [[s for s in lead.steps if s.stage != "converted"] for lead in leads]
    _rounds(store, "lead", store.leads, steps, text)
    for n, lead in enumerate(leads):
        if lead.customer is not None:
            _convert(store, n, lead, lead.customer)
            store.step(0, text)


def _convert(store: Store, n: int, lead: Lead, customer: int) -> None:
    records.update_many(
        store.actors[lead.owner],
        get("lead"),
        {store.leads[n]: {}},
        action="convert",
        at={store.leads[n]: lead.steps[-1].at},
        extra={"account": store.accounts[customer]},
    )


def _deals(store: Store, products: Sequence[UUID], competitors: Sequence[UUID]) -> None:
    deals, text = store.tale.deals, _("Demo firm: deals")
    rows: list[Row] = []
    for deal in deals:
        values = {**deal.values, "account": store.accounts[deal.customer], "product": products[deal.product]}
        if deal.lead is not None:
            values["lead"] = store.leads[deal.lead]
        rows.append((deal.owner, values, deal.created))
    store.deals = store.create("deal", rows, text)
    _rounds(store, "deal", store.deals, [deal.steps for deal in deals], text)
    _sides(store, competitors)


def _sides(store: Store, competitors: Sequence[UUID]) -> None:
    """Who takes part in each deal, there and against us."""
    dice, text = Dice(len(store.deals), "sides"), _("Demo firm: deals")
    contacts: list[Row] = []
    rivals: list[Row] = []
    for n, deal in enumerate(store.tale.deals):
        when = deal.created + dt.timedelta(minutes=1)
        for p in deal.people:
            person = store.market.people[p].values
            values = {"deal": store.deals[n], "contact": store.contacts[p], "role": person["role"]}
            contacts.append((deal.owner, {**values, "attitude": person["attitude"]}, when))
        if deal.rival >= 0:
            position = _position(dice, deal)
            values = {"deal": store.deals[n], "competitor": competitors[deal.rival], "position": position}
            rivals.append((deal.owner, values, when))
    store.create("dealcontact", contacts, text)
    store.create("dealcompetitor", rivals, text)


def _position(dice: Dice, deal: Deal) -> str:
    if deal.outcome == "won":
        return "out"
    if deal.outcome == "lost":
        return "winner" if deal.steps[-1].values["lost_reason"] in ("competitor", "price") else "out"
    return str(dice.choice(("ahead", "level", "level", "behind", "behind")))


# ---- activities


def _activities(store: Store) -> None:
    rows: list[Row] = []
    for act in store.acts:
        links = {
            "account": None if act.customer is None else store.accounts[act.customer],
            "contact": None if act.person is None else store.contacts[act.person],
            "lead": None if act.lead is None else store.leads[act.lead],
            "deal": None if act.deal is None else store.deals[act.deal],
        }
        rows.append((act.owner, {**act.values, **{k: v for k, v in links.items() if v}}, act.at))
    store.create("activity", rows, _("Demo firm: activities"))
