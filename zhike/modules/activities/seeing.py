"""Who may read what colleagues say to each other about activities."""

from __future__ import annotations

from zhike.engine import access
from zhike.engine.access import Actor

from .entities import ACTIVITY


def may_read(actor: Actor) -> bool:
    """Who may read the text of activities may read comments on those that they see; a customer in the portal never."""
    text = "body" in access.readable(actor, ACTIVITY) and "body" not in access.masked(actor, ACTIVITY)
    return text and actor.account is None and access.may(actor, ACTIVITY, "read")
