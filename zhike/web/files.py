"""Stored files: hung on records, and handed out as downloads only, from a path or a host of their own."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.models import User
from zhike.engine import query, uploads
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import StoredFile

from .editing import form_answer, go
from .lookup import entity_or_404
from .templating import actor_of

SALT = "zhike.files"
SECONDS = 60  # between the permission on the main host and the download on the host of files
POLICY = "sandbox; default-src 'none'"


@login_required
@require_http_methods(["GET", "POST"])
def attach(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Hang a file on a record that the actor may change."""
    entity, actor = entity_or_404(key), actor_of(request)
    query.record(actor, entity, pk, "update")
    error = ""
    if request.method == "POST":
        try:
            stored = uploads.keep(actor, request.FILES.get("file"), entity=entity, record=pk)
        except Invalid as invalid:
            error = " ".join(w.text for found in invalid.first.values() for w in found)
        else:
            request.session["toast"] = _("“%(name)s” is attached.") % {"name": stored.name}
            return go(request, f"/{key}/{pk}")
    field = {
        "name": "file",
        "label": _("File"),
        "kind": "file",
        "required": True,
        "error": error,
        "help": uploads.limit_text(),
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
    """Take a file away."""
    stored = uploads.remove(actor_of(request), pk)
    request.session["toast"] = _("The file is taken away.")
    return go(request, f"/{stored.entity}/{stored.record}" if stored.record else "/")


@login_required
@require_GET
def download(request: HttpRequest, pk: UUID) -> HttpResponse | FileResponse:
    """A file as a download; with a host for files, the way there, good for a minute."""
    actor = actor_of(request)
    stored = uploads.find(actor, pk)
    if not settings.FILES_HOST or actor.by or actor.limit:  # whoever acts by another hand has no rights elsewhere
        return handed(stored)
    ticket = signing.dumps([str(pk), str(actor.user.pk)], salt=SALT)
    scheme = "https" if settings.HTTPS else "http"
    return HttpResponseRedirect(f"{scheme}://{settings.FILES_HOST}/files/{pk}/{ticket}")


@require_GET
def hand_out(request: HttpRequest, pk: UUID, ticket: str) -> FileResponse:
    """On the host of files: what the ticket was made for, to whom may still see it; there are no cookies here."""
    try:
        file, user = signing.loads(ticket, salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        raise Missing from None
    person = User.objects.filter(pk=user, is_active=True, deleted_at=None).first()
    if file != str(pk) or person is None:
        raise Missing
    return handed(uploads.find(Actor(person, "web"), pk))


def handed(stored: StoredFile) -> FileResponse:
    """The bytes as an inert download, whatever they are. Raises Missing when they are gone."""
    try:
        file = stored.blob.open("rb")
    except FileNotFoundError:
        raise Missing from None
    response = FileResponse(file, as_attachment=True, filename=stored.name, content_type="application/octet-stream")
    response["Content-Security-Policy"] = POLICY
    return response


urlpatterns = [
    path("files/<uuid:pk>", download),
    path("files/<uuid:pk>/delete", remove),
]
host_urlpatterns = (path("files/<uuid:pk>/<str:ticket>", hand_out),)
