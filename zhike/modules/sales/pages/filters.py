"""The filter line of the reports: period, owner and department, all of them in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import Condition, View
from zhike.modules.sales import figures
from zhike.web import plugs
from zhike.web.filters import filter_field

WHO = ("department", "owner")


def narrowed(request: HttpRequest) -> list[Condition]:
    """The conditions on owner and department in the address."""
    pairs = [(k, v) for k, values in request.GET.lists() for v in values if v]
    return [c for c in query.parse(pairs).conditions if c.key in WHO]


def chosen(request: HttpRequest, key: str, allowed: Any, default: str) -> str:
    """A value of the address, if it is one of those allowed."""
    return chosen_in(request.GET, key, allowed, default)


def chosen_in(said: Mapping[str, Any], key: str, allowed: Any, default: str) -> str:
    """The same of what was sent."""
    value = said.get(key, "")
    return value if value in allowed else default


def period_field(period: str) -> dict[str, Any]:
    """The period as chips."""
    options = [{"value": key, "label": label} for key, label in figures.periods().items()]
    return {"name": "period", "label": _("Period"), "kind": "chips", "options": options, "value": period}


def who_fields(actor: Actor, conditions: list[Condition]) -> list[dict[str, Any]]:
    """Owner and department, for those who see more than their own deals."""
    deal = get("deal")
    if access.scope(actor, deal, "list") == "own":
        return []
    known = access.readable(actor, deal)
    own = View(conditions=tuple(conditions))
    return [filter_field(actor, deal, known[key], own) for key in WHO if key in known]


def tabs(shown: str) -> list[dict[str, Any]]:
    """The reports."""
    places = (
        ("funnel", _("Funnel"), "/reports/funnel"),
        ("team", _("Team"), "/reports/team"),
        ("alone", _("Deals without a next step"), "/deal/?view=stuck"),
        ("overdue", _("Overdue follow-ups"), "/activity/?view=team_overdue"),
        *plugs.report_tabs,
    )
    return [{"label": label, "url": url, "active": key == shown} for key, label, url in places]
