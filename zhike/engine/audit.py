"""Questions to the history as a whole: what an auditor and somebody who looks into an incident ask."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from zhike.base.models import User

from .models import History

PAGE = 100
RECORDS = 500


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which steps: "" and None mean any. `person` is a name, login name or id, of the hand or of whom it was for."""

    person: str = ""
    action: str = ""
    entity: str = ""
    channel: str = ""
    token: str = ""
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def q(self) -> Q:
        """The steps as a condition."""
        found = Q()
        if self.person:
            ids = people(self.person)
            found &= Q(actor__in=ids) | Q(behalf__in=ids)
        for key in ("action", "entity", "channel"):
            if value := getattr(self, key):
                found &= Q(**{key: value})
        if self.token:
            found &= Q(details__token=self.token)
        if self.start:
            found &= Q(at__gte=self.start)
        if self.end:
            found &= Q(at__lt=self.end)
        return found


def people(text: str) -> list[UUID]:
    """Ids of the people that a text means, those who have left too."""
    try:
        return [UUID(text)]
    except ValueError:
        found = User.objects.filter(Q(username=text) | Q(name__icontains=text) | Q(pinyin__startswith=text.lower()))
        return list(found.values_list("pk", flat=True)[:200])


def steps(asked: Asked, *, after: tuple[dt.datetime, int] | None = None, size: int = PAGE) -> list[History]:
    """A page of steps, newest first, older than `after` (time and id of the last one seen); one more than `size`."""
    found: QuerySet[History] = History.objects.filter(asked.q()).order_by("-at", "-id")
    if after:
        found = found.filter(Q(at__lt=after[0]) | Q(at=after[0], id__lt=after[1]))
    return list(found[: size + 1])


@dataclass(frozen=True)
class Sum:
    """How often something was done to a kind of record, to how many in all, and to how many different ones."""

    entity: str
    action: str
    times: int
    rows: int
    records: int


SUMS = """
WITH h AS (
    SELECT id, entity, action, record, details FROM engine_history WHERE {where}
), r AS (
    SELECT entity, action, record::text AS pk FROM h WHERE record IS NOT NULL
    UNION ALL
    SELECT entity, action, jsonb_array_elements_text(details -> 'records') FROM h
    WHERE jsonb_typeof(details -> 'records') = 'array'
), n AS (SELECT entity, action, count(DISTINCT pk) AS records FROM r GROUP BY 1, 2)
SELECT h.entity, h.action, count(*),
    sum(CASE WHEN jsonb_typeof(details -> 'rows') = 'number' THEN (details ->> 'rows')::numeric
        WHEN record IS NOT NULL THEN 1 ELSE 0 END)::bigint,
    coalesce(max(n.records), 0)
FROM h LEFT JOIN n ON n.entity = h.entity AND n.action = h.action
GROUP BY 1, 2 ORDER BY 4 DESC, 3 DESC
"""
TOUCHED = """
SELECT entity, pk, count(*) FROM (
    SELECT entity, record::text AS pk FROM engine_history WHERE {where} AND record IS NOT NULL
    UNION ALL
    SELECT entity, jsonb_array_elements_text(details -> 'records') FROM engine_history
    WHERE {where} AND jsonb_typeof(details -> 'records') = 'array'
) t GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s
"""


def sums(asked: Asked) -> list[Sum]:
    """What was done in all, the largest number of records first."""
    where, values = _where(asked)
    with connection.cursor() as cursor:
        cursor.execute(SUMS.format(where=where), values)
        return [Sum(*row) for row in cursor.fetchall()]


def touched(asked: Asked, limit: int = RECORDS) -> list[tuple[str, UUID, int]]:
    """The records that were touched most: kind, id, how often."""
    where, values = _where(asked)
    with connection.cursor() as cursor:
        cursor.execute(TOUCHED.format(where=where), [*values, *values, limit])
        return [(entity, UUID(pk), times) for entity, pk, times in cursor.fetchall()]


def _where(asked: Asked) -> tuple[str, list[Any]]:
    """The same condition as SQL text with its values."""
    parts: list[str] = ["true"]
    values: list[Any] = []
    if asked.person:
        parts.append("(actor = ANY(%s) OR behalf = ANY(%s))")
        values += [people(asked.person)] * 2
    for key in ("action", "entity", "channel"):
        if value := getattr(asked, key):
            parts.append(f"{key} = %s")
            values.append(value)
    if asked.token:
        parts.append("details ->> 'token' = %s")
        values.append(asked.token)
    for sign, at in ((">=", asked.start), ("<", asked.end)):
        if at:
            parts.append(f"at {sign} %s")
            values.append(at)
    return " AND ".join(parts), values


def kinds(column: str) -> list[str]:
    """The values of action, entity or channel among the newest steps, for choosing from."""
    recent = History.objects.order_by("-at", "-id").values_list(column, flat=True)[:20_000]
    return sorted(set(recent) - {""})
