"""Personal data as pages: where they are, one person's file, erasing one person."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods
from markupsafe import Markup

from zhike.engine import privacy, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, declared, entities
from zhike.engine.errors import Missing
from zhike.engine.kinds import CLASSES
from zhike.engine.models import Erasure
from zhike.engine.tabular import Cell
from zhike.engine.tabular.write import write_csv

from . import plugs
from .editing import form_answer, go
from .lookup import entity_or_404
from .record import head
from .settings import admin
from .templating import actor_of, render

OFFICES = ("all", "security", "audit")
TONES = {"public": "neutral", "internal": "blue", "personal": "amber", "sensitive": "red"}


def class_label(name: str) -> str:
    """A class of data in words."""
    return {
        "public": _("Public"),
        "internal": _("Internal"),
        "personal": _("Personal"),
        "sensitive": _("Sensitive"),
    }[name]


@login_required
@require_GET
def inventory(request: HttpRequest) -> HttpResponse | FileResponse:
    """Every field with its class and who can see it; `class` narrows it, `format=csv` gives a file."""
    admin(request, OFFICES)
    chosen = request.GET.get("class", "")
    wanted = (chosen,) if chosen in CLASSES else ("personal", "sensitive") if chosen == "" else ()
    lines = privacy.inventory(wanted)
    if request.GET.get("format") == "csv":
        return inventory_file(lines)
    tabs = [("", _("Personal and sensitive")), *((c, class_label(c)) for c in CLASSES), ("every", _("All fields"))]
    groups: dict[str, dict[str, Any]] = {}
    for line in lines:
        group = groups.setdefault(line.entity.key, {"label": line.entity.plural, "icon": line.entity.icon, "rows": []})
        group["rows"].append(
            {
                "label": line.attribute.label,
                "key": line.attribute.key,
                "class": class_label(line.attribute.data_class),
                "tone": TONES[line.attribute.data_class],
                "counts": [line.write, line.read, line.masked, line.hidden, line.none],
            }
        )
    context = {
        "groups": list(groups.values()),
        "tabs": [{"label": label, "url": f"?class={key}", "active": key == chosen} for key, label in tabs],
        "export_url": f"?class={chosen}&format=csv",
        "persons": persons(),
        "erased": Erasure.objects.count(),
    }
    return render(request, "web/privacy_inventory.html", context)


def persons() -> int:
    """How many persons are kept: from one million on somebody is to be in charge by name (PIPL art. 52)."""
    return sum(e.rows().filter(deleted_at=None).count() for e in entities().values() if is_own(e))


def is_own(entity: AnyEntity) -> bool:
    """Whether records of the entity are persons outside the firm."""
    return privacy.is_person(entity)


def inventory_file(lines: list[privacy.Line]) -> FileResponse:
    """The inventory as csv."""
    headers = [
        _("Record type"), _("Field"), _("Key"), _("Class"), _("Roles that write"), _("Roles that read"),
        _("Roles that see it masked"), _("Roles it is hidden from"), _("Roles without access"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            str(line.entity.plural), str(line.attribute.label), f"{line.entity.key}.{line.attribute.key}",
            class_label(line.attribute.data_class), line.write, line.read, line.masked, line.hidden, line.none,
        ]
        for line in lines
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="zhike-write-") as folder:
        place = Path(folder) / "inventory.csv"
        write_csv(place, headers, rows)
        file = place.open("rb")  # open files outlive their names
    name = f"{_('Data inventory')} {timezone.localdate():%Y-%m-%d}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


@login_required
@require_GET
def person_file(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """All that is kept about one person: a document to print, or JSON with `format=json`."""
    entity, actor = entity_or_404(key), actor_of(request)
    found = privacy.person_file(actor, entity, pk)
    if request.GET.get("format") == "json":
        text = json.dumps(found, ensure_ascii=False, indent=2)
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{key}-{pk}.json"'
        return response
    page = query.record(actor, entity, pk)
    labels = {
        "reveal": _("revealed"),
        "export": _("exported"),
        "print": _("printed"),
        "personfile": _("made this file"),
    }
    context = {
        "file": found,
        "record": head(entity, page, {}),
        "made_at": timezone.now(),
        "by": actor.hand.name,
        "json_url": "?format=json",
        "actions": labels,
    }
    return render(request, "web/privacy_person.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """What will go and what stays, then erase: asked for with a reason and a tick."""
    entity, actor = entity_or_404(key), actor_of(request)
    if not privacy.is_person(entity):
        raise Missing
    plan = privacy.plan(actor, entity, pk)
    reason, sure, errors = "", False, []
    if request.method == "POST":
        reason, sure = request.POST.get("reason", "").strip()[:200], request.POST.get("sure") == "1"
        if not reason:
            errors.append({"name": "reason", "label": _("Reason"), "text": _("Say why, such as the request of a day.")})
        if not sure:
            text = _("Tick this if you are sure: it cannot be undone.")
            errors.append({"name": "sure", "label": _("Sure"), "text": text})
        if not errors:
            privacy.erase(actor, entity, pk, reason)
            request.session["toast"] = _("The personal data are erased.")
            return go(request, f"/{key}/{pk}")
    context = erase_context(actor, entity, plan, reason=reason, sure=sure, errors=errors)
    return form_answer(request, context, status=422 if errors else 200)


def erase_context(
    actor: Actor, entity: AnyEntity, plan: privacy.Plan, *, reason: str, sure: bool, errors: list[dict[str, Any]]
) -> dict[str, Any]:
    """The form that asks."""
    page = query.record(actor, entity, plan.record)
    record = head(entity, page, {})
    texts = {e["name"]: e["text"] for e in errors}
    stays = [*plan.stays, (_("The history of what was done, without the values"), 0)]
    law = _(
        "Deals and what belongs to accounting are kept because the law asks for it (Accounting Law, 10 to 30 years)."
    )
    fields = [
        {"kind": "readonly", "name": "goes", "label": _("This goes"), "value": counted(plan.goes), "wide": True,
         "help": _("Values are replaced by a code without meaning, in the search index, files and imports too.")},
        {"kind": "readonly", "name": "stays", "label": _("This stays; the name in it goes"), "value": counted(stays),
         "wide": True, "help": law},
        {"name": "reason", "label": _("Reason"), "required": True, "value": reason, "error": texts.get("reason", ""),
         "wide": True, "maxlength": 200},
        {"kind": "checkbox", "name": "sure", "label": _("Erase for good"), "value": sure,
         "error": texts.get("sure", ""), "wide": True},
    ]  # fmt: skip
    if plan.erased:
        fields.insert(0, {"kind": "readonly", "name": "done", "label": "", "value": _("This was erased before.")})
    return {
        "title": _("Erase the personal data of %(name)s") % {"name": record["title"]},
        "trail": [{"label": entity.plural, "url": f"/{entity.key}/"}, {"label": record["title"], "url": record["url"]}],
        "conflict": None,
        "form": {
            "url": f"/{entity.key}/{plan.record}/act/erase",
            "sections": [{"title": "", "fields": fields}],
            "errors": errors,
            "key": "",
            "submit_label": _("Erase for good"),
            "grave": True,
            "cancel_url": record["url"],
        },
    }


def counted(items: list[tuple[Any, int]]) -> Markup:
    """Labels with how many, one below the other."""
    lines = [Markup("{}: {}").format(label, n) if n else Markup("{}").format(label) for label, n in items]
    return Markup("<br>").join(lines)


for _entity in declared().values():
    if privacy.is_person(_entity):
        plugs.actions.setdefault(_entity.key, []).append(
            plugs.RecordAction(
                gettext_lazy("Person file"),
                "file-text",
                lambda pk, key=_entity.key: f"/{key}/{pk}/personfile",  # type: ignore[misc]
                lambda _values, may: may.get("export", False),
                kind="link",
            )
        )
urlpatterns = [
    path("settings/privacy", inventory),
    path("<slug:key>/<uuid:pk>/personfile", person_file),
    path("<slug:key>/<uuid:pk>/act/erase", erase),
]
