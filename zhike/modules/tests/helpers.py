"""What the tests of the modules share: a small firm, and short words for writing and reading back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from zhike.base.models import Department, Role, User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Stage


@dataclass
class Firm:
    """People by what they do; `seller` and `colleague` are in the east team of `manager`, `stranger` is not."""

    seller: Actor
    colleague: Actor
    manager: Actor
    stranger: Actor
    executive: Actor
    admin: Actor
    east: Department
    south: Department


def department(name: str, parent: Department | None = None) -> Department:
    made = Department(name=name, parent=parent)
    made.ancestors = [*(parent.ancestors if parent else []), made.pk]
    made.save()
    return made


def person(name: str, role: str, department: Department) -> Actor:
    roles = [Role.objects.get(key=role).pk]
    return Actor(User.objects.create_user(name, name=name, department=department, roles=roles))


def create(actor: Actor, entity: str, **values: Any) -> Any:
    """A record, read back as it is stored."""
    return reload(entity, records.create(actor, get(entity), values).pk)


def update(actor: Actor, entity: str, pk: UUID, **values: Any) -> Any:
    """A changed record, read back."""
    records.update(actor, get(entity), pk, values)
    return reload(entity, pk)


def act(actor: Actor, entity: str, pk: UUID, name: str, **values: Any) -> Any:
    """A record after an action, read back."""
    records.act(actor, get(entity), pk, name, values)
    return reload(entity, pk)


def reload(entity: str, pk: UUID | None) -> Any:
    """The row as it is stored, deleted or not."""
    return get(entity).model._base_manager.get(pk=pk)


def refused(call: Any, *args: Any, **values: Any) -> dict[str, list[str]]:
    """The codes by field with which a call is refused; fails when it is not."""
    with pytest.raises(Invalid) as caught:
        call(*args, **values)
    return {key: [wrong.code for wrong in found] for key, found in caught.value.first.items()}


def stage(entity: str, key: str) -> UUID:
    """A stage of the default pipeline by its key."""
    return Stage.objects.get(pipeline__entity=entity, key=key).pk
