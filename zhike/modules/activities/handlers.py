"""What activities do when something happens elsewhere."""

from __future__ import annotations

from zhike.engine.outbox import Event, on

from . import comment_notices, reminders  # noqa: F401 - they make their kinds of notices known
from .services import keep_follow_ups


@on("lead.convert")
def follow_conversion(event: Event) -> None:
    """The follow-ups of a lead appear on the customer that it became."""
    keep_follow_ups(event.ids)
