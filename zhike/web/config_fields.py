"""Fields of an object: the list with how each is used, adding in a few clicks, changing, retiring, taking out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.i18n import language
from zhike.base.models import User
from zhike.engine import catalog, query
from zhike.engine.access import Actor
from zhike.engine.config import convert, document, lifecycle, uses
from zhike.engine.config.checking import Problem
from zhike.engine.config.uses import Use
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Missing
from zhike.engine.labels import localized

from . import config_common as common
from . import config_field_form as field_form
from .config_common import bar, crumbs, drafted, shaped
from .config_objects import LISTED, fresh_key
from .config_words import ICONS, kinds, sort_of
from .settings import admin
from .templating import render

Path = tuple[str, ...]
SAMPLES = 3


@login_required
@require_GET
def fields(request: HttpRequest, key: str) -> HttpResponse:
    """Every field of an object with how often it is filled."""
    actor = admin(request)
    with drafted() as found:
        entity = shaped(key)
        counted = uses.counts(entity)
        own = found.get("fields", {}).get(key, {})
        warned = {
            p.path.split(".")[2]: p.text
            for p in document.problems(found)
            if p.warns and p.path.startswith(f"fields.{key}.")
        }
        steps = {s.path[2]: s.kind for s in lifecycle.pending() if s.path[:2] == ("fields", key)}
        rows = [_own(entity, k, said, counted.get(k), steps.get(k, ""), warned.get(k, "")) for k, said in own.items()]
        built = [
            {
                "key": k,
                "label": a.label,
                "kind": kinds().get(a.kind.key, a.kind.key),
                "icon": ICONS.get(a.kind.key, "circle"),
                "required": a.required,
                "use": _use(counted.get(k)),
                "choices_url": f"{LISTED}/{key}/choices/{k}" if a.choices else "",
            }
            for k, a in entity.attributes.items()
            if k not in own and not a.unseen
        ]
        context = {
            "title": entity.plural,
            "tabs": common.tabs(entity, ""),
            "rows": sorted(rows, key=lambda r: (r["retired"], str(r["label"]))),
            "built": built,
            "sampled": any(u.about for u in counted.values()),
            "new_url": f"{LISTED}/{key}/fields/new",
            "here": f"{LISTED}/{key}",
            "bar": bar(actor),
            "trail": crumbs((_("Objects and fields"), LISTED)),
        }
        return render(request, "web/config_fields.html", context)


def _own(
    entity: AnyEntity, k: str, said: Mapping[str, Any], use: Use | None, step: str, warning: str
) -> dict[str, Any]:
    sort = sort_of(said)
    return {
        "key": k,
        "label": localized(said.get("labels")),
        "kind": kinds()[sort],
        "icon": ICONS[sort],
        "required": bool(said.get("required")),
        "unique": bool(said.get("unique")),
        "indexed": bool(said.get("indexed")),
        "retired": bool(said.get("retired")),
        "step": step,
        "warning": warning,
        "use": None if sort in ("formula", "rollup") else _use(use or Use()),
        "url": f"{LISTED}/{entity.key}/fields/{k}",
    }


def _use(use: Use | None) -> dict[str, Any] | None:
    return {"count": use.count, "last": use.last, "about": use.about} if use else None


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, key: str) -> HttpResponse:
    """A new field: a name and a kind are enough."""
    actor = admin(request)
    with drafted() as found:
        entity, problems = shaped(key), list[Problem]()
        said: dict[str, Any] = {"kind": request.GET.get("kind", "text")}
        if said["kind"] not in kinds():
            said = {"kind": "text"}
        if label := request.GET.get("label", "")[:80].strip():  # as the column of a file is headed
            said["labels"] = {language(): label}
        if request.method == "POST":
            said = field_form.posted(request, entity, {})
            name = fresh_key(said["labels"], set(found.get("fields", {}).get(key, {})))
            problems = list(common.save(request, actor, placed(found, key, name, said)))
            if not problems:
                text = _("“%(name)s” is in the draft.") % {"name": localized(said["labels"])}
                again = request.POST.get("again") == "1"
                return common.done(request, f"{LISTED}/{key}/fields/new" if again else f"{LISTED}/{key}", text)
        return _page(request, actor, entity, "", said, problems)


def placed(found: Mapping[str, Any], key: str, name: str, said: Mapping[str, Any]) -> dict[Path, Any]:
    """The entries that a new field needs: itself, and a place in every form that was laid out by hand."""
    entries: dict[Path, Any] = {("fields", key, name): said}
    for who, sections in found.get("layouts", {}).get(key, {}).get("form", {}).items():
        if sections:
            last = {**sections[-1], "keys": [*sections[-1].get("keys", []), name]}
            entries["layouts", key, "form", who] = [*sections[:-1], last]
    return entries


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Change a field; its key stays."""
    actor = admin(request)
    with drafted() as found:
        at: Path = ("fields", key, name)
        entity, said, problems = shaped(key), lifecycle.at(found, at), list[Problem]()
        if said is None:
            raise Missing
        before = said
        if request.method == "POST":
            said = field_form.posted(request, entity, before)
            problems = list(common.save(request, actor, {at: said}, at))
            if not problems:
                return common.done(
                    request,
                    f"{LISTED}/{key}",
                    _("“%(name)s” is changed in the draft.") % {"name": localized(said["labels"])},
                )
        return _page(request, actor, entity, name, said, problems, mark=lifecycle.mark(before))


