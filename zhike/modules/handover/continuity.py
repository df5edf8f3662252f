"""Continuity (requirement S4.9): would the relation to a customer outlast one of us leaving?

0 to 100 points, of what is written down here:

- our people who were in touch with them within twelve months (a call, meeting, visit, message or mail that was done, by
  somebody who still works here): one 10, two 30, three or more 40;
- their people whom we know and who still work there: 10 each, at most 30;
- one of them decides: 10;
- 5 each for a note of at least 20 characters, a meeting or visit, a next step that is planned, and an open deal or a
  promise.

Counted over everything, for everybody alike, in one statement each night; a customer with one of us in touch hangs on
one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from zhike.modules.activities.services import CONTACT_KINDS

from .models import Continuity

OURS = (0, 10, 30, 40)  # points for so many of us in touch
PER_PERSON, MOST_PEOPLE, DECIDER, PER_TRACE, TRACES = 10, 3, 10, 5, 4
NOTE = 20  # characters

COUNT = """
WITH touched AS (
    SELECT a.account_id,
        count(DISTINCT a.owner_id)
            FILTER (WHERE a.kind = ANY(%(kinds)s) AND u.is_active AND u.deleted_at IS NULL) AS ours,
        bool_or(length(a.body) >= %(note)s) AS noted,
        bool_or(a.kind IN ('meeting', 'visit')) AS met
    FROM activities_activity a LEFT JOIN base_user u ON u.id = a.owner_id
    WHERE a.status = 'done' AND a.deleted_at IS NULL AND a.account_id IS NOT NULL {activities}
        AND a.done_at >= now() - interval '12 months'
    GROUP BY a.account_id
), known AS (
    SELECT account_id, count(*) AS theirs, bool_or(is_key_decider OR role = 'decider') AS decider
    FROM customers_contact
    WHERE deleted_at IS NULL AND employment = 'employed' AND account_id IS NOT NULL {contacts} GROUP BY account_id
), open AS (
    SELECT account_id FROM sales_deal
    WHERE status = 'open' AND deleted_at IS NULL AND account_id IS NOT NULL {contacts}
    UNION SELECT account_id FROM promises_promise WHERE deleted_at IS NULL {contacts}
), counted AS (
    SELECT c.id, coalesce(t.ours, 0) AS ours, coalesce(k.theirs, 0) AS theirs, coalesce(k.decider, false) AS decider,
        coalesce(t.noted, false)::int + coalesce(t.met, false)::int + (c.next_follow_up_on IS NOT NULL)::int
            + (o.account_id IS NOT NULL)::int AS written
    FROM customers_account c LEFT JOIN touched t ON t.account_id = c.id LEFT JOIN known k ON k.account_id = c.id
        LEFT JOIN open o ON o.account_id = c.id
    WHERE c.deleted_at IS NULL {accounts}
)
INSERT INTO handover_continuity AS kept (account_id, score, ours, theirs, decider, written)
SELECT id, (%(points)s::int[])[least(ours, 3) + 1] + least(theirs, %(most)s) * %(each)s + decider::int * %(decides)s
    + written * %(trace)s, least(ours, 32000), least(theirs, 32000), decider, written
FROM counted
ON CONFLICT (account_id) DO UPDATE SET score = excluded.score, ours = excluded.ours, theirs = excluded.theirs,
    decider = excluded.decider, written = excluded.written
WHERE (kept.score, kept.ours, kept.theirs, kept.decider, kept.written)
    IS DISTINCT FROM (excluded.score, excluded.ours, excluded.theirs, excluded.decider, excluded.written)
"""


def count(accounts: Sequence[UUID] | None = None) -> int:
    """Count anew for some customers, or for all; gives how many came out otherwise than before."""
    some = accounts is not None
    sql = COUNT.format(
        activities="AND a.account_id = ANY(%(ids)s)" if some else "",
        contacts="AND account_id = ANY(%(ids)s)" if some else "",
        accounts="AND c.id = ANY(%(ids)s)" if some else "",
    )
    params: dict[str, Any] = {
        "kinds": [str(kind) for kind in CONTACT_KINDS], "note": NOTE, "points": list(OURS), "most": MOST_PEOPLE,
        "each": PER_PERSON, "decides": DECIDER, "trace": PER_TRACE, "ids": list(accounts or ()),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


@dataclass(frozen=True)
class Part:
    """One part of the score: what is there, and the points it gives of those it can give."""

    label: str
    value: str
    points: int
    most: int


def parts(found: Continuity) -> list[Part]:
    """The score taken apart; the points add up to it."""
    return [
        Part(_("Our people in touch within 12 months"), str(found.ours), OURS[min(found.ours, 3)], OURS[-1]),
        Part(
            _("Their people known"), str(found.theirs), min(found.theirs, MOST_PEOPLE) * PER_PERSON,
            MOST_PEOPLE * PER_PERSON,
        ),
        Part(_("Decision maker known"), _("Yes") if found.decider else _("No"), found.decider * DECIDER, DECIDER),
        Part(
            _("Written down: note, meeting, next step, deal or promise"), f"{found.written}/{TRACES}",
            found.written * PER_TRACE, TRACES * PER_TRACE,
        ),
    ]  # fmt: skip


def of(accounts: Sequence[UUID]) -> Mapping[UUID, Continuity]:
    """As last counted; what was never counted is counted now."""
    kept = Continuity.objects.in_bulk(list(accounts))
    if missing := [pk for pk in accounts if pk not in kept]:
        count(missing)
        kept |= Continuity.objects.in_bulk(missing)
    return kept
