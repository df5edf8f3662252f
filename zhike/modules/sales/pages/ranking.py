"""Who won how much: sellers and departments by won amount."""

from __future__ import annotations

from django.utils.translation import gettext as _

from zhike.engine import query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.sales import figures

from .parts import Panel, how_many, link, money

TOP = 8


def sellers(actor: Actor, period: str, *, width: str = "half", limit: int = TOP) -> Panel:
    """Sellers by won amount."""
    return _ranked(actor, "owner", period, _("Sellers by won amount"), width, limit)


def departments(actor: Actor, period: str, *, width: str = "half", limit: int = TOP) -> Panel:
    """Departments by won amount."""
    return _ranked(actor, "department", period, _("Departments by won amount"), width, limit)


def _ranked(actor: Actor, by: str, period: str, title: str, width: str, limit: int) -> Panel:
    deal = get("deal")
    view = query.parse("status__eq=won").also(*figures.within("closed_on", period))
    measures = figures.readable(actor, deal, report.COUNT, figures.AMOUNT)
    groups = report.grouped(actor, deal, view, (by,), measures, most=limit, by_sum="amount")
    most = max((float(g["amount"] or 0) for g in groups), default=0) or 1
    bars = [
        {
            "label": g.labels[0],
            "url": link(g),
            "value": money(g),
            "sub": how_many(g.n),
            "percent": round(float(g["amount"] or 0) / most * 100),
            "person": {"name": g.labels[0], "initials": g.labels[0][:1]} if by == "owner" and g.values[0] else None,
        }
        for g in groups
    ]
    label = figures.periods().get(period, "")
    return {
        "kind": "bars" if bars else "list",
        "title": f"{title} · {label}",
        "bars": bars,
        "rows": [],
        "ranked": True,
        "empty_text": _("Nothing won in this period yet."),
        "width": width,
        "url": f"/reports/team?period={period}",
        "more_label": _("Team"),
    }
