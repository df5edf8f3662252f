"""The brief of the day: what each role should know in the morning, as a page and as a mail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from markupsafe import Markup

from zhike.base import calendar_cn
from zhike.base.i18n import day
from zhike.base.models import Role
from zhike.engine import notices
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.notices.quiet import own_days
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Wanted
from zhike.web.home import kind_of
from zhike.web.templating import actor_of, ago, render

from . import executive, manager, seller
from .parts import Panel, as_of, greeting, listed, may_read

LATELY = ("handed", "missed")  # notices that belong into a brief
NEW = 8


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The brief as it would be written at this moment."""
    actor = actor_of(request)
    context = {
        "panels": panels(actor),
        "greeting": greeting(actor),
        "date_label": day(timezone.localdate()),
        "as_of": as_of(actor),
    }
    return render(request, "web/brief.html", context)


def panels(actor: Actor) -> list[Panel]:
    """What the widest of the person's roles asks for; nothing for who sees no deals."""
    if not may_read(actor, "deal"):
        return []
    kind = kind_of(actor)
    if kind == Role.Home.EXECUTIVE:
        return executive.numbers(actor)
    lately = _lately(actor)
    if kind == Role.Home.MANAGER:
        team = figures.lists(actor, manager.wanted(actor))
        found = [
            manager.stats(actor, team),
            lately,
            manager.overdue(team.get("overdue")),
            manager.stuck(team.get("stuck")),
        ]
        return [panel for panel in found if panel]
    if kind != Role.Home.SELLER:
        return []
    own = figures.lists(actor, {**seller.wanted(), "new": _new()})
    found = [
        seller.follow_ups(actor, own),
        seller.tasks(own, "overdue", _("Overdue follow-ups"), _("Nothing is overdue.")),
        seller.tasks(own, "today", _("Today"), _("Nothing is planned for today.")),
        lately,
        _new_to_me(own),
    ]
    return [panel for panel in found if panel]


def since() -> dt.date:
    """The working day before today: what came since then is new."""
    return calendar_cn.add_working_days(timezone.localdate(), -1, overrides=own_days())


def _new() -> Wanted:
    asked = f"{seller.MINE}status__eq=open&created_at__gte={since().isoformat()}&sort=-created_at"
    return Wanted(get("lead"), asked, ("name", "company", "source", "created_at"), NEW)


def _new_to_me(found: dict[str, figures.Lines]) -> Panel | None:
    lines = found.get("new")
    if lines is None:
        return None
    rows = [
        {
            "title": lines.text(r, "name") or "—",
            "url": f"/lead/{r.id}",
            "icon": "inbox",
            "meta": [m for k in ("company", "source") if (m := lines.text(r, k))],
            "aside": ago(r.values.get("created_at")),
        }
        for r in lines.rows
    ]
    return listed(_("Leads that are new with me"), lines, rows, empty=_("No new leads since yesterday."))


def _lately(actor: Actor) -> Panel | None:
    """What was handed over to the person, and what their team missed, since the working day before."""
    from_at = timezone.make_aware(dt.datetime.combine(since(), dt.time()))
    rows = notices.inbox(actor.user.pk).filter(kind__in=LATELY, at__gte=from_at).order_by("-at")[:NEW]
    found = [
        {"title": one.text, "url": one.url or "/notices", "meta": [], "icon": "bell", "aside": ago(one.at)}
        for one in notices.said(actor, rows)
        if one.stands
    ]
    if not found:
        return None
    title = _("Handed over and missed")
    return {"kind": "list", "title": title, "url": "/notices", "rows": found, "width": "half"}


# ---- as a mail


def content(actor: Actor) -> Sequence[tuple[str, str]]:
    """The brief as lines of text with addresses, below headings without one."""
    found: list[tuple[str, str]] = []
    for panel in panels(actor):
        rows = [_stat(s) for s in panel["stats"]] if panel["kind"] == "stats" else [_line(r) for r in panel["rows"]]
        if rows:
            count = f" ({panel['count']})" if panel.get("count") is not None else ""
            found += [(f"{panel['title']}{count}", ""), *rows]
    return found


def _plain(value: Any) -> str:
    return value.striptags() if isinstance(value, Markup) else str(value)


def _stat(stat: dict[str, Any]) -> tuple[str, str]:
    hint = f" · {_plain(stat['hint'])}" if stat.get("hint") else ""
    return _("%(label)s: %(text)s") % {"label": stat["label"], "text": _plain(stat["value"]) + hint}, stat["url"] or "/"


def _line(row: dict[str, Any]) -> tuple[str, str]:
    parts = [row["title"], *row["meta"], *([row["aside"]] if row.get("aside") else [])]
    return " · ".join(_plain(part) for part in parts), row["url"]
