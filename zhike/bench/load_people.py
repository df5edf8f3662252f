"""The people of the large firm: 2,000 in a tree of five levels, with roles and shares. Nobody is real."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

from zhike.base import pinyin
from zhike.base.models import Department, Grant, Role, User
from zhike.engine.models import Share

from .load_words import GIVEN, SURNAMES

BRANCHES = (4, 4, 4, 3)  # departments under each one, level by level
LEVELS = len(BRANCHES) + 1
PEOPLE = 2_000
SHARED = (0, 20, 500, 5_000)  # how many customers the four sellers who are measured got shared


@dataclass(frozen=True)
class Crowd:
    """Who is there: `heads` by level (1 is the root), sellers of the lowest level, and by how many shares they have."""

    heads: Mapping[int, User]
    executive: User
    admin: User
    sellers: Mapping[int, User]
    narrowed: User


def make(dice: random.Random) -> Crowd:
    """Departments, roles and people, into an empty firm."""
    levels: list[list[Department]] = [[_department("总部", None)]]
    for level, width in enumerate(BRANCHES, 2):
        levels.append([_department(f"{level}级{n}部", p) for n, p in product(range(1, width + 1), levels[-1])])
    for each in levels:
        Department.objects.bulk_create(each)
    roles = {role.key: role.pk for role in Role.objects.all()}
    narrow = Role.objects.create(key="narrow", name="narrow")
    for entity, action in product(("account", "contact"), ("list", "read")):
        conditions = [["status", "in", ["customer", "repeat"]]] if entity == "account" else []
        Grant.objects.create(role=narrow, entity=entity, action=action, scope="subtree", conditions=conditions)
    heads = [
        _person(dice, f"head{n}_{i}", department, roles["manager"])
        for n, each in enumerate(levels, 1)
        for i, department in enumerate(each)
    ]
    leaves = levels[-1]
    count = PEOPLE - len(heads) - 3
    sellers = [_person(dice, f"seller{n}", leaves[n % len(leaves)], roles["seller"]) for n in range(count)]
    root = levels[0][0]
    special = [
        _person(dice, "executive", root, roles["executive"]),
        _person(dice, "admin", root, roles["administrator"]),
        _person(dice, "narrowed", levels[2][0], narrow.pk),
    ]
    User.objects.bulk_create([*heads, *sellers, *special])
    return found()


def found() -> Crowd:
    """The people of a firm that was made before."""
    people = {u.username: u for u in User.objects.select_related("department")}
    heads = {}
    for level in range(1, LEVELS + 1):
        last = max((name for name in people if name.startswith(f"head{level}_")), key=lambda n: int(n.split("_")[1]))
        heads[level] = people[last]
    sellers = {count: people[f"seller{n}"] for n, count in enumerate(SHARED)}
    return Crowd(heads, people["executive"], people["admin"], sellers, people["narrowed"])


def _department(name: str, parent: Department | None) -> Department:
    made = Department(name=name, parent=parent)
    made.ancestors = [*(parent.ancestors if parent else ()), made.pk]
    return made


def _person(dice: random.Random, username: str, department: Department, role: UUID) -> User:
    name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN)
    return User(
        username=username, name=name, pinyin=pinyin.person(name).sort_key, department=department, roles=[role],
        language="zh-hans",
    )  # fmt: skip


# ---- shares


def share(cursor: Any, crowd: Crowd, rows: int) -> None:
    """Customers shared with persons, a department and a role; one in five no more."""
    part = rows / 1_000_000
    for count, user in crowd.sellers.items():
        _share(cursor, crowd.admin, Share.Kind.USER, user.pk, round(count * part), rows)
    team = crowd.heads[LEVELS].department
    if team is not None:
        _share(cursor, crowd.admin, Share.Kind.DEPARTMENT, team.pk, round(100 * part), rows)
        _share(cursor, crowd.admin, Share.Kind.DEPARTMENT, team.ancestors[2], round(200 * part), rows)
    for user in User.objects.order_by("pk")[1_000:1_200]:
        _share(cursor, crowd.admin, Share.Kind.USER, user.pk, round(50 * part), rows)
    _share(cursor, crowd.admin, Share.Kind.ROLE, crowd.narrowed.roles[0], round(30 * part), rows)


def _share(cursor: Any, by: User, kind: str, target: UUID, count: int, rows: int) -> None:
    """Customers all over the table, by steps of the golden section from where the target's own id points."""
    start = target.int % 1_000 / 1_000
    numbers = [1 + int(rows * ((start + n * 0.6180339887) % 1)) for n in range(count)]
    cursor.execute(
        "INSERT INTO engine_share (id, entity, record, kind, target, level, title, until, reason, by_id, at)"
        " SELECT gen_random_uuid(), 'account', a.id, %(kind)s, %(target)s, 'read', '',"
        " CASE WHEN mod(substr(number, 2)::int, 5) = 0 THEN current_date - 1 END, '', %(by)s, now()"
        " FROM customers_account a WHERE a.number = ANY(%(numbers)s) ON CONFLICT DO NOTHING",
        {"kind": kind, "target": target, "by": by.pk, "numbers": [f"C{n:08d}" for n in numbers]},
    )
