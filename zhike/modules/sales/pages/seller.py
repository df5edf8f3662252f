"""A seller's first page: what is to be done today, and how the month stands."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from zhike.base.models import Role
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.sales import figures
from zhike.modules.sales.figures import Wanted
from zhike.web.templating import ago, yuan

from .parts import Panel, activity_line, counted, deal_line, how_many, listed, may_read, money, show, stat

MINE = "owner__eq=me&"
TASKS = ("subject", "kind", "due_at", "account", "contact", "lead", "deal")


def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Overdue follow-ups, today's work, deals without a next step, leads nobody has called, and the month."""
    found = figures.lists(actor, wanted())
    panels: list[Panel | None] = [
        follow_ups(actor, found),
        tasks(found, "overdue", _("Overdue follow-ups"), _("Nothing is overdue.")),
        tasks(found, "today", _("Today"), _("Nothing is planned for today.")),
        _month(actor) if access.may(actor, get("deal"), "list") else None,
        _alone(found),
        fresh(found),
    ]
    capture = {"url": "/capture", "hint": _("One line: Zhang 13800138000 buyer @Baosteel")}
    may_write = access.may(actor, get("lead"), "create") or access.may(actor, get("activity"), "create")
    return show(request, actor, Role.Home.SELLER, panels, capture=capture if may_write else None)


def wanted() -> dict[str, Wanted]:
    """The lists of the page."""
    activity, deal, lead = get("activity"), get("deal"), get("lead")
    return {
        "overdue": Wanted(activity, f"{MINE}{figures.OVERDUE}&sort=due_at", TASKS, 8),
        "today": Wanted(activity, f"{MINE}status__eq=planned&due_at__within=today&sort=due_at", TASKS, 8),
        "alone": Wanted(deal, f"{MINE}{figures.NO_NEXT_STEP}&sort=-amount", ("name", "account", "stage", "amount")),
        "fresh": Wanted(
            lead,
            f"{MINE}status__eq=open&last_contact_at__empty=1&sort=created_at",
            ("name", "company", "phone", "source", "created_at"),
        ),
    }


UNPLANNED = (("account", ""), ("lead", "status__eq=open&"), ("deal", "status__eq=open&"))


def follow_ups(actor: Actor, found: dict[str, figures.Lines]) -> Panel:
    """The three questions of a seller's morning: what is overdue, what is due today, for whom nothing is planned."""
    tiles = [
        counted(label, found[key].group, bad=tone)
        for key, label, tone in (("overdue", _("Overdue"), "red"), ("today", _("Due today"), ""))
        if key in found
    ]
    for key, asked in UNPLANNED:
        if may_read(actor, key) and "next_follow_up_on" in access.readable(actor, get(key)):
            group = figures.count(actor, key, f"{MINE}{asked}next_follow_up_on__empty=1")
            tiles.append(counted(_("%(what)s: none planned") % {"what": get(key).plural}, group, bad="amber"))
    return {"kind": "stats", "title": _("Follow-ups"), "stats": tiles}


def _month(actor: Actor) -> Panel:
    won = figures.deals(actor, f"{MINE}status__eq=won&closed_on__within=this_month")
    opened = figures.deals(actor, f"{MINE}status__eq=open")
    closing = figures.deals(actor, f"{MINE}status__eq=open&expected_on__within=this_month")
    return {
        "kind": "stats",
        "title": _("My month"),
        "stats": [
            stat(_("Won this month"), money(won), won, hint=how_many(won.n)),
            stat(_("Closing this month"), money(closing), closing, hint=how_many(closing.n)),
            stat(_("Open deals"), money(opened), opened, hint=how_many(opened.n)),
            stat(_("Open, weighted"), money(opened, "weighted"), opened, hint=_("amount times win rate")),
        ],
    }


def tasks(found: dict[str, figures.Lines], key: str, title: str, empty: str) -> Panel | None:
    """What is planned, to be ticked off."""
    lines = found.get(key)
    rows = [activity_line(lines, r, tick=True) for r in lines.rows] if lines else []
    return listed(title, lines, rows, empty=empty)


def _alone(found: dict[str, figures.Lines]) -> Panel | None:
    lines = found.get("alone")
    rows = (
        [
            deal_line(lines, r, lines.text(r, "account"), lines.text(r, "stage"), aside=yuan(r.values.get("amount")))
            for r in lines.rows
        ]
        if lines
        else []
    )
    return listed(_("Deals without a next step"), lines, rows, empty=_("Every open deal has a next step."))


def fresh(found: dict[str, figures.Lines]) -> Panel | None:
    """Leads that nobody has called."""
    lines = found.get("fresh")
    rows = (
        [
            {
                "title": lines.text(r, "name") or "—",
                "url": f"/lead/{r.id}",
                "icon": "inbox",
                "meta": [m for k in ("phone", "source") if (m := lines.text(r, k))],
                "aside": ago(r.values.get("created_at")),
            }
            for r in lines.rows
        ]
        if lines
        else []
    )
    return listed(_("Leads not contacted yet"), lines, rows, empty=_("Every lead has been contacted."))
