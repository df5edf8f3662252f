"""Records that are there twice: deciding on what the finder found, and asking whether something is there already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import access, history, merging, quota
from zhike.engine.access import Actor
from zhike.engine.duplicates import check, groups, learning, rules
from zhike.engine.entity import AnyEntity, declared
from zhike.engine.errors import Conflict, Invalid, Limited, Missing, Wrong
from zhike.jobs import tasks

from . import duplicate_words as words
from .bulk import undo_url
from .config_common import crumbs, done
from .duplicate_groups import drawn
from .editing import go
from .listing import entity_info
from .lookup import entity_or_404
from .merging import versions_in
from .settings import admin
from .templating import actor_of, render

PER_HOUR = 60  # questions of one person, as docs/security.md has it


def _entity(key: str) -> AnyEntity:
    entity = entity_or_404(key)
    if not entity.signs:
        raise Missing
    return entity


@login_required
@require_GET
def review(request: HttpRequest, key: str) -> HttpResponse:
    """Groups one after the other, the surest first: records side by side, what differs marked."""
    entity, actor = _entity(key), actor_of(request)
    access.require(actor, entity, "update")
    found = groups.waiting(actor, entity)
    said = request.GET.get("group", "")
    here = next((n for n, g in enumerate(found) if str(g.id) == said), 0)
    base = f"/duplicates/{key}"
    context: dict[str, Any] = {
        "entity": entity_info(actor, entity),
        "trail": [{"label": entity.plural, "url": f"/{key}/"}],
        "group": None,
        "count": len(found),
        "find_url": f"{base}/find" if access.may(actor, entity, "bulk") else "",
    }
    if found:
        context |= {
            "group": drawn(actor, entity, found[here]),
            "place": here + 1,
            "prev_url": f"{base}?group={found[here - 1].id}" if here else "",
            "next_url": f"{base}?group={found[here + 1].id}" if here + 1 < len(found) else "",
        }
    return render(request, "web/duplicates.html", context)


@login_required
@require_POST
def decide(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Not duplicates, or later."""
    entity, answer = _entity(key), request.POST.get("answer", "")
    if answer not in ("different", "later"):
        raise Missing
    groups.decide(actor_of(request), entity, pk, answer)
    request.session["toast"] = _("They will not be offered again.") if answer == "different" else _("Put off.")
    return go(request, f"/duplicates/{key}")


