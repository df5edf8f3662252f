"""A sales manager's first page: where the team is stuck, what is overdue, the funnel, the ranking."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.models import Role
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Stage
from zhike.engine.query import Row
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Lines, Wanted
from zhike.web.templating import yuan

from .parts import Panel, activity_line, counted, deal_line, how_many, link, listed, may_read, money, show, stat
from .ranking import sellers

TASKS = ("subject", "kind", "due_at", "account", "contact", "lead", "deal", "owner")
DEALS = ("name", "account", "stage", "amount", "owner", "days_over")


def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Stuck deals, missing follow-ups, the funnel of the open deals, the sellers of the month."""
    if not may_read(actor, "deal"):
        return show(request, actor, Role.Home.MANAGER, [])
    found = figures.lists(actor, wanted(actor))
    panels = [
        stats(actor, found),
        stuck(found.get("stuck")),
        overdue(found.get("overdue")),
        _funnel(actor),
        sellers(actor, "quarter"),
        alone(found.get("alone"), width="full"),
    ]
    return show(request, actor, Role.Home.MANAGER, panels)


def wanted(actor: Actor) -> dict[str, Wanted]:
    """The lists of the page; what is overdue with others on customers of the team is not the team's."""
    deal = get("deal")
    return {
        "stuck": Wanted(deal, f"{figures.STUCK}&sort=-amount", DEALS),
        "overdue": Wanted(get("activity"), f"{figures.OVERDUE}{_ours(actor)}&sort=due_at", TASKS),
        "alone": Wanted(deal, f"{figures.NO_NEXT_STEP}&sort=-amount", DEALS[:5], 5),
    }


def _ours(actor: Actor) -> str:
    return "&department__under=mine" if actor.user.department_id else ""


def stats(actor: Actor, found: dict[str, Lines]) -> Panel:
    """The team in a few figures."""
    won = figures.deals(actor, "status__eq=won&closed_on__within=this_month", figures.AMOUNT)
    opened = figures.deals(actor, "status__eq=open")
    stats = [
        stat(_("Won this month"), money(won), won, hint=how_many(won.n)),
        stat(_("Open, weighted"), money(opened, "weighted"), opened, hint=how_many(opened.n)),
    ]
    for key, label in (("stuck", _("Stuck deals")), ("alone", _("No next step")), ("overdue", _("Overdue follow-ups"))):
        if key in found:
            stats.append(counted(label, found[key].group, bad="red"))
    if may_read(actor, "lead"):
        fresh = figures.count(actor, "lead", "status__eq=open&last_contact_at__empty=1")
        stats.append(counted(_("Leads not contacted"), fresh, bad="amber"))
    return {"kind": "stats", "title": _("Team"), "stats": stats}


def stuck(lines: Lines | None, *, width: str = "half") -> Panel | None:
    """Deals longer in their stage than it allows, the largest first."""

    rows = [_stuck_line(lines, r) for r in lines.rows] if lines else []
    empty = _("No deal is longer in its stage than the stage allows.")
    return listed(_("Stuck deals"), lines, rows, empty=empty, width=width)


def _stuck_line(lines: Lines, row: Row) -> dict[str, object]:
    over = row.values.get("days_over") or 0
    late = ngettext("%(n)s day over", "%(n)s days over", over) % {"n": over}
    amount = yuan(row.values.get("amount"))
    return deal_line(lines, row, lines.text(row, "stage"), amount, lines.text(row, "owner"), aside=late, tone="late")


def alone(lines: Lines | None, *, width: str = "half") -> Panel | None:
    """Open deals for which nothing is planned."""
    rows = (
        [
            deal_line(
                lines, r, *(lines.text(r, k) for k in ("account", "stage", "owner")), aside=yuan(r.values.get("amount"))
            )
            for r in lines.rows
        ]
        if lines
        else []
    )
    title, empty = _("Deals without a next step"), _("Every open deal has a next step.")
    return listed(title, lines, rows, empty=empty, width=width)


def overdue(lines: Lines | None) -> Panel | None:
    """What the team should have done."""
    rows = [activity_line(lines, r, tick=False) for r in lines.rows] if lines else []
    return listed(_("Overdue follow-ups"), lines, rows, empty=_("Nothing is overdue."))


def _funnel(actor: Actor) -> Panel | None:
    """Amounts by stage of the open deals in the default pipeline."""
    default = Stage.objects.filter(pipeline__entity="deal", pipeline__is_current=True, pipeline__is_default=True)
    order = list(default.filter(status=Stage.Status.OPEN, deleted_at=None).order_by("order"))
    if not order:
        return None
    pipeline = order[0].pipeline_id
    found = figures.by_stage(actor, order, query.parse(f"pipeline__eq={pipeline}"))
    most = max((float(g["amount"] or g.n) for g in found.values()), default=0) or 1
    bars = [
        {
            "label": str(s),
            "url": link(found[s.pk]),
            "value": money(found[s.pk]),
            "sub": how_many(found[s.pk].n),
            "percent": round(float(found[s.pk]["amount"] or found[s.pk].n) / most * 100),
        }
        for s in order
    ]
    url = f"/reports/funnel?pipeline={pipeline}"
    title, more = _("Open deals by stage"), _("Funnel")
    return {"kind": "bars", "title": title, "bars": bars, "url": url, "more_label": more, "width": "half"}
