"""The customers of the demo firm and the people who work there.

Nobody real can be reached: mobile numbers begin with 1540, 1542 or 1545, of which no block was assigned when this was
written, local numbers of landlines begin with 0, which none does, and mails and sites are under example.com (RFC 2606).
Registration codes pass the check digits of GB 32100-2015 and GB 11714 but are drawn by chance.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from zhike.base import uscc

from .dice import Days, Dice, moment
from .people import Firm, Staff
from .words import city, is_chinese, latin, person_name

# (GB/T 2260 code, area code, team, weight)
PLACES = (
    ("320583", "0512", "suzhou", 10), ("320505", "0512", "suzhou", 7), ("320506", "0512", "suzhou", 6),
    ("320509", "0512", "suzhou", 6), ("320581", "0512", "suzhou", 4), ("320585", "0512", "suzhou", 4),
    ("320214", "0510", "suzhou", 5), ("320412", "0519", "suzhou", 4), ("320115", "025", "suzhou", 3),
    ("310114", "021", "shanghai", 8), ("310117", "021", "shanghai", 8), ("310115", "021", "shanghai", 7),
    ("310112", "021", "shanghai", 7), ("340104", "0551", "shanghai", 4),
    ("330109", "0571", "zhejiang", 6), ("330110", "0571", "zhejiang", 4), ("330212", "0574", "zhejiang", 7),
    ("330282", "0574", "zhejiang", 6), ("330402", "0573", "zhejiang", 6),
    ("440306", "0755", "shenzhen", 10), ("440307", "0755", "shenzhen", 6), ("440311", "0755", "shenzhen", 4),
    ("440404", "0756", "shenzhen", 4), ("441900", "0769", "foshan", 8), ("440605", "0757", "foshan", 5),
    ("440606", "0757", "foshan", 6), ("442000", "0760", "foshan", 3), ("440112", "020", "foshan", 4),
    ("110115", "010", "beijing", 5), ("110114", "010", "beijing", 4), ("120111", "022", "beijing", 5),
    ("120110", "022", "beijing", 3), ("130600", "0312", "beijing", 2),
    ("370203", "0532", "shandong", 5), ("370102", "0531", "shandong", 4), ("370602", "0535", "shandong", 4),
    ("370700", "0536", "shandong", 3),
)  # fmt: skip
MOBILE = ("1540", "1542", "1545")
SOURCES = ("exhibition", "search", "referral", "returning", "cold_visit", "inquiry", "phone", "partner", "signup")
SOURCE_WEIGHTS = (16, 18, 20, 12, 12, 10, 6, 4, 4)
TIERS, TIER_WEIGHTS = ("S", "A", "B", "C"), (4, 16, 48, 32)
TIER_PULL = {"S": 7.0, "A": 3.2, "B": 1.0, "C": 0.35}  # how much more is sold to, and done with, an important customer
SIZES = {"S": "large", "A": "medium", "B": "small", "C": "micro"}


@dataclass
class Person:
    """A contact: `call` is how our people speak of her or him."""

    values: dict[str, Any]
    customer: int
    call: str
    role: str
    created: dt.datetime


@dataclass
class Handover:
    """A customer that went to somebody else."""

    at: dt.datetime
    to: str
    note: str


@dataclass
class Customer:
    """An account with its owner from the first day, and the one after a handover."""

    values: dict[str, Any]
    short: str
    owner: str
    created: dt.datetime
    tier: str
    is_firm: bool = True
    parent: int | None = None
    people: list[int] = field(default_factory=list)
    handover: Handover | None = None
    is_silent: bool = False

    def owner_at(self, when: dt.datetime) -> str:
        """Who looked after the customer at that time."""
        return self.handover.to if self.handover and when >= self.handover.at else self.owner


@dataclass
class Market:
    """Customers and contacts, in the order of their days."""

    customers: list[Customer] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)


class Numbers:
    """Numbers of which none comes twice."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._taken: set[str] = set()

    def _fresh(self, make: Any) -> str:
        while (found := make()) in self._taken:
            pass
        self._taken.add(found)
        return str(found)

    def mobile(self) -> str:
        """A mobile number that nobody has."""
        return self._fresh(lambda: self._dice.choice(MOBILE) + f"{self._dice.randrange(10**7):07d}")

    def landline(self, area: str) -> str:
        """A landline number that does not exist: no local number begins with 0."""
        length = 7 if len(area) == 3 and area not in ("010", "020", "021", "022", "025") else 8
        return self._fresh(lambda: f"{area}-0{self._dice.randrange(10 ** (length - 1)):0{length - 1}d}")

    def code(self, region: str) -> str:
        """A unified social credit code of a firm registered there, with both check characters right."""

        def make() -> str:
            body = "MA" + "".join(self._dice.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _n in range(6))
            head = f"91{region}{body}{uscc.organisation_check(body)}"
            return head + uscc.check_digit(head)

        return self._fresh(make)


