"""Continuity: the card beside a customer, and the customers who hang on one person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.engine import access, query, report
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.query import Condition, View
from zhike.engine.report import Group, Measure
from zhike.modules.handover import continuity
from zhike.modules.sales import figures
from zhike.modules.sales.pages import filters
from zhike.modules.sales.pages.parts import Panel, as_of, cell, counted, money, percent, stat
from zhike.web.filters import filter_field
from zhike.web.templating import actor_of, number, render

ONE = Condition("known_by", "eq", "1")
NONE = Condition("known_by", "eq", "0")
WEAK = Condition("continuity", "lte", "40")
TOP = 30


def card(actor: Actor, entity: AnyEntity, pk: UUID) -> dict[str, Any] | None:
    """Beside a customer: the score and the parts that add up to it."""
    if entity.key != "account" or "continuity" not in access.readable(actor, entity):
        return None
    found = continuity.of([pk]).get(pk)
    if found is None:
        return None
    rows = [
        {"html": part.label, "aside": f"{part.points}/{part.most}", "meta": [part.value]}
        for part in continuity.parts(found)
    ]
    return {
        "title": _("Continuity, of 100"),
        "icon": "users-round",
        "count": found.score,
        "rows": rows,
        "url": "",
        "new_url": "",
        "empty_text": "",
    }


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Customers who hang on one person, with what is at stake, by department and by person."""
    actor = actor_of(request)
    account = get("account")
    access.require(actor, account, "list")
    query.allow_lately(actor)
    pairs = [(k, v) for k, values in request.GET.lists() for v in values if v]
    who = [c for c in query.parse(pairs).conditions if c.key in filters.WHO]
    known = access.readable(actor, account)
    own = View(conditions=tuple(who))
    fields = []
    if access.scope(actor, account, "list") != "own":
        fields = [filter_field(actor, account, known[key], own) for key in filters.WHO if key in known]
    context = {
        "title": _("Continuity"),
        "tabs": filters.tabs("continuity"),
        "report_url": "/reports/continuity",
        "lead": _(
            "A customer hangs on one person while only one of us was in touch with them within twelve months. Points: "
            "our people in touch 40, their people known 30, decision maker 10, what is written down 20. Counted every "
            "night."
        ),
        "filters": fields,
        "panels": panels(actor, who) if "known_by" in known else [],
        "as_of": as_of(actor),
    }
    return render(request, "web/report.html", context, blocks={"panels": "panels"})


def panels(actor: Actor, who: list[Condition]) -> list[Panel]:
    """The tiles: how many, what is at stake, by department and person."""
    account = get("account")
    base = View(conditions=tuple(who))
    every = report.total(actor, account, base)
    one, none, weak = (report.total(actor, account, base.also(c)) for c in (ONE, NONE, WEAK))
    mean = report.total(actor, account, base, (Measure("n"), Measure("mean", "avg", "continuity")))
    stake = _stake(actor, who)
    average = mean["mean"]
    stats = [
        stat(_("Average continuity"), "—" if average is None else f"{float(average):.0f}", every),
        counted(_("Hang on one person"), one, bad="amber", hint=percent(report.share(one.n, every.n))),
        counted(_("Nobody in touch"), none, bad="red", hint=percent(report.share(none.n, every.n))),
        counted(_("Below 41 points"), weak),
    ]
    if stake is not None and "amount" in stake.figures:
        stats.insert(2, stat(_("Open deals at stake"), money(stake), stake))
    return [
        {"kind": "stats", "title": _("Summary"), "stats": stats},
        _table(actor, "department", _("Department"), who),
        _table(actor, "owner", _("Owner"), who),
    ]


def _stake(actor: Actor, who: list[Condition]) -> Group | None:
    """The open deals of customers who hang on one person; those of the customers of a department or an owner."""
    if not access.may(actor, get("deal"), "list"):
        return None
    narrowed = [Condition(f"account.{c.key}", c.op, c.value) for c in (*who, ONE)]
    view = query.parse("status__eq=open").also(*narrowed)
    wanted = figures.readable(actor, get("deal"), report.COUNT, figures.AMOUNT)
    return report.total(actor, get("deal"), view, wanted)


def _table(actor: Actor, key: str, title: str, who: list[Condition]) -> Panel:
    account, base = get("account"), View(conditions=tuple(who))
    every = report.grouped(actor, account, base, (key,), most=TOP)
    ones = {g.values[0]: g for g in report.grouped(actor, account, base.also(ONE), (key,), named=False)}
    rows = []
    for group in every:
        one = ones.get(group.values[0]) or Group(account, group.view.also(ONE), figures={"n": 0})
        rows.append(
            {
                "id": str(group.values[0]),
                "label": group.labels[0],
                "cells": [
                    {"html": group.labels[0]},
                    cell(number(group.n), group),
                    cell(number(one.n), one),
                    {"html": percent(report.share(one.n, group.n))},
                ],
            }
        )
    heads = [title, _("Customers"), _("Hang on one person"), _("Share")]
    columns = [{"key": str(n), "label": text, "align": "r" if n else ""} for n, text in enumerate(heads)]
    return {"kind": "table" if rows else "list", "title": title, "columns": columns, "rows": rows, "width": "half"}
