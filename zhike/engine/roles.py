"""The four roles that a fresh installation starts with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

OWN, DEPARTMENT, ALL, ANY = "own", "department", "all", "*"
PART = ("read", "create", "update", "delete", "export")
Row = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Business:
    """What the modules have: records with an owner, parts seen through another record, and lists shared by all."""

    records: Sequence[str]
    parts: Sequence[str] = ()
    shared: Sequence[str] = ()
    growing: Sequence[str] = ()  # those of `shared` to which everybody may add


def _rows(business: Business, scope: str) -> Iterator[Row]:
    """Everything on records within a scope, and on their parts through them; shared lists to read."""
    for entity in business.records:
        yield entity, ANY, scope
    for entity in business.parts:
        yield from ((entity, action, scope) for action in PART)
    for entity in business.shared:
        yield entity, "read", ALL
    for entity in business.growing:
        yield entity, "create", ALL


def _seller(business: Business) -> Iterator[Row]:
    return _rows(business, OWN)


def _manager(business: Business) -> Iterator[Row]:
    yield from _rows(business, DEPARTMENT)
    for entity in business.shared:
        yield entity, "update", ALL
        yield entity, "create", ALL
    yield "user", "read", DEPARTMENT


def _executive(business: Business) -> Iterator[Row]:
    for entity in (*business.records, *business.parts, *business.shared, "user", "department"):
        yield entity, "read", ALL
        yield entity, "export", ALL


def _administrator(_business: Business) -> Iterator[Row]:
    yield ANY, ANY, ALL


ROLES = (
    ("seller", "销售", "seller", False, _seller),
    ("manager", "销售经理", "manager", False, _manager),
    ("executive", "管理层", "executive", False, _executive),
    ("administrator", "系统管理员", "admin", True, _administrator),
)


def ensure_roles(apps: Any, business: Business) -> dict[str, Any]:
    """The default roles by key: seller, manager, executive, administrator; what an administrator changed, stays.

    `apps` is Django's registry of models, or that of a migration.
    """
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    found = {}
    for key, name, home, is_admin, rows in ROLES:
        role, is_new = roles.objects.get_or_create(key=key, defaults={"name": name, "home": home, "is_admin": is_admin})
        if is_new:
            grants.objects.bulk_create(
                grants(role=role, entity=entity, action=action, scope=scope)
                for entity, action, scope in sorted(set(rows(business)))
            )
        found[key] = role
    return found
