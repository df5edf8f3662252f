"""Sharing, delegation, hand-over, moves of people and departments, changes of role: the gate against a plain model.

The model knows dictionaries and no query. After every step one person is compared over all records and actions, at the
end everybody, for themselves and for whom they may enter.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.access.world import role
from zhike.base.models import Department, User
from zhike.engine import delegation, query, records, sharing
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Share

ACCOUNT = get("account")
ACTIONS = ("list", "read", "update", "transfer")
LOOK, CHANGE = frozenset({"list", "read"}), frozenset(ACTIONS)
ROLES = {
    "own": dict.fromkeys(CHANGE, "own"),
    "department": dict.fromkeys(CHANGE, "department"),
    "subtree": {**dict.fromkeys(LOOK, "subtree"), "update": "own", "transfer": "subtree"},
    "look": dict.fromkeys(LOOK, "all"),
    "nothing": {},
}
PEOPLE, PLACES, MOST = ("ann", "bob", "cid", "dan", "eve"), ("root", "north", "south", "nook"), 5
SHARED = {"read": LOOK, "write": frozenset({"list", "read", "update"})}
person, place, number = st.sampled_from(PEOPLE), st.sampled_from(PLACES), st.integers(0, MOST - 1)
TODAY = timezone.localdate()


class Model:
    """Who may what, in dictionaries."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {"root": "", "north": "root", "south": "root", "nook": "north"}
        self.place = {"ann": "north", "bob": "nook", "cid": "south", "dan": "root", "eve": "nook"}
        self.role = {"ann": "own", "bob": "department", "cid": "own", "dan": "subtree", "eve": "look"}
        self.owner: list[str] = []
        self.shares: dict[tuple[int, str, str], tuple[str, bool]] = {}  # level, still on
        self.lent: dict[tuple[str, str], frozenset[str]] = {}

    def path(self, where: str) -> list[str]:
        """A department and all above it."""
        found = []
        while where:
            found.append(where)
            where = self.parent[where]
        return found

    def right(self, who: str, n: int, action: str) -> bool:
        """By role alone."""
        scope, owner = ROLES[self.role[who]].get(action, ""), self.owner[n]
        if scope == "all":
            return True
        if owner == who:
            return bool(scope)
        if scope == "department":
            return self.place[owner] == self.place[who]
        return scope == "subtree" and self.place[who] in self.path(self.place[owner])

    def may(self, who: str, n: int, action: str) -> bool:
        """By role or by a share."""
        mine = {("user", who), ("role", self.role[who]), *(("department", p) for p in self.path(self.place[who]))}
        shared = any(
            on and record == n and (kind, target) in mine and action in SHARED[level]
            for (record, kind, target), (level, on) in self.shares.items()
        )
        return shared or self.right(who, n, action)

    def may_share(self, who: str, n: int, level: str) -> bool:
        """Owner or allowed to hand over, and no more than one has."""
        if not self.may(who, n, "read") or not (self.owner[n] == who or self.right(who, n, "transfer")):
            return False
        return level == "read" or self.may(who, n, "update")


