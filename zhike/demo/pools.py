"""The pools of the demo firm, and what nobody had looked after."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from zhike.base.models import Role
from zhike.engine.entity import get
from zhike.engine.models import Pool
from zhike.engine.pools import moving, settling, warning

if TYPE_CHECKING:
    from .store import Store

RULES: dict[str, list[dict[str, Any]]] = {
    "account": [
        {"key": "r1", "days": 540, "update": 360, "conditions": [["tier", "in", ["S", "A"]]]},
        {"key": "r2", "days": 360, "update": 270},
    ],
    "lead": [{"key": "r1", "days": 90, "update": 60}],
}
WARNED = 7  # days on whose mornings owners were told what would go back
SHOWN = {
    "account": ["tier", "status", "region", "industry", "phone", "last_contact_at"],
    "lead": ["company", "source", "region", "phone", "score", "created_at"],
}


def pools(store: Store) -> None:
    """A pool of customers and one of leads, kept by the managers; the sweep has been there, and owners are warned."""
    roles = {r.key: str(r.pk) for r in Role.objects.all()}
    for key, name in store.firm.text["firm"]["pools"].items():
        document = {
            "members": [roles["seller"], roles["manager"]],
            "admins": [roles["manager"]],
            "shown": SHOWN[key],
            "masked": ["phone"],
            "exempt": ["open_deal", "bought"] if key == "account" else [],
            "rules": RULES[key],
            "limits": {"claims": 5, "per": "day", "former_days": 7, "looks": 100},
        }
        Pool.objects.create(entity=key, name=name, document=document)
    for key in RULES:
        settling.settle(get(key))
        moving.sweep(get(key))
        for days in reversed(range(WARNED)):
            warning.warn(get(key), timezone.now() - dt.timedelta(days=days))
