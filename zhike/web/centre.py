"""The task centre: what the machine is doing or has done for somebody, and what they did and can take back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from zhike.base.i18n import listed
from zhike.engine import access, deed_jobs, deeds, operations, query, undo
from zhike.engine.access import Actor
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import Job, Operation
from zhike.engine.transfer import jobs
from zhike.jobs import tasks

from . import audit_words, bulk_words, import_pages
from .editing import go
from .listing import entity_info
from .templating import actor_of, clock, render

State = Job.State
SHOWN = 100
TOLD = 5  # rows named in a message; the task centre names all


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Recent operations with the way back, and long work of the last 30 days."""
    actor = actor_of(request)
    rows = [_operation(actor, o) for o in operations.recent(actor, SHOWN) if o.entity in entities()]
    work = [_work(job) for job in _jobs(actor)[:SHOWN] if job.entity in entities()]
    return render(request, "web/tasks.html", {"rows": rows, "work": work}, blocks={"tasks-body": "body"})


def _jobs(actor: Actor) -> Any:
    """The long work of a person; whoever works for somebody sees what they began themselves."""
    since = timezone.now() - dt.timedelta(days=jobs.DAYS)
    found = Job.objects.filter(user=actor.user, deleted_at=None, updated_at__gte=since).order_by("-created_at")
    return found.filter(options__by=str(actor.by.pk)) if actor.by else found


def _left(actor: Actor, o: Operation) -> list[dict[str, str]]:
    """The rows that a merge taken back leaves as they are, as far as the actor sees them: name, address, fields."""
    by_entity: dict[str, list[UUID]] = {}
    for key, pk, _fields in o.left:
        if key in entities():
            by_entity.setdefault(key, []).append(UUID(pk))
    names = {(key, pk): n for key, ids in by_entity.items() for pk, n in query.names(actor, key, ids).items()}
    found = []
    for key, pk, fields in o.left:
        if (name := names.get((key, UUID(pk)))) is None:
            continue
        known = access.readable(actor, get(key))
        labels = listed(str(known[k].label) for k in fields if k in known)
        found.append({"name": name or str(get(key).label), "url": f"/{key}/{pk}", "fields": labels})
    return found


def _operation(actor: Actor, o: Operation) -> dict[str, Any]:
    entity = get(o.entity)
    what = audit_words.action(o.of.action if o.of else o.right if o.of_id else o.action, o.entity)
    return {
        "icon": "undo-2" if o.of_id else "check",
        "what": _("Undone: %(what)s") % {"what": what} if o.of_id else what,
        "entity": entity.plural if o.rows != 1 else entity.label,
        "rows": f"{o.rows:,}",
        "skipped": sum(o.skipped.values()),
        "fields": ", ".join(str(entity.attributes[k].label) for k in o.keys if k in entity.attributes),
        "when": clock(o.at),
        "by": o.by.name if o.by else "",
        "left": _left(actor, o),
        "state": "" if o.state == Operation.State.DONE else Operation.State(o.state).label,
        "undo_url": f"/operations/{o.pk}/undo" if operations.is_open(o) else "",
        "url": f"/{o.entity}/{o.record}" if o.record else "",
    }


def _work(job: Job) -> dict[str, Any]:
    entity = get(job.entity)
    titles = {"import": _("Import"), jobs.SET: _("Import linked tables"), "export": _("Export"), "undo": _("Undo")}
    deed = job.options.get("deed") or {}
    title = titles.get(job.kind) or audit_words.action(deed.get("action", ""), job.entity)
    run = job.result.get("run", {})
    counts = bulk_words.done(job.kind, run["done"]) if job.kind in deed_jobs.KINDS and "done" in run else ""
    url = f"/tasks/{job.pk}" if job.kind in deed_jobs.KINDS else f"/job/{job.pk}"
    return {
        "title": title, "entity": entity.plural, "url": url, "when": clock(job.created_at),
        "state": import_pages.state(job), "counts": counts,
    }  # fmt: skip


