"""Rules of assignment of the demo firm, what they know of its sellers, and what came in this morning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from zhike.engine.entity import get
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Sheet

from .dice import Dice
from .market import firm_name
from .people import TEAMS

if TYPE_CHECKING:
    from .store import Store

EAST = ["310000", "320000", "330000", "340000"]
TERRITORIES = {
    "suzhou": ["320000"], "shanghai": ["310000", "340000"], "zhejiang": ["330000"], "shenzhen": ["440300", "440400"],
    "foshan": ["440100", "440600", "441900", "442000"], "beijing": ["110000", "120000", "130000"],
    "shandong": ["370000"],
}  # fmt: skip
HOURS = [["09:00", "12:00"], ["13:30", "18:00"]]
# Leads from the website that nobody has yet; the first go to the team of the seller whom visitors log in as.
FRESH = ("320505", "320583", "320506", "320214", "310115", "330109", "440306", "440605", "370203", "110115")


def assigning(store: Store) -> None:
    """Leads of the east go to those who sell there, all others to who has least to do; some have just come in."""
    firm = store.firm
    teams = {s.team: str(store.users[s.username].department_id) for s in firm.sellers}
    east, rest, large = firm.text["firm"]["rules"]
    director = str(store.users[firm.head("east").username].pk)
    documents: list[tuple[str, int, str, dict[str, Any]]] = [
        ("lead", 1, east, {
            "who": [teams[key] for key in TEAMS["east"]], "must": [{"what": "territory"}],
            "conditions": [["any", *(["region", "under", code] for code in EAST)]],
            "prefer": [{"what": "skill"}], "accept": {"minutes": 60, "rounds": 3}, "respond": 120, "hours": HOURS,
        }),
        ("lead", 2, rest, {
            "who": [*teams.values()], "mode": "load", "respond": 240, "hours": HOURS,
            "prefer": [{"what": "territory"}, {"what": "tenure_least", "days": 180}],
        }),
        ("account", 1, large, {"who": [director], "conditions": [["tier", "in", ["S", "A"]]], "hours": HOURS}),
    ]  # fmt: skip
    for key, order, name, document in documents:
        AssignmentRule.objects.create(entity=key, name=name, order=order, document=document)
    _sheets(store)
    deciding.run(get("lead"), _fresh(store))


def _sheets(store: Store) -> None:
    """Where each sells, which products they know best, and how many new leads they take a day."""
    dice, products = Dice(len(store.leads), "sheets"), store.firm.text["products"]
    series = list(dict.fromkeys(p["series"] for p in products))
    for n, one in enumerate(store.firm.sellers):
        known = dice.sample(series, 2)
        Sheet.objects.create(
            person=store.users[one.username],
            territories=TERRITORIES[one.team],
            skills=[p["short"] if p["code"] not in p["name"] else p["code"] for p in products if p["series"] in known],
            daily=6 + n % 3,
            open_limit=200,
        )


def _fresh(store: Store) -> list[Any]:
    dice, firm, now = Dice(len(store.leads), "fresh"), store.firm, timezone.now()
    names = {c.values["name"] for c in store.market.customers} | {lead.values["name"] for lead in store.tale.leads}
    rows = []
    for region in FRESH:
        name, _short, industry = firm_name(dice, firm, region, names)
        product = dice.choice(firm.text["products"])
        values = {"name": name, "company": name, "source": "signup", "owner": None, "region": region,
                  "industry": industry, "interest": product["name"]}  # fmt: skip
        rows.append((firm.head("marketing").username, values, now))
    return store.create("lead", rows, "")
