"""Settings of the firm's people: departments, and passwords that an administrator sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base import passwords
from zhike.base.models import Department, User
from zhike.engine import history, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused

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
]
