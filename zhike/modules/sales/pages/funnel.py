"""/reports/funnel: the deals of a pipeline by stage, how they come through, and what was lost."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from zhike.engine import access, query, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Pipeline
from zhike.engine.query import View
from zhike.engine.report import Group
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Funnel, Step, Wanted
from zhike.web.templating import actor_of, number, render, yuan

from . import filters
from .parts import Panel, as_of, cell, days, deal_line, how_many, link, listed, money, percent, stat

LOST = ("name", "account", "lost_reason", "amount", "owner", "closed_on")


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The funnel of a cohort: the deals of a pipeline created, or expected to close, in a period."""
    actor = actor_of(request)
    access.require(actor, get("deal"), "list")
    query.allow_lately(actor)
    choices = figures.pipelines()
    by = filters.chosen(request, "by", _dates(), "created_at")
    period = filters.chosen(request, "period", figures.periods(), "year")
    pipeline = next((p for p in choices if str(p.pk) == request.GET.get("pipeline")), choices[0] if choices else None)
    who = filters.narrowed(request)
    cohort = View(conditions=(*figures.within(by, period), *who))
    fields = [_pipeline_field(choices, pipeline), filters.period_field(period), _by_field(by)]
    context = {
        "title": _("Funnel"),
        "tabs": filters.tabs("funnel"),
        "report_url": "/reports/funnel",
        "lead": _(
            "Conversion of a stage: of the deals chosen here that were ever in it, the share that later came to a "
            "further stage or was won."
        ),
        "filters": [f for f in (*fields, *filters.who_fields(actor, who)) if f],
        "panels": panels(actor, pipeline, cohort) if pipeline else [],
        "as_of": as_of(actor),
    }
    return render(request, "web/report.html", context, blocks={"panels": "panels"})


def _dates() -> dict[str, str]:
    return {"created_at": _("Creation date"), "expected_on": _("Expected closing date"), "closed_on": _("Closing date")}


def _by_field(by: str) -> dict[str, Any]:
    options = [{"value": key, "label": label} for key, label in _dates().items()]
    return {"name": "by", "label": _("Date that counts"), "kind": "chips", "options": options, "value": by}


def _pipeline_field(choices: list[Pipeline], pipeline: Pipeline | None) -> dict[str, Any] | None:
    """The pipelines; an older version is told apart by its number."""
    if len(choices) < 2 or pipeline is None:
        return None
    options = [{"value": str(p.pk), "label": _name(p)} for p in choices]
    found = {"name": "pipeline", "label": _("Pipeline"), "kind": "chips", "options": options}
    return {**found, "value": str(pipeline.pk)}


def _name(p: Pipeline) -> str:
    return str(p) if p.is_current else _("%(name)s, version %(n)s") % {"name": p, "n": p.number}


def panels(actor: Actor, pipeline: Pipeline, cohort: View) -> list[Panel]:
    """The tiles of the page."""
    found = figures.funnel(actor, pipeline.pk, cohort)
    lost = next(iter(found.of("lost")), None)
    asked = f"{lost.now.query if lost else 'status__eq=lost'}&sort=-closed_on"
    lines = figures.lists(actor, {"lost": Wanted(get("deal"), asked, LOST, 8)})["lost"]
    rows = [
        deal_line(
            lines,
            r,
            lines.text(r, "lost_reason"),
            lines.text(r, "account"),
            lines.text(r, "closed_on"),
            aside=yuan(r.values.get("amount")),
        )
        for r in lines.rows
    ]
    shown = [
        _summary(found),
        _flow(found),
        _stand(found),
        _reasons(found),
        listed(_("Lost deals"), lines, rows, empty=_("No deal of these was lost.")),
    ]
    return [p for p in shown if p]


def _summary(found: Funnel) -> Panel:
    won, lost = found.of("won"), found.of("lost")
    stats = [stat(_("Deals"), number(found.total.n), found.total, hint=money(found.total))]
    if won and lost:
        stats += [
            stat(_("Won"), number(won[0].now.n), won[0].now, hint=money(won[0].now), tone="green"),
            stat(_("Lost"), number(lost[0].now.n), lost[0].now, hint=money(lost[0].now), tone="red"),
        ]
        rate = report.share(won[0].now.n, won[0].now.n + lost[0].now.n)
        stats.append(
            {"label": pgettext("of closed deals", "Win rate"), "value": percent(rate), "hint": _("won of all closed")}
        )
    return {"kind": "stats", "title": _("Summary"), "stats": stats}


def _flow(found: Funnel) -> Panel:
    """How the deals came through: everything that was ever in a stage, so that the picture is a funnel."""
    through = [s for s in found.steps if s.stage.status != "lost"]
    most = max((s.reached.n for s in through), default=0) or 1
    title = _("How the deals came through")
    return {"kind": "funnel", "title": title, "funnel": {"title": title, "rows": [_row(s, most) for s in through]}}


def _row(s: Step, most: int) -> dict[str, Any]:
    is_open = s.stage.status == "open"
    return {
        "label": str(s.stage),
        "url": link(s.reached),
        "count": number(s.reached.n),
        "amount": money(s.reached),
        "weighted": money(s.reached, "weighted"),
        "rate": percent(s.rate) if is_open else "",
        "days": days(s.median_days) if is_open else None,
        "percent": max(1, round(s.reached.n / most * 100)) if s.reached.n else 0,
        "kind": "" if is_open else s.stage.status,
    }


def _stand(found: Funnel) -> Panel:
    """Where the deals stand now: each deal once, so that the rows add up to the total."""
    columns = [
        {"key": "stage", "label": _("Stage"), "align": ""},
        {"key": "now", "label": _("Deals now"), "align": "r"},
        {"key": "amount", "label": _("Amount"), "align": "r"},
        {"key": "weighted", "label": _("Weighted"), "align": "r"},
        {"key": "passed", "label": _("Came further"), "align": "r"},
    ]
    rows = []
    for s in found.steps:
        further = cell(number(s.passed.n), s.passed) if s.stage.status == "open" else {"html": ""}
        cells = [{"html": str(s.stage)}, *_cells(s.now), further]
        rows.append({"id": str(s.stage.pk), "label": str(s.stage), "cells": cells})
    totals = ["", *(c["html"] for c in _cells(found.total)), ""]
    title = _("Where the deals stand now")
    return {"kind": "table", "title": title, "columns": columns, "rows": rows, "totals": totals}


def _cells(group: Group) -> list[dict[str, Any]]:
    return [cell(number(group.n), group), cell(money(group), group), cell(money(group, "weighted"), group)]


def _reasons(found: Funnel) -> Panel:
    most = max((g.n for g in found.reasons), default=0) or 1
    bars = [
        {
            "label": g.labels[0],
            "url": link(g),
            "value": how_many(g.n),
            "sub": money(g),
            "percent": round(g.n / most * 100),
        }
        for g in found.reasons
    ]
    empty = _("No deal of these was lost.")
    return {
        "kind": "bars" if bars else "list",
        "title": _("Why deals were lost"),
        "bars": bars,
        "rows": [],
        "empty_text": empty,
        "width": "half",
    }
