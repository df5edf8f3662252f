"""The executive's first page, made for a phone: the state of business in a few figures, each opening its list."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.models import Role
from zhike.engine import query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Row
from zhike.engine.report import Group
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Lines, Wanted
from zhike.modules.sales.models import Deal
from zhike.web.templating import number, yuan

from . import ranking
from .parts import Panel, change, deal_line, how_many, listed, may_read, money, show, stat

RISKY = ("name", "owner", "amount", "expected_on", "next_follow_up_on", "days_over")


def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Won against the last period, forecast, open pipeline, seven days, the largest risks, the ranking."""
    if not may_read(actor, "deal"):
        return show(request, actor, Role.Home.EXECUTIVE, [])
    wanted = Wanted(get("deal"), "status__eq=open&risks__gte=1&sort=-amount", RISKY, 5)
    found = figures.lists(actor, {"risks": wanted})
    panels = [
        *numbers(actor),
        _risks(found["risks"]),
        ranking.departments(actor, "quarter", limit=6),
        ranking.sellers(actor, "quarter", limit=6),
    ]
    return show(request, actor, Role.Home.EXECUTIVE, panels)


def numbers(actor: Actor) -> list[Panel]:
    """How the firm stands, and the last seven days."""
    return [{"kind": "stats", "title": _("Business"), "stats": [*_won(actor), *_forecast(actor)]}, _week(actor)]


def _won(actor: Actor) -> list[dict[str, Any]]:
    """Won this month and this quarter, against the same days of the last one."""
    texts = {
        "month": (_("Won this month"), _("vs. same days last month")),
        "quarter": (_("Won this quarter"), _("vs. same days last quarter")),
    }
    result = []
    for period, (label, hint) in texts.items():
        now = figures.deals(actor, f"status__eq=won&closed_on__within=this_{period}", figures.AMOUNT)
        past = f"status__eq=won&closed_on__between={figures.same_days_before(period)}"
        before = figures.deals(actor, past, figures.AMOUNT)
        delta = change(now["amount"] or 0, before["amount"])
        result.append(stat(label, money(now), now, delta=delta, hint=hint if delta else how_many(now.n)))
    return result


def _forecast(actor: Actor) -> list[dict[str, Any]]:
    """Open deals expected by the end of the quarter, by forecast category, and all that is open."""
    quarter = figures.span("quarter")
    deal = get("deal")
    until = query.parse(f"status__eq=open&expected_on__lte={quarter[1] if quarter else ''}")
    measures = figures.readable(actor, deal, report.COUNT, figures.AMOUNT, figures.WEIGHTED)
    column = report.Column(deal, until, measures)
    found = report.column(actor, column, ("forecast",), [(key,) for key in Deal.Forecast.values])
    opened = figures.deals(actor, "status__eq=open")
    hint = _("expected this quarter")
    return [
        stat(_("Forecast: commit"), money(found["commit",]), found["commit",], hint=how_many(found["commit",].n)),
        stat(_("Forecast: best case"), money(found["best",]), found["best",], hint=how_many(found["best",].n)),
        stat(_("Pipeline, weighted"), money(found["pipeline",], "weighted"), found["pipeline",], hint=hint),
        stat(_("Open pipeline"), money(opened), opened, hint=how_many(opened.n)),
    ]


def _week(actor: Actor) -> Panel:
    """What came in, went out and moved in the last seven days."""
    days = figures.last_days(7)
    before = days.partition(",")[0]
    asked = {
        _("New in 7 days"): f"created_at__between={days}",
        _("Moved in 7 days"): f"status__eq=open&stage_at__between={days}&created_at__lte={_day_before(before)}",
        _("Won in 7 days"): f"status__eq=won&closed_on__between={days}",
        _("Lost in 7 days"): f"status__eq=lost&closed_on__between={days}",
    }
    tones = {_("Won in 7 days"): "green", _("Lost in 7 days"): "red"}
    stats = []
    for label, conditions in asked.items():
        group: Group = figures.deals(actor, conditions, figures.AMOUNT)
        tone = tones.get(label, "") if group.n else ""
        stats.append(stat(label, number(group.n), group, hint=money(group), tone=tone))
    return {"kind": "stats", "title": _("The last 7 days"), "stats": stats}


def _day_before(day: str) -> str:
    return str(dt.date.fromisoformat(day) - dt.timedelta(days=1))


def risks(row: Row) -> list[str]:
    """Why a deal is at risk, in words."""
    found = []
    expected, over = row.values.get("expected_on"), row.values.get("days_over") or 0
    if expected and expected < timezone.localdate():
        late = (timezone.localdate() - expected).days
        found.append(ngettext("%(n)s day late", "%(n)s days late", late) % {"n": late})
    if "next_follow_up_on" in row.values and row.values["next_follow_up_on"] is None:
        found.append(_("no next step"))
    if over > 0:
        found.append(ngettext("%(n)s day over in its stage", "%(n)s days over in its stage", over) % {"n": over})
    return found


def _risks(lines: Lines) -> Panel | None:
    rows = [
        deal_line(lines, r, *risks(r), lines.text(r, "owner"), aside=yuan(r.values.get("amount")), tone="strong")
        for r in lines.rows
    ]
    return listed(_("Largest deals at risk"), lines, rows, empty=_("No open deal is at risk."), width="full")
