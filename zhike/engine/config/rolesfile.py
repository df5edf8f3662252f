"""Roles with their rights as plain values for a file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zhike.base.models import Role
from zhike.engine import people, rights
from zhike.engine.access import Actor
from zhike.engine.errors import Refused
from zhike.engine.rights import Book, Given

from .checking import Check

Value = Mapping[str, Any]


def read() -> dict[str, Any]:
    """Every role: what it is called, its rights by object and reach, and what it may do with single fields."""
    return {role.key: _role(role) for role in Role.objects.filter(deleted_at=None).order_by("key")}


def _role(role: Role) -> dict[str, Any]:
    book = rights.now(role)
    together: dict[tuple[str, str, str], list[str]] = {}
    for (entity, action), given in book.grants.items():
        together.setdefault((entity, given.scope, given.conditions), []).append(action)
    grants = [
        {"on": e, "may": sorted(may), "reach": scope, **({"where": json.loads(where)} if where != "[]" else {})}
        for (e, scope, where), may in sorted(together.items())
    ]
    levels = [
        {"on": e, "field": key, "level": level, **({"when": when} if when else {})}
        for (e, key, when), level in sorted(book.fields.items())
    ]
    found: dict[str, Any] = {"name": role.name, "home": role.home}
    found |= {"office": role.office} if role.office else {}
    return found | {k: v for k, v in (("grants", grants), ("fields", levels)) if v}


def check(found: Check, value: Any) -> None:
    """The form of the part of a file that is about roles."""
    for key, item in found.table("roles", value, most=200).items():
        here = f"roles.{key}"
        said = found.table(here, item, ("name", "home", "office", "grants", "fields"))
        found.text(f"{here}.name", said.get("name"), 80, need=True)
        found.one_of(f"{here}.home", said.get("home"), Role.Home.values)
        found.one_of(f"{here}.office", said.get("office", ""), Role.Office.values)
        for n, grant in enumerate(found.items(f"{here}.grants", said.get("grants", []), 2000)):
            line = found.table(f"{here}.grants.{n}", grant, ("on", "may", "reach", "where"))
            found.text(f"{here}.grants.{n}.on", line.get("on"), 40, need=True)
            found.one_of(f"{here}.grants.{n}.reach", line.get("reach"), _reaches())
            for m, action in enumerate(found.items(f"{here}.grants.{n}.may", line.get("may", []), 60)):
                found.text(f"{here}.grants.{n}.may.{m}", action, 40, need=True)
            found.items(f"{here}.grants.{n}.where", line.get("where", []), 20)
        for n, level in enumerate(found.items(f"{here}.fields", said.get("fields", []), 2000)):
            line = found.table(f"{here}.fields.{n}", level, ("on", "field", "level", "when"))
            for name in ("on", "field", "level"):
                found.text(f"{here}.fields.{n}.{name}", line.get(name), 60, need=True)


def _reaches() -> list[str]:
    return ["own", "department", "subtree", "account", "all"]


def book(said: Value) -> Book:
    """The rights that a role of a file has."""
    grants = {
        (g["on"], action): Given(g["reach"], json.dumps(g.get("where", []), ensure_ascii=False))
        for g in said.get("grants", ())
        for action in g["may"]
    }
    return Book(grants, {(f["on"], f["field"], f.get("when", "")): f["level"] for f in said.get("fields", ())})


def different(wanted: Mapping[str, Value]) -> list[str]:
    """Keys of the roles that are not as the file says."""
    now = read()
    return [key for key, said in wanted.items() if now.get(key) != said]


def make(actor: Actor, wanted: Mapping[str, Value]) -> None:
    """Roles with their names and homes; Refused where one would be different without the right to give rights."""
    for key in different(wanted):
        if actor.office not in people.GIVING:
            raise Refused("rights")
        said = wanted[key]
        role = Role.objects.filter(key=key).first() or Role(key=key)
        role.name, role.home, role.office = said["name"], said["home"], said.get("office", "")
        role.deleted_at = None
        role.save()


def write(actor: Actor, wanted: Mapping[str, Value]) -> None:
    """The rights of roles as the file says, once the objects are there that they speak of; Invalid where wrong."""
    for key in different(wanted):
        role = Role.objects.get(key=key)
        now, fresh = rights.now(role), book(wanted[key])
        if not now.is_everything and not fresh.is_everything and now.digest() != fresh.digest():
            rights.save(actor, role.pk, fresh, now.digest())
