"""The roles that a fresh installation starts with: four to work with, three for firms that separate administrators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

OWN, SUBTREE, ALL, ANY = "own", "subtree", "all", "*"
LOOK = ("list", "read")
PART = (*LOOK, "create", "update", "delete", "restore", "bulk", "export", "reveal")
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
        yield from ((entity, action, ALL) for action in LOOK)
    for entity in business.growing:
        yield entity, "create", ALL


def _seller(business: Business) -> Iterator[Row]:
    return _rows(business, OWN)


def _manager(business: Business) -> Iterator[Row]:
    yield from _rows(business, SUBTREE)
    for entity in business.shared:
        yield entity, "update", ALL
        yield entity, "create", ALL
    yield from (("user", action, SUBTREE) for action in LOOK)


def _executive(business: Business) -> Iterator[Row]:
    for entity in (*business.records, *business.parts, *business.shared, "user", "department"):
        yield from ((entity, action, ALL) for action in (*LOOK, "reveal", "export"))


def _administrator(_business: Business) -> Iterator[Row]:
    yield ANY, ANY, ALL


def _system(_business: Business) -> Iterator[Row]:
    """Runs the system: people, departments, pipelines, calendar; no business data, no rights, no audit trail."""
    for entity in ("user", "department", "pipeline", "stage", "calendarday"):
        yield from ((entity, action, ALL) for action in (*LOOK, "create", "update", "delete", "restore", "import"))


def _security(_business: Business) -> Iterator[Row]:
    """Gives and takes rights, and does no work of its own."""
    for entity in ("role", "user", "department"):
        yield from ((entity, action, ALL) for action in LOOK)
    yield from (("role", action, ALL) for action in ("create", "update", "delete", "restore"))


def _audit(_business: Business) -> Iterator[Row]:
    """Reads what was done, and nothing else."""
    yield from ((entity, action, ALL) for entity in ("user", "department", "role") for action in LOOK)


ROLES = (
    ("seller", "销售", "seller", "", _seller),
    ("manager", "销售经理", "manager", "", _manager),
    ("executive", "管理层", "executive", "", _executive),
    ("administrator", "管理员", "admin", "all", _administrator),
    ("system", "系统管理员", "admin", "system", _system),
    ("security", "安全管理员", "admin", "security", _security),
    ("audit", "审计管理员", "admin", "audit", _audit),
)


def ensure_roles(apps: Any, business: Business) -> dict[str, Any]:
    """The default roles by key: seller, manager, executive, administrator, and the three administrators of 等保.

    What an administrator changed, stays.

    `apps` is Django's registry of models, or that of a migration.
    """
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    found = {}
    has_office = any(f.name == "office" for f in roles._meta.fields)  # a migration may stand before that field
    for key, name, home, office, rows in ROLES:
        title = {"office": office} if has_office else {"is_admin": office == "all"}
        role, is_new = roles.objects.get_or_create(key=key, defaults={"name": name, "home": home, **title})
        if is_new:
            grants.objects.bulk_create(
                grants(role=role, entity=entity, action=action, scope=scope)
                for entity, action, scope in sorted(set(rows(business)))
            )
        found[key] = role
    return found
