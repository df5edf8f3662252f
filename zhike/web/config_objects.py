"""Objects: what the firm keeps records of, its own ones among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base.i18n import LANGUAGES
from zhike.engine import numbering
from zhike.engine.access import Actor
from zhike.engine.config import lifecycle, rows, uses
from zhike.engine.config.checking import Problem
from zhike.engine.entity import AnyEntity, declared, entities
from zhike.engine.labels import localized

from . import config_common as common
from .config_common import bar, crumbs, drafted, label_fields, shaped
from .config_words import OBJECT_ICONS
from .settings import admin
from .templating import render

LISTED = "/settings/objects"


@login_required
@require_GET
def objects(request: HttpRequest) -> HttpResponse:
    """All objects with how many fields they have; those of the firm first named so."""
    actor = admin(request)
    with drafted() as document:
        found = [_line(e, document) for e in _ordered()]
        context = {
            "bar": bar(actor),
            "own": [o for o in found if o["own"]],
            "built": [o for o in found if not o["own"]],
            "retired": _retired(document),
            "new_url": f"{LISTED}/new",
            "trail": crumbs(),
        }
        return render(request, "web/config_objects.html", context)


def _ordered() -> list[AnyEntity]:
    shapeable = [e for e in entities().values() if e.takes_fields]
    return sorted(shapeable, key=lambda e: (e.menu or 500, str(e.plural)))


def _line(e: AnyEntity, document: Mapping[str, Any]) -> dict[str, Any]:
    own = document.get("fields", {}).get(e.key, {})
    return {
        "key": e.key,
        "label": e.plural,
        "icon": e.icon,
        "own": bool(e.object),
        "built": len(e.attributes) - len([k for k in own if k in e.attributes]),
        "fields": len([f for f in own.values() if not f.get("retired")]),
        "url": f"{LISTED}/{e.key}",
    }


def _retired(document: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"label": localized(said.get("plural") or said["labels"]), "url": f"{LISTED}/{key}/about"}
        for key, said in document.get("objects", {}).items()
        if said.get("retired")
    ]


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new object: a name in the reader's language is enough."""
    actor = admin(request)
    problems: list[Problem] = []
    said: dict[str, Any] = {"icon": "package", "like": "account"}
    with drafted() as document:
        if request.method == "POST":
            said = _posted(request, {})
            key = fresh_key(said["labels"], set(document.get("objects", {})))
            entries: dict[tuple[str, ...], Any] = {("objects", key): said}
            target = request.POST.get("link", "")
            if target and target in entities():
                name = {"labels": {lang: text for lang, text in _names(target).items() if text}}
                entries["fields", key, "x_" + target.removeprefix("x_")] = {"kind": "link", "target": target, **name}
                said["via"] = ["x_" + target.removeprefix("x_")]
            problems = list(common.save(request, actor, entries)) or []
            if not problems:
                text = _("“%(name)s” is in the draft. Add its fields now.") % {"name": localized(said["labels"])}
                return common.done(request, f"{LISTED}/{key}", text)
        context = {
            **_form(said, problems, "objects."),
            "url": request.path,
            "new": True,
            "link": request.POST.get("link", "account"),
        }
        context |= {"title": _("New object"), "bar": bar(actor), "trail": crumbs((_("Objects and fields"), LISTED))}
        return render(request, "web/config_object.html", context, status=422 if problems else 200)


def _names(target: str) -> Mapping[str, str]:
    """What a link to an object is called at first: as one of its records, in every language."""
    from django.utils.translation import override

    found = {}
    for lang in LANGUAGES:
        with override(lang):
            found[lang] = str(entities()[target].label)
    return found


def fresh_key(labels: Mapping[str, str], taken: set[str]) -> str:
    """x_ and a readable key from a name that nothing else has."""
    name = labels.get("en") or localized(labels)
    return "x_" + rows.slug(name, {k.removeprefix("x_") for k in taken})[:34]


def _posted(request: HttpRequest, before: Mapping[str, Any]) -> dict[str, Any]:
    post = request.POST
    found = {k: v for k, v in before.items() if k in ("via", "search", "title")}
    found |= {"labels": common.labels_of(request, "label"), "icon": post.get("icon") or "package"}
    for name, value in (
        ("plural", common.labels_of(request, "plural")),
        ("number", post.get("number", "").strip()),
        ("like", post.get("like", "")),
        ("retired", post.get("retired") == "1"),
        ("via", post.getlist("via")),
    ):
        if value:
            found[name] = value
        elif name in found and f"has-{name}" in post:
            del found[name]
    return found


def _form(said: Mapping[str, Any], problems: list[Problem], below: str) -> dict[str, Any]:
    base = ".".join(problems[0].path.split(".")[:2]) if problems else below
    names = {"labels": f"label-{common.languages()[0]['code']}", "number": "number", "icon": "icon"}
    errors = common.summary(problems, names, base)
    texts = {e["entry"]: e["text"] for e in errors}
    return {
        "errors": errors,
        "labels": label_fields(
            "label", _("Name of one"), said.get("labels", {}), required=True, error=texts.get("labels", "")
        ),
        "plurals": label_fields("plural", _("Name of many"), said.get("plural", {}), required=False),
        "icons": [{"value": i, "on": i == said.get("icon", "package")} for i in OBJECT_ICONS],
        "number": {
            "name": "number",
            "label": _("Running number"),
            "kind": "text",
            "value": said.get("number", ""),
            "placeholder": "V%06d",
            "error": texts.get("number", ""),
            "help": _("%06d stands for six digits. Leave it empty for none."),
            "attrs": {
                "hx-get": f"{LISTED}/numbers",
                "hx-trigger": "input changed delay:200ms",
                "hx-target": "#next-numbers",
                "hx-vals": '{"key": ""}',
            },
        },
        "next": [],
        "like": [{"value": e.key, "label": e.plural} for e in declared().values() if e.menu and e.has_owner],
        "like_value": said.get("like", ""),
        "targets": [{"value": e.key, "label": e.label} for e in entities().values() if e.takes_fields],
    }


