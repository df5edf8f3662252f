"""Search, the command palette, and the options of link fields."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.base.fold import fold
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing
from zhike.engine.query import View

from . import forms
from .lookup import entity_or_404
from .templating import actor_of, frame, render

PER_ENTITY = 6


def found(actor: Actor, entity: AnyEntity, term: str, limit: int) -> list[dict[str, Any]]:
    """Records of one entity for a search term: those whose name begins with it first."""
    rows = query.select(actor, entity, View(search=term))[: limit * 5]
    keys = [
        entity.title,
        *(k for k in ("number", "phone", "account", "owner", "stage") if k in access.readable(actor, entity)),
    ]
    known = access.readable(actor, entity)
    shown = [known[k] for k in dict.fromkeys(keys) if k in known]
    page_rows = query.read(actor, entity, rows, shown)
    labels = query.labels(actor, shown, page_rows)
    wanted = fold(term)
    result = []
    for row in page_rows:
        texts = {a.key: a.kind.text(a, row.values.get(a.key), labels) for a in shown}
        title = texts.pop(entity.title, "")
        folded = fold(title)
        rank = 0 if folded == wanted else 1 if folded.startswith(wanted) else 2 if wanted in folded else 3
        result.append(
            {
                "label": title,
                "hint": " · ".join(t for t in texts.values() if t),
                "url": f"/{entity.key}/{row.id}",
                "icon": entity.icon,
                "aside": entity.label,
                "kind": "link",
                "rank": rank,
            }
        )
    return sorted(result, key=lambda r: r["rank"])[:limit]


def searched(actor: Actor) -> list[AnyEntity]:
    """The entities that a search looks through."""
    order = sorted((e for e in entities().values() if e.search and e.has_owner), key=lambda e: e.menu or 500)
    return [e for e in order if access.may(actor, e, "list")]


@login_required
@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """Everything found, by entity."""
    actor, term = actor_of(request), request.GET.get("q", "").strip()[:100]
    groups = []
    for entity in searched(actor) if term else []:
        items = found(actor, entity, term, 20)
        if items:
            more = f"/{entity.key}/?{urlencode({'view': '', 'q': term})}"
            groups.append({"label": entity.plural, "options": items, "url": more})
    return render(request, "web/search.html", {"q": term, "groups": groups})


@login_required
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """The palette's options: records, pages and things to do. ">" asks for things to do alone."""
    actor, raw = actor_of(request), request.GET.get("q", "").strip()[:100]
    term = raw.lstrip(">").strip()
    commands = [c for c in _commands(request) if not term or fold(term) in fold(str(c["label"]))]
    groups = []
    if term and not raw.startswith(">"):
        for entity in searched(actor):
            items = found(actor, entity, term, PER_ENTITY)
            if items:
                groups.append({"label": entity.plural, "options": items})
    if commands:
        groups.append({"label": _("Pages and actions"), "options": commands[:10]})
    return render(request, "web/palette.html", {"groups": groups, "q": raw})


def _commands(request: HttpRequest) -> list[dict[str, Any]]:
    shown = frame(request)
    new = [
        {"label": _("New %(what)s") % {"what": c["label"]}, "url": c["url"], "icon": "plus", "kind": "drawer"}
        for c in shown["create_menu"]
    ]
    return [{"label": n["label"], "url": n["url"], "icon": n["icon"], "kind": "link"} for n in shown["nav"]] + new


@login_required
@require_GET
def options(request: HttpRequest, key: str) -> HttpResponse:
    """Options of a link field."""
    actor, term = actor_of(request), request.GET.get("q", "").strip()[:60]
    rows = query.options(actor, entity_or_404(key), term)
    return render(request, "web/options.html", {"options": [{"value": str(pk), "label": label} for pk, label in rows]})


@login_required
@require_GET
def codes(request: HttpRequest, kind: str) -> HttpResponse:
    """Options of a code table: regions, industries."""
    if kind not in ("region", "industry"):
        raise Missing
    term = request.GET.get("q", "").strip()[:60]
    return render(request, "web/options.html", {"options": forms.tree_options(kind, term)})
