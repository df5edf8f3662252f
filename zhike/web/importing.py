"""The import wizard: file, columns, trial run, import, result. It works with plain forms; htmx only saves reloading."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from markupsafe import escape

from zhike.engine import access, deed_jobs, layouts, transfer, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Errors, Invalid, Missing, Wrong
from zhike.engine.models import Job
from zhike.engine.tabular import TabularError
from zhike.engine.tabular.write import write_xlsx
from zhike.engine.transfer import gone, jobs
from zhike.jobs import tasks

from . import import_columns, import_pages
from .editing import go
from .listing import entity_info
from .lookup import entity_or_404
from .templating import actor_of, clock, render

FULL_PERCENT = 95
State = Job.State


@login_required
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest, key: str) -> HttpResponse:
    """Step 1: the file."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "import")
    error = ""
    if request.method == "POST":
        try:
            job = _take(request, actor, entity)
        except (Invalid, TabularError, OSError) as wrong:
            if isinstance(wrong, OSError) and wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            error = jobs.reason(wrong)
        else:
            return go(request, f"/{key}/import/{job.pk}")
        if request.headers.get("HX-Request"):
            return HttpResponse(escape(error), status=422)
    return render(request, "web/import_drop.html", _drop(actor, entity, error), status=422 if error else 200)


def _take(request: HttpRequest, actor: Actor, entity: AnyEntity) -> Job:
    """Keep the file and read it; a large one is read by the worker."""
    require_room()
    source = uploads.keep(actor, request.FILES.get("file"), typed=False, limit=settings.IMPORT_BYTES)
    job = jobs.begin(actor, entity, source)
    if source.size > jobs.AT_ONCE_BYTES:
        tasks.start(job, "read")
        return job
    tasks.start(job, "read", at_once=True)
    job.refresh_from_db()
    if job.state == State.FAILED:
        text = str(job.result["error"])
        _drop_job(job)
        raise Invalid([{"file": [Wrong(text)]}])
    return job


def require_room() -> None:
    """Raises OSError (ENOSPC) where the disk is nearly full."""
    disk = shutil.disk_usage(settings.HOME)
    if disk.used * 100 > FULL_PERCENT * disk.total:
        raise OSError(errno.ENOSPC, "")


def _drop_job(job: Job) -> None:
    source = job.source
    job.delete()
    if source is not None:
        jobs.drop_file(source)


def _drop(actor: Actor, entity: AnyEntity, error: str) -> dict[str, Any]:
    base = f"/{entity.key}/import"
    recent = Job.objects.filter(kind="import", entity=entity.key, user=actor.user, deleted_at=None)
    return {
        "entity": entity_info(actor, entity),
        "step": 1,
        "upload_url": base,
        "template_url": f"{base}/template",
        "formats": "xlsx, xls, ods, csv, tsv, JSON, vCard, ics, eml, mbox",
        "limit": f"{settings.IMPORT_BYTES // 1024 // 1024:,} MB",
        "error": error,
        "recent": [_recent(actor, job) for job in recent.order_by("-created_at")[:10]],
    }


def _recent(actor: Actor, job: Job) -> dict[str, Any]:
    found = job.result.get("run", {})
    counts = _("%(new)s new, %(updated)s updated") % {"new": found["new"], "updated": found["updated"]} if found else ""
    return {
        "name": job.options.get("name", ""), "url": f"/{job.entity}/import/{job.pk}", "when": clock(job.created_at),
        "who": actor.user.name, "state": import_pages.state(job), "counts": counts,
    }  # fmt: skip


