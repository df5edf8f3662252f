"""Fills the empty database at DATABASE_URL for the contract tests: tables, a small firm, records, and keys.

Run as a process of its own; prints the keys as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

WRITES = ("account", "contact", "lead", "deal", "activity", "product", "tag", "address", "contactpoint")
SCOPES = {
    # everything of the business; people, roles and departments are only looked at, or the run would lock itself out
    "manager": ["*:list", "*:read", "*:reveal", *(f"{key}:*" for key in WRITES)],
    "seller": ["account:*", "contact:read", "contact:list", "tag:list", "deal:list"],
}


def main() -> None:
    """Migrates, makes people with keys, and two records of each kind."""
    django.setup()
    # Here, because all of it needs Django set up.
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    json.dump(fill(), sys.stdout)


def fill() -> dict[str, str]:
    """The keys by person."""
    from tests.registry.factory import make
    from zhike.base.models import Department, Role, User
    from zhike.engine import tokens
    from zhike.engine.access import Actor
    from zhike.engine.entity import get

    def person(name: str, place: Any) -> Actor:
        role = Role.objects.get(key=name)
        return Actor(User.objects.create_user(name, "Zhike-test-2026", name=name, department=place, roles=[role.pk]))

    place = Department(name="华北销售部")
    place.ancestors = [place.pk]
    place.save()
    people = {name: person(name, place) for name in SCOPES}
    for key in WRITES:
        for actor in people.values() if key not in ("product", "tag") else (people["manager"],):
            make(actor, get(key))
    return {
        name: tokens.issue(actor, name="contract", scopes=SCOPES[name], rows_per_day=10_000_000).secret
        for name, actor in people.items()
    }


if __name__ == "__main__":
    main()
