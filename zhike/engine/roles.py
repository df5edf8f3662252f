"""Roles that a fresh installation starts with, read from a role file (zhike/modules/activities/roles.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = tuple[str, str, str]  # entity, action, scope


@dataclass(frozen=True)
class RoleFile:
    """What a role file says: groups of entities, groups of actions, and roles with their grants."""

    groups: Mapping[str, Sequence[str]]
    actions: Mapping[str, Sequence[str]]
    roles: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path) -> RoleFile:
        """Read the file; tomllib.TOMLDecodeError or KeyError where it is none."""
        found = tomllib.loads(path.read_text("utf-8"))
        return cls(found["groups"], found["actions"], found["role"])

    def rows(self, key: str) -> Iterator[Row]:
        """The permission rows of one role."""
        for grant in self.roles[key]["grants"]:
            for entity in self.groups.get(grant["on"], [grant["on"]]):
                for word in grant["may"]:
                    for action in self.actions.get(word, [word]):
                        yield entity, action, grant["reach"]


def ensure_roles(apps: Any, file: RoleFile) -> dict[str, Any]:
    """The roles of the file by key; what an administrator changed, stays.

    `apps` is Django's registry of models, or that of a migration.
    """
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    found = {}
    has_office = any(f.name == "office" for f in roles._meta.fields)  # a migration may stand before that field
    for key, said in file.roles.items():
        office = said.get("office", "")
        title = {"office": office} if has_office else {"is_admin": office == "all"}
        defaults = {"name": said["name"], "home": said["home"], **title}
        role, is_new = roles.objects.get_or_create(key=key, defaults=defaults)
        if is_new:
            grants.objects.bulk_create(
                grants(role=role, entity=entity, action=action, scope=scope)
                for entity, action, scope in sorted(set(file.rows(key)))
            )
        found[key] = role
    return found
