"""Which activities count as a follow-up, where records return to a pool that nobody follows up."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from zhike.engine import guard
from zhike.engine.pools.clocks import Clock, Kind, register
from zhike.engine.pools.document import Counts

from .models import Activity
from .services import TALK

Result, Of = Activity.Result, Activity.Kind
# Lengths are kept in whole minutes, rounded: a call of 0 minutes was shorter than the 30 s of domain-rules 3.5.3. One
# whose length nobody wrote down counts.
WHAT: dict[str, tuple[Any, Q]] = {
    "call": (
        _("a call that was answered, of half a minute at least"),
        Q(kind=Of.CALL, result__in=(Result.CONNECTED, Result.CALL_BACK, *TALK)) & ~Q(duration_minutes=0),
    ),
    "visit": (_("a visit that took place"), Q(kind=Of.VISIT, result__in=(Result.HELD, *TALK))),
    "meeting": (_("a meeting that took place"), Q(kind=Of.MEETING, result__in=(Result.HELD, *TALK))),
    "reply": (_("an answer of the customer"), Q(kind__in=(Of.MESSAGE, Of.MAIL), result__in=(Result.REPLIED, *TALK))),
    "text": (_("what was said, in %(n)s characters at least"), Q()),
}


def events(entity: str, counts: Counts) -> tuple[QuerySet[Any], str, str] | None:
    """Follow-ups that count, of customers or leads."""
    if entity not in ("account", "lead"):
        return None
    rows = guard.rows(Activity, "when a record was last followed up").filter(status="done", deleted_at=None)
    wanted = [key for key in WHAT if counts.kinds is None or key in counts.kinds]
    if not wanted:
        return None
    found = Q(pk__in=())
    for key in wanted:
        found |= WHAT[key][1] if key != "text" else Q(letters__gte=counts.letters)
    return rows.alias(letters=Length("body")).filter(found), entity, "done_at"


register(
    Clock("follow_up", _("Follow-up"), events),
    *(Kind(key, label) for key, (label, _q) in WHAT.items()),
)
