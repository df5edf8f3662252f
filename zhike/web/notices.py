"""The inbox: what concerns a person, by group; what is new, for the page that is open; putting off."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import notices
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import Notice
from zhike.engine.notices import GROUPS, KINDS, Clock, Said
from zhike.engine.notices.quiet import own_days

from .identity import inside
from .templating import actor_of, ago, clock, render

SHOWN = 100
NEWEST = 3  # of what is new, said as toasts
PUT_OFF = ("10m", "1h", "afternoon", "tomorrow")


@login_required
@require_http_methods(["GET", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest hundred of a group, or of what is unread; POST marks all of them as read."""
    actor = actor_of(request)
    group = request.GET.get("group", "")
    group = group if group in GROUPS else ""
    mine = notices.inbox(actor.user.pk)
    asked = mine.filter(kind__in=[k.key for k in KINDS.values() if k.group == group]) if group else mine
    if request.method == "POST":
        notices.read(asked)
        return HttpResponseRedirect(address(group), status=303)
    unread = request.GET.get("unread") == "1"
    shown = asked.filter(read_at=None) if unread else asked
    counts = _counts(actor)
    rows = [_row(actor, one) for one in notices.said(actor, shown.order_by("-at", "-pk")[:SHOWN])]
    context = {
        "rows": rows,
        "tabs": _tabs(group, counts),
        "unread_link": {"url": address(group, unread=not unread), "on": unread},
        "has_unread": bool(counts.get(group, 0) if group else sum(counts.values())),
        "here": address(group, unread=unread),
        "may_change": not actor.by,
    }
    return render(request, "web/notices.html", context)


def address(group: str, *, unread: bool = False) -> str:
    """Of the inbox, narrowed."""
    asked = {"group": group, "unread": "1" if unread else ""}
    query = urlencode({k: v for k, v in asked.items() if v})
    return f"/notices?{query}" if query else "/notices"


def _counts(actor: Actor) -> dict[str, int]:
    """What is unread, by group."""
    rows = notices.inbox(actor.user.pk).filter(read_at=None).order_by().values_list("kind").annotate(n=Count("pk"))
    found: dict[str, int] = {}
    for kind, n in rows:
        group = notices.kind_of(kind).group
        found[group] = found.get(group, 0) + n
    return found


def _tabs(group: str, counts: dict[str, int]) -> list[dict[str, Any]]:
    everything = {"label": _("All"), "url": address(""), "active": not group, "count": sum(counts.values()) or None}
    return [
        everything,
        *(
            {"label": label, "url": address(key), "active": key == group, "count": counts.get(key) or None}
            for key, label in GROUPS.items()
        ),
    ]


def _row(actor: Actor, one: Said) -> dict[str, Any]:
    words = {"10m": _("In 10 minutes"), "1h": _("In an hour"), "afternoon": _("This afternoon")}
    words["tomorrow"] = _("Tomorrow morning")
    local = timezone.localtime()
    offered = [c for c in PUT_OFF if c != "afternoon" or local.hour < 14] if one.stands else []
    todo = one.group == "todo" and not actor.by
    return {
        "id": str(one.id),
        "text": one.text,
        "meta": one.meta,
        "url": one.url,
        "when": ago(one.at),
        "unread": one.unread,
        "past": not one.stands,
        "later": [
            {"label": words[c], "icon": "clock", "url": f"/notices/{one.id}/later?until={c}", "post": True}
            for c in offered
            if todo
        ],
    }


@login_required
@require_GET
def new(request: HttpRequest) -> HttpResponse:
    """How much is unread, and what came after a moment that an earlier answer gave; asked by open pages each minute."""
    actor, now = actor_of(request), timezone.now()
    waiting = notices.inbox(actor.user.pk, now).filter(read_at=None)
    found: list[Said] = []
    after = _moment(request.GET.get("after", ""))
    if after is not None:
        fresh = waiting.filter(at__gt=after).order_by("-at")[:NEWEST]
        found = [one for one in notices.said(actor, fresh) if one.stands]
    items = [{"id": str(one.id), "text": one.text, "meta": one.meta, "url": one.url} for one in found]
    return JsonResponse({"unread": waiting.count(), "after": now.isoformat(), "items": items})


def _moment(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _mine(request: HttpRequest, pk: UUID) -> Notice:
    actor = actor_of(request)
    found = notices.inbox(actor.user.pk).filter(pk=pk).first()
    if found is None or actor.by:  # somebody who looks on, or enters for another, reads nothing away
        raise Missing
    return found


@login_required
@require_POST
def mark(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One is read; from a form back to the inbox, from a script without a word."""
    notices.read(Notice.objects.filter(pk=_mine(request, pk).pk))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return HttpResponseRedirect(inside(request.POST.get("next") or "/notices"), status=303)


@login_required
@require_POST
def later(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put one off."""
    notice = _mine(request, pk)
    person = Clock(notices.settings_of([notice.user_id])[notice.user_id], own_days())
    until = person.later(request.POST.get("until") or request.GET.get("until", ""), timezone.now())
    if until is None:
        raise Invalid([{"until": [Wrong(_("Choose a time to come, within a year."))]}])
    notices.put_off(notice, until)
    with timezone.override(person.zone):
        request.session["toast"] = _("It comes again at %(time)s.") % {"time": clock(until)}
    return HttpResponseRedirect(inside(request.POST.get("next") or "/notices"), status=303)


urlpatterns = [
    path("notices", inbox),
    path("notices/new", new),
    path("notices/<uuid:pk>/read", mark),
    path("notices/<uuid:pk>/later", later),
]