@login_required
@require_GET
def template(request: HttpRequest, key: str) -> HttpResponse | FileResponse:
    """A sheet with the headings that are understood without guessing."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "import")
    known = transfer.importable(actor, entity)
    order = dict.fromkeys([*layouts.of(actor, entity).keys, *known])
    headings = [str(known[k].label) for k in order if k in known]
    with tempfile.TemporaryDirectory(prefix="zhike-write-") as folder:
        path = Path(folder) / "template.xlsx"
        write_xlsx(path, headings, [], sheet=str(entity.plural))
        file = path.open("rb")  # open files outlive their names
    return FileResponse(
        file, as_attachment=True, filename=f"{entity.plural}.xlsx", content_type="application/octet-stream"
    )


@login_required
@require_GET
def step(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """The step that an import stands at."""
    entity, actor = entity_or_404(key), actor_of(request)
    found = _job(actor, entity, pk)
    asked = request.headers.get("HX-Target") == "progress"
    if jobs.is_busy(found) or import_pages.failed(found) or jobs.is_paused(found):
        return render(
            request, "web/import_run.html", import_pages.running(actor, entity, found), blocks={"progress": "progress"}
        )
    if asked:
        return go(request, f"/{key}/import/{pk}")
    phase = found.options.get("phase")
    if found.state == State.DONE or (found.state == State.CANCELLED and jobs.has_begun(found)):
        shown = import_pages.done(actor, entity, found, request.GET)
        return render(request, "web/import_done.html", shown, blocks={"problems": "problems"})
    if phase == "read":
        return HttpResponseRedirect(f"/{key}/import", status=303)
    if phase == "checked" and found.state == State.READY and "columns" not in request.GET:
        shown = import_pages.dry(actor, entity, found, request.GET)
        return render(request, "web/import_dry.html", shown, blocks={"problems": "problems"})
    return _columns(request, actor, entity, found)


def _job(actor: Actor, entity: AnyEntity, pk: UUID) -> Job:
    access.require(actor, entity, "import")
    found = jobs.mine(actor, pk, "import")
    if found.entity != entity.key:
        raise Missing
    return found


def _columns(
    request: HttpRequest, actor: Actor, entity: AnyEntity, found: Job, errors: Errors | None = None,
    asked: dict[str, Any] | None = None,
) -> HttpResponse:  # fmt: skip
    """Step 2: what each column is."""
    with jobs.table(found) as rows:
        context = import_columns.page(actor, entity, found, rows, errors or {}, asked)
    return render(request, "web/import_map.html", context, status=422 if errors else 200, blocks={"map": "table"})


@login_required
@require_POST
def do(request: HttpRequest, key: str, pk: UUID, action: str) -> HttpResponse:
    """Go on with an import: preview, check, fix, run, pause, cancel, retry."""
    entity, actor = entity_or_404(key), actor_of(request)
    found = _job(actor, entity, pk)
    here = f"/{key}/import/{pk}"
    if action in ("cancel", "pause"):
        (deed_jobs.cancel if action == "cancel" else jobs.pause)(found)
    elif jobs.is_busy(found) or found.state == State.DONE:
        pass
    elif action == "retry" and (import_pages.failed(found) or jobs.is_paused(found)):
        (tasks.go_on(found) if jobs.has_begun(found) else tasks.start(found, found.options["phase"]))
    elif action == "without" and import_pages.failed(found) and gone.can_drop(found):
        gone.drop(found)
        (tasks.go_on(found) if jobs.has_begun(found) else tasks.start(found, found.options["phase"]))
    elif action in ("preview", "check") and not jobs.has_begun(found):
        return _plan(request, actor, entity, found, check=action == "check")
    elif found.options.get("phase") == "checked" and found.state == State.READY:
        if action == "fix":
            _fix(request, found)
        elif action == "run":
            tasks.start(found, "run", at_once=found.total <= jobs.AT_ONCE_ROWS)
    return go(request, here)


def _fix(request: HttpRequest, found: Job) -> None:
    """Cells typed anew, and the trial run once more with them."""
    try:
        jobs.correct(found, import_pages.corrections(request.POST))
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for w in invalid.first[""])
        return
    tasks.start(found, "check", at_once=found.total <= jobs.AT_ONCE_ROWS)


@login_required
@require_GET
def left_out(request: HttpRequest, key: str, pk: UUID) -> FileResponse:
    """The rows that were left out, or would be, with the reasons."""
    entity, actor = entity_or_404(key), actor_of(request)
    found = _job(actor, entity, pk)
    phase = "run" if "run" in found.result else "check"
    stem = Path(str(found.options.get("name", "import"))).stem[:80]
    with tempfile.TemporaryDirectory(prefix="zhike-write-") as folder:
        path = Path(folder) / "left.xlsx"
        jobs.left_out(found, phase, path)
        file = path.open("rb")  # open files outlive their names
    name = _("%(file)s, rows left out.xlsx") % {"file": stem}
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def _plan(request: HttpRequest, actor: Actor, entity: AnyEntity, found: Job, *, check: bool) -> HttpResponse:
    if "plan" not in found.options:
        raise Missing
    sheet = request.POST.get("sheet", "")
    mapping: dict[str, Any] | None = import_columns.mapping(request.POST, transfer.plan_of(found.options["plan"]))
    if sheet and sheet != (found.options.get("sheet") or sheet_of(found)):
        found.options = {**found.options, "sheet": sheet}
        jobs.forget(found)
        mapping = None
    try:
        if found.state != State.READY:
            found.state = State.READY
            found.save(update_fields=["state"])
        jobs.propose(found, actor, mapping)
    except Invalid as invalid:
        return _columns(request, actor, entity, found, invalid.first, mapping)
    except TabularError as error:
        return _columns(request, actor, entity, found, {"": [Wrong(jobs.reason(error))]})
    if not check:
        return _columns(request, actor, entity, found)
    tasks.start(found, "check", at_once=found.total <= jobs.AT_ONCE_ROWS)
    return go(request, f"/{entity.key}/import/{found.pk}")


def sheet_of(found: Job) -> str:
    """The sheet that was read when none was named."""
    with jobs.table(found) as rows:
        return rows.sheet or ""


@login_required
@require_GET
def job(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a job is; an import has its own pages, an export ends in its file."""
    actor = actor_of(request)
    found = jobs.mine(actor, pk)
    if found.kind == "import":
        return HttpResponseRedirect(f"/{found.entity}/import/{found.pk}", status=303)
    if found.kind == jobs.SET:
        return HttpResponseRedirect(f"/imports/{found.pk}", status=303)
    if found.kind in deed_jobs.KINDS:
        return HttpResponseRedirect(f"/tasks/{found.pk}", status=303)
    if found.options.get("phase") in ("ask", "refused"):
        return HttpResponseRedirect(f"/exports/{pk}", status=303)
    if found.state == State.DONE and found.report_id and request.headers.get("HX-Request"):
        return go(request, f"/job/{pk}")
    context = import_pages.exporting(actor, get(found.entity), found)
    return render(request, "web/import_export.html", context, blocks={"progress": "progress"})
