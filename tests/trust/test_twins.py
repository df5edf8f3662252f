"""Two worlds that differ in one secret look the same to who must not know it: status, headers, body, order.

Each request is asked in both; what a request writes is rolled back in both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from django.db import transaction

from . import asking, facts, hidden
from .facts import Person
from .hidden import Secret
from .world import World, build

PAIRS = [(secret, name) for secret in hidden.SECRETS for name in secret.who]
PER_CHANGE = 1 + 1_000 // len(PAIRS)
LONG = 1 + 20_000 // len(PAIRS)
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The standard world with the first value of every secret in place."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build(facts.standard())
        transaction.set_rollback(True)


def differences(world: World, person: Person, secret: Secret, size: int, seed: int) -> list[str]:
    """The requests that tell one world from the other, with what they tell."""
    asked = list(islice(asking.requests(world, person, secret, seed), size))
    answers: list[list[Any]] = []
    for swap in (secret.first, secret.swap):
        with transaction.atomic():
            swap(world)
            found = []
            for request in asked:
                with transaction.atomic():
                    found.append(asking.send(world, person, request))
                    transaction.set_rollback(True)
            answers.append(found)
            transaction.set_rollback(True)
    return [
        f"{person.name}, {secret.name}: {request}\n{_told(one, two)}"
        for request, one, two in zip(asked, *answers, strict=True)
        if one != two
    ]


def _told(one: Any, two: Any) -> str:
    lines = difflib.unified_diff(str(one).split("\\n"), str(two).split("\\n"), lineterm="", n=0)
    return "\n".join(line[:300] for line in islice(lines, 12))


@pytest.mark.parametrize(("secret", "name"), PAIRS, ids=[f"{s.name}-{n}" for s, n in PAIRS])
def test_twins(world: World, secret: Secret, name: str) -> None:
    found = differences(world, world.facts.people[name], secret, PER_CHANGE, 1)
    assert found == [], "\n\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize(("secret", "name"), PAIRS, ids=[f"{s.name}-{n}" for s, n in PAIRS])
def test_twins_at_length(world: World, secret: Secret, name: str) -> None:
    found = differences(world, world.facts.people[name], secret, LONG, 2)
    assert found == [], "\n\n".join(found)


def test_the_comparison_notices_what_differs(world: World) -> None:
    """The administrator, who may know every secret, does see the difference."""
    known = [s for s in hidden.SECRETS if s.name != "what the manager opened"]  # only the manager's own
    must = [s for s in known if not s.where or ("." in s.name and s.where in ("amount", "name"))]
    admin = world.facts.people["admin"]
    missed = [s.name for s in must if not any(differences(world, admin, s, n, 3) for n in (4, 12, 40))]
    assert missed == []
