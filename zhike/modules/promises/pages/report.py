"""/reports/promises: how many promises were kept, by person, department and customer, with the lists behind."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.query import Condition
from zhike.modules.promises import figures
from zhike.modules.promises.entities import PROMISE
from zhike.modules.promises.figures import Rate
from zhike.modules.sales import figures as sales
from zhike.modules.sales.pages import filters
from zhike.modules.sales.pages.parts import Panel, as_of, cell, counted, percent, stat
from zhike.web.filters import filter_field
from zhike.web.templating import actor_of, number, render

from .home import OVERDUE

TOP = 20


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Own figures up to now, those of others of closed weeks."""
    actor = actor_of(request)
    access.require(actor, PROMISE, "list")
    query.allow_lately(actor)
    weeks = filters.chosen(request, "weeks", figures.WEEKS, "12")
    who = _narrowed(request)
    options = [{"value": key, "label": label} for key, label in figures.spans().items()]
    fields: list[dict[str, Any]] = [
        {"name": "weeks", "label": _("Period"), "kind": "chips", "options": options, "value": weeks}
    ]
    if access.scope(actor, PROMISE, "list") != "own":
        known = access.readable(actor, PROMISE)
        view = query.View(conditions=tuple(who))
        fields += [filter_field(actor, PROMISE, known[key], view) for key in filters.WHO if key in known]
    context = {
        "title": _("Kept promises"),
        "tabs": filters.tabs("promises"),
        "report_url": "/reports/promises",
        "lead": _(
            "Kept on time, of all promises that were settled or fell due. Your own figures are of now; those of others "
            "are of weeks that are over, after the person has seen them. What the customer agreed to take back does "
            "not count."
        ),
        "filters": fields,
        "panels": panels(actor, who, weeks),
        "as_of": as_of(actor),
    }
    return render(request, "web/report.html", context, blocks={"panels": "panels"})


def _narrowed(request: HttpRequest) -> list[Condition]:
    pairs = [(k, v) for k, values in request.GET.lists() for v in values if v]
    return [c for c in query.parse(pairs).conditions if c.key in filters.WHO]


def panels(actor: Actor, who: list[Condition], weeks: str) -> list[Panel]:
    """The tiles of the page."""
    mine = figures.mine(actor, weeks)
    shown = [_summary(actor, who, weeks, mine)]
    for key, title in (("counts_for", _("Person")), ("department", _("Department")), ("account", _("Customer"))):
        rows = figures.table(actor, key, who, weeks)
        shown.append(_table(title, rows[:TOP], width="full" if key == "counts_for" else "half"))
    return shown


def _summary(actor: Actor, who: list[Condition], weeks: str, mine: Rate) -> Panel:
    team = figures.total(actor, who, weeks, closed=True)
    stats = [
        stat(_("My kept rate, up to now"), percent(mine.percent), mine.all, hint=_of(mine)),
        stat(_("Kept rate, closed weeks"), percent(team.percent), team.all, hint=_of(team)),
        counted(_("Overdue promises"), sales.count(actor, "promise", OVERDUE), bad="red"),
        counted(_("Not confirmed in time"), sales.count(actor, "promise", "unanswered__gte=1"), bad="amber"),
    ]
    return {"kind": "stats", "title": _("Summary"), "stats": stats}


def _of(rate: Rate) -> str:
    return _("%(kept)s of %(n)s kept on time") % {"kept": number(rate.kept.n), "n": number(rate.all.n)}


def _table(title: str, rows: list[tuple[str, Rate]], *, width: str) -> Panel:
    heads = [
        {"key": "name", "label": title},
        {"key": "n", "label": _("Promises"), "align": "r"},
        {"key": "kept", "label": _("Kept on time"), "align": "r"},
        {"key": "rate", "label": _("Kept rate"), "align": "r"},
    ]
    shown = [
        {
            "id": str(n),
            "label": name,
            "cells": [
                {"html": name},
                cell(number(rate.all.n), rate.all),
                cell(number(rate.kept.n), rate.kept),
                {"html": percent(rate.percent) if rate.percent is not None else _("too few")},
            ],
        }
        for n, (name, rate) in enumerate(rows)
    ]
    if not shown:
        return {"kind": "list", "title": title, "rows": [], "empty_text": _("No promise counts yet."), "width": width}
    return {"kind": "table", "title": title, "columns": heads, "rows": shown, "width": width}
