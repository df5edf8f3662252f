"""What waits on first pages to be accepted, nearest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.pools.telling import moment
from zhike.modules.assigning.models import Offer

MOST = 5


def panel(actor: Actor, _shown: str) -> Mapping[str, Any] | None:
    """What rules gave somebody who has not said yet that they take it; None without any."""
    waiting = Offer.objects.filter(person=actor.user.pk, state=Offer.State.WAITING).order_by("due_at", "pk")
    found = list(waiting[:MOST])
    if not found:
        return None
    names = {key: query.names(actor, key, [o.record for o in found if o.entity == key]) for key in ("lead", "account")}
    now = timezone.now()
    rows = [
        {
            "icon": get(o.entity).icon,
            "title": names[o.entity][o.record],
            "url": f"/{o.entity}/{o.record}",
            "meta": [str(get(o.entity).label)],
            "aside": _("by %(when)s") % {"when": moment(o.due_at)},
            "aside_tone": "late" if o.due_at <= now else "",
        }
        for o in found
        if o.record in names[o.entity]
    ]
    return {"kind": "list", "title": _("To accept"), "count": waiting.count(), "rows": rows} if rows else None