@login_required
@require_POST
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Undo an operation: here and now, or in the worker when it is large."""
    actor = actor_of(request)
    try:
        found = undo.required(actor, pk)
        if found.rows > undo.AT_ONCE:
            job = deed_jobs.begin_undo(actor, pk)
            tasks.start_deed(job, "run")
            return go(request, f"/tasks/{job.pk}")
        made = undo.undo(actor, pk)
    except Invalid as invalid:
        return _said(request, " ".join(w.text for w in invalid.first[""]), "bad", "")
    left = sum(made.skipped.values())
    text = bulk_words.done("undo", made.rows)
    if left:
        why = "; ".join(f"{reason} ({n})" for reason, n in bulk_words.skipped(made.skipped))
        text += " " + ngettext("%(n)s stays as it is.", "%(n)s stay as they are.", left) % {"n": left} + f" {why}"
        text += "".join(f" · {x['name']} {x['fields']}".rstrip() for x in _left(actor, made)[:TOLD])
    return _said(
        request, text, "bad" if left else "good", f"/operations/{made.pk}/undo" if operations.is_open(made) else ""
    )


def _said(request: HttpRequest, text: str, tone: str, undo_url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        toast = {"text": text, "tone": tone, "undo_url": undo_url, "undo_label": _("Do it again") if undo_url else ""}
        response["HX-Trigger"] = json.dumps({"zk:refresh": True, "zk:toast": toast})
        return response
    request.session["toast"] = text
    return go(request, "/tasks")


@login_required
@require_GET
def job_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A deed on many records: its preview, how far it is, what became of it."""
    actor = actor_of(request)
    job = _mine(actor, pk)
    asked = request.headers.get("HX-Target") == "progress"
    if asked and not jobs.is_busy(job):
        return go(request, f"/tasks/{pk}")
    context = _page(actor, get(job.entity), job)
    return render(request, "web/task.html", context, blocks={"progress": "progress"})


def _mine(actor: Actor, pk: UUID) -> Job:
    found: Job | None = _jobs(actor).filter(pk=pk, kind__in=deed_jobs.KINDS).first()
    if found is None or found.entity not in entities():
        raise Missing
    return found


def _page(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/task.html shows."""
    phase, here = job.options.get("phase", ""), f"/tasks/{job.pk}"
    name = "undo" if job.kind == "undo" else job.options["deed"]["action"]
    context: dict[str, Any] = {
        "entity": entity_info(actor, entity),
        "title": bulk_words.title(entity, name, f"{job.total:,}"),
        "busy": None, "preview": None, "result": None, "poll_url": here, "error": "",
        "cancel_url": f"{here}/cancel", "retry_url": f"{here}/retry", "run_url": f"{here}/run",
    }  # fmt: skip
    if jobs.is_busy(job):
        title = _("Checking, nothing is written yet") if phase == "check" else context["title"]
        context["busy"] = import_pages.progress(job, title)
    elif phase == "checked" and job.state == State.READY:
        context["preview"] = _preview(actor, entity, job)
    else:
        context["result"] = _result(job, name)
        if import_pages.failed(job):
            gone = _("The work stopped on its way. What was done by then stays done; go on, or undo it.")
            context["error"] = job.result.get("error") or gone
    return context


def _preview(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    deed, chosen = Deed.of(job.options["deed"]), Chosen.of(job.options["chosen"])
    deeds.required(actor, entity, deed)
    found = job.result.get("check", {"done": 0, "skipped": {}, "texts": []})
    until = dt.datetime.fromisoformat(job.options["until"])
    return {
        "title": bulk_words.planned(found["done"]),
        "n": f"{found['done']:,}",
        "count": found["done"],
        "skipped": bulk_words.skipped(found["skipped"]),
        "texts": found["texts"],
        **_warned(found),
        "samples": deeds.samples(actor, entity, deed, chosen, until),
        "verb": bulk_words.verb(entity, deed.action),
        "danger": deed.action == "delete",
    }


def _warned(found: Mapping[str, Any]) -> dict[str, Any]:
    """What may be there already, though it is done all the same."""
    n = found.get("warned", 0)
    return {"warned": bulk_words.warned(n) if n else "", "hints": found.get("hints", ())}


def _result(job: Job, name: str) -> dict[str, Any]:
    found = job.result.get("run", {"done": 0, "skipped": {}, "texts": []})
    made = job.options.get("made" if job.kind == "undo" else "operation")
    operation = Operation.objects.filter(pk=made).first() if made else None
    return {
        "text": bulk_words.done(name, found["done"]),
        "state": import_pages.state(job),
        "skipped": bulk_words.skipped(found["skipped"]),
        "texts": found["texts"],
        **_warned(found),
        "undo_url": f"/operations/{made}/undo" if operation and operations.is_open(operation) else "",
    }


@login_required
@require_POST
def do(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Go on with a job: run it after its preview, stop it, go on where it stopped."""
    actor = actor_of(request)
    job = _mine(actor, pk)
    entity = get(job.entity)
    if action == "cancel":
        deed_jobs.cancel(job)
    elif action == "run" and job.options.get("phase") == "checked" and job.state == State.READY:
        deeds.required(actor, entity, Deed.of(job.options["deed"]))
        tasks.start_deed(job, "run")
    elif action == "retry" and not jobs.is_busy(job) and job.state not in (State.DONE, State.READY):
        access.require(actor, entity, "bulk")
        tasks.go_on_with_deed(job)
    return go(request, f"/tasks/{pk}")
