"""Lists as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from zhike.engine import access, query, transfer
from zhike.engine.errors import Missing
from zhike.engine.transfer import jobs
from zhike.engine.transfer.files import note
from zhike.jobs import tasks

from .listing import asked
from .lookup import entity_or_404
from .templating import actor_of


@login_required
@require_GET
def export(request: HttpRequest, key: str) -> HttpResponse | FileResponse:
    """The list that the address means as xlsx or csv (`format`): at once when it is short, else as a job.

    A large one waits for a second person.
    """
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "export")
    kind = request.GET.get("format", "xlsx")
    if kind not in transfer.FORMATS:
        raise Missing
    _tab, _own, view = asked(request, entity)
    total = query.select(actor, entity, view, "export").order_by().count()
    if total > jobs.AT_ONCE_EXPORT or transfer.leaving.needs_approval(total):
        job = jobs.begin_export(actor, entity, view.query(), kind, total)
        if job.options["phase"] == "ask":
            return HttpResponseRedirect(f"/exports/{job.pk}", status=303)
        tasks.start(job, "run")
        return HttpResponseRedirect(f"/job/{job.pk}", status=303)
    with tempfile.TemporaryDirectory(prefix="zhike-write-") as folder:
        path = Path(folder) / f"list.{kind}"
        count = transfer.export(actor, entity, view, path, kind=kind)
        file = path.open("rb")  # open files outlive their names
    note(actor, entity, count, view.query(), kind)
    name = f"{entity.plural} {timezone.localdate():%Y-%m-%d}.{kind}"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
