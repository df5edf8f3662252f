"""Search, and the options of link fields."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from zhike.engine import query, search
from zhike.engine.errors import Missing

from . import forms
from .lookup import entity_or_404
from .palette import entity_groups, record_groups
from .templating import actor_of, render

PER_ENTITY = 20


@login_required
@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """Everything found, by entity."""
    actor, term = actor_of(request), request.GET.get("q", "").strip()[:100]
    found = record_groups(search.find(actor, term, limit=PER_ENTITY))
    context = {"q": term, "groups": entity_groups(found, term), "cut_short": search.was_cut_short(actor)}
    return render(request, "web/search.html", context)


@login_required
@require_GET
def options(request: HttpRequest, key: str) -> HttpResponse:
    """Options of a link field."""
    actor, term = actor_of(request), request.GET.get("q", "").strip()[:60]
    entity = entity_or_404(key)
    if term and entity in search.searched(actor):
        hits = search.find(actor, term, among=[entity], limit=PER_ENTITY)
        shown = [_chosen(hit) for hit in hits if hit.title]
    else:
        shown = [{"value": str(pk), "label": label} for pk, label in query.options(actor, entity, term)]
    return render(request, "web/options.html", {"options": shown})


def _chosen(hit: search.Hit) -> dict[str, object]:
    return {"value": str(hit.found.id), "label": hit.title, "label_html": hit.label, "hint": hit.facts}


@login_required
@require_GET
def codes(request: HttpRequest, kind: str) -> HttpResponse:
    """Options of a code table: regions, industries."""
    if kind not in ("region", "industry"):
        raise Missing
    term = request.GET.get("q", "").strip()[:60]
    return render(request, "web/options.html", {"options": forms.tree_options(kind, term)})
