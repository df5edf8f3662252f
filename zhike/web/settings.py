"""Settings without code: people, departments, roles and pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base import passwords
from zhike.base.i18n import LANGUAGES
from zhike.base.models import Department, User
from zhike.engine import access, history, pipelines, query, stages
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Pipeline

from . import plugs
from .editing import form_answer, go
from .identity_admin import may_hand_over
from .templating import actor_of, render

SYSTEM, SECURITY, AUDIT = ("all", "system"), ("all", "security"), ("all", "audit")
ANYBODY = ("all", "system", "security", "audit")


def admin(request: HttpRequest, offices: Sequence[str] = SYSTEM) -> Actor:
    """The actor, if they hold one of the offices; Refused otherwise."""
    actor = actor_of(request)
    if actor.office not in offices:
        raise Refused("settings")
    return actor


@login_required
@require_GET
def departments(request: HttpRequest) -> HttpResponse:
    """The department tree with heads and head counts."""
    admin(request)
    rows = list(Department.objects.filter(deleted_at=None).select_related("head").order_by("order", "name"))
    counts: dict[UUID, int] = {}
    for place in User.objects.filter(deleted_at=None, is_active=True, department__isnull=False).values_list(
        "department", flat=True
    ):
        counts[place] = counts.get(place, 0) + 1
    below: dict[Any, list[Department]] = {}
    for d in rows:
        below.setdefault(d.parent_id, []).append(d)

    def walk(parent: Any, depth: int) -> list[dict[str, Any]]:
        found = []
        for d in below.get(parent, []):
            found.append(
                {
                    "id": str(d.pk),
                    "name": d.name,
                    "head": d.head.name if d.head else "",
                    "count": counts.get(d.pk, 0),
                    "depth": depth,
                    "url": f"/department/{d.pk}",
                    "edit_url": f"/department/{d.pk}/edit",
                    "people_url": f"/user/?view=&department__eq={d.pk}",
                    "new_url": f"/department/new?parent={d.pk}",
                }
            )
            found += walk(d.pk, depth + 1)
        return found

    return render(request, "web/settings_departments.html", {"rows": walk(None, 0), "new_url": "/department/new"})


@login_required
@require_http_methods(["GET", "POST"])
def set_password(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new password for somebody, set by an administrator; it ends that person's sessions."""
    actor = admin(request)
    user = query.visible(actor, get("user"), "update").filter(pk=pk).first()
    if user is None:
        raise Missing
    if not may_hand_over(actor, user):
        raise Refused("password of somebody who has one")  # who knows it could act as them
    error = ""
    if request.method == "POST":
        try:
            validate_password(request.POST.get("password", ""), user)
        except ValidationError as wrong:
            error = " ".join(wrong.messages)
        else:
            passwords.change(user, request.POST["password"], temporary=True)
            history.note(actor, "password_set", entity="user", record=user.pk)
            request.session["toast"] = _("The password of %(name)s is changed.") % {"name": user.name}
            return go(request, f"/user/{pk}")
    label = _("New password")
    asked = {
        "name": "password",
        "label": label,
        "kind": "password",
        "required": True,
        "error": error,
        "autocomplete": "new-password",
        "help": _("Tell it to the person yourself: they must change it at once. All their sessions end."),
    }
    context = {
        "title": _("Set the password of %(name)s") % {"name": user.name},
        "trail": [{"label": get("user").plural, "url": "/user/"}, {"label": user.name, "url": f"/user/{pk}"}],
        "form": {
            "url": request.path,
            "sections": [{"title": "", "fields": [asked]}],
            "key": "",
            "cancel_url": f"/user/{pk}",
            "errors": [{"name": "password", "label": label, "text": error}] if error else [],
        },
    }
    return form_answer(request, context, status=422 if error else 200)


@login_required
@require_GET
def pipeline_list(request: HttpRequest) -> HttpResponse:
    """The pipelines in force of every entity that has stages."""
    admin(request)
    groups = []
    for entity in entities().values():
        if entity.is_staged:
            items = [
                {
                    "id": str(p.pk),
                    "label": str(p),
                    "number": p.number,
                    "is_default": p.is_default,
                    "stages": [{"label": str(s), "status": s.status, "tone": s.tone} for s in stages.of(p.pk)],
                    "in_use": pipelines.in_use(p),
                    "url": f"/settings/pipelines/{p.pk}",
                }
                for p in stages.current(entity)
            ]
            groups.append(
                {
                    "key": entity.key,
                    "label": entity.plural,
                    "items": items,
                    "new_url": f"/settings/pipelines/new/{entity.key}",
                }
            )
    return render(request, "web/settings_pipelines.html", {"groups": groups})