def _page(
    request: HttpRequest,
    actor: Actor,
    entity: AnyEntity,
    name: str,
    said: Mapping[str, Any],
    problems: list[Problem],
    *,
    mark: str = "",
) -> HttpResponse:
    first = common.languages()[0]["code"]
    names = {
        "labels": f"label-{first}",
        "help": f"help-{first}",
        "formula": "formula",
        "default": "default",
        "target": "target",
        "choices": "choices_text",
        "unique": "unique",
        "indexed": "indexed",
        "rollup": "rollup_of",
    }
    below = ".".join(problems[0].path.split(".")[:3]) if problems else ""
    errors = common.summary(problems, names, below)
    context = {
        **field_form.context(entity, name, said, {e["entry"]: e["text"] for e in errors}),
        "title": localized(said.get("labels")) if name else _("New field"),
        "new": not name,
        "key": name,
        "object": {"key": entity.key, "label": entity.plural},
        "retired": bool(said.get("retired")),
        "errors": errors,
        "mark": mark,
        "url": request.path,
        "try_url": f"{LISTED}/{entity.key}/try",
        "remove_url": f"{LISTED}/{entity.key}/fields/{name}/remove",
        "lost": lost(entity.key, name, said) if name and request.method == "GET" else [],
        "bar": bar(actor),
        "trail": crumbs((_("Objects and fields"), LISTED), (entity.plural, f"{LISTED}/{entity.key}")),
    }
    return render(request, "web/config_field.html", context, status=422 if problems else 200)


def lost(entity: str, name: str, said: Mapping[str, Any]) -> list[str]:
    """What would not come along where the draft makes a field another kind."""
    was = lifecycle.at(lifecycle.in_force(), ("fields", entity, name))
    if was is None or was["kind"] == said["kind"] or "formula" in said or "rollup" in said:
        return []
    found = convert.preview(entity, name, was, said)
    if found.capped:
        return [_("More than %(n)s values: make a new field, and fill it by an import.") % {"n": f"{convert.MOST:,}"}]
    if not found.lost:
        return []
    head = _("%(lost)s of %(total)s values do not convert; correct them first.") % {
        "lost": found.lost,
        "total": found.total,
    }
    return [head, *(f"{text}: {why}" for text, why in found.samples)]


@login_required
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Take a field out of the draft, after seeing what would break."""
    actor = admin(request)
    with drafted() as found:
        entity, said, problems = shaped(key), lifecycle.at(found, ("fields", key, name)), list[Problem]()
        if said is None:
            raise Missing
        label = localized(said["labels"])
        if request.method == "POST":
            retire = request.POST.get("retire") == "1"
            at: Path = ("fields", key, name)
            entries: dict[Path, Any] = {at: {**said, "retired": True}} if retire else without(found, key, name)
            problems = list(common.save(request, actor, entries))
            if not problems:
                text = (
                    _("“%(name)s” is retired in the draft.")
                    if retire
                    else _("“%(name)s” is out of the draft. Its values stay stored.")
                )
                return common.done(request, f"{LISTED}/{key}", text % {"name": label})
        context = {
            "name": label,
            "breaks": [{"what": b.what, "name": b.name} for b in uses.of_field(found, key, name)],
            "can_retire": not said.get("retired"),
            "url": request.path,
            "back": f"{LISTED}/{key}/fields/{name}",
            "errors": common.summary(problems, {}, ""),
            "bar": bar(actor),
            "trail": crumbs((_("Objects and fields"), LISTED), (entity.plural, f"{LISTED}/{key}")),
        }
        return render(request, "web/config_remove.html", context, status=422 if problems else 200)


def without(found: Mapping[str, Any], key: str, name: str) -> dict[Path, Any]:
    """The entries that take a field out, of layouts too."""
    entries: dict[Path, Any] = {("fields", key, name): None}
    for part, versions in found.get("layouts", {}).get(key, {}).items():
        for who, content in versions.items():
            if part == "form":
                kept = [{**s, "keys": [k for k in s.get("keys", []) if k != name]} for s in content]
            else:
                kept = [k for k in content if k != name]
            if kept != content:
                entries["layouts", key, part, who] = kept
    return entries


@login_required
@require_POST
def attempt(request: HttpRequest, key: str) -> HttpResponse:
    """The value that a formula or roll-up gives on a few records that its reader may see, while it is written."""
    actor = admin(request)
    found = lifecycle.working()
    with catalog.preview(found):
        said = field_form.posted(request, shaped(key), {})
    wanted = lifecycle.put(found, ("fields", key, "x_attempt"), {**said, "labels": said["labels"] or {"en": "?"}})
    problems = [p for p in document.problems(wanted) if not p.warns and p.path.startswith(f"fields.{key}.x_attempt")]
    rows: list[dict[str, Any]] = []
    if not problems:
        with catalog.preview(wanted):
            rows = _samples(actor, get(key))
    context = {"problems": [p.text for p in problems], "rows": rows}
    return render(request, "web/config_try.html", context)


def _samples(actor: Actor, entity: AnyEntity) -> list[dict[str, Any]]:
    a = entity.attributes.get("x_attempt")
    if a is None or not isinstance(actor.user, User):
        return []
    page = query.page(actor, entity, query.View(columns=("x_attempt",), size=SAMPLES))
    return [
        {"name": str(r.values.get(entity.title, "")), "value": a.kind.html(a, r.values.get("x_attempt"), page.labels)}
        for r in page.rows
    ]


urlpatterns = [
    path("settings/objects/<slug:key>", fields),
    path("settings/objects/<slug:key>/try", attempt),
    path("settings/objects/<slug:key>/fields/new", new),
    path("settings/objects/<slug:key>/fields/<slug:name>", edit),
    path("settings/objects/<slug:key>/fields/<slug:name>/remove", remove),
]
