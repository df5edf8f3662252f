"""Lists as files: the dialog that asks in which form and what for, and the file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.base.models import Policy
from zhike.engine import access, deed_jobs, query, transfer
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Missing
from zhike.engine.query import View
from zhike.engine.transfer import jobs, writing
from zhike.engine.transfer.files import note
from zhike.jobs import tasks

from .listing import asked, entity_info
from .lookup import entity_or_404
from .templating import actor_of, render

OWN = ("format", "fields", "purpose", "purpose_other", "do")  # what the dialog says; all else is the list's address


@login_required
@require_GET
def export(request: HttpRequest, key: str) -> HttpResponse | FileResponse:
    """The list that the address means in a `format`, for a `purpose`: at once when it is short, else as a job.

    Without a format the dialog that asks for both; a large one waits for a second person.
    """
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "export")
    kind = request.GET.get("format", "")
    if kind and kind not in transfer.FORMATS:
        raise Missing
    _tab, _own, view = asked(request, entity)
    total = query.select(actor, entity, view, "export").order_by().count()
    if not kind:
        return _dialog(request, actor, entity, total)
    try:
        return _written(request, actor, entity, view, total)
    except Invalid as invalid:
        found = [w.text for wrong in invalid.first.values() for w in wrong]
        return _dialog(request, actor, entity, total, errors=found)


def _written(
    request: HttpRequest, actor: Actor, entity: AnyEntity, view: View, total: int
) -> HttpResponse | FileResponse:
    kind = request.GET["format"]
    said = request.GET.get("purpose_other", "").strip() or request.GET.get("purpose", "")
    purpose = transfer.leaving.require_purpose(said)
    keys = transfer.listed(actor, entity, view) if request.GET.get("fields") == "list" else ()
    if total > jobs.AT_ONCE_EXPORT or transfer.leaving.needs_approval(total):
        job = writing.begin_export(actor, entity, view.query(), kind, total, keys=keys, purpose=purpose)
        if job.options["phase"] == "ask":
            return HttpResponseRedirect(f"/exports/{job.pk}", status=303)
        tasks.start(job, "run")
        return HttpResponseRedirect(f"/job/{job.pk}", status=303)
    with tempfile.TemporaryDirectory(prefix="zhike-write-") as folder:
        path = Path(folder) / f"list.{kind}"
        count = transfer.export(actor, entity, view, path, kind=kind, keys=keys, purpose=purpose)
        file = path.open("rb")  # open files outlive their names
    note(actor, entity, count, view.query(), kind, purpose)
    name = f"{entity.plural} {timezone.localdate():%Y-%m-%d}.{transfer.FORMATS[kind].suffix}"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def _dialog(
    request: HttpRequest, actor: Actor, entity: AnyEntity, total: int, *, errors: list[str] | None = None
) -> HttpResponse:
    policy = Policy.current()
    notices = []
    if total > policy.export_ask_rows:
        notices.append(_("So many rows leave only when a second person says yes; you will be told."))
    elif total > jobs.AT_ONCE_EXPORT:
        notices.append(_("The file is written in the background; you will find it among your tasks."))
    chosen, offered = request.GET.get("format", "xlsx"), transfer.offered(entity)
    context = {
        "title": _("Export %(what)s") % {"what": entity.plural},
        "entity": entity_info(actor, entity),
        "action": f"/{entity.key}/export",
        "keep": [(name, value) for name in request.GET if name not in OWN for value in request.GET.getlist(name)],
        "rows": _("%(n)s rows") % {"n": f"{total:,}"},
        "formats": [
            {"value": key, "label": found.label, "about": found.about, "on": key == chosen}
            for key, found in transfer.FORMATS.items()
            if key in offered
        ],
        "purposes": [
            {"value": key, "label": label, "on": key == request.GET.get("purpose")}
            for key, label in transfer.leaving.purposes()
        ],
        "other": request.GET.get("purpose_other", ""),
        "all": request.GET.get("fields") == "all",
        "fields": len(transfer.columns(actor, entity)),
        "notices": notices,
        "errors": errors or [],
    }
    blocks = {"drawer-body": "form", "export-form": "form"}
    return render(request, "web/export.html", context, status=422 if errors else 200, blocks=blocks)


@login_required
@require_POST
def cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    """Stop an export of one's own."""
    found = jobs.mine(actor_of(request), pk, "export")
    deed_jobs.cancel(found)
    return HttpResponseRedirect(f"/{found.entity}/", status=303)
