"""Linked tables in one go: a workbook, a zip or several files, seen on one page. Each part has its own pages."""

from __future__ import annotations

import errno
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from markupsafe import escape

from zhike.engine import operations, transfer, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.models import Job, Operation, StoredFile
from zhike.engine.tabular import TabularError
from zhike.engine.transfer import jobs, set_jobs, sets
from zhike.jobs import tasks

from . import import_pages, importing
from .editing import go
from .templating import actor_of, clock, render

MOST_FILES = 60
ACTIONS = ("check", "run", "anyway", "undo")
State = Job.State


@login_required
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """The files."""
    actor = actor_of(request)
    if not sets.offered(actor):
        raise Refused("import")
    error = ""
    if request.method == "POST":
        try:
            found = _take(request, actor)
        except (Invalid, TabularError, OSError) as wrong:
            if isinstance(wrong, OSError) and wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            error = jobs.reason(wrong)
        else:
            return go(request, f"/imports/{found.pk}")
        if request.headers.get("HX-Request"):
            return HttpResponse(escape(error), status=422)
    rows = Job.objects.filter(kind=jobs.SET, user=actor.user, deleted_at=None).order_by("-created_at")[:10]
    context = {
        "error": error, "limit": f"{settings.IMPORT_BYTES // 1024 // 1024:,} MB",
        "recent": [
            {
                "name": row.options.get("name", ""), "url": f"/imports/{row.pk}", "when": clock(row.created_at),
                "state": import_pages.state(row),
            }
            for row in rows
        ],
    }  # fmt: skip
    return render(request, "web/import_set_drop.html", context, status=422 if error else 200)


def _take(request: HttpRequest, actor: Actor) -> Job:
    """Keep the files and read them; large ones are read by the worker."""
    importing.require_room()
    files = request.FILES.getlist("file")
    if len(files) > MOST_FILES:
        raise Invalid([{"file": [Wrong(_("More than %(n)s files at once. Pack them into a zip, or choose fewer."))]}])
    kept: list[StoredFile] = []
    try:
        for n in range(max(1, len(files))):
            file = files[n] if files else None
            kept.append(uploads.keep(actor, file, typed=False, limit=settings.IMPORT_BYTES))
    except Exception:
        for stored in kept:
            jobs.drop_file(stored)
        raise
    job = set_jobs.begin(actor, kept)
    if sum(stored.size for stored in kept) > jobs.AT_ONCE_BYTES:
        tasks.start(job, "read")
        return job
    tasks.start(job, "read", at_once=True)
    job.refresh_from_db()
    if job.state == State.FAILED:
        text = str(job.result["error"])
        job.delete()
        for stored in kept:
            jobs.drop_file(stored)
        raise Invalid([{"file": [Wrong(text)]}])
    return job


@login_required
@require_GET
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The whole set: what each part is, how far it is, what was found."""
    actor = actor_of(request)
    found = jobs.mine(actor, pk, jobs.SET)
    asked = request.headers.get("HX-Target") == "progress"
    if asked and not jobs.is_busy(found):
        return go(request, f"/imports/{pk}")
    if found.options["phase"] == "read" and found.state == State.CANCELLED:
        return go(request, "/imports")
    return render(request, "web/import_set.html", _page(actor, found), blocks={"progress": "progress"})


@login_required
@require_POST
def do(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Say what the parts are, check all, import all, undo all, stop."""
    actor = actor_of(request)
    found = jobs.mine(actor, pk, jobs.SET)
    here = f"/imports/{pk}"
    if action == "cancel":
        set_jobs.cancel(found)
    elif action == "parts":
        chosen = {name[5:]: str(key) for name, key in request.POST.items() if name.startswith("part-")}
        return _said(request, here, lambda: set_jobs.choose(found, actor, chosen))
    elif action == "retry" and found.options["phase"] == "read" and import_pages.failed(found):
        tasks.start(found, "read")
    elif action in ACTIONS:
        return _said(request, here, lambda: _begin(found, action))
    else:
        raise Missing
    return go(request, here)