class Sharing(RuleBasedStateMachine):
    """The same steps for the model and for the system."""

    admin: ClassVar[Any] = None

    @initialize()
    def begin(self) -> None:
        """Five people in four departments with five roles."""
        self.block = transaction.atomic()
        self.block.__enter__()
        self.model, self.step = Model(), 0
        self.places: dict[str, Any] = {}
        for name in PLACES:
            above = self.places.get(self.model.parent[name])
            made = Department(name=name, parent=above)
            made.ancestors = [*(above.ancestors if above else []), made.pk]
            made.save()
            self.places[name] = made
        self.roles = {
            key: role(f"m-{key}", *(("account", a, s) for a, s in rights.items())) for key, rights in ROLES.items()
        }
        self.people = {
            name: User.objects.create(
                username=name,
                name=name,
                department=self.places[self.model.place[name]],
                roles=[self.roles[self.model.role[name]].pk],
            ).pk
            for name in PEOPLE
        }
        self.records: list[UUID] = []

    def teardown(self) -> None:
        """Everybody is compared, then all is taken back."""
        if not hasattr(self, "block"):
            return
        try:
            for who in PEOPLE:
                self.compare(who)
            self.compare_lent()
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    def actor(self, who: str) -> Actor:
        """As for a new request."""
        return Actor(User.objects.select_related("department").get(pk=self.people[who]))

    def compare(self, who: str, actor: Actor | None = None, within: frozenset[str] = CHANGE) -> None:
        """The gate and the model about one person."""
        actor = actor or self.actor(who)
        for action in ACTIONS:
            rows = query.visible(actor, ACCOUNT, action).filter(pk__in=self.records)
            seen = {self.records.index(pk) for pk in rows.values_list("pk", flat=True)}
            want = {n for n in range(len(self.records)) if action in within and self.model.may(who, n, action)}
            assert seen == want, (who, action)

    def compare_lent(self) -> None:
        """What assistants reach for others."""
        for d in delegation.in_force().filter(principal__in=self.people.values()):
            names = {pk: name for name, pk in self.people.items()}
            pair = names[d.principal_id], names[d.assistant_id]
            lent = delegation.actor_for(d.assistant, d.pk)
            assert lent
            self.compare(pair[0], lent[0], self.model.lent[pair])

    @invariant()
    def agrees(self) -> None:
        """One person after every step, in turn."""
        if hasattr(self, "records") and self.records:
            self.compare(PEOPLE[self.step % len(PEOPLE)])
            self.step += 1

    @rule(owner=person)
    def create(self, owner: str) -> None:
        """A new record of somebody's."""
        if len(self.records) < MOST:
            made = records.create(Actor(self.admin), ACCOUNT, {"name": f"公司{len(self.records)}"})
            self.records.append(made.pk)
            self.model.owner.append("")
            self._hand(len(self.records) - 1, owner)

    def _hand(self, n: int, to: str, actor: Actor | None = None) -> None:
        values = {"owner": self.people[to]}
        records.update_many(actor or Actor(self.admin), ACCOUNT, {self.records[n]: values}, action="transfer")
        self.model.owner[n] = to

    @rule(n=number, by=person, to=person)
    def hand_over(self, n: int, by: str, to: str) -> None:
        """Give a record to somebody."""
        if n >= len(self.records):
            return
        may = self.model.right(by, n, "transfer")
        try:
            self._hand(n, to, self.actor(by))
        except (Missing, Refused):
            assert not may
        else:
            assert may

    @rule(
        n=number,
        by=person,
        whom=st.sampled_from((*PEOPLE, *PLACES, *ROLES)),
        level=st.sampled_from(("read", "write")),
    )
    def share(self, n: int, by: str, whom: str, level: str) -> None:
        """Share with a person, a department or a role."""
        if n >= len(self.records):
            return
        kind = "user" if whom in PEOPLE else "department" if whom in PLACES else "role"
        known: dict[str, Any] = {"user": self.people, "department": self.places, "role": self.roles}[kind]
        old, _on = self.model.shares.get((n, kind, whom), ("read", True))
        may = self.model.may_share(by, n, level) and self.model.may_share(by, n, old)
        own = kind == "user" and self.model.owner[n] == whom
        pk = known[whom] if kind == "user" else known[whom].pk
        try:
            sharing.share(self.actor(by), ACCOUNT, self.records[n], kind=kind, target=pk, level=level, until=TODAY)
        except (Missing, Refused, Invalid):
            assert own or not may
        else:
            assert may
            assert not own
            self.model.shares[n, kind, whom] = (level, True)

    @rule(pick=st.integers(0, 50), by=person)
    def unshare(self, pick: int, by: str) -> None:
        """Take a share back, or leave it."""
        if not self.model.shares:
            return
        n, kind, target = sorted(self.model.shares)[pick % len(self.model.shares)]
        level, _on = self.model.shares[n, kind, target]
        may = self.model.may_share(by, n, level) or (kind == "user" and target == by and self.model.may(by, n, "read"))
        try:
            sharing.unshare(self.actor(by), ACCOUNT, self.records[n], self._share(n, kind, target).pk)
        except (Missing, Refused):
            assert not may
        else:
            assert may
            del self.model.shares[n, kind, target]

    def _share(self, n: int, kind: str, target: str) -> Share:
        pk = {"user": self.people.get(target)}.get(kind) or (self.places | self.roles)[target].pk
        return Share.objects.get(record=self.records[n], kind=kind, target=pk)

    @rule(pick=st.integers(0, 50))
    def a_day_passes(self, pick: int) -> None:
        """A share has come to its end."""
        if self.model.shares:
            key = sorted(self.model.shares)[pick % len(self.model.shares)]
            share = self._share(*key)
            Share.objects.filter(pk=share.pk).update(until=TODAY - dt.timedelta(days=1))
            self.model.shares[key] = (self.model.shares[key][0], False)

    @rule(who=person, where=place)
    def move_person(self, who: str, where: str) -> None:
        """Somebody goes to another department, with their records."""
        values = {"department": self.places[where].pk}
        records.update(Actor(self.admin), get("user"), self.people[who], values)
        self.model.place[who] = where

    @rule(what=st.sampled_from(("north", "south", "nook")), under=place)
    def move_department(self, what: str, under: str) -> None:
        """A department goes below another, with all that lies below it."""
        wrong = what in self.model.path(under)
        try:
            values = {"parent": self.places[under].pk}
            records.update(Actor(self.admin), get("department"), self.places[what].pk, values)
        except Invalid:
            assert wrong
        else:
            assert not wrong
            self.model.parent[what] = under

    @rule(who=person, key=st.sampled_from(tuple(ROLES)))
    def change_role(self, who: str, key: str) -> None:
        """Another role."""
        values = {"roles": [self.roles[key].pk]}
        records.act(Actor(self.admin), get("user"), self.people[who], "assign", values)
        self.model.role[who] = key

    @rule(principal=person, assistant=person, actions=st.frozensets(st.sampled_from(ACTIONS), min_size=1))
    def lend(self, principal: str, assistant: str, actions: frozenset[str]) -> None:
        """Somebody lets another enter for them."""
        if principal == assistant or (principal, assistant) in self.model.lent:
            return
        people: dict[str, Any] = {
            k: User.objects.get(pk=self.people[v]) for k, v in (("principal", principal), ("assistant", assistant))
        }
        scopes = [f"account:{a}" for a in actions]
        delegation.create(self.actor(principal), **people, scopes=scopes, from_on=TODAY, until_on=TODAY)
        self.model.lent[principal, assistant] = actions

    @rule(pick=st.integers(0, 50), by=person)
    def take_back(self, pick: int, by: str) -> None:
        """Principal or assistant end it; nobody else can."""
        if not self.model.lent:
            return
        pair = sorted(self.model.lent)[pick % len(self.model.lent)]
        ids = {"principal": self.people[pair[0]], "assistant": self.people[pair[1]]}
        found = delegation.in_force().get(**ids)
        try:
            delegation.revoke(self.actor(by), found.pk)
        except Missing:
            assert by not in pair
        else:
            assert by in pair
            del self.model.lent[pair]


def run(firm: Any, examples: int, steps: int) -> None:
    """So many examples of so many steps, the same ones every time."""
    Sharing.admin = firm.admin
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Sharing, settings=chosen)


def test_the_gate_agrees_with_the_model(firm: Any) -> None:
    run(firm, 60, 30)


@pytest.mark.long
def test_the_gate_agrees_with_the_model_for_long(firm: Any) -> None:
    run(firm, 200, 80)  # 5,000 would take hours on two cores; trust.md has this scaled to the machine
