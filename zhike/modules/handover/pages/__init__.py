"""What hand-over brings to the pages: the plan, what one was handed, the watch, continuity on the customer."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.modules.handover import services
from zhike.web import plugs

from . import last, mine


def _may_close(values: object, may: object) -> bool:
    found = dict(may)  # type: ignore[call-overload]
    return bool(found.get("update"))


plugs.menu.append(
    plugs.MenuItem(
        pgettext_lazy("of customers", "Hand-overs"), "/handover/", "arrow-right-left", 85, services.may_plan_any
    )
)
plugs.commands.append(
    plugs.Command(_("Hand over what somebody has"), "/handover/new", "arrow-right-left", services.may_plan_any)
)
plugs.actions.setdefault("user", []).append(
    plugs.RecordAction(
        pgettext_lazy("of customers", "Hand over"), "arrow-right-left", lambda pk: f"/handover/new?person={pk}",
        _may_close, "link",
    )
)  # fmt: skip
plugs.actions["user"].append(
    plugs.RecordAction(
        _("Close the account at once"), "user-round-x", lambda pk: f"/handover/emergency/{pk}", _may_close, "drawer"
    )
)
plugs.home_panels.append(plugs.HomePanel(mine.panel, 1))
plugs.report_tabs.append(("continuity", _("Continuity"), "/reports/continuity"))
plugs.beside.append(last.card)
