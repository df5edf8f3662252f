"""What ought to be allowed, worked out from the role file and the facts of a world.

It is written from docs/security.md and imports nothing of the product: were it to ask the engine, a mistake there would
be its own proof.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .facts import Facts, Item, Person

ROLE_FILE = Path(__file__).parents[2] / "zhike/modules/activities/roles.toml"
LOOKING = {"list", "read"}
SHARED = {"read": {"list", "read"}, "write": {"list", "read", "update", "bulk"}}
EXPLICIT = {"erase", "lock", "unlock", "merge", "hold", "unhold", "recall"}
VIA = {
    "contact": ("account",),
    "activity": ("account", "contact", "lead", "deal"),
    "affiliation": ("account", "contact"),
    "contactpoint": ("account", "contact"),
    "address": ("account",),
    "consent": ("contact",),
    "personrequest": ("contact",),
    "dealcontact": ("deal",),
    "dealcompetitor": ("deal",),
    "promise": ("account", "contact", "deal", "lead"),
    "x_visit": ("x_account",),
}
NAMED = {"promise": {"asked_of": ("list", "read", "confirm", "refuse")}}
OWNED = {"lead", "account", "contact", "deal", "activity", "product", "competitor", "promise", "target", "x_visit"}
OWN = {"x_phone", "x_email", "x_identity"}  # of the fields that the firm of the tests has made
MASKED = {
    "account": {"phone", "email", *OWN},
    "deal": OWN,
    "x_visit": OWN,
    "contact": {"phone", "landline", "email"},
    "lead": {"phone", "email"},
    "contactpoint": {"value"},
    "address": {"phone"},
}
LEVELS = ("hidden", "masked", "read", "write")


class Oracle:
    """Answers for one world."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        said = tomllib.loads(ROLE_FILE.read_text("utf-8"))
        self.groups: dict[str, list[str]] = {**said["groups"], "records": [*said["groups"]["records"], "x_visit"]}
        self.words: dict[str, list[str]] = said["actions"]
        self.roles: dict[str, dict[str, Any]] = {**said["role"], **facts.extra_roles}
        self.links = {i.name: dict(i.links) for i in facts.items.values()}

    def principal(self, person: Person) -> Person:
        """Whose rights count."""
        return self.facts.people[person.for_whom] if person.for_whom else person

    def is_let_in(self, person: Person) -> bool:
        """Whether the door opens at all."""
        return person.name != "anonymous" and person.active and person.token_is == "good"

    def within(self, person: Person, entity: str, action: str) -> bool:
        """Whether a token, a loan or looking as somebody leaves the action in."""
        if person.looking:
            return action in LOOKING
        bounds = person.token if person.token is not None else person.lent if person.for_whom else ("*:*",)
        return bool({f"{entity}:{action}", f"{entity}:*", f"*:{action}", "*:*"} & set(bounds))

    def reaches(self, person: Person, entity: str, action: str) -> list[tuple[str, Any]]:
        """(reach, condition) of every permission row that bears on the action."""
        found = []
        for key in self.principal(person).roles:
            for grant in self.roles[key]["grants"]:
                entities = ["*"] if grant["on"] == "*" else self.groups.get(grant["on"], [grant["on"]])
                actions = [a for word in grant["may"] for a in self.words.get(word, [word])]
                for e in entities:
                    named = action in actions or ("*" in actions and (action not in EXPLICIT or e == "*"))
                    if named and e in (entity, "*"):
                        found.append((grant["reach"], grant.get("when")))
        return found

    def may(self, person: Person, entity: str, action: str) -> bool:
        """Whether the action is allowed on anything of the entity."""
        if not self.is_let_in(person) or not self.within(person, entity, action):
            return False
        if self.reaches(person, entity, action):
            return True
        return any(self._shared(person, i, action) for i in self.facts.items.values() if i.entity == entity)

    def allowed(self, person: Person, item: Item, action: str) -> bool:
        """Whether the action is allowed on the item."""
        if not self.is_let_in(person) or not self.within(person, item.entity, action):
            return False
        if item.deleted and action not in ("restore", "bulk"):  # many of them may be brought back at once
            return False
        held = self.reaches(person, item.entity, action)
        if any(self._reached(person, item, reach, when) for reach, when in held):
            return True
        if self._shared(person, item, action):
            return True
        return bool(held) and (self._through(person, item, action) or self._named(person, item, action))

    def _reached(self, person: Person, item: Item, reach: str, when: Any) -> bool:
        if when and dict(item.values).get(when[0]) != when[2]:
            return False
        if reach == "all" or item.entity not in OWNED:
            return reach == "all"
        who = self.principal(person)
        place = self.facts.people[item.owner].place if item.owner else ""
        near = {
            "own": False,
            "department": bool(place) and place == who.place,
            "subtree": bool(place) and who.place in self.facts.above(place),
        }
        return item.owner == who.name or near[reach]

    def _shared(self, person: Person, item: Item, action: str) -> bool:
        who = self.principal(person)
        if not who.roles or not self.within(person, item.entity, action):
            return False  # somebody without any role does not work here
        for share in item.shares:
            targets = {"user": [who.name], "department": self.facts.above(who.place), "role": who.roles}[share.kind]
            if share.target in targets and action in SHARED[share.level] and not share.expired:
                return not item.deleted
        return False

    def _through(self, person: Person, item: Item, action: str) -> bool:
        """Seen through another record; what has an owner of its own is only looked at that way."""
        if item.entity in OWNED and action not in LOOKING:
            return False
        for field in VIA.get(item.entity, ()):
            name = self.links[item.name].get(field)
            if name and self.allowed(person, self.facts.items[name], action if action in LOOKING else "update"):
                return True
        return False

    def _named(self, person: Person, item: Item, action: str) -> bool:
        """Opened to whom a field names."""
        who, opened = self.principal(person).name, NAMED.get(item.entity, {})
        return any(name == who and action in opened.get(field, ()) for field, name in item.named)

    def level(self, person: Person, entity: str, key: str) -> str:
        """hidden, masked, read or write: the mildest of what the roles say."""
        default = "masked" if key in MASKED.get(entity, ()) else "write"
        said = [
            self.roles[role].get("fields", {}).get(f"{entity}.{key}", default) for role in self.principal(person).roles
        ]
        return max(said, key=LEVELS.index, default="hidden")
