"""Everybody × every record × every door: who may is let through, who may not changes nothing.

The expectation comes from the role file through an oracle that imports nothing of the product (oracle.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from zhike.base.models import Grant, User
from zhike.engine.entity import entities
from zhike.modules.customers.models import Tag

from . import channels, facts
from .channels import Door
from .facts import Item, Person
from .world import World, build, digest, written

PER_CHANGE = 6_500  # cases; trust.md asks for at least 6,000
SEED = 20261121  # of the draw
done: dict[str, int] = {}
pytestmark = pytest.mark.django_db  # each case in a savepoint inside the transaction of the world


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The standard world; what a case writes is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build(facts.standard())
        transaction.set_rollback(True)


def cases(person: Person, seen: facts.Facts) -> Iterator[tuple[Item, Door]]:
    """What somebody may try: pages with a browser, the API with a key."""
    for item in seen.items.values():
        entity = entities()[item.entity]
        for door in channels.doors(entity):
            if door.applies(entity, item) and door.web is (person.token is None):
                yield item, door


def check(world: World, person: Person, item: Item, door: Door) -> str:
    """What is wrong with one case, "" for nothing."""
    if door.whole:
        may = [world.oracle.may(person, item.entity, action) for action in door.takes]
    else:
        may = [world.oracle.allowed(person, item, action) for action in door.takes]
    expected = any(may) if door.name in channels.ANY_OF else all(may)
    if "reveal" in door.takes:
        key = channels.first_masked(entities()[item.entity])
        expected = expected and world.oracle.level(person, item.entity, key) == "masked"
    after: dict[str, str] = {}
    with transaction.atomic():
        if door.before:
            door.before(world, person, item)
        before = digest() if door.before and not expected else {}
        counted = {} if expected else written()
        found = door.run(world, person, item)
        if (
            not expected and found.status != 200 and written() != counted
        ):  # 200: a list of other rows, which may be noted
            after = digest()
        transaction.set_rollback(True)
    if found.allowed != expected or found.status >= 500:
        return f"{person.name} {door.name} {item.name}: {found.status}, expected {expected}"
    before = before or (digest() if after else {})
    if changed := [table for table in after if after[table] != before[table]]:
        return f"{person.name} {door.name} {item.name}: refused, and yet {changed} changed"
    return ""


def sample(seen: facts.Facts, size: int) -> set[tuple[str, str, str]]:
    """Which cases are run for a change: drawn evenly, each by its own name, so that a new door moves no other."""
    everything = [(p.name, i.name, d.name) for p in seen.people.values() for i, d in cases(p, seen)]
    return set(sorted(everything, key=lambda case: hashlib.sha256(f"{SEED} {case}".encode()).digest())[:size])


CHOSEN = sample(facts.standard(), PER_CHANGE)


@pytest.mark.parametrize("name", facts.standard().people)
def test_matrix(world: World, name: str) -> None:
    person = world.facts.people[name]
    wrong = []
    for item, door in cases(person, world.facts):
        if (name, item.name, door.name) in CHOSEN:
            done[name] = done.get(name, 0) + 1
            if problem := check(world, person, item, door):
                wrong.append(problem)
    assert wrong == [], "\n".join(wrong)


def test_enough_was_tried() -> None:
    assert sum(done.values()) >= 6_000 or len(done) < len(facts.PEOPLE), done


PARTS = 8  # of a world; each in a transaction of its own, because what is taken back lies in the way of every digest


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("seed", range(2))  # two worlds together are the 50,000 cases of the long run
def test_matrix_whole_in_other_worlds(seed: int, part: int) -> None:
    world = build(facts.shuffled(seed) if seed else facts.standard())
    wrong = []
    for person in list(world.facts.people.values())[part::PARTS]:
        for item, door in cases(person, world.facts):
            if problem := check(world, person, item, door):
                wrong.append(problem)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("seed", range(2))
def test_a_whole_world_is_large_enough(seed: int) -> None:
    seen = facts.shuffled(seed) if seed else facts.standard()
    assert sum(1 for person in seen.people.values() for _case in cases(person, seen)) >= 25_000


def test_whatever_is_written_is_noticed(world: World) -> None:
    """The counters that spare the digest see each kind of write, those that are taken back too."""
    user = world.users["seller"]
    for change in (
        lambda: User.objects.filter(pk=user.pk).update(name="改"),
        lambda: Tag.objects.create(name="新"),
        lambda: Tag.objects.filter(deleted_at=None).delete(),
        lambda: Grant.objects.update(scope="own"),
    ):
        with transaction.atomic():
            before, counted = digest(), written()
            assert written() == counted
            with transaction.atomic():
                change()
                assert (written() != counted, digest() != before) == (True, True)
                transaction.set_rollback(True)
            assert digest() == before
            transaction.set_rollback(True)
