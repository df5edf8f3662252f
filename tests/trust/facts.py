"""What is the case in the world of the permission tests, as plain data: who there is, what there is, who lent what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

RECORDS = ("lead", "account", "contact", "deal", "activity", "target", "x_visit")


@dataclass(frozen=True)
class Person:
    """Somebody, with what bears on rights. `scopes` bound a token, `for_whom` names the principal of an assistant."""

    name: str
    place: str
    roles: tuple[str, ...]
    active: bool = True
    token: tuple[str, ...] | None = None  # acts through an API token with these scopes
    token_is: str = "good"  # good, expired, revoked, elsewhere
    for_whom: str = ""
    lent: tuple[str, ...] = ()
    looking: bool = False  # an administrator who looks at the system as `for_whom`


@dataclass(frozen=True)
class Shared:
    """A share of an item with a person, a department or a role."""

    kind: str
    target: str
    level: str
    expired: bool = False


@dataclass(frozen=True)
class Item:
    """A record: whose it is, what it hangs on, and with whom it is shared."""

    name: str
    entity: str
    owner: str = ""
    links: tuple[tuple[str, str], ...] = ()  # (field, name of another item)
    shares: tuple[Shared, ...] = ()
    deleted: bool = False
    values: tuple[tuple[str, str], ...] = ()
    named: tuple[tuple[str, str], ...] = ()  # (field, name of a person)


@dataclass
class Facts:
    """A whole world."""

    parents: dict[str, str]  # department -> parent
    people: dict[str, Person]
    items: dict[str, Item]
    extra_roles: dict[str, dict[str, object]] = field(default_factory=dict)  # as in the role file

    def above(self, place: str) -> list[str]:
        """The department and everything above it."""
        found = []
        while place:
            found.append(place)
            place = self.parents[place]
        return found


EXTRA: dict[str, dict[str, object]] = {
    "reader": {
        "grants": [{"on": g, "may": ["look"], "reach": "department"} for g in ("records", "parts")],
        "office": "",
    },
    "bounded": {
        "grants": [
            {"on": "account", "may": ["*"], "reach": "all", "when": ["tier", "eq", "A"]},
            {"on": "deal", "may": ["look"], "reach": "own"},
        ],
        "office": "",
    },
    "lister": {"grants": [{"on": "records", "may": ["list"], "reach": "all"}], "office": ""},
    "shy": {
        "grants": [
            {
                "on": g,
                "may": ["list", "read", "create", "update", "delete", "merge", "export", "import", "bulk"],
                "reach": "all",
            }
            for g in ("records", "parts", "shared")
        ],
        "office": "",
    },
    "careful": {  # changes one at a time
        "grants": [
            {"on": g, "may": ["list", "read", "update", "delete", "transfer"], "reach": "all"}
            for g in ("records", "parts")
        ],
        "office": "",
    },
    "blind": {
        "grants": [{"on": g, "may": ["*", "merge"], "reach": "all"} for g in ("records",)],
        "fields": {
            "account.registered_capital": "hidden",
            "account.phone": "hidden",
            "account.remark": "read",
            "activity.body": "hidden",
            "contact.phone": "read",
            "deal.amount": "hidden",
            "lead.phone": "hidden",
            "account.x_text": "hidden",
            "account.x_phone": "hidden",
            "deal.x_money": "hidden",
            "x_visit.x_integer": "hidden",
            "x_visit.x_choice": "read",
        },
        "office": "",
    },
}

LENT = (
    *(f"account:{a}" for a in ("list", "read", "create", "update", "delete", "bulk", "export", "reveal", "restore")),
    *("contact:list", "contact:read", "deal:update"),
)
PEOPLE = (
    Person("boss", "head", ("executive",)),
    Person("admin", "head", ("administrator",)),
    Person("system", "head", ("system",)),
    Person("security", "head", ("security",)),
    Person("audit", "head", ("audit",)),
    Person("manager", "north", ("manager",)),
    Person("leader", "north1", ("manager",)),
    Person("southern", "south", ("manager",)),
    Person("seller", "north", ("seller",)),
    Person("mate", "north", ("seller",)),
    Person("junior", "north1", ("seller",)),
    Person("stranger", "south", ("seller",)),
    Person("reader", "north", ("reader",)),
    Person("bounded", "south", ("bounded",)),
    Person("lister", "south", ("lister",)),
    Person("blind", "head", ("blind",)),
    Person("careful", "north1", ("careful",)),
    Person("carefulkey", "north1", ("careful",), token=("*:*",)),
    Person("shy", "head", ("shy",)),
    Person("shykey", "head", ("shy",), token=("*:*",)),
    Person("both", "south", ("seller", "reader")),
    Person("nobody", "north", ()),
    Person("gone", "north", ("manager",), active=False),
    Person("anonymous", "", ()),
    Person("key", "north", ("seller",), token=("*:*",)),
    Person("narrow", "head", ("administrator",), token=("account:list", "account:read", "deal:update")),
    Person("expired", "head", ("administrator",), token=("*:*",), token_is="expired"),
    Person("revoked", "head", ("administrator",), token=("*:*",), token_is="revoked"),
    Person("goneskey", "north", ("manager",), active=False, token=("*:*",)),
    Person("helper", "south", (), for_whom="seller", lent=LENT),
    Person("viewer", "head", ("administrator",), for_whom="seller", looking=True),
)


ASKED = ("seller", "mate", "key", "reader", "nobody")  # named to say whether a promise can be kept


def _shared_items(entity: str) -> Sequence[Item]:
    """Of every kind of record: one of each relation that somebody can have to it."""
    plain = (("tier", "A"),) if entity == "account" else ()
    return (
        Item(f"{entity}-own", entity, "seller"),
        Item(f"{entity}-mate", entity, "mate"),
        Item(f"{entity}-junior", entity, "junior"),
        Item(f"{entity}-stranger", entity, "stranger", values=plain),
        Item(f"{entity}-manager", entity, "manager"),
        Item(f"{entity}-nobody", entity, ""),
        Item(f"{entity}-deleted", entity, "seller", deleted=True),
        Item(
            f"{entity}-shared",
            entity,
            "stranger",
            shares=(
                Shared("user", "seller", "read"),
                Shared("user", "mate", "write"),
                Shared("department", "north1", "read"),
                Shared("role", "reader", "write"),
                Shared("user", "key", "write"),
                Shared("user", "nobody", "write"),
                Shared("user", "bounded", "read", expired=True),
            ),
        ),
    )


def standard() -> Facts:
    """The world that every change is tested in."""
    items = [Item(f"{e}-all", e, "admin") for e in ("product", "competitor")]
    items += [Item("tag-all", "tag"), Item("calendarday-all", "calendarday")]
    items += [item for entity in RECORDS for item in _shared_items(entity)]
    for owner in ("own", "mate", "stranger", "shared"):
        items += [
            Item(f"contactpoint-{owner}", "contactpoint", links=(("account", f"account-{owner}"),)),
            Item(f"address-{owner}", "address", links=(("account", f"account-{owner}"),)),
            Item(f"consent-{owner}", "consent", links=(("contact", f"contact-{owner}"),)),
            Item(f"personrequest-{owner}", "personrequest", links=(("contact", f"contact-{owner}"),)),
            Item(
                f"affiliation-{owner}",
                "affiliation",
                links=(("contact", f"contact-{owner}"), ("account", "account-manager")),
            ),
            Item(f"dealcontact-{owner}", "dealcontact", links=(("deal", f"deal-{owner}"), ("contact", "contact-own"))),
            Item(
                f"dealcompetitor-{owner}",
                "dealcompetitor",
                links=(("deal", f"deal-{owner}"), ("competitor", "competitor-all")),
            ),
            Item(f"contact-at-{owner}", "contact", "stranger", links=(("account", f"account-{owner}"),)),
            Item(f"activity-at-{owner}", "activity", "stranger", links=(("deal", f"deal-{owner}"),)),
            Item(f"promise-at-{owner}", "promise", "stranger", links=(("account", f"account-{owner}"),)),
            Item(f"x_visit-at-{owner}", "x_visit", "stranger", links=(("x_account", f"account-{owner}"),)),
        ]
    far = (("account", "account-stranger"),)
    items += [Item(f"promise-{who}", "promise", who, links=far) for who in ("seller", "junior", "manager")]
    items += [
        Item("promise-deleted", "promise", "seller", links=far, deleted=True),
        Item("promise-shared", "promise", "stranger", links=far, shares=(Shared("user", "mate", "write"),)),
        *(Item(f"promise-of-{who}", "promise", "stranger", links=far, named=(("asked_of", who),)) for who in ASKED),
    ]
    parents = {"head": "", "north": "head", "north1": "north", "south": "head"}
    return Facts(parents, {p.name: p for p in PEOPLE}, {i.name: i for i in items}, dict(EXTRA))


def shuffled(seed: int) -> Facts:
    """Another world: people elsewhere, other owners, other shares; for the long run."""
    dice, facts = random.Random(seed), standard()
    places = list(facts.parents)
    for person in list(facts.people.values()):
        if person.place:
            moved = {**person.__dict__, "place": dice.choice(places)}
            facts.people[person.name] = Person(**moved)
    owners = ["seller", "mate", "junior", "stranger", "manager", "leader", "southern", "both", ""]
    for item in list(facts.items.values()):
        if item.entity in RECORDS and not item.links:
            shares = tuple(
                Shared(
                    kind,
                    dice.choice(
                        places
                        if kind == "department"
                        else ["seller", "manager", "reader"]
                        if kind == "role"
                        else owners[:-1]
                    ),
                    dice.choice(["read", "write"]),
                    expired=dice.random() < 0.2,
                )
                for kind in ("user", "department", "role")
                if dice.random() < 0.3
            )
            facts.items[item.name] = Item(
                item.name, item.entity, dice.choice(owners), (), shares, item.deleted, item.values
            )
    return facts
