"""What promises bring to the pages: capture, banner, time line, first pages, the kept rate."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.modules.promises.entities import PROMISE
from zhike.web import plugs

from . import banner, capture, home, timeline


def _may_create(actor: Actor) -> bool:
    return access.may(actor, PROMISE, "create")


plugs.takes.append(capture.take)
plugs.banners.append(banner.banner)
plugs.timelines.append(timeline.timeline)
plugs.home_panels.append(plugs.HomePanel(home.panel, 3))
plugs.report_tabs.append(("promises", _("Kept promises"), "/reports/promises"))
plugs.commands.append(plugs.Command(_("Write down a promise"), "/promise/new", PROMISE.icon, _may_create))
