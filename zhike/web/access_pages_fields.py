"""Field levels of a role: what it sees hidden, in part, whole, and what it may write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.base.models import FieldGrant
from zhike.engine import rights
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing
from zhike.engine.kinds import CLASSES
from zhike.engine.models import Stage

from .access_pages_roles import ordered, role_or_404, tabs
from .access_words import level_label
from .settings import SECURITY, admin
from .templating import render

LEVELS = [str(v) for v in FieldGrant.Level.values]


@login_required
@require_GET
def fields(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The fields of one entity with their levels for a role."""
    admin(request, SECURITY)
    role = role_or_404(pk)
    entity = entities().get(request.GET.get("entity", "account"))
    if entity is None:
        raise Missing
    book = rights.now(role)
    context = {
        "role": {"id": str(role.pk), "name": role.name},
        "tabs": tabs(role, "/fields"),
        "entity": {"key": entity.key, "label": str(entity.plural)},
        "entities": [
            {
                "label": str(e.plural),
                "url": f"/settings/roles/{pk}/fields?entity={e.key}",
                "active": e is entity,
                "count": sum(k[0] == e.key for k in book.fields) or None,
            }
            for e in ordered()
        ],
        "levels": [{"value": v, "label": level_label(v)} for v in LEVELS],
        "statuses": [{"value": v, "label": str(label)} for v, label in Stage.Status.choices]
        if entity.is_staged
        else [],
        "rows": [_row(entity, key, book) for key, a in entity.attributes.items() if not a.unseen],
        "locked": book.is_everything,
        "url": f"/settings/roles/{pk}/preview",
    }
    return render(request, "web/settings_role_fields.html", context)


def _row(entity: AnyEntity, key: str, book: rights.Book) -> dict[str, Any]:
    a = entity.attributes[key]
    classes = {
        "public": (_("public"), "neutral"),
        "internal": (_("internal"), "neutral"),
        "personal": (_("personal"), "amber"),
        "sensitive": (_("sensitive"), "red"),
    }
    label, tone = classes[a.data_class if a.data_class in CLASSES else "internal"]
    return {
        "key": key,
        "label": str(a.label),
        "privacy": {"label": label, "tone": tone},
        "usual": level_label(a.level),
        "level": book.fields.get((entity.key, key, ""), ""),
        "when": [s for s in Stage.Status.values if (entity.key, key, s) in book.fields],
    }


def posted(entity: AnyEntity, post: QueryDict) -> dict[tuple[str, str], str]:
    """The levels of a form: (field, status or "") -> level; a field left as usual has none."""
    found = {}
    for key in entity.attributes:
        if level := post.get(f"f:{key}", ""):
            found[key, ""] = level
        for status in post.getlist(f"w:{key}") if entity.is_staged else ():
            if status in Stage.Status.values:
                found[key, status] = str(FieldGrant.Level.READ)
    return found
