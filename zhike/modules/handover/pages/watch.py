"""/handover/watch: what became of the customers that were handed over, for 90 days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET
from markupsafe import Markup

from zhike.base.i18n import day
from zhike.engine.errors import Refused
from zhike.modules.handover import services, watching
from zhike.modules.handover.watching import Watched
from zhike.web.templating import actor_of, ago, number, render, yuan

from .parts import ids_of, titles, trail

MOST = 300


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Silent ones first."""
    actor = actor_of(request)
    if not services.may_plan_any(actor):
        raise Refused("watch hand-overs")
    of = ids_of([request.GET.get("of", "")])
    rows = watching.watched(actor, watching.items(actor, of[0] if of else None))
    rows.sort(key=lambda w: (not w.is_silent, w.contact is not None, w.item.handed_at))
    stats = _stats(rows)
    names = titles(actor, [w.item for w in rows[:MOST]])
    heads = (
        _("Customer"),
        pgettext("hand-over", "From"),
        pgettext("hand-over", "To"),
        _("Handed over on"),
        _("Contact since"),
        _("Won"),
        _("Lost"),
        _("Won, 90 days before"),
        _("Won since"),
    )
    table = {
        "kind": "table" if rows else "list",
        "title": _("Customers"),
        "columns": [{"key": str(n), "label": text, "align": "r" if n > 4 else ""} for n, text in enumerate(heads)],
        "rows": [_line(w, names.get((w.item.entity, w.item.record), "…")) for w in rows[:MOST]],
        "empty_text": _("Nothing was handed over within a year"),
    }
    context = {
        "title": _("Watch list"),
        "trail": trail(),
        "lead": _("Kept: neither lost nor in a pool, and spoken to since. Only what you may see counts."),
        "panels": [{"kind": "stats", "title": _("Summary"), "stats": stats}, table],
    }
    return render(request, "handover/page.html", context, blocks={"panels": "panels"})


def _stats(rows: list[Watched]) -> list[dict[str, Any]]:
    kept = watching.retention(rows)
    silent = sum(w.is_silent for w in rows)
    return [
        {"label": _("Customers handed over"), "value": number(len(rows))},
        {"label": _("Spoken to since"), "value": number(sum(w.contact is not None for w in rows))},
        {"label": _("Silent for 14 days"), "value": number(silent), "tone": "red" if silent else ""},
        {"label": _("Won, 90 days before"), "value": yuan(_sum([w.before for w in rows]))},
        {"label": _("Won since"), "value": yuan(_sum([w.since for w in rows]))},
        {
            "label": _("Kept after 90 days"),
            "value": "—" if kept.percent is None else f"{kept.percent:g}%",
            "hint": _("%(kept)s of %(n)s still ours and spoken to since") % {"kept": kept.kept, "n": kept.n},
        },
    ]


def _sum(values: list[Decimal | None]) -> Decimal:
    return sum((v for v in values if v is not None), Decimal(0))


def _line(w: Watched, name: str) -> dict[str, Any]:
    contact: Any = ago(w.contact) if w.contact else "—"
    if w.is_silent:
        contact = Markup('<span class="late">{}</span>').format(_("none yet"))
    deals = f"/deal/?view=&account__eq={w.item.record}"
    link = Markup('<a href="{}&status__eq={}">{}</a>')
    cells = [
        Markup('<a class="strong" href="/account/{}">{}</a>').format(w.item.record, name),
        w.item.handover.person.name,
        w.item.to.name if w.item.to else _("Pool"),
        day(w.item.handed_at),
        contact,
        link.format(deals, "won", w.won) if w.won else "0",
        link.format(deals, "lost", w.lost) if w.lost else "0",
        yuan(w.before),
        yuan(w.since),
    ]
    return {"id": str(w.item.pk), "label": name, "cells": [{"html": c} for c in cells]}