def settle(seed: int, firm: Firm, days: Days, *, customers: int, contacts: int) -> Market:
    """Customers with owners by region, a third of them there from the first weeks, and their people."""
    dice = Dice(seed, "market")
    market, numbers = Market(), Numbers(dice)
    names: set[str] = set()
    old = days.start + dt.timedelta(days=21)
    born = [days.any(dice, until=old) if dice.chance(0.3) else days.any(dice, since=old) for _n in range(customers)]
    for day in sorted(born):
        market.customers.append(_customer(dice, firm, numbers, names, day))
    _group(dice, firm, market, names)
    _hand_over(dice, firm, days, market)
    _staff(dice, firm, numbers, days, market, contacts)
    return market


def _customer(dice: Dice, firm: Firm, numbers: Numbers, names: set[str], day: dt.date) -> Customer:
    region, area, team, _weight = dice.weighted(PLACES, [p[3] for p in PLACES])
    owner = dice.weighted(firm.team(team), [s.pace for s in firm.team(team)])
    tier = dice.weighted(TIERS, TIER_WEIGHTS)
    created = moment(dice, day)
    if dice.chance(0.04):
        return _private(dice, firm, numbers, region, owner, created)
    name, short, industry = firm_name(dice, firm, region, names)
    brand = latin(short)
    values = {
        "name": name,
        "short_name": short,
        "kind": "firm" if dice.chance(0.96) else dice.choice(("sole", "public")),
        "phone": numbers.landline(area),
        "email": f"{dice.choice(('info', 'sales', 'office', 'contact'))}.{brand}@example.com",
        "website": f"https://{brand}.example.com",
        "region": region,
        "address": _street(dice, firm),
        "industry": industry,
        "tier": tier,
        "source": dice.weighted(SOURCES, SOURCE_WEIGHTS),
        "status": dice.weighted(("potential", "intent", "silent", "lost"), (52, 36, 9, 3)),
    }
    if dice.chance(0.82):
        values |= _register(dice, firm, numbers, region, tier)
    return Customer(values, short, owner.username, created, tier)


def _private(dice: Dice, firm: Firm, numbers: Numbers, region: str, owner: Staff, created: dt.datetime) -> Customer:
    name, _surname, _gender = person_name(dice, firm.text)
    values = {
        "name": name,
        "kind": "person",
        "phone": numbers.mobile(),
        "region": region,
        "tier": "C",
        "source": dice.choice(("referral", "social", "phone")),
        "status": "potential",
    }
    return Customer(values, name, owner.username, created, "C", is_firm=False)


def firm_name(dice: Dice, firm: Firm, region: str, names: set[str]) -> tuple[str, str, str]:
    """(full name, short name, industry) of a firm that is not in `names` yet."""
    words = firm.text["companies"]
    while True:
        trade = dice.weighted(firm.text["trades"], [t["weight"] for t in firm.text["trades"]])
        brand = dice.choice(words["first"]) + dice.choice(words["second"])
        parts = {"brand": brand, "trade": dice.choice(trade["names"]), "city": city(region, firm.text)}
        name = dice.choice(words["patterns"]).format(form=dice.choice(words["form"]), **parts)
        short = brand + parts["trade"] if is_chinese(firm.text) else f"{brand} {parts['trade']}"
        if name not in names and brand[0] != brand[-1]:
            names.add(name)
            return name, short, trade["industry"]


def _street(dice: Dice, firm: Firm) -> str:
    words = firm.text["companies"]
    street = str(words["street"]).format(street=dice.choice(words["streets"]), n=dice.randint(6, 980))
    return street + str(dice.choice(words["suffixes"]))


