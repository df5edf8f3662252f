"""Of every entity that has an owner nothing open stays with who leaves: one that comes later cannot be forgotten."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from tests.registry import factory
from zhike.engine import leaving
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.modules.handover import running, services

CLOSED = {"activity": ~Q(status="planned"), "promise": ~Q(status="open")}


def _left(entity: AnyEntity, person: Any) -> int:
    """What is open, asked apart from the code that hands over."""
    over = CLOSED.get(entity.key, ~Q(status="open") if entity.is_staged else Q(pk__in=()))
    return int(entity.rows("a test").filter(owner=person.pk, deleted_at=None).exclude(over).count())


def test_nothing_open_stays_whatever_the_entity(firm: Any) -> None:
    leaver, planner = firm.admin, type(firm.admin).objects.create_user("second", name="另一位管理员")
    planner.roles = leaver.roles
    planner.save()
    owned = [e for e in entities().values() if e.has_owner and e.key != "target"]  # a target is its person's own
    for entity in owned:
        factory.make(Actor(leaver), entity)
    assert all(_left(e, leaver) for e in owned)
    plan = services.create(Actor(planner), leaver)
    services.add_share(Actor(planner), plan.pk, way="one", people=[firm.colleague.pk])
    running.begin(Actor(planner), plan.pk)
    running.perform(plan.pk)
    failed = list(plan.items.filter(state="failed").values_list("entity", "text"))
    assert {e.key: n for e in owned if (n := _left(e, leaver))} == {}, failed
    assert leaving.counts(leaver.pk) == {}
