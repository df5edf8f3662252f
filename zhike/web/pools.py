"""Pools as pages: what lies in them, looking at one record, taking and giving; and what is about to go back to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome
from zhike.engine.models import PoolMove
from zhike.engine.pools import known, looking, moving
from zhike.engine.pools.known import Known
from zhike.engine.query import View

from . import plugs
from .editing import go
from .forms import is_uuid
from .templating import actor_of, ago, render

MOST = 200  # records of one press
MOVES = 20


def bar(actor: Actor, here: UUID | None = None) -> list[dict[str, Any]]:
    """The pools that are open to somebody, as tabs with how much lies in each."""
    return [
        {
            "label": k.pool.name,
            "url": f"/pools/{k.pool.pk}",
            "count": query.count(k.entity.rows("how much lies in a pool open to the actor").filter(known.lying(k))),
            "active": k.pool.pk == here,
        }
        for k in known.open_to(actor)
    ]


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The first pool that is open to the reader."""
    found = known.open_to(actor_of(request))
    if found:
        return HttpResponseRedirect(f"/pools/{found[0].pool.pk}")
    return render(request, "web/pool.html", {"pool": None, "bar": [], "settings_url": _settings(request)})


def _settings(request: HttpRequest) -> str:
    return "/settings/pools" if actor_of(request).office in ("all", "system") else ""


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What lies in a pool, newest first; POST takes or gives what was chosen."""
    actor = actor_of(request)
    found = known.find(actor, pk)
    if request.method == "POST":
        return _do(request, actor, found)
    here, entity = known.inside(actor, found), found.entity
    asked = query.parse(request.GET.urlencode())
    columns = tuple(dict.fromkeys((entity.title, *found.document.shown, "pooled_at")))
    view = View(
        search=asked.search, columns=columns, sort=asked.sort or "-pooled_at", after=asked.after, before=asked.before
    )
    rows = query.page(here, entity, view)
    start = f"/pools/{pk}?{View(search=view.search, sort=asked.sort).query()}"
    return render(
        request,
        "web/pool.html",
        {
            "pool": found.pool,
            "plural": entity.plural,
            "bar": bar(actor, pk),
            "q": view.search,
            "find_hint": _("Name, pinyin initials") if entity.search else "",
            "heads": [{"label": a.label, "align": "r" if a.kind.align == "right" else ""} for a in rows.attributes],
            "rows": [_row(found, rows, row) for row in rows.rows],
            "total": f"{rows.total:,}",
            "next_url": f"{start}&after={rows.next}" if rows.next else "",
            "prev_url": f"{start}&before={rows.previous}" if rows.previous else "",
            "left": _left(actor, found),
            "people": _people(found) if found.has_admin(actor.user) else [],
            "deeds": _deeds(actor, found),
            "settings_url": _settings(request),
        },
    )


def _row(found: Known, page: query.Page, row: query.Row) -> dict[str, Any]:
    title = page.entity.title
    cells = [
        {"label": a.label, "html": a.kind.html(a, row.values.get(a.key), page.labels), "align": a.kind.align}
        for a in page.attributes
        if a.key != title
    ]
    name = str(row.values.get(title) or "—")
    return {"id": row.id, "name": name, "url": f"/pools/{found.pool.pk}/{row.id}", "cells": cells}


def _left(actor: Actor, found: Known) -> list[str]:
    """What somebody may still take, in words."""
    said, limits = [], found.document.limits
    if limits.claims is not None:
        room = max(0, limits.claims - moving.taken(actor.user, found))
        text = {
            "day": _("%(left)s of %(most)s to take today"),
            "week": _("%(left)s of %(most)s to take this week"),
            "month": _("%(left)s of %(most)s to take this month"),
        }[limits.per]
        said.append(text % {"left": room, "most": limits.claims})
    if (room_left := moving.room(actor.user, found)) is not None:
        said.append(_("room for %(n)s more") % {"n": max(0, room_left)})
    return said


def _people(found: Known) -> list[dict[str, str]]:
    """Who may get records of a pool: its members."""
    rows = User.objects.filter(is_active=True, deleted_at=None).select_related("department").order_by("pinyin")
    return [{"value": str(u.pk), "label": u.name} for u in rows if found.has_member(u)]


def _deeds(actor: Actor, found: Known) -> list[plugs.PoolDeed]:
    """What modules offer to who keeps a pool."""
    return [d for d in plugs.pool_deeds if d.offered(found.entity)] if found.has_admin(actor.user) else []


def _do(request: HttpRequest, actor: Actor, found: Known) -> HttpResponse:
    ids = [UUID(raw) for raw in request.POST.getlist("ids")[:MOST] if is_uuid(raw)]
    for deed in _deeds(actor, found):
        if deed.key == request.POST.get("do"):
            request.session["toast"] = deed.do(actor, found.pool.pk, ids)
            return go(request, f"/pools/{found.pool.pk}")
    if request.POST.get("do") == "assign":
        to = request.POST.get("to", "")
        if to not in {p["value"] for p in _people(found)}:
            request.session["toast"] = _("Choose to whom.")
            return go(request, f"/pools/{found.pool.pk}")
        outcome = moving.assign(actor, found.pool.pk, ids, UUID(to))
    else:
        outcome = moving.claim(actor, found.pool.pk, ids)
    given = request.POST.get("do") == "assign"
    request.session["toast"] = told(outcome, given=given)
    one = outcome.done[0] if len(ids) == 1 and outcome.done and not given else None
    return go(request, f"/{found.entity.key}/{one}" if one else f"/pools/{found.pool.pk}")


def told(outcome: Outcome, *, given: bool = False) -> str:
    """What became of records that were to be taken or given."""
    if not outcome.done and not outcome.skipped:
        return _("Nothing was chosen.")
    n = len(outcome.done)
    text = (
        ngettext("%(n)s record given.", "%(n)s records given.", n)
        if given
        else ngettext("%(n)s record taken.", "%(n)s records taken.", n)
    )
    said = [text % {"n": n}] if n else []
    reasons: dict[str, int] = {}
    for _reason, text in outcome.skipped.values():
        reasons[text] = reasons.get(text, 0) + 1
    said += [_("%(n)s not: %(why)s") % {"n": count, "why": text} for text, count in reasons.items()]
    return " ".join(said)


@login_required
@require_GET
def card(request: HttpRequest, pk: UUID, record: UUID) -> HttpResponse:
    """One record of a pool, as much of it as the pool shows; how many one may open a day is limited, and kept."""
    actor = actor_of(request)
    found = known.find(actor, pk)
    entity, shown = found.entity, looking.look(actor, found, record)
    row = shown.rows[0]
    wanted = [a for a in shown.attributes if a.key in found.document.shown and a.key != entity.title]
    context = {
        "pool": found.pool,
        "url": f"/pools/{pk}",
        "id": record,
        "name": str(row.values.get(entity.title) or "—"),
        "facts": [
            {"label": a.label, "html": a.kind.html(a, row.values.get(a.key), shown.labels)}
            for a in wanted
            if row.values.get(a.key) not in (None, "", [])
        ],
        "moves": _moves(record),
        "crumbs": [{"label": found.pool.name, "url": f"/pools/{pk}"}],
    }
    return render(request, "web/pool_card.html", context, blocks={"drawer-body": "content"})


def _moves(record: UUID) -> Sequence[dict[str, Any]]:
    rows = PoolMove.objects.filter(record=record).select_related("user").order_by("-at")[:MOVES]
    return [
        {
            "what": m.get_kind_display(),
            "who": m.user.name if m.user else "",
            "when": ago(m.at),
            "reason": m.reason,
        }
        for m in rows
    ]


plugs.menu.append(
    plugs.MenuItem(gettext_lazy("Pools"), "/pools/", "recycle", 35, lambda actor: bool(known.open_to(actor)))
)

urlpatterns = [
    path("pools/", index),
    path("pools/<uuid:pk>", page),
    path("pools/<uuid:pk>/<uuid:record>", card),
]