def _begin(found: Job, action: str) -> None:
    parts = set_jobs.parts_of(found)
    set_jobs.require_rest(found, parts)
    if found.options["phase"] != "read":
        rows = sum(part.total for part in parts if part.entity)
        tasks.start(found, action, at_once=rows <= jobs.AT_ONCE_ROWS)


def _said(request: HttpRequest, here: str, act: Any) -> HttpResponse:
    try:
        act()
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for w in invalid.first[""])
    return go(request, here)


def _page(actor: Actor, found: Job) -> dict[str, Any]:
    """What web/import_set.html shows."""
    here, parts = f"/imports/{found.pk}", set_jobs.parts_of(found)
    busy, phase = jobs.is_busy(found), found.options.get("phase", "")
    titles = {
        "read": _("Reading the files"), "check": _("Trial run over all parts"), "undo": _("Undoing all parts"),
        "run": _("Importing"), "anyway": _("Importing"),
    }  # fmt: skip
    options = [(e.key, str(e.plural)) for e in sets.offered(actor)]
    undone = _undone(parts)
    open_parts = [part for part in parts if set_jobs.is_taken(part)]
    errors = sum(part.result.get("check", {}).get("errors", 0) for part in open_parts)
    return {
        "name": found.options.get("name", ""), "here": here, "busy": busy or phase == "read",
        "job": import_pages.progress(found, titles.get(phase, "")), "read": phase != "read",
        "retry_url": f"{here}/retry" if phase == "read" and import_pages.failed(found) else "",
        "note": found.result.get("note", "") if not busy else "",
        "error": found.result.get("error", "") if found.state == State.FAILED and phase != "read" else "",
        "refused": found.options.get("unread", []),
        "parts": [_part(part, options, undone) for part in parts],
        "can_check": bool(open_parts), "errors": errors,
        "open_rows": f"{sum(part.total for part in open_parts):,}",
        "choose": any(p.state != State.DONE for p in parts),
        "undo": bool(not busy and set_jobs.undoable(found)),
        "undo_hint": ngettext("Can be undone for %(n)s day", "Can be undone for %(n)s days", operations.DAYS)
        % {"n": operations.DAYS},
    }  # fmt: skip


def _undone(parts: list[Job]) -> set[str]:
    made = Operation.objects.in_bulk([p.options["operation"] for p in parts if p.options.get("operation")])
    return {str(pk) for pk, operation in made.items() if operation.state == Operation.State.UNDONE}


def _part(part: Job, options: list[tuple[str, str]], undone: set[str]) -> dict[str, Any]:
    taken = part.entity in entities()
    result = transfer.result_of(part.result.get("run") or part.result.get("check") or {})
    settled = part.state == State.DONE or jobs.has_begun(part)
    return {
        "id": str(part.pk), "name": part.options.get("name", ""), "rows": f"{part.total:,}",
        "url": f"/{part.entity}/import/{part.pk}" if taken else "",
        "entity": part.entity, "options": options, "settled": settled,
        "what": str(entities()[part.entity].plural) if taken else "",
        "state": _state(part, taken=taken, undone=part.options.get("operation", "") in undone),
        "new": f"{result.new:,}", "updated": f"{result.updated:,}", "same": f"{result.unchanged:,}",
        "errors": result.errors, "warnings": result.warnings,
        "counted": bool(part.result.get("run") or part.result.get("check")),
    }  # fmt: skip


def _state(part: Job, *, taken: bool, undone: bool) -> dict[str, str]:
    """Where a part stands, as a pill."""
    if not taken:
        return {"label": _("Left out"), "tone": "neutral"}
    if part.state == State.DONE:
        return {"label": _("Undone"), "tone": "neutral"} if undone else {"label": _("Imported"), "tone": "green"}
    if part.state == State.READY and not jobs.has_begun(part) and not jobs.is_busy(part):
        checked = part.options.get("phase") == "checked"
        return {"label": _("Checked") if checked else _("Not checked yet"), "tone": "blue" if checked else "amber"}
    return import_pages.state(part)
