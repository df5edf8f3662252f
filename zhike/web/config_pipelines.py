"""Pipelines and stages, kept in the draft like everything else that is configured."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base.i18n import LANGUAGES
from zhike.engine import access, pipelines, stages
from zhike.engine.access import Actor
from zhike.engine.config import lifecycle, rows
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Missing
from zhike.engine.labels import localized
from zhike.engine.models import Pipeline

from . import config_common as common
from .config_common import bar, drafted
from .settings import admin
from .templating import render

HERE = "/settings/pipelines"
NEW = "k-"  # before the key of a stage that only the draft has


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The pipelines of every entity that has stages, as the draft has them."""
    actor = admin(request)
    with drafted() as found:
        groups = [_group(e, found.get("pipelines", {}).get(e.key, {})) for e in entities().values() if e.is_staged]
        return render(request, "web/settings_pipelines.html", {"groups": groups, "bar": bar(actor)})


def _group(entity: AnyEntity, waiting: Mapping[str, Any]) -> dict[str, Any]:
    rows_now = {p.key: p for p in stages.current(entity)}
    items = []
    for key in [*rows_now, *(k for k in waiting if k not in rows_now)]:
        p, value = rows_now.get(key), waiting.get(key)
        value = value or rows.pipeline(rows_now[key])
        items.append(
            {
                "id": key,
                "label": localized(value["labels"]),
                "number": p.number if p else 0,
                "is_default": bool(value.get("is_default")),
                "waiting": key in waiting,
                "stages": [
                    {"label": localized(s["labels"]), "status": s["status"], "tone": s.get("tone", "neutral")}
                    for s in value["stages"]
                ],
                "in_use": pipelines.in_use(p) if p else 0,
                "url": f"{HERE}/{p.pk}" if p else f"{HERE}/new/{entity.key}?key={key}",
            }
        )
    return {"key": entity.key, "label": entity.plural, "items": items, "new_url": f"{HERE}/new/{entity.key}"}


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None, key: str = "") -> HttpResponse:
    """One pipeline: names, win %, required fields, days; a change of shape of one in use makes a new version."""
    actor = admin(request)
    pipeline = Pipeline.objects.filter(pk=pk, is_current=True).first() if pk else None
    entity = entities().get(pipeline.entity if pipeline else key)
    if (pk and pipeline is None) or entity is None or not entity.is_staged:
        raise Missing
    with drafted() as found:
        entity = entities()[entity.key]
        name = pipeline.key if pipeline else request.GET.get("key", "")
        value = lifecycle.at(found, ("pipelines", entity.key, name)) if name else None
        if name and value is None and pipeline is None:
            raise Missing
        draft = of_value(pipeline, value) if value else pipelines.draft(entity, pipeline)
        errors: dict[str, list[str]] = {}
        if request.method == "POST":
            draft = posted(request)
            errors = _keep(request, actor, entity, pipeline, name, draft)
            if not errors:
                return common.done(request, HERE, _("Kept in the draft."))
        context = _context(actor, entity, pipeline, draft, value)
        context |= {"errors": errors, "url": request.get_full_path(), "bar": bar(actor)}
        context["mark"] = lifecycle.mark(lifecycle.entry(found, ("pipelines", entity.key, name))) if name else ""
        return render(request, "web/settings_pipeline.html", context, status=422 if errors else 200)


def _context(
    actor: Actor, entity: AnyEntity, pipeline: Pipeline | None, draft: Mapping[str, Any], value: Any
) -> dict[str, Any]:
    known = access.readable(actor, entity)
    title = str(pipeline) if pipeline else localized(value["labels"]) if value else _("New pipeline")
    return {
        "entity": {"key": entity.key, "label": entity.label, "plural": entity.plural},
        "pipeline": {
            "label": title,
            "number": pipeline.number if pipeline else 1,
            "in_use": pipelines.in_use(pipeline) if pipeline else 0,
        },
        "draft": draft,
        "languages": [one["code"] for one in common.languages()],
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


def of_value(pipeline: Pipeline | None, value: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the draft as the form shows it."""
    found = rows.as_draft(pipeline, value)
    for s in found["stages"]:
        s["id"] = s["id"] or NEW + s["key"]
        s["win_percent"] = s["win_percent"].normalize()
    return found


def _keep(
    request: HttpRequest,
    actor: Actor,
    entity: AnyEntity,
    pipeline: Pipeline | None,
    name: str,
    draft: Mapping[str, Any],
) -> dict[str, list[str]]:
    try:
        cleaned = pipelines.check(entity, draft)
    except Invalid as invalid:
        return {k: [w.text for w in found] for k, found in invalid.first.items()}
    taken = set(Pipeline.objects.filter(entity=entity.key).values_list("key", flat=True))
    at = ("pipelines", entity.key, name or rows.slug(localized(draft["labels"]), taken).replace("_", "-"))
    problems = common.save(request, actor, {at: _value(pipeline, draft, cleaned)}, at if name else None)
    return {"stages": [p.text for p in problems]} if problems else {}


def _value(pipeline: Pipeline | None, draft: Mapping[str, Any], cleaned: list[dict[str, Any]]) -> dict[str, Any]:
    keys = {str(s.pk): s.key for s in stages.of(pipeline.pk)} if pipeline else {}
    keys |= {s["id"]: s["id"].removeprefix(NEW) for s in draft["stages"] if s["id"].startswith(NEW)}
    taken = set(keys.values())
    found = []
    for s in cleaned:
        key = keys.get(s["id"]) or rows.slug(s["labels"].get("en") or localized(s["labels"]), taken).replace("_", "-")
        taken.add(key)
        found.append({"key": key, "labels": rows.said(s["labels"]), "status": s["status"], **_rules(s)})
    value: dict[str, Any] = {
        "labels": rows.said(draft["labels"]),
        "is_default": bool(draft["is_default"]),
        "stages": found,
    }
    moves = {keys[s["id"]]: keys[s["move_to"]] for s in draft["stages"] if s["remove"] and s["move_to"] in keys}
    return {**value, **({"moves": moves} if moves else {})}


def _rules(s: Mapping[str, Any]) -> dict[str, Any]:
    win: Decimal = s["win_percent"]
    found: dict[str, Any] = {"win_percent": int(win) if win == win.to_integral_value() else float(win)}
    found |= {"tone": s["tone"]}
    found |= {"days_allowed": s["days_allowed"]} if s["days_allowed"] else {}
    return found | ({"required_fields": s["required_fields"]} if s["required_fields"] else {})


def posted(request: HttpRequest) -> dict[str, Any]:
    """The form of a pipeline: stages in the order in which they were sent."""
    post = request.POST
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
            for r in post.getlist("row")
            if r.isalnum()
        ],
    }


urlpatterns = [
    path("settings/pipelines", overview),
    path("settings/pipelines/<uuid:pk>", edit),
    path("settings/pipelines/new/<slug:key>", edit),
]
