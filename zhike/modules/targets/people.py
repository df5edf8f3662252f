"""Who can have targets: the people and departments that somebody sets targets for."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from zhike.base.models import Department, Grant, User
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import get

MOST = 100


def sellers(actor: Actor, unit: Department | None = None) -> list[User]:
    """The people who may open deals and whose targets the actor may see, by department and name; MOST at most."""
    reach = access.scope(actor, get("target"), "list")
    roles = Grant.objects.filter(entity__in=("deal", access.ANY), action__in=("create", access.ANY)).values("role")
    rows = User.objects.filter(
        is_active=True, deleted_at=None, roles__overlap=list(roles.values_list("role", flat=True))
    )
    if reach != "all":
        near = Q(pk=actor.user.pk)
        if reach == "subtree" and actor.user.department_id:
            near |= Q(department__ancestors__contains=[actor.user.department_id])
        if reach == "department" and actor.user.department_id:
            near |= Q(department=actor.user.department_id)
        rows = rows.filter(near)
    if unit is not None:
        rows = rows.filter(department__ancestors__contains=[unit.pk])
    return list(rows.select_related("department").order_by("department__order", "department__name", "name")[:MOST])


def units(actor: Actor, above: Department | None = None) -> list[Department]:
    """The departments right below one, or right below the root."""
    top = above or Department.objects.filter(parent=None, deleted_at=None).first()
    return list(Department.objects.filter(parent=top, deleted_at=None).order_by("order", "name")) if top else []


def inside(unit: UUID, person: User) -> bool:
    """Whether somebody belongs to a department or to one below it."""
    return person.department is not None and unit in person.department.ancestors
