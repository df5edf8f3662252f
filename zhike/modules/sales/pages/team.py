"""/reports/team: what each seller has open, won, done and left undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET
from markupsafe import Markup, escape

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Condition
from zhike.engine.report import Cells, Group
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Team, Wanted
from zhike.web.templating import actor_of, number, render

from . import filters, manager
from .parts import Panel, activity_line, as_of, cell, counted, days, how_many, link, listed, money, percent, stat

Row = Mapping[str, Group]
Value = Callable[[Row], Any]


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The sellers that the actor may see, in a period; a seller sees the own row."""
    actor = actor_of(request)
    access.require(actor, get("deal"), "list")
    query.allow_lately(actor)
    period = filters.chosen(request, "period", figures.periods(), "quarter")
    who = filters.narrowed(request)
    found = figures.team(actor, period, who)
    sort = request.GET.get("sort", "-won_amount")
    context = {
        "title": _("Team"),
        "tabs": filters.tabs("team"),
        "report_url": "/reports/team",
        "lead": _(
            "Won, lost and win rate count by the day of closing in the period; what is open, overdue and without a "
            "next step is as of now; activities are those done this week."
        ),
        "filters": [filters.period_field(period), *filters.who_fields(actor, who)],
        "keep": [{"name": "sort", "value": sort}],
        "panels": panels(actor, found, who, sort, _sorter(request)),
        "as_of": as_of(actor),
    }
    return render(request, "web/report.html", context, blocks={"panels": "panels"})


def _sorter(request: HttpRequest) -> Callable[[str], str]:
    """The address of this page sorted by a column."""

    def address(sort: str) -> str:
        asked = request.GET.copy()
        asked["sort"] = sort
        return f"/reports/team?{asked.urlencode()}"

    return address


def columns(total: Row) -> dict[str, tuple[str, Value, Callable[[Row], dict[str, Any]]]]:
    """Key -> label, what it sorts by, and its cell."""
    found: dict[str, tuple[str, Value, Callable[[Row], dict[str, Any]]]] = {
        "open_count": (_("Open deals"), lambda r: r["open"].n, lambda r: cell(number(r["open"].n), r["open"])),
        "open_amount": (
            _("Open amount"),
            lambda r: r["open"]["amount"] or 0,
            lambda r: cell(money(r["open"]), r["open"]),
        ),
        "weighted": (
            _("Weighted"),
            lambda r: r["open"]["weighted"] or 0,
            lambda r: cell(money(r["open"], "weighted"), r["open"]),
        ),
        "won_count": (_("Won deals"), lambda r: r["won"].n, lambda r: cell(number(r["won"].n), r["won"])),
        "won_amount": (_("Won amount"), lambda r: r["won"]["amount"] or 0, lambda r: cell(money(r["won"]), r["won"])),
        "rate": (
            pgettext("of closed deals", "Win rate"),
            lambda r: figures.win_rate(r) or 0,
            lambda r: cell(percent(figures.win_rate(r)), r["closed"]),
        ),
        "days": (
            _("Days to win"),
            lambda r: figures.days_to_win(r) or 0,
            lambda r: cell(days(figures.days_to_win(r)), r["won"]),
        ),
        "done": (_("Activities this week"), lambda r: r["done"].n, lambda r: cell(number(r["done"].n), r["done"])),
        "overdue": (
            _("Overdue follow-ups"),
            lambda r: r["overdue"].n,
            lambda r: cell(number(r["overdue"].n), r["overdue"], late=True),
        ),
        "alone": (
            _("No next step"),
            lambda r: r["alone"].n,
            lambda r: cell(number(r["alone"].n), r["alone"], late=True),
        ),
    }
    return {k: v for k, v in found.items() if k not in ("done", "overdue") or k in total}


def panels(
    actor: Actor, found: Team, who: list[Condition], sort: str, address: Callable[[str], str]
) -> list[Panel | None]:
    """The tiles of the page."""
    lists = figures.lists(
        actor,
        {
            "alone": Wanted(get("deal"), f"{figures.NO_NEXT_STEP}&sort=-amount", manager.DEALS[:5], 6, tuple(who)),
            "overdue": Wanted(get("activity"), f"{figures.OVERDUE}&sort=due_at", manager.TASKS, 6, tuple(who)),
        },
    )
    overdue = lists.get("overdue")
    rows = [activity_line(overdue, r, tick=False) for r in overdue.rows] if overdue else []
    shown = [
        _summary(found.total),
        _table(_("Sellers"), found.sellers, found, sort, address, 1),
        _table(_("Departments"), found.departments, found, sort, address, 0) if len(found.departments) > 1 else None,
        manager.alone(lists.get("alone")),
        listed(_("Overdue follow-ups"), overdue, rows, empty=_("Nothing is overdue.")),
    ]
    return [p for p in shown if p]


def _summary(total: Row) -> Panel:
    won, closed, opened = total["won"], total["closed"], total["open"]
    stats = [
        stat(_("Won"), money(won), won, hint=how_many(won.n)),
        stat(
            pgettext("of closed deals", "Win rate"),
            percent(figures.win_rate(total)),
            closed,
            hint=_("won of all closed"),
        ),
        stat(_("Open"), money(opened), opened, hint=how_many(opened.n)),
        stat(_("Weighted"), money(opened, "weighted"), opened),
        counted(_("No next step"), total["alone"], bad="red"),
    ]
    if "overdue" in total:
        stats.append(counted(_("Overdue follow-ups"), total["overdue"], bad="red"))
    return {"kind": "stats", "title": _("Summary"), "stats": stats}


def _table(title: str, cells: Cells, found: Team, sort: str, address: Callable[[str], str], n: int) -> Panel:
    """Sellers (n = 1) or departments (n = 0), sorted as the address says."""
    known = columns(found.total)
    target = ("department", "user")[n]
    key = sort.removeprefix("-")

    def name(values: tuple[Any, ...]) -> str:
        return found.names.get((target, values[n]), "") if values[n] else _("not set")

    rows = sorted(cells.items(), key=lambda item: name(item[0]))
    if key in known:
        rows.sort(key=lambda item: known[key][1](item[1]), reverse=sort.startswith("-"))
    elif sort.startswith("-"):
        rows.reverse()
    heads = [_head("name", _("Seller") if n else _("Department"), sort, address)]
    heads += [_head(k, label, sort, address, "r") for k, (label, _value, _cell) in known.items()]
    shown = [
        {
            "id": "-".join(str(v) for v in values),
            "label": name(values),
            "cells": [
                {"html": _who(name(values), values, found, row)},
                *(made(row) for _l, _v, made in known.values()),
            ],
        }
        for values, row in rows
    ]
    totals = ["", *(made(found.total)["html"] for _l, _v, made in known.values())]
    return {"kind": "table", "title": title, "columns": heads, "rows": shown, "totals": totals if rows else None}


def _who(name: str, values: tuple[Any, ...], found: Team, row: Row) -> Markup:
    """The seller's name over the department, leading to the open deals."""
    place = found.names.get(("department", values[0]), "") if len(values) > 1 and values[0] else ""
    small = Markup('<br><small class="muted">{}</small>').format(place) if place else ""
    return Markup('<a class="strong" href="{}">{}</a>').format(link(row["open"]), name) + escape(small)


def _head(key: str, label: str, sort: str, address: Callable[[str], str], align: str = "") -> dict[str, Any]:
    state = {key: "asc", f"-{key}": "desc"}.get(sort, "")
    following = key if state == "desc" or (key == "name" and not state) else f"-{key}"
    return {"key": key, "label": label, "align": align, "sort": state, "sort_url": address(following)}
