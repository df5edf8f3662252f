"""Stored files: taken in, and handed out as downloads only."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import StoredFile

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


def _may_see(actor: Actor, stored: StoredFile) -> bool:
    if stored.uploader_id == actor.user.pk:
        return True
    entity = entities().get(stored.entity)
    return bool(entity and stored.record and query.visible(actor, entity).filter(pk=stored.record).exists())