@login_required
@require_POST
def again(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Make a merge that was taken back once more: the same records and choices, with the values of now."""
    entity, actor = _entity(key), actor_of(request)
    said = groups.one(actor, entity, pk).again
    if not said:
        raise Missing
    keep, others = UUID(said["keep"]), [UUID(other) for other in said["others"]]
    try:
        done = merging.merge(actor, entity, keep, others, said["values"], versions_in(request.POST))
    except (Invalid, Conflict) as error:
        told = (
            error.text if isinstance(error, Conflict) else " ".join(w.text for ws in error.first.values() for w in ws)
        )
        request.session["toast"] = told
        return go(request, f"/duplicates/{key}?group={pk}")
    request.session["toast"] = _("Merged.")
    request.session["undo"] = undo_url(done)
    return go(request, f"/duplicates/{key}")


@login_required
@require_POST
def find(request: HttpRequest, key: str) -> HttpResponse:
    """Have the finder look anew, in the worker."""
    entity, actor = _entity(key), actor_of(request)
    access.require(actor, entity, "bulk")
    tasks.find_duplicates(entity.key)
    history.note_event("duplicates.find", user=actor.hand, channel=actor.channel, details={"entity": entity.key})
    request.session["toast"] = _("Looking for duplicates. This page shows them when it is done.")
    return go(request, f"/duplicates/{key}")


# ---- is it there already


def _values(entity: AnyEntity, request: HttpRequest, keys: Sequence[str]) -> dict[str, Any]:
    """What was typed, as it would be stored; what is not finished says nothing yet."""
    found = {}
    for key in keys:
        a, raw = entity.attributes[key], str(request.POST.get(key, "")).strip()
        try:
            found[key] = a.kind.clean(a, raw) if raw else None
        except Wrong:
            continue
    return found


@login_required
@require_POST
def hint(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """What stands under a field of a new record while it is typed."""
    entity, actor = _entity(key), actor_of(request)
    access.require(actor, entity, "create")
    signs = [s for s in entity.signs if name in s.fields]
    if not signs or any(k not in access.writable(actor, entity) for s in signs for k in s.fields):
        raise Missing
    values = _values(entity, request, list(dict.fromkeys(k for s in signs for k in s.fields)))
    hits = [h for h in check.look(actor, entity, values) if name in h.sign.fields]
    return render(request, "web/duplicates_hint.html", {"hits": [words.hit(h) for h in hits[:1]]})


@login_required
@require_http_methods(["GET", "POST"])
def tool(request: HttpRequest) -> HttpResponse:
    """Type a name, a number or a code: is it there, free or whose department's. Writes nothing, and is counted."""
    actor = actor_of(request)
    among = [e for e in declared().values() if e.signs and access.may(actor, e, "create")]
    if not among:
        raise Missing
    text = request.POST.get("q", "").strip()[:200]
    hits: list[dict[str, Any]] = []
    if text:
        _count(actor)
        found = [h for entity in among for h in _looked(actor, entity, text)]
        hits = [words.hit(h) for h in {(h.entity.key, h.id or h.department): h for h in reversed(found)}.values()][::-1]
    context = {"q": text, "asked": bool(text), "hits": hits, "limit": PER_HOUR}
    return render(request, "web/duplicates_tool.html", context)


def _looked(actor: Actor, entity: AnyEntity, text: str) -> list[check.Hit]:
    """One text as every field that it can be."""
    values: dict[str, Any] = {}
    for sign in entity.signs:
        if len(sign.fields) == 1:
            a = entity.attributes[sign.fields[0]]
            try:
                values[a.key] = a.kind.clean(a, text)
            except Wrong:
                continue
    return check.look(actor, entity, values)


def _count(actor: Actor) -> None:
    """Counted over all channels and told in the log: asking is how a firm's customers would be listed from outside."""
    now = int(time.time())
    used = quota.spend(f"dup:{actor.hand.pk.hex}", 1, window=now // 3600)
    if used > PER_HOUR:
        text = _("At most %(n)s questions per hour. Try again later.") % {"n": PER_HOUR}
        raise Limited(text, 3600 - now % 3600)
    history.note_event("duplicates.look", user=actor.hand, channel=actor.channel)


# ---- rules


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """What is done about each sign at each door."""
    actor = admin(request)
    among = [e for e in declared().values() if e.signs]
    if request.method == "POST":
        changed = 0
        for e in among:
            levels = rules.levels(e)
            wanted = {p: request.POST.get(f"{e.key}.{p[0]}.{p[1]}", level) for p, level in levels.items()}
            if any(level not in rules.LEVELS for level in wanted.values()):
                raise Missing
            changed += rules.change(actor, e, wanted)
            changed += rules.set_learning(actor, e, on=request.POST.get(f"{e.key}.learns") == "1")
        return done(request, "/settings/duplicates", _("Saved.") if changed else _("Nothing has changed."))
    tables = [
        {"label": e.plural, "url": f"/duplicates/{e.key}", "rows": words.table(e), "learns": words.switch(e)}
        for e in among
    ]
    said = {"enough": learning.ENOUGH, "least": round(learning.LEAST * 100)}
    context = {"tables": tables, **said, "doors": [str(words.DOORS[d]) for d in rules.DOORS], "trail": crumbs()}
    return render(request, "web/settings_duplicates.html", context)


urlpatterns = [
    path("settings/duplicates", settings),
    path("duplicates/look", tool),
    path("duplicates/<slug:key>", review),
    path("duplicates/<slug:key>/find", find),
    path("duplicates/<slug:key>/hint/<slug:name>", hint),
    path("duplicates/<slug:key>/<uuid:pk>/decide", decide),
    path("duplicates/<slug:key>/<uuid:pk>/again", again),
]