@login_required
@require_http_methods(["GET", "POST"])
def pipeline_edit(request: HttpRequest, pk: UUID | None = None, key: str = "") -> HttpResponse:
    """Edit a pipeline: names, win %, required fields, days; a change of shape of one in use makes a new version."""
    actor = admin(request)
    pipeline = Pipeline.objects.filter(pk=pk, is_current=True).first() if pk else None
    if pk and pipeline is None:
        raise Missing
    entity = entities().get(pipeline.entity if pipeline else key)
    if entity is None or not entity.is_staged:
        raise Missing
    errors: dict[str, list[str]] = {}
    draft = pipelines.draft(entity, pipeline)
    if request.method == "POST":
        draft = posted_draft(request)
        try:
            saved = pipelines.save(actor, entity, pipeline, draft)
        except Invalid as invalid:
            errors = {k: [w.text for w in found] for k, found in invalid.first.items()}
        else:
            text = (
                _("Saved as version %(n)s; open records have moved to it.")
                if pipeline and saved.number > pipeline.number
                else _("Saved.")
            )
            request.session["toast"] = text % {"n": saved.number}
            return HttpResponseRedirect(f"/settings/pipelines/{saved.pk}", status=303)
    known = access.readable(actor, entity)
    context = {
        "entity": {"key": entity.key, "label": entity.label, "plural": entity.plural},
        "pipeline": {
            "label": str(pipeline) if pipeline else _("New pipeline"),
            "number": pipeline.number if pipeline else 1,
            "in_use": pipelines.in_use(pipeline) if pipeline else 0,
        },
        "draft": draft,
        "errors": errors,
        "languages": LANGUAGES,
        "url": request.path,
        "statuses": [
            {"value": "open", "label": _("Open")},
            {"value": "won", "label": _("Won")},
            {"value": "lost", "label": _("Lost")},
        ],
        "fields": [
            {"value": k, "label": a.label} for k, a in known.items() if a.editable and k not in ("stage", "pipeline")
        ],
        "tones": ["neutral", "teal", "blue", "violet", "green", "amber", "red", "pink"],
    }
    return render(request, "web/settings_pipeline.html", context, status=422 if errors else 200)


def posted_draft(request: HttpRequest) -> dict[str, Any]:
    """The form of a pipeline as a draft: stages in the order in which they were sent."""
    post = request.POST
    rows = post.getlist("row")
    return {
        "labels": {lang: post.get(f"label-{lang}", "").strip() for lang in LANGUAGES},
        "is_default": post.get("is_default") == "1",
        "stages": [
            {
                "id": post.get(f"{r}-id", ""),
                "labels": {lang: post.get(f"{r}-label-{lang}", "").strip() for lang in LANGUAGES},
                "status": post.get(f"{r}-status", "open"),
                "win_percent": post.get(f"{r}-win", "0"),
                "days_allowed": post.get(f"{r}-days", ""),
                "tone": post.get(f"{r}-tone", "neutral"),
                "required_fields": [k for k in post.getlist(f"{r}-required") if k],
                "move_to": post.get(f"{r}-move", ""),
                "remove": post.get(f"{r}-remove") == "1",
            }
            for r in rows
            if r.isalnum()
        ],
    }


plugs.actions["user"] = [
    *plugs.actions.get("user", ()),
    plugs.RecordAction(
        gettext_lazy("Set password"),
        "key-round",
        lambda pk: f"/settings/people/{pk}/password",
        lambda _values, may: may.get("update", False),
    ),
]
urlpatterns = [
    path("settings/departments", departments),
    path("settings/people/<uuid:pk>/password", set_password),
    path("settings/pipelines", pipeline_list),
    path("settings/pipelines/<uuid:pk>", pipeline_edit),
    path("settings/pipelines/new/<slug:key>", pipeline_edit),
]
