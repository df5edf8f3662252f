"""Activity plans: steps with their days, planned on one record or on many of a list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import calendar_cn
from zhike.base.models import User
from zhike.engine import history, operations, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.notices.quiet import own_days

from . import services
from .models import Activity, ActivityPlan, PlanStep

MOST = 200  # records that a plan is applied to at once
STEPS = 12
LONGEST = 730  # days


@dataclass(frozen=True)
class Planned:
    """A step with its day."""

    step: PlanStep
    day: dt.date


def every() -> list[ActivityPlan]:
    """The plans of the firm."""
    return list(ActivityPlan.objects.filter(deleted_at=None).prefetch_related("steps").order_by("name"))


def days_of(plan: ActivityPlan, start: dt.date, days: Mapping[dt.date, bool] | None = None) -> list[Planned]:
    """The day of each step when the plan starts on a day; days of the calendar are not moved, working days are."""
    off = own_days() if days is None else days
    found: list[Planned] = []
    for step in plan.steps.all():
        base = found[-1].day if step.after == PlanStep.After.PREVIOUS and found else start
        if step.working:
            day = calendar_cn.add_working_days(base, step.days, overrides=off)
        else:
            day = base + dt.timedelta(days=step.days)
        found.append(Planned(step, day))
    return found


def apply(
    actor: Actor, plan: ActivityPlan, entity: AnyEntity, ids: Sequence[UUID], start: dt.date, *, key: str = ""
) -> operations.Tally:
    """Plan all steps on each of these records, all or none, as one operation; `rows` of it are the activities.

    `key` makes a second call with it do nothing. Raises Invalid for too many records or a step that cannot be planned,
    Refused without the right to write activities; records that the actor may not see are left out.
    """
    if entity.key not in services.TARGETS:
        raise KeyError(entity.key)
    rows = query.visible(actor, entity).filter(pk__in=list(ids)[: MOST + 1]).select_related("owner")
    found = list(rows.order_by("pk"))
    if not found or len(found) > MOST:
        raise Invalid([{"": [Wrong(_("Choose 1 to %(max)s records.") % {"max": MOST})]}])
    planned = days_of(plan, start)
    wanted = [(record, one) for record in found for one in planned]
    values = [_values(actor, entity, record, one) for record, one in wanted]
    keys = [f"{key}:{record.pk}:{one.step.order}" for record, one in wanted] if key else None
    with operations.recording(actor, get("activity"), "create", keys=values[0].keys(), rows=len(values)) as tally:
        records.create_many(actor, get("activity"), values, keys=keys)
    return tally


def _values(actor: Actor, entity: AnyEntity, record: Any, one: Planned) -> dict[str, Any]:
    return {
        "kind": one.step.kind,
        "subject": one.step.subject,
        "status": Activity.Status.PLANNED,
        "due_at": one.day,
        "owner": _who(actor, one.step.who, record.owner),
        entity.key: record.pk,
    }


def _who(actor: Actor, rule: str, owner: User | None) -> UUID:
    """By the rule; the next best where there is nobody: the owner for their manager, who applies it for the owner."""
    if rule != PlanStep.Who.SELF and owner is not None and owner.is_active:
        return owner.manager_id if rule == PlanStep.Who.MANAGER and owner.manager_id else owner.pk
    return actor.user.pk


def save(actor: Actor, plan: ActivityPlan | None, name: str, steps: Sequence[Mapping[str, Any]]) -> ActivityPlan:
    """A new plan, or another content of one; Invalid with what is wrong with it."""
    errors: dict[str, list[Wrong]] = {}
    if not (name := " ".join(name.split())[:80]):
        errors["name"] = [Wrong(_("Give it a name."), "required")]
    if not 1 <= len(steps) <= STEPS:
        errors[""] = [Wrong(_("Enter 1 to %(max)s steps.") % {"max": STEPS})]
    for n, step in enumerate(steps):
        if not str(step["days"]).isdecimal() or int(step["days"]) > LONGEST:
            errors[f"days{n}"] = [Wrong(_("Enter a number from 0 to %(max)s.") % {"max": LONGEST})]
        choices = (("kind", Activity.Kind), ("after", PlanStep.After), ("who", PlanStep.Who))
        errors |= {f"{k}{n}": [Wrong(_("Choose from the list."))] for k, known in choices if step[k] not in known}
    if errors:
        raise Invalid([errors])
    try:
        with transaction.atomic():
            found = plan or ActivityPlan()
            found.name, found.updated_at, found.version = name, timezone.now(), found.version + (plan is not None)
            found.save()
            found.steps.all().delete()
            PlanStep.objects.bulk_create(
                PlanStep(plan=found, order=n, **{**step, "days": int(step["days"])}) for n, step in enumerate(steps)
            )
            history.note(actor, "plan.save", details={"name": name})
    except IntegrityError:
        raise Invalid([{"name": [Wrong(_("There is a plan of this name already."), "unique")]}]) from None
    return found


def remove(actor: Actor, plan: ActivityPlan) -> None:
    """It is offered no more; what was planned by it stays."""
    with transaction.atomic():
        ActivityPlan.objects.filter(pk=plan.pk).update(deleted_at=timezone.now())
        history.note(actor, "plan.delete", details={"name": plan.name})
