"""A list in groups with subtotals; the rows of a group come when it is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine import access, query, report, stages
from zhike.engine.access import Actor
from zhike.engine.kinds import Attribute
from zhike.engine.query import Condition, Page
from zhike.engine.report import COUNT, Group, Measure

from . import shapes
from .tabs import Asked

MOST = 200  # groups of a list; by what has more values one filters
OPEN = 2  # groups that are open at first


def by(actor: Actor, found: Asked) -> Attribute | None:
    """The field that a list is grouped by, where it asks for one and its reader may."""
    return shapes.groupable(actor, found.entity).get(found.shape.group or "")


def context(actor: Actor, found: Asked, a: Attribute, page: Page) -> dict[str, Any]:
    """The groups of web/list.html, or why there are none."""
    view = found.view.start().but(sort="", columns=())
    some = query.select(actor, found.entity, view).order_by().values_list(a.ref(), flat=True).distinct()[: MOST + 1]
    if some.count() > MOST:
        text = _("“%(field)s” has more than %(n)s values here: filter first, then group.")
        return {"groups": [], "group_note": text % {"field": a.label, "n": MOST}}
    known = query.open_fields(access.readable(actor, found.entity), access.closed(actor, found.entity))
    added = [known[k] for k in found.entity.sums if k in known]
    measures = [COUNT, *(Measure(f"s_{x.key}", "sum", x.key) for x in added)]
    groups = report.grouped(actor, found.entity, view, [a.key], measures)
    order = {key: n for n, (key, _label) in enumerate(a.choices)}
    if a.target == "stage":
        every = (s for p in stages.current(found.entity) for s in stages.of(p.pk))
        order = {str(s.pk): n for n, s in enumerate(every)}
    groups.sort(key=lambda g: (order.get(str(g.values[0]), 0) if order else 0, -g.n, g.labels[0]))
    return {"groups": [_group(found, g, page, added, n) for n, g in enumerate(groups)], "group_label": a.label}


def _group(found: Asked, g: Group, page: Page, added: Sequence[Attribute], n: int) -> dict[str, Any]:
    """One group: its name, how many, subtotals under the columns, and where its rows are."""
    last = g.view.conditions[-1]
    own = found.own.start().also(Condition(last.key, last.op, last.value))
    sums: Mapping[str, Any] = {a.key: a.kind.html(a, g[f"s_{a.key}"], {}) for a in added}
    return {
        "id": f"group-{n}",
        "label": g.labels[0],
        "count": f"{g.n:,}",
        "cells": [sums.get(a.key, "") for a in page.attributes[1:]],
        "rows_url": f"{found.url(own)}&rows=1",
        "open": n < OPEN,
    }
