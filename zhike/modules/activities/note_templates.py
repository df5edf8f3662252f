"""Note templates: the administrator writes them, the composer offers them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.web.editing import form_answer
from zhike.web.settings import admin
from zhike.web.templating import render

from .models import Activity, NoteTemplate

LONGEST = 2000  # characters
PAGE = "/settings/note-templates"
TRAIL = [
    {"label": gettext_lazy("Settings"), "url": "/settings/"},
    {"label": gettext_lazy("Note templates"), "url": PAGE},
]


def every() -> list[NoteTemplate]:
    """The templates of the firm, by name."""
    return list(NoteTemplate.objects.filter(deleted_at=None).order_by("name"))


def save(actor: Actor, template: NoteTemplate, name: str, kind: str, text: str) -> None:
    """A new template, or another content of one; Invalid with what is wrong with it."""
    errors: dict[str, list[Wrong]] = {}
    if not (name := " ".join(name.split())[:60]):
        errors["name"] = [Wrong(_("Give it a name."), "required")]
    if not (text := text.replace("\r\n", "\n").strip()) or len(text) > LONGEST:
        errors["text"] = [Wrong(_("Enter 1 to %(max)s characters.") % {"max": LONGEST})]
    if kind and kind not in Activity.Kind:
        errors["kind"] = [Wrong(_("Choose from the list."))]
    if errors:
        raise Invalid([errors])
    template.name, template.kind, template.text = name, kind, text
    template.updated_at = timezone.now()
    try:
        with transaction.atomic():
            template.save()
            history.note(actor, "note_template.save", details={"name": name})
    except IntegrityError:
        raise Invalid([{"name": [Wrong(_("There is a template of this name already."), "unique")]}]) from None


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The templates of the firm."""
    admin(request)
    kinds = dict(Activity.Kind.choices)
    rows = [{"id": t.pk, "name": t.name, "kind": kinds.get(t.kind, ""), "text": t.text} for t in every()]
    return render(request, "activities/note_templates.html", {"rows": rows, "trail": TRAIL[:1]})


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """A template: its name, for which kind of activity, and its text."""
    actor = admin(request)
    template = _template(pk) if pk else NoteTemplate()
    sent = {"name": template.name, "kind": template.kind, "text": template.text}
    wrong: dict[str, str] = {}
    if request.method == "POST":
        sent = {key: request.POST.get(key, "") for key in sent}
        try:
            save(actor, template, **sent)
            return HttpResponseRedirect(PAGE, status=303)
        except Invalid as invalid:
            wrong = {key: found[0].text for key, found in invalid.first.items()}
    title = sent["name"] if pk else _("New template")
    context = {"title": title, "trail": TRAIL, "form": _form(request.path, sent, wrong), "conflict": None}
    return form_answer(request, context, status=422 if wrong else 200)


def _form(url: str, sent: dict[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    kinds = [{"value": "", "label": _("Every kind")}, *({"value": k, "label": t} for k, t in Activity.Kind.choices)]
    told = {
        "name": {"label": _("Name"), "kind": "text", "required": True},
        "kind": {"label": _("Kind of activity"), "kind": "select", "options": kinds, "required": True},
        "text": {
            "label": _("Text"),
            "kind": "textarea",
            "required": True,
            "wide": True,
            "help": _("Where ___ stands, the cursor waits for what is to be filled in."),
        },
    }
    fields = [{"name": k, "value": sent[k], "error": wrong.get(k, ""), **about} for k, about in told.items()]
    errors = [{"name": k, "label": told[k]["label"], "text": text} for k, text in wrong.items()]
    return {
        "url": url, "sections": [{"title": "", "fields": fields}], "key": "", "errors": errors, "cancel_url": PAGE,
    }  # fmt: skip


def _template(pk: UUID) -> NoteTemplate:
    found = NoteTemplate.objects.filter(pk=pk, deleted_at=None).first()
    if found is None:
        raise Missing
    return found


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Offered no more; what was written with it stays."""
    actor, template = admin(request), _template(pk)
    with transaction.atomic():
        NoteTemplate.objects.filter(pk=pk).update(deleted_at=timezone.now())
        history.note(actor, "note_template.delete", details={"name": template.name})
    return HttpResponseRedirect(PAGE, status=303)


urlpatterns = [
    path("settings/note-templates", index),
    path("settings/note-templates/new", edit),
    path("settings/note-templates/<uuid:pk>", edit),
    path("settings/note-templates/<uuid:pk>/remove", remove),
]
