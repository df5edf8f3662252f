"""Pools to test with."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import OwnerPeriod, Pool
from zhike.engine.pools import settling

RULE = {"key": "r1", "days": 10, "update": 3, "most": 20}


def pool(firm: Any, *, entity: str = "account", members: Any = None, admins: Any = None, **document: Any) -> Pool:
    """A pool of the northern department, kept by its manager, with one rule."""
    said = {
        "members": [str(pk) for pk in (members if members is not None else [firm.north.pk])],
        "admins": [str(pk) for pk in (admins if admins is not None else [firm.manager.pk])],
        "shown": ["name", "tier", "region"],
        "rules": [RULE],
        **document,
    }
    made = Pool.objects.create(entity=entity, name="华北公海", document=said)
    settling.settle(get(entity))
    return made


def make(firm: Any, who: str = "seller", entity: str = "account", **values: Any) -> Any:
    return records.create(firm.actor(who), get(entity), values)


def lying(firm: Any, count: int, entity: str = "account") -> list[Any]:
    """Records in the pool, put in by the manager."""
    actor = firm.actor("manager")
    return [records.create(actor, get(entity), {"name": f"公海客户{n}", "owner": None}) for n in range(count)]


def fresh(record: Any) -> Any:
    return type(record)._base_manager.get(pk=record.pk)


def long_ago(record: Any, days: float) -> Any:
    """As if its owner, or the pool, had it for so many days."""
    at = timezone.now() - dt.timedelta(days=days)
    rows = type(record)._base_manager.filter(pk=record.pk)
    now = rows.get()
    rows.update(**({"held_since": at} if now.owner_id else {"pooled_at": at}))
    if not now.owner_id:
        OwnerPeriod.objects.filter(record=record.pk, to_at__gt=at).update(to_at=at)
    settling.settle(get("lead" if type(record).__name__ == "Lead" else "account"), [record.pk])
    return fresh(record)
