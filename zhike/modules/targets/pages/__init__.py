"""What targets bring to the pages: first pages, the page of targets, splitting."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.modules.targets.entities import TARGET
from zhike.web import plugs

from . import home


def _may_list(actor: Actor) -> bool:
    return access.may(actor, TARGET, "list")


def _may_create(actor: Actor) -> bool:
    return access.may(actor, TARGET, "create")


plugs.home_panels.append(plugs.HomePanel(home.panel, 2))
plugs.menu.append(plugs.MenuItem(_("Targets"), "/targets/", TARGET.icon, 75, _may_list))
plugs.commands.append(plugs.Command(_("Set a target"), "/target/new", TARGET.icon, _may_create))
plugs.actions.setdefault("target", []).append(
    plugs.RecordAction(
        _("Split"),
        "split",
        lambda pk: f"/targets/{pk}/split",
        lambda values, may: (
            bool(may.get("update")) and (values.get("level"), values.get("period")) != ("person", "month")
        ),
        "link",
    )
)
