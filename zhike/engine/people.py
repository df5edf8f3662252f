"""Rules of the organisation: names sorted by pinyin, the department tree, and records that follow their people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.base import pinyin
from zhike.base.models import Department, Role, User

from .entity import entities
from .guard import rows
from .records import Change


def sort_by_pinyin(change: Change[User]) -> None:
    """Keep the sort key in step with the name."""
    change.record.pinyin = pinyin.person(change.record.name).sort_key[:200]


def name_role(change: Change[Role]) -> None:
    """A new role gets a key that nobody needs to think of; it never changes, whatever the role is called later."""
    if not change.record.key:
        base = re.sub(r"[^a-z0-9]+", "-", pinyin.plain(change.record.name))[:24].strip("-") or "role"
        change.record.key = f"{base}-{change.record.pk.hex[-6:]}"


def place_department(change: Change[Department]) -> None:
    """A department lies below its parent and never below itself."""
    department = change.record
    parent = Department.objects.filter(pk=department.parent_id).first() if department.parent_id else None
    if parent and department.pk in parent.ancestors:
        change.fail("parent", _("A department cannot lie below itself."))
        return
    department.ancestors = [*(parent.ancestors if parent else []), department.pk]


def move_below(changes: Sequence[Change[Department]]) -> None:
    """When a department moves, everything below moves along: departments and records."""
    for change in changes:
        if not change.is_new and change.changed("parent"):
            _replace(change.record)


def _replace(moved: Department) -> None:
    Department.objects.filter(pk=moved.pk).update(ancestors=moved.ancestors)
    below = Department.objects.filter(ancestors__contains=[moved.pk]).exclude(pk=moved.pk)
    for department in below:
        tail = department.ancestors[department.ancestors.index(moved.pk) + 1 :]
        department.ancestors = [*moved.ancestors, *tail]
        department.save(update_fields=["ancestors"])
    for department in (moved, *below):
        _refile({"department": department.pk}, department.pk, department.ancestors)


def follow_people(changes: Sequence[Change[User]]) -> None:
    """When a person changes department, the records that the person owns go along."""
    for change in changes:
        if not change.is_new and change.changed("department"):
            department = change.record.department
            path = list(department.ancestors) if department else []
            _refile({"owner": change.record.pk}, change.record.department_id, path)


def _refile(where: dict[str, Any], department: UUID | None, ancestors: list[UUID]) -> None:
    for entity in entities().values():
        if entity.has_owner:
            found = rows(entity.model, "records follow their people, whoever moves those")
            found.filter(**where).update(department=department, ancestors=ancestors)
