"""Promises on first pages: one's own with the kept rate of now, for managers what is overdue and closed weeks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from zhike.base.models import Role
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.modules.promises import figures
from zhike.modules.promises.entities import PROMISE
from zhike.modules.promises.figures import Rate
from zhike.modules.sales import figures as sales
from zhike.modules.sales.figures import Lines, Wanted
from zhike.modules.sales.pages.parts import Panel, due, link, listed, percent
from zhike.web.listing import total_text

KEYS = ("text", "account", "due_on", "answer", "owner")
MINE = "owner__eq=me&status__eq=open&sort=due_on"
ASKED = "asked_of__eq=me&status__eq=open&answer__empty=1&sort=due_on"
OVERDUE = "status__eq=open&due_on__within=overdue"


def panel(actor: Actor, shown: str) -> Mapping[str, Any] | None:
    """The panel of a first page; None where the person may see no promises."""
    if not access.may(actor, PROMISE, "list"):
        return None
    if shown == Role.Home.SELLER:
        return _own(actor)
    return _team(actor) if shown in (Role.Home.MANAGER, Role.Home.EXECUTIVE) else None


def _own(actor: Actor) -> Panel | None:
    found = sales.lists(actor, {"mine": Wanted(PROMISE, MINE, KEYS, 5), "asked": Wanted(PROMISE, ASKED, KEYS, 3)})
    rows = [_rate_line(figures.mine(actor))]
    rows += [_line(found["asked"], row, asked=True) for row in found["asked"].rows]
    rows += [_line(found["mine"], row) for row in found["mine"].rows]
    return listed(_("My promises"), found["mine"], rows)


def _rate_line(rate: Rate) -> dict[str, Any]:
    values = {"kept": rate.kept.n, "n": rate.all.n}
    said = _("%(kept)s of %(n)s kept on time, last 12 weeks") % values
    few = _("no rate below %(n)s promises") % {"n": figures.FEWEST}
    title = _("Kept rate: %(rate)s") % {"rate": percent(rate.percent)}
    meta = [said, few] if rate.percent is None else [said]
    return {"title": title, "url": link(rate.all), "meta": meta, "icon": "gauge"}


def _line(lines: Lines, row: Any, *, asked: bool = False) -> dict[str, Any]:
    text, tone = due(row.values.get("due_on"))
    meta = [lines.text(row, "account"), _("Can it be done?") if asked else ""]
    if row.values.get("answer") == "not":
        meta.append(lines.text(row, "answer"))
    return {
        "title": lines.text(row, "text") or "—",
        "url": f"/promise/{row.id}",
        "meta": [m for m in meta if m],
        "aside": text,
        "aside_tone": tone,
        "icon": "circle-help" if asked else PROMISE.icon,
    }


def _team(actor: Actor) -> Panel:
    """What needs a look, and the kept rate of weeks that are over; each line opens its list."""
    rate = figures.total(actor, (), "12", closed=True)
    values = {"kept": rate.kept.n, "n": rate.all.n}
    rows = [
        {
            "title": _("Kept rate, closed weeks"),
            "url": link(rate.all),
            "meta": [_("%(kept)s of %(n)s kept on time, last 12 weeks") % values],
            "icon": "gauge",
            "aside": percent(rate.percent),
        }
    ]
    for title, asked, meta in (
        (_("Overdue promises"), OVERDUE, ""),
        (_("Not confirmed in time"), "unanswered__gte=1", _("asked more than a working day ago")),
        (_("Promised, and cannot be done"), "status__eq=open&answer__eq=not", ""),
    ):
        found = sales.count(actor, "promise", asked)
        rows.append(
            {
                "title": title,
                "url": link(found),
                "meta": [meta] if meta else [],
                "icon": "triangle-alert" if found.n else "check",
                "aside": total_text(found["n"] or 0),
                "aside_tone": "late" if found.n else "",
            }
        )
    return {
        "kind": "list",
        "title": _("Promises"),
        "rows": rows,
        "width": "half",
        "url": "/reports/promises",
        "more_label": _("Kept promises"),
    }