@login_required
@require_http_methods(["GET", "POST"])
def about(request: HttpRequest, key: str) -> HttpResponse:
    """Name, icon and numbering of an object; of a built-in one the numbering alone."""
    actor = admin(request)
    with drafted() as document:
        own = document.get("objects", {}).get(key)
        if own is None:
            return _numbering(request, actor, shaped(key), document)
        at, problems, said = ("objects", key), [], own
        if request.method == "POST":
            said = _posted(request, own)
            problems = list(common.save(request, actor, {at: said}, at))
            if not problems:
                return common.done(request, request.path, _("Kept in the draft."))
        fields = document.get("fields", {}).get(key, {})
        links = {k: localized(f["labels"]) for k, f in fields.items() if f["kind"] == "link" and not f.get("retired")}
        context = {
            **_form(said, problems, f"objects.{key}"),
            "url": request.path,
            "title": localized(own.get("plural") or own["labels"]),
            "mark": lifecycle.mark(own),
            "tabs": common.tabs(entities()[key], "/about") if key in entities() else [],
            "next": numbering.peek(key, str(said["number"]), 3) if said.get("number") and not problems else [],
            "via": [{"value": k, "label": label, "on": k in said.get("via", ())} for k, label in links.items()],
            "retired": bool(said.get("retired")),
            "breaks": [{"what": b.what, "name": b.name} for b in uses.of_object(document, key)],
            "remove_url": f"{LISTED}/{key}/remove",
            "bar": bar(actor),
            "trail": crumbs((_("Objects and fields"), LISTED)),
        }
        return render(request, "web/config_object.html", context, status=422 if problems else 200)


def _numbering(request: HttpRequest, actor: Actor, e: AnyEntity, document: Mapping[str, Any]) -> HttpResponse:
    at, problems = ("numbers", e.key), []
    pattern = str(document.get("numbers", {}).get(e.key, e.number))
    if request.method == "POST":
        pattern = request.POST.get("number", "").strip()
        problems = list(common.save(request, actor, {at: pattern or None}))
        if not problems:
            return common.done(request, request.path, _("Kept in the draft."))
    context = {
        **_form({"number": pattern}, [], ""),
        "labels": [],
        "plurals": [],
        "icons": [],
        "errors": common.summary(problems, {"": "number"}, ".".join(at)),
        "url": request.path,
        "title": e.plural,
        "tabs": common.tabs(e, "/about"),
        "next": numbering.peek(e.key, pattern, 3) if not problems else [],
        "bar": bar(actor),
        "trail": crumbs((_("Objects and fields"), LISTED)),
    }
    return render(request, "web/config_object.html", context, status=422 if problems else 200)


@login_required
@require_GET
def numbers(request: HttpRequest) -> HttpResponse:
    """The next three numbers of a pattern, while it is typed."""
    admin(request)
    pattern, key = request.GET.get("number", ""), request.GET.get("key", "")
    context = {"next": [], "wrong": False}
    if pattern:
        from zhike.engine.config.shape import NUMBER

        fits = NUMBER.fullmatch(pattern) is not None
        context = {"next": numbering.peek(key, pattern, 3) if fits else [], "wrong": not fits}
    return render(request, "web/config_numbers.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, key: str) -> HttpResponse:
    """Take an object of the firm out of the draft, after seeing what hangs on it."""
    actor = admin(request)
    with drafted() as document:
        said = document.get("objects", {}).get(key)
        if said is None:
            from zhike.engine.errors import Missing

            raise Missing
        name, problems = localized(said.get("plural") or said["labels"]), []
        if request.method == "POST":
            wanted: dict[tuple[str, ...], Any] = {("objects", key): None, ("fields", key): None, ("layouts", key): None}
            for other, fields in document.get("fields", {}).items():
                for k, f in fields.items():
                    if other != key and key in (f.get("target"), f.get("rollup", {}).get("entity")):
                        wanted["fields", other, k] = None
            problems = list(common.save(request, actor, wanted))
            if not problems:
                return common.done(
                    request, LISTED, _("“%(name)s” is out of the draft. Its records stay stored.") % {"name": name}
                )
        context = {
            "name": name,
            "breaks": [{"what": b.what, "name": b.name} for b in uses.of_object(document, key)],
            "url": request.path,
            "back": f"{LISTED}/{key}/about",
            "errors": common.summary(problems, {}, ""),
            "bar": bar(actor),
            "trail": crumbs((_("Objects and fields"), LISTED), (name, f"{LISTED}/{key}")),
        }
        return render(request, "web/config_remove.html", context, status=422 if problems else 200)


urlpatterns = [
    path("settings/objects", objects),
    path("settings/objects/new", new),
    path("settings/objects/numbers", numbers),
    path("settings/objects/<slug:key>/about", about),
    path("settings/objects/<slug:key>/remove", remove),
]
