"""Large exports that wait for a second person, and the print-outs that are noted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.engine import access, history, query
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.errors import Missing
from zhike.engine.models import Job
from zhike.engine.transfer import columns, leaving
from zhike.jobs import tasks

from .filter_words import clause_text
from .lookup import entity_or_404
from .settings import SECURITY, admin
from .templating import actor_of, clock, render


@login_required
@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """All exports that wait for a second person, and those that were decided, for administrators of rights."""
    admin(request, SECURITY)
    rows = Job.objects.filter(kind="export", deleted_at=None, options__has_key="phase").select_related("user")
    asked = rows.filter(options__phase="ask") | rows.filter(options__has_key="approved_by")
    context = {"rows": [_line(j) for j in asked.order_by("-created_at")[:100] if j.entity in entities()]}
    return render(request, "web/access_exports.html", context)


def _line(job: Job) -> dict[str, Any]:
    phase = job.options.get("phase")
    state = (
        (_("Waiting for approval"), "amber")
        if phase == "ask" and job.state == Job.State.READY
        else (_("Refused"), "red")
        if phase == "refused"
        else (_("Stopped"), "neutral")
        if phase == "ask"
        else (_("Approved"), "green")
    )
    return {
        "url": f"/exports/{job.pk}",
        "who": job.user.name,
        "what": str(get(job.entity).plural),
        "rows": f"{job.total:,}",
        "when": clock(job.created_at),
        "state": {"label": state[0], "tone": state[1]},
    }


def _job(pk: UUID) -> Job:
    found = Job.objects.select_related("user", "user__department").filter(pk=pk, kind="export", deleted_at=None).first()
    if found is None or found.entity not in entities():
        raise Missing
    return found


@login_required
@require_GET
def ask(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What somebody wants to take along, for who asked and for who may say yes; Missing for everybody else."""
    actor, job = actor_of(request), _job(pk)
    mine = job.user_id == actor.user.pk
    may = leaving.may_decide(actor, job)
    if not mine and not may:
        raise Missing
    line = _line(job)
    if mine and line["state"]["tone"] == "green":
        return HttpResponseRedirect(f"/job/{pk}", status=303)
    entity = get(job.entity)
    context = {
        **line,
        "title": _("Export of %(rows)s %(what)s") % {"rows": line["rows"], "what": line["what"]},
        "filters": _filters(actor, job),
        "fields": [str(a.label) for a in columns(leaving.actor_of(job, "export"), entity, job.options.get("keys", ()))],
        "purpose": leaving.purpose_text(str(job.options.get("purpose", ""))),
        "may": may and line["state"]["tone"] == "amber",
        "mine": mine,
        "approve_url": f"/exports/{pk}/approve",
        "refuse_url": f"/exports/{pk}/refuse",
    }
    return render(request, "web/access_export.html", context)


def _filters(actor: Actor, job: Job) -> list[str]:
    entity = get(job.entity)
    view = query.parse(str(job.options.get("query", "")))
    said = [text for clause in view.clauses if (text := clause_text(actor, entity, clause))]
    return [*said, *([_("Search: %(text)s") % {"text": view.search}] if view.search else [])]


@login_required
@require_POST
def decide(request: HttpRequest, pk: UUID, answer: str) -> HttpResponse:
    """Approve or refuse."""
    if answer not in ("approve", "refuse"):
        raise Missing
    job = leaving.decide(actor_of(request), pk, approve=answer == "approve")
    if answer == "approve":
        tasks.start(job, "run")
    request.session["toast"] = _("Approved; the file is being written.") if answer == "approve" else _("Refused.")
    return HttpResponseRedirect("/", status=303)


@login_required
@require_POST
def printed(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Somebody prints a record: kept in its history."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "read")
    query.record(actor, entity, pk)
    history.note(actor, "print", entity=key, record=pk)
    return HttpResponse(status=204)
