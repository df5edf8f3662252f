"""Tiles of figures: every number leads to the list that adds up to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markupsafe import Markup

from zhike.base.i18n import day
from zhike.base.models import Role
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Row
from zhike.engine.report import Group
from zhike.modules.sales.figures import Lines
from zhike.web import plugs
from zhike.web.listing import total_text
from zhike.web.templating import clock, number, render, yuan

Panel = dict[str, Any]


def link(group: Group) -> str:
    """The address of the list behind a figure; no saved view narrows it further."""
    return f"/{group.entity.key}/?view=&{group.query}"


def money(group: Group, key: str = "amount") -> Any:
    """A compact amount of a figure."""
    return yuan(group[key])


def percent(share: float | None) -> str:
    """63.2%, or a dash where there is nothing to share."""
    return "—" if share is None else f"{share:g}%"


def days(value: float | None) -> str:
    """Days with one decimal below ten."""
    if value is None:
        return "—"
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"


def how_many(n: int) -> str:
    """3 deals."""
    return ngettext("%(n)s deal", "%(n)s deals", n) % {"n": number(n)}


def stat(label: Any, value: Any, group: Group | None = None, **more: Any) -> dict[str, Any]:
    """One figure as a tile that opens its list."""
    return {"label": label, "value": value, "url": link(group) if group else "", **more}


def counted(label: Any, group: Group, *, bad: str = "", hint: Any = "") -> dict[str, Any]:
    """A number of records as a tile; `bad` is its tone when there are any."""
    return stat(label, total_text(group["n"] or 0), group, tone=bad if group.n else "", hint=hint)


def cell(value: Any, group: Group, *, late: bool = False) -> dict[str, Any]:
    """A table cell that opens its list; nothing is behind a zero."""
    if not group.n:
        return {"html": Markup('<span class="muted">{}</span>').format(value)}
    cls = Markup(' class="late"') if late else ""
    return {"html": Markup('<a{} href="{}">{}</a>').format(cls, link(group), value)}


def change(now: Any, before: Any) -> dict[str, str] | None:
    """How a figure moved against the one before it; None where there was nothing before."""
    if not before:
        return None
    moved = round((float(now) / float(before) - 1) * 100)
    return {"text": f"{moved:+d}%", "dir": "up" if moved > 0 else "down" if moved < 0 else "flat"}


def due(when: dt.date | dt.datetime | None) -> tuple[str, str]:
    """A day to come or gone by, in words, and its tone."""
    if when is None:
        return "", ""
    local = timezone.localtime(when) if isinstance(when, dt.datetime) else None
    date = local.date() if local else when
    late = (timezone.localdate() - date).days
    if late > 0:
        return ngettext("%(n)s day late", "%(n)s days late", late) % {"n": late}, "late"
    if late == 0:
        return (f"{local:%H:%M}" if local and (local.hour or local.minute) else _("Today")), "soon"
    return day(date), ""


def listed(
    title: Any, lines: Lines | None, rows: Sequence[Mapping[str, Any]], *, empty: Any = "", width: str = "half"
) -> Panel | None:
    """A short list with the number of all, which opens them."""
    if lines is None:
        return None
    return {
        "kind": "list",
        "title": title,
        "url": link(lines.group),
        "count": total_text(lines.page.total),
        "rows": list(rows),
        "empty_text": empty,
        "width": width,
    }


def deal_line(lines: Lines, row: Row, *meta: str, aside: Any = "", tone: str = "") -> dict[str, Any]:
    """A deal in a short list."""
    owner = lines.text(row, "owner")
    return {
        "title": lines.text(row, "name") or "—",
        "url": f"/deal/{row.id}",
        "meta": [m for m in meta if m],
        "aside": aside,
        "aside_tone": tone,
        "icon": "handshake",
        "avatar": {"name": owner, "initials": owner[:1]} if owner else None,
    }


def activity_line(lines: Lines, row: Row, *, tick: bool) -> dict[str, Any]:
    """Something planned in a short list; `tick` offers to mark it done."""
    text, tone = due(row.values.get("due_at"))
    whom = next((t for k in ("account", "lead", "deal", "contact") if (t := lines.text(row, k))), "")
    owner = "" if tick else lines.text(row, "owner")
    kind = str(row.values.get("kind") or "task")
    return {
        "title": lines.text(row, "subject") or "—",
        "url": f"/activity/{row.id}",
        "aside": text,
        "aside_tone": tone,
        "meta": [m for m in (lines.text(row, "kind"), whom, owner) if m],
        "icon": ICONS.get(kind, "square-check"),
        "done_url": f"/activity/{row.id}/tick" if tick else "",
        "log_url": f"/activity/{row.id}/log" if tick else "",
    }


ICONS = {
    "task": "square-check",
    "call": "phone",
    "meeting": "users",
    "visit": "map-pin",
    "message": "message-circle",
    "mail": "mail",
    "note": "file-text",
}


def roles(request: HttpRequest, actor: Actor, shown: str) -> list[dict[str, Any]]:
    """The first pages that this person may open."""
    if len(actor.roles) < 2:
        return []
    mine = set(Role.objects.filter(pk__in=actor.roles).values_list("home", flat=True))
    return [
        {"label": label, "url": f"/?{urlencode({'as': key})}", "active": key == shown}
        for key, label in Role.Home.choices
        if key in mine
    ]


def greeting(actor: Actor) -> str:
    """Good morning, with the name."""
    hour = timezone.localtime().hour
    name = {"name": actor.user.name}
    if hour < 12:
        return _("Good morning, %(name)s") % name
    return (_("Good afternoon, %(name)s") if hour < 18 else _("Good evening, %(name)s")) % name


def as_of(actor: Actor) -> str:
    """The time of the figures of a page, to be asked when all of them are there."""
    return clock(query.as_of(actor) or timezone.now())


def show(request: HttpRequest, actor: Actor, shown: str, panels: Sequence[Panel | None], **more: Any) -> HttpResponse:
    """A first page."""
    context = {
        "greeting": greeting(actor),
        "date_label": day(timezone.localdate()),
        "as_of": as_of(actor),
        "roles": roles(request, actor, shown),
        "here_url": request.get_full_path(),
        "panels": with_plugged(actor, shown, [p for p in panels if p]),
        **more,
    }
    return render(request, "web/home.html", context, blocks={"panels": "panels"})


def with_plugged(actor: Actor, shown: str, panels: list[Panel]) -> list[Panel]:
    """The panels of a first page with those that other modules have for it, each at its place."""
    found = list(panels)
    for one in sorted(plugs.home_panels, key=lambda p: p.place):
        if panel := one.make(actor, shown):
            found.insert(one.place, dict(panel))
    return found


def may_read(actor: Actor, key: str) -> bool:
    """Whether the actor may read records of an entity at all."""
    from zhike.engine import access

    return access.may(actor, get(key), "list")
