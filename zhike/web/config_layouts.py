"""Layouts of an object: form, list, card and the rest, for everybody, a role or phones, with a live preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from zhike.base.i18n import LANGUAGES
from zhike.engine import layouts, query
from zhike.engine.access import Actor
from zhike.engine.config import changes, lifecycle
from zhike.engine.config.checking import Problem
from zhike.engine.config.shape import PARTS
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Refused
from zhike.engine.labels import localized

from . import config_common as common
from . import forms
from .config_common import bar, crumbs, drafted, shaped
from .config_objects import LISTED
from .config_words import ICONS
from .settings import admin
from .templating import render

Sections = list[dict[str, Any]]
LIMITS = {"quick": 8, "card": 6, "facts": 6}


@login_required
@require_http_methods(["GET", "POST"])
def layout(request: HttpRequest, key: str) -> HttpResponse:
    """One part of the layout of an object, for one kind of reader."""
    actor = admin(request)
    with drafted() as found:
        entity = shaped(key)
        part, who = _chosen(request)
        at = ("layouts", key, part, who)
        before, problems = lifecycle.at(found, at), list[Problem]()
        content = before if before is not None else inherited(entity, found, part, who)
        if request.method == "POST":
            content = None if request.POST.get("reset") == "1" else posted(request.POST, part, entity)
            problems = list(common.save(request, actor, {at: content}, at))
            if not problems:
                return common.done(request, request.get_full_path(), _("Kept in the draft."))
        context = {
            **_context(entity, part, who, content or []),
            "bar": bar(actor),
            "own": before is not None,
            "mark": lifecycle.mark(before),
            "errors": common.summary(problems, {}, ""),
            "url": request.get_full_path(),
            "preview_url": f"{LISTED}/{key}/layout/preview?part={part}&for={who}",
            **shown(actor, entity, part, content or []),
        }
        return render(request, "web/config_layout.html", context, status=422 if problems else 200)


def _chosen(request: HttpRequest) -> tuple[str, str]:
    part, who = request.GET.get("part", "form"), request.GET.get("for", "")
    known = {"", "phone", *(f"role:{r.key}" for r in common.roles())}
    return part if part in PARTS else "form", who if who in known else ""


def inherited(entity: AnyEntity, found: Mapping[str, Any], part: str, who: str) -> Any:
    """What readers have who have no layout of their own: that of everybody, else what is declared."""
    general = lifecycle.at(found, ("layouts", entity.key, part, ""))
    if who and general is not None:
        return general
    base = layouts.declared(entity)
    if part == "form":
        return [{"labels": _spoken(s.title), "keys": list(s.keys), "folded": s.folded} for s in base.sections]
    return list(getattr(base, "columns" if part == "list" else part))


def _spoken(title: Any) -> dict[str, str]:
    found = {}
    for lang in LANGUAGES:
        with override(lang):
            found[lang] = str(title)
    return {k: v for k, v in found.items() if v}


def posted(post: QueryDict, part: str, entity: AnyEntity) -> Any:
    """The items in the order of the form: `f:key` a field, `s:row` the beginning of a section."""
    known = entity.attributes
    items = [i.partition(":") for i in post.getlist("item")]
    if part != "form":
        return list(dict.fromkeys(k for sort, _colon, k in items if sort == "f" and k in known))
    sections: Sections = []
    seen: set[str] = set()
    for sort, _colon, k in items:
        if sort == "s" and k.isalnum():
            labels = {lang: post.get(f"{k}-label-{lang}", "").strip() for lang in LANGUAGES}
            section: dict[str, Any] = {"labels": {x: y for x, y in labels.items() if y}, "keys": []}
            sections.append({**section, **({"folded": True} if post.get(f"{k}-folded") == "1" else {})})
        elif sort == "f" and k in known and k not in seen:
            seen.add(k)
            if not sections:
                sections.append({"labels": {}, "keys": []})
            sections[-1]["keys"].append(k)
    return [s for s in sections if s["keys"]]


def _context(entity: AnyEntity, part: str, who: str, content: Sequence[Any]) -> dict[str, Any]:
    base = f"{LISTED}/{entity.key}/layout"
    readers = [("", _("Everybody")), *((f"role:{r.key}", r.name) for r in common.roles()), ("phone", _("On phones"))]
    placed = {k for s in content for k in s.get("keys", ())} if part == "form" else set(content)
    free = {k: a for k, a in entity.attributes.items() if k not in placed and not a.unseen}
    if part in ("form", "quick"):
        free = {k: a for k, a in free.items() if part == "form" or a.editable}
    return {
        "title": entity.plural,
        "tabs": common.tabs(entity, "/layout"),
        "parts": [
            {"label": name[:1].upper() + name[1:], "url": f"{base}?part={p}&for={who}", "active": p == part}
            for p, name in changes.part_names().items()
        ],
        "readers": [
            {"value": v, "label": name, "url": f"{base}?part={part}&for={v}", "active": v == who} for v, name in readers
        ],
        "part": part,
        "who": who,
        "sections": [_section(entity, n, s) for n, s in enumerate(content)] if part == "form" else [],
        "items": [_item(entity, k) for k in content if k in entity.attributes] if part != "form" else [],
        "free": [_item(entity, k) for k in free],
        "languages": common.languages(),
        "limit": LIMITS.get(part, 0),
        "trail": crumbs((_("Objects and fields"), LISTED)),
    }


def _section(entity: AnyEntity, n: int, s: Mapping[str, Any]) -> dict[str, Any]:
    items = [_item(entity, k) for k in s.get("keys", ()) if k in entity.attributes]
    return {"row": f"s{n}", "labels": dict(s.get("labels", {})), "folded": bool(s.get("folded")), "items": items}


def _item(entity: AnyEntity, key: str) -> dict[str, Any]:
    a = entity.attributes[key]
    return {
        "key": key,
        "label": a.label,
        "icon": ICONS.get(a.kind.key, "circle"),
        "own": key.startswith("x_"),
        "required": a.required,
    }


@login_required
@require_POST
def preview(request: HttpRequest, key: str) -> HttpResponse:
    """The layout of the form as it would look, while it is arranged."""
    actor = admin(request)
    with drafted():
        entity = shaped(key)
        part, _who = _chosen(request)
        return render(
            request, "web/config_layout_preview.html", shown(actor, entity, part, posted(request.POST, part, entity))
        )


def shown(actor: Actor, entity: AnyEntity, part: str, content: Sequence[Any]) -> dict[str, Any]:
    """What the preview shows: fields without values, or records that the reader may see."""
    if part in ("form", "quick"):
        sections: Sequence[Any] = content if part == "form" else [{"labels": {}, "keys": content}]
        return {
            "shown_form": [
                {
                    "title": localized(s.get("labels")),
                    "folded": bool(s.get("folded")),
                    "fields": _boxes(actor, entity, s.get("keys", ())),
                }
                for s in sections
            ]
        }
    labels = [str(entity.attributes[k].label) for k in content if k in entity.attributes]
    return {"shown_part": part, "shown_labels": labels, "shown_rows": _records(actor, entity, content)}


def _boxes(actor: Actor, entity: AnyEntity, keys: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for k in keys:
        if (a := entity.attributes.get(k)) is None:
            continue
        box = forms.field(entity, a, a.empty if a.column or a.custom else None, {}, actor=actor)
        kind = "text" if box["kind"] in ("combo", "multicombo", "file", "hidden") else box["kind"]
        found.append(
            {
                **box,
                "name": f"p-{k}",
                "kind": kind,
                "disabled": True,
                "required": False,
                "mark": a.required,
                "value": "" if kind == "text" else box["value"],
            }
        )
    return found


def _records(actor: Actor, entity: AnyEntity, keys: Sequence[str]) -> list[dict[str, Any]]:
    known = [k for k in keys if k in entity.attributes]
    try:
        page = query.page(actor, entity, query.View(columns=tuple(known), size=3))
    except Refused:
        return []
    return [
        {
            "title": str(r.values.get(entity.title, "")),
            "cells": [
                entity.attributes[k].kind.html(entity.attributes[k], r.values.get(k), page.labels) for k in known
            ],
        }
        for r in page.rows
    ]


urlpatterns = [
    path("settings/objects/<slug:key>/layout", layout),
    path("settings/objects/<slug:key>/layout/preview", preview),
]