def _register(dice: Dice, firm: Firm, numbers: Numbers, region: str, tier: str) -> dict[str, Any]:
    scale = {"S": 12.0, "A": 4.0, "B": 1.0, "C": 0.3}[tier]
    employees = int(dice.size(90 * scale, 0.6, 5, 9000))
    return {
        "uscc": numbers.code(region),
        "legal_representative": person_name(dice, firm.text)[0],
        "registered_capital": dice.money(8_000_000 * scale, 0.8),
        "founded_on": dt.date(dice.randint(1996, 2022), dice.randint(1, 12), dice.randint(1, 28)),
        "business_status": "active",
        "size": SIZES[tier],
        "employees": employees,
        "annual_revenue": dice.money(employees * 650_000, 0.4),
        "taxpayer_kind": "small" if tier == "C" and dice.chance(0.5) else "general",
    }


def _group(dice: Dice, firm: Firm, market: Market, names: set[str]) -> None:
    """Some customers are branches of important ones: same name with the town, with a code of their own."""
    parents = [n for n, c in enumerate(market.customers) if c.is_firm and c.tier in "SA"]
    for n, one in enumerate(market.customers):
        earlier = [p for p in parents if p < n]
        if not (one.is_firm and one.tier == "B" and earlier and dice.chance(0.05)):
            continue
        parent = market.customers[dice.choice(earlier)]
        where = city(one.values["region"], firm.text)
        name = firm.text["companies"]["branch"].format(parent=parent.values["name"], city=where)
        if parent.parent is None and name not in names:
            names.add(name)
            one.parent = market.customers.index(parent)
            one.values |= {"name": name, "industry": parent.values["industry"]}
            one.short = one.values["short_name"] = f"{parent.short}{where}" if is_chinese(firm.text) else name


def _hand_over(dice: Dice, firm: Firm, days: Days, market: Market) -> None:
    """Four times in two years some customers go to a colleague of the same department."""
    dates = sorted(days.any(dice, since=days.ago(400), until=days.ago(25)) for _n in range(4))
    for one in market.customers:
        if not dice.chance(0.07):
            continue
        when = moment(dice, dice.choice(dates)).replace(hour=9)
        owner = firm.staff[one.owner]
        others = [s for s in firm.sellers if s.department == owner.department and s is not owner]
        if when > one.created + dt.timedelta(days=20):
            one.handover = Handover(when, dice.choice(others).username, dice.choice(firm.text["firm"]["handover"]))


def _staff(dice: Dice, firm: Firm, numbers: Numbers, days: Days, market: Market, count: int) -> None:
    """One contact each, then more for those who matter."""
    firms = [n for n, c in enumerate(market.customers) if c.is_firm]
    places = firms[:count]
    weights = [TIER_PULL[market.customers[n].tier] ** 0.5 for n in firms]
    places += dice.choices(firms, weights, k=max(0, count - len(places)))
    for place in places:
        market.people.append(_person(dice, firm, numbers, days, market, place))
        market.customers[place].people.append(len(market.people) - 1)


def _person(dice: Dice, firm: Firm, numbers: Numbers, days: Days, market: Market, place: int) -> Person:
    customer = market.customers[place]
    kinds = firm.text["people"]["positions"]
    has = {market.people[n].values["position"] for n in customer.people}
    free = [k for k in kinds if k["name"] not in has] or kinds
    kind = dice.weighted(free, [k["weight"] for k in free])
    name, surname, gender = person_name(dice, firm.text)
    is_first = not customer.people
    created = customer.created + dt.timedelta(minutes=dice.randint(1, 9))
    if not is_first and dice.chance(0.6):
        created = moment(dice, days.any(dice, since=customer.created.date()), after=customer.created)
    letters = latin(name)
    values = {
        "name": name,
        "gender": gender,
        "position": kind["name"],
        "department_name": kind["department"],
        "role": kind["role"],
        "is_key_decider": kind["role"] == "decider",
        "phone": numbers.mobile(),
        "attitude": dice.weighted(("supports", "neutral", "opposes", ""), (28, 34, 6, 32)),
        "source": customer.values["source"],
    }
    if dice.chance(0.6):
        values["email"] = f"{letters}{dice.randint(1, 999)}@example.com"
    if dice.chance(0.55):
        values["wechat"] = f"{letters[:12]}_{dice.randint(10, 9999)}"
    if dice.chance(0.04) and not is_first:
        values |= {"employment": "left", "left_on": days.any(dice, since=created.date())}
    call = called(name, surname, gender, kind["call"], chinese=is_chinese(firm.text))
    return Person(values, place, call, kind["role"], created)


def called(name: str, surname: str, gender: str, call: str, *, chinese: bool) -> str:
    """How our people speak of somebody: 王工, 李总, 陈女士, or the first name."""
    if not chinese:
        return name.partition(" ")[0]
    return surname + (call or ("女士" if gender == "female" else "先生"))
