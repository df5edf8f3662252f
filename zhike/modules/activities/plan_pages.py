"""Pages of activity plans: the administrator makes them, anybody applies one to a record or to ticked rows."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.i18n import day
from zhike.base.ids import uuid7
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing
from zhike.web import forms, plugs
from zhike.web.bulk import chosen_in, undo_url
from zhike.web.lookup import entity_or_404
from zhike.web.settings import admin
from zhike.web.templating import actor_of, render

from . import plans, services
from .models import Activity, ActivityPlan, PlanStep

TRAIL = {"label": gettext_lazy("Settings"), "url": "/settings/"}


# ---- settings


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The plans of the firm."""
    admin(request)
    rows = [{"id": p.pk, "name": p.name, "steps": [_said(s) for s in p.steps.all()]} for p in plans.every()]
    return render(request, "activities/plans.html", {"rows": rows, "trail": [TRAIL]})


def _said(step: PlanStep) -> str:
    """Day 3: call."""
    days = _("%(n)s working days") if step.working else _("%(n)s days")
    parts = [days % {"n": step.days}, PlanStep.After(step.after).label, Activity.Kind(step.kind).label, step.subject]
    return " · ".join(text for part in parts if (text := str(part)))


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """A plan and its steps; rows without a subject are left out."""
    actor = admin(request)
    plan = _plan(pk) if pk else None
    steps = [_shown(s) for s in plan.steps.all()] if plan else []
    name, errors = plan.name if plan else "", dict[str, str]()
    if request.method == "POST":
        name, steps = request.POST.get("name", ""), _sent(request)
        try:
            plans.save(actor, plan, name, steps)
            return HttpResponseRedirect("/settings/plans", status=303)
        except Invalid as invalid:
            errors = {key: found[0].text for key, found in invalid.first.items()}
    blank = {"kind": "task", "subject": "", "days": 0, "working": True, "after": "start", "who": "owner"}
    context = {
        "plan": plan,
        "name": name,
        "rows": [*steps, *(blank for _n in range(plans.STEPS - len(steps)))],
        "errors": errors,
        "kinds": Activity.Kind.choices,
        "afters": PlanStep.After.choices,
        "whos": PlanStep.Who.choices,
        "most": plans.LONGEST,
        "trail": [TRAIL, {"label": _("Activity plans"), "url": "/settings/plans"}],
    }
    return render(request, "activities/plan.html", context, status=422 if errors else 200)


def _plan(pk: UUID | str) -> ActivityPlan:
    found = ActivityPlan.objects.filter(pk=pk, deleted_at=None).first() if forms.is_uuid(str(pk)) else None
    if found is None:
        raise Missing
    return found


def _shown(step: PlanStep) -> dict[str, Any]:
    return {key: getattr(step, key) for key in ("kind", "subject", "days", "working", "after", "who")}


def _sent(request: HttpRequest) -> list[dict[str, Any]]:
    found = []
    for n in range(plans.STEPS):
        step: dict[str, Any] = {k: request.POST.get(f"{k}{n}", "") for k in ("kind", "subject", "days", "after", "who")}
        if step["subject"].strip():
            step |= {"subject": step["subject"].strip()[:200], "working": f"working{n}" in request.POST}
            found.append(step)
    return found


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Offered no more."""
    plans.remove(admin(request), _plan(pk))
    return HttpResponseRedirect("/settings/plans", status=303)


# ---- applying


@login_required
@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    """Choose a plan and a day, look at the dates, then plan it on the records that were ticked."""
    entity, actor = entity_or_404(key), actor_of(request)
    if entity.key not in services.TARGETS:
        raise Missing
    access.require(actor, get("activity"), "create")
    sent = request.POST if request.method == "POST" else request.GET
    rows = query.visible(actor, entity).filter(pk__in=chosen_in(sent).ids)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[: plans.MOST + 1])
    known = plans.every()
    plan = next((p for p in known if str(p.pk) == sent.get("plan", "")), known[0] if known else None)
    start, errors = _start(sent.get("start", "")), list[str]()
    if request.method == "POST" and plan and "sure" in sent:
        try:
            done = plans.apply(actor, plan, entity, ids, start, key=sent.get("key", "")[:60])
            text = ngettext("%(n)s activity planned.", "%(n)s activities planned.", done.rows)
            request.session["toast"] = text % {"n": done.rows}
            request.session["undo"] = undo_url(done.operation)
            one = len(ids) == 1
            return HttpResponseRedirect(f"/{entity.key}/{ids[0]}" if one else f"/{entity.key}/", status=303)
        except Invalid as invalid:
            errors = sorted({wrong.text for found in invalid.first.values() for wrong in found})
    context = _context(entity, ids, known, plan, start) | {"errors": errors}
    return render(request, "activities/apply.html", context, status=422 if errors else 200)


def _start(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return timezone.localdate()


def _context(
    entity: AnyEntity, ids: list[UUID], known: list[ActivityPlan], plan: ActivityPlan | None, start: dt.date
) -> dict[str, Any]:
    shown = [
        {"day": day(one.day), "kind": Activity.Kind(one.step.kind).label, "subject": one.step.subject,
         "who": PlanStep.Who(one.step.who).label}
        for one in (plans.days_of(plan, start) if plan else ())
    ]  # fmt: skip
    return {
        "entity": entity,
        "count": len(ids),
        "most": plans.MOST,
        "ids": ",".join(str(pk) for pk in ids[: plans.MOST + 1]),
        "plans": known,
        "plan": plan,
        "start": start.isoformat(),
        "rows": shown,
        "key": str(uuid7()),
        "trail": [{"label": entity.plural, "url": f"/{entity.key}/"}],
    }


def offered(actor: Actor, entity: AnyEntity) -> list[dict[str, Any]]:
    """The button above ticked rows of a list."""
    if entity.key not in services.TARGETS or not access.may(actor, get("activity"), "create"):
        return []
    return [{"label": _("Apply a plan"), "icon": "list-checks", "page": f"/plans/{entity.key}", "most": plans.MOST}]


plugs.bulk.append(offered)
for _key in services.TARGETS:
    plugs.actions.setdefault(_key, []).append(
        plugs.RecordAction(
            gettext_lazy("Apply a plan"),
            "list-checks",
            lambda pk, key=_key: f"/plans/{key}?ids={pk}",  # type: ignore[misc]
            lambda _values, _may: True,
            kind="link",
        )
    )

urlpatterns = [
    path("settings/plans", index),
    path("settings/plans/new", edit),
    path("settings/plans/<uuid:pk>", edit),
    path("settings/plans/<uuid:pk>/remove", remove),
    path("plans/<slug:key>", apply),
]
