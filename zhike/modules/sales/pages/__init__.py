"""The pages that sales brings: first pages, reports, the conversion of a lead."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.base.models import Role
from zhike.engine import access, notices
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.notices import NoticeKind
from zhike.web import plugs

from . import admin, brief, executive, manager, pasted, seller


def _sees_others(actor: Actor) -> bool:
    return access.scope(actor, get("deal"), "list") not in ("", "own")


plugs.homes.update(
    {
        Role.Home.SELLER: seller.home,
        Role.Home.MANAGER: manager.home,
        Role.Home.EXECUTIVE: executive.home,
        Role.Home.ADMIN: admin.home,
    }
)
plugs.cards.update({"lead": pasted.lead, "contact": pasted.contact, "account": pasted.account})
notices.register(NoticeKind("brief", _("The brief of the day"), "todo", mail=True, content=brief.content))
plugs.menu.append(plugs.MenuItem(_("Reports"), "/reports/", "chart-column", 80, _sees_others))
