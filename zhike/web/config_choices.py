"""Lists of built-in fields, such as why deals are lost: other names, further entries, retired ones."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base.i18n import LANGUAGES
from zhike.engine.config import lifecycle
from zhike.engine.config.checking import Problem
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Missing
from zhike.engine.kinds import Attribute

from . import config_common as common
from .config_common import bar, crumbs, drafted, shaped
from .config_field_form import choice_rows, choices
from .config_objects import LISTED
from .config_words import tones
from .settings import admin
from .templating import render


@login_required
@require_GET
def lists(request: HttpRequest, key: str) -> HttpResponse:
    """The lists of an object."""
    actor = admin(request)
    with drafted() as found:
        entity = shaped(key)
        own = found.get("fields", {}).get(key, {})
        rows = [
            {
                "label": a.label,
                "entries": [str(label) for k, label in a.choices if k not in a.retired],
                "retired": len(a.retired),
                "url": f"{LISTED}/{key}/fields/{k}" if k in own else f"{LISTED}/{key}/choices/{k}",
                "own": k in own or f"{key}.{k}" in found.get("choices", {}),
            }
            for k, a in entity.attributes.items()
            if a.choices and a.editable
        ]
        context = {
            "title": entity.plural,
            "tabs": common.tabs(entity, "/choices"),
            "rows": rows,
            "bar": bar(actor),
            "trail": crumbs((_("Objects and fields"), LISTED)),
        }
        return render(request, "web/config_lists.html", context)


def declared_rows(a: Attribute) -> list[dict[str, Any]]:
    """The list as it is built in, with its names in the three languages."""
    found: list[dict[str, Any]] = []
    for key, label in a.choices:
        one: dict[str, Any] = {"key": key, "labels": {}, "tone": a.tones.get(key, "neutral")}
        for lang in LANGUAGES:
            with override(lang):
                one["labels"][lang] = str(label)
        found.append(one)
    return found


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Names, colours, order, further entries and retired ones of one list."""
    actor = admin(request)
    with drafted() as found:
        entity = shaped(key)
        a = entity.declared.get(name)
        if a is None or not a.choices or not a.editable:
            raise Missing
        at = ("choices", f"{key}.{name}")
        before = lifecycle.at(found, at)
        said, problems = before or declared_rows(a), list[Problem]()
        if request.method == "POST":
            said = _posted(request, a)
            problems = list(common.save(request, actor, {at: said}, at))
            if not problems:
                return common.done(request, request.path, _("Kept in the draft."))
        return _page(request, actor, entity, a, said, problems, lifecycle.mark(before))


def _posted(request: HttpRequest, a: Attribute) -> list[dict[str, Any]]:
    if request.POST.get("reset") == "1":
        return []
    return choices(request.POST)


def _page(
    request: HttpRequest,
    actor: Any,
    entity: AnyEntity,
    a: Attribute,
    said: Any,
    problems: list[Problem],
    mark: str,
) -> HttpResponse:
    context = {
        "title": a.label,
        "choices": choice_rows(said),
        "fixed": [k for k, _label in a.choices],
        "tones": [{"value": k, "label": v} for k, v in tones().items()],
        "languages": common.languages(),
        "errors": common.summary(problems, {}, ""),
        "mark": mark,
        "url": request.path,
        "bar": bar(actor),
        "trail": crumbs(
            (_("Objects and fields"), LISTED),
            (entity.plural, f"{LISTED}/{entity.key}"),
            (_("Lists to choose from"), f"{LISTED}/{entity.key}/choices"),
        ),
    }
    return render(request, "web/config_list.html", context, status=422 if problems else 200)


urlpatterns = [
    path("settings/objects/<slug:key>/choices", lists),
    path("settings/objects/<slug:key>/choices/<slug:name>", edit),
]
