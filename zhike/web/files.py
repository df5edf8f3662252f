"""Stored files: taken in, and handed out as downloads only."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import StoredFile

from .editing import form_answer, go
from .lookup import entity_or_404
from .templating import actor_of


def keep(actor: Actor, upload: UploadedFile[Any] | None) -> StoredFile:
    """Store an upload; Invalid when there is none, it is empty or too large."""
    if upload is None or not upload.size:
        raise Invalid([{"file": [Wrong(_("Choose a file that is not empty."))]}])
    if upload.size > settings.UPLOAD_LIMIT:
        limit = settings.UPLOAD_LIMIT // 1024 // 1024
        raise Invalid(
            [{"file": [Wrong(_("The file is larger than %(n)s MB. Split it and try again.") % {"n": limit})]}]
        )
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    stored = StoredFile(
        name=(upload.name or "file").replace("\x00", "")[-200:],
        content_type=(upload.content_type or "")[:100],
        size=upload.size,
        sha256=digest.hexdigest(),
        uploader=actor.user,
    )
    stored.blob.save(str(stored.pk), upload, save=False)  # the name people gave is kept in the row, never on the disk
    stored.save()
    return stored


@login_required
@require_http_methods(["GET", "POST"])
def attach(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Hang a file on a record that the actor may change."""
    entity, actor = entity_or_404(key), actor_of(request)
    query.record(actor, entity, pk, "update")
    error = ""
    if request.method == "POST":
        try:
            stored = keep(actor, request.FILES.get("file"))
        except Invalid as invalid:
            error = " ".join(w.text for found in invalid.first.values() for w in found)
        else:
            StoredFile.objects.filter(pk=stored.pk).update(entity=key, record=pk)
            request.session["toast"] = _("“%(name)s” is attached.") % {"name": stored.name}
            return go(request, f"/{key}/{pk}")
    limit = settings.UPLOAD_LIMIT // 1024 // 1024
    field = {
        "name": "file",
        "label": _("File"),
        "kind": "file",
        "required": True,
        "error": error,
        "help": _("At most %(n)s MB.") % {"n": limit},
    }
    form = {
        "url": request.path,
        "multipart": True,
        "sections": [{"title": "", "fields": [field]}],
        "key": "",
        "errors": [{"name": "file", "label": _("File"), "text": error}] if error else [],
        "submit_label": _("Attach"),
        "cancel_url": f"/{key}/{pk}",
    }
    trail = [{"label": entity.plural, "url": f"/{key}/"}]
    context = {"title": _("Attach a file"), "trail": trail, "form": form, "conflict": None}
    return form_answer(request, context, status=422 if error else 200)


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a file away: its uploader, or who may change the record it hangs on."""
    actor = actor_of(request)
    stored = StoredFile.objects.filter(pk=pk, deleted_at=None).first()
    if stored is None or not _may_see(actor, stored, "update"):
        raise Missing
    StoredFile.objects.filter(pk=pk).update(deleted_at=timezone.now())
    request.session["toast"] = _("The file is taken away.")
    return go(request, f"/{stored.entity}/{stored.record}" if stored.record else "/")


@login_required
@require_GET
def download(request: HttpRequest, pk: UUID) -> FileResponse:
    """A file as a download, to its uploader or to those who see the record it hangs on."""
    actor = actor_of(request)
    stored = StoredFile.objects.filter(pk=pk, deleted_at=None).first()
    if stored is None or not _may_see(actor, stored):
        raise Missing
    response = FileResponse(
        stored.blob.open("rb"), as_attachment=True, filename=stored.name, content_type="application/octet-stream"
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _may_see(actor: Actor, stored: StoredFile, action: str = "read") -> bool:
    if stored.uploader_id == actor.user.pk:
        return True
    entity = entities().get(stored.entity)
    return bool(entity and stored.record and query.visible(actor, entity, action).filter(pk=stored.record).exists())
