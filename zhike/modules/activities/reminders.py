"""Reminders of what is planned: before and at its time, to whom it belongs; what was missed, once, to who leads them.

Each is claimed by a row of `Reminder` and told in the same statement. A worker that is killed has done both or neither;
two at once, a job that runs twice or a clock that is set back make no second row; and as what is due is looked for a
day back, a clock that is set forward, or a database that was away, lose none. What is due at midnight of the firm has
a day and no time: it stands in the brief of the morning.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from zhike.base import calendar_cn
from zhike.engine import access, guard, notices, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Notice
from zhike.engine.notices import Line, NoticeKind
from zhike.engine.notices.quiet import own_days

from .models import Activity, Reminder

Stage = Reminder.Stage
TOGETHER = 20_000  # reminders that are told in one transaction
LATE = dt.timedelta(days=1)  # how long after its time a reminder is still of use
LONGEST = dt.timedelta(days=1)  # before its time: services.LONGEST_NOTICE
BACK = dt.timedelta(days=60)  # how far what was missed is looked for
KEPT = dt.timedelta(days=90)  # longer than BACK, or what was missed would be told again
MORNING = 8  # the hour of the firm at which what was missed is told
TEXT = gettext_noop("%(title)s")
MISSED = gettext_noop("Follow-ups that your team missed: %(n)s")

# Of each activity one stage: where its time has come, "before" is over. What was entered after the moment of a reminder
# is not reminded of then: whoever writes down what was at nine, or imports it, knows.
CLAIM = """
due AS (
    SELECT a.due_at, w.stage, a.id, a.owner_id, a.subject
    FROM activities_activity a JOIN base_user u ON u.id = a.owner_id AND u.is_active AND u.deleted_at IS NULL
    LEFT JOIN engine_noticesettings p ON p.user_id = a.owner_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.due_at <= %(now)s THEN 2 ELSE 1 END::smallint AS stage,
            CASE WHEN a.due_at <= %(now)s THEN a.due_at
                ELSE a.due_at - make_interval(mins => coalesce(a.remind_minutes, p.before_minutes, 15)) END AS at
    ) w
    WHERE a.status = 'planned' AND a.deleted_at IS NULL AND a.due_at > %(late)s AND a.due_at <= %(far)s
        AND w.at <= %(now)s AND a.created_at <= w.at AND (a.due_at AT TIME ZONE %(zone)s)::time <> '00:00'
        AND NOT EXISTS (
            SELECT FROM activities_reminder r
            WHERE r.due_at = a.due_at AND r.stage = w.stage AND r.activity_id = a.id
        )
    LIMIT %(most)s
), claimed AS (
    INSERT INTO activities_reminder (due_at, stage, activity_id, told_at)
    SELECT due_at, stage, id, %(now)s FROM due
    ON CONFLICT DO NOTHING
    RETURNING due_at, stage, activity_id
),
"""
SOURCE = """
SELECT d.owner_id AS user_id, %(text)s AS text,
    jsonb_build_object('due', to_char(c.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')) AS params,
    '/activity/' || c.activity_id AS url,
    'remind:' || c.activity_id || ':' || c.stage || ':' || extract(epoch FROM c.due_at) AS cause,
    'activity' AS entity, c.activity_id AS record
FROM claimed c JOIN due d ON d.id = c.activity_id AND d.due_at = c.due_at AND d.stage = c.stage
"""
# Who leads somebody: the head of the nearest department above that another heads, else whom they report to.
LATE_ONES = """
late AS (
    SELECT a.due_at, a.id, coalesce((
        SELECT d.head_id FROM base_department d JOIN base_user h ON h.id = d.head_id
        WHERE d.id = ANY(o.ancestors) AND d.head_id <> u.id AND h.is_active AND h.deleted_at IS NULL
        ORDER BY cardinality(d.ancestors) DESC LIMIT 1
    ), u.manager_id) AS leader_id
    FROM activities_activity a JOIN base_user u ON u.id = a.owner_id
    LEFT JOIN base_department o ON o.id = u.department_id
    WHERE a.status = 'planned' AND a.deleted_at IS NULL AND a.due_at >= %(from)s AND a.due_at < %(until)s
        AND NOT EXISTS (
            SELECT FROM activities_reminder r WHERE r.due_at = a.due_at AND r.stage = 3 AND r.activity_id = a.id
        )
), theirs AS (
    SELECT l.* FROM late l JOIN base_user m ON m.id = l.leader_id AND m.is_active AND m.deleted_at IS NULL
    WHERE NOT EXISTS (SELECT FROM engine_notice n WHERE n.cause = 'missed:' || l.leader_id || ':' || %(day)s)
), claimed AS (
    INSERT INTO activities_reminder (due_at, stage, activity_id, told_at)
    SELECT due_at, 3, id, %(now)s FROM theirs
    ON CONFLICT DO NOTHING
    RETURNING activity_id
),
"""
GATHERED = """
SELECT t.leader_id AS user_id, %(text)s AS text, jsonb_build_object('n', count(*)) AS params, %(url)s AS url,
    'missed:' || t.leader_id || ':' || %(day)s AS cause, 'activity' AS entity, NULL::uuid AS record
FROM claimed c JOIN theirs t ON t.id = c.activity_id GROUP BY t.leader_id
"""


def remind(now: dt.datetime | None = None, *, most: int = TOGETHER) -> int:
    """Tell every reminder whose moment has come, `most` in a transaction; how many."""
    now, told = now or timezone.now(), 0
    values = {
        "now": now, "late": now - LATE, "far": now + LONGEST, "zone": settings.TIME_ZONE, "most": most, "text": TEXT,
    }  # fmt: skip
    while made := notices.insert("reminder", SOURCE, values, before=CLAIM, now=now):
        told += made
        if made < most:
            break
    return told


def missed(now: dt.datetime | None = None) -> int:
    """From eight in the morning of a working day: tell who leads others what these missed, in one notice for the day.

    What was due on a day off counts as missed when the working day after it is over. Each activity and time is told
    once, however long it stays undone. Gives how many notices were made.
    """
    now = now or timezone.now()
    local, days = timezone.localtime(now), own_days()
    if local.hour < MORNING or not calendar_cn.is_working_day(local.date(), overrides=days):
        return 0
    until = calendar_cn.add_working_days(local.date(), -1, overrides=days) + dt.timedelta(days=1)
    values = {
        "now": now, "from": now - BACK, "until": query.moment(until), "day": local.date().isoformat(),
        "text": MISSED, "url": "/activity/?view=team_overdue",
    }  # fmt: skip
    return notices.insert("missed", GATHERED, values, before=LATE_ONES, now=now)


def tidy(now: dt.datetime | None = None) -> int:
    """Forget what was told of times long past."""
    return int(Reminder.objects.filter(due_at__lt=(now or timezone.now()) - KEPT).delete()[0])


# ---- in words

FIELDS = ("subject", "due_at", "account", "contact", "lead", "deal", "kind", "status", "owner")


def lines(actor: Actor, rows: Sequence[Notice]) -> Mapping[UUID, Line]:
    """What is planned, when and with whom, as far as the actor may see it; it stands as long as it is still to do."""
    entity = get("activity")
    if not access.may(actor, entity, "list"):
        return {}
    known = access.readable(actor, entity)
    shown = [known[key] for key in FIELDS if key in known]
    ids = {notice.record for notice in rows if notice.record}
    found = query.read(actor, entity, query.visible(actor, entity).filter(pk__in=ids), shown)
    labels = query.labels(actor, shown, found)
    planned = _standing(actor, ids)
    by_id = {row.id: row.values for row in found}
    made: dict[UUID, Line] = {}
    for notice in rows:
        if notice.record is None or (values := by_id.get(notice.record)) is None:
            continue
        due = planned.get(notice.record)
        stands = due is not None and due == dt.datetime.fromisoformat(notice.params["due"])
        made[notice.pk] = Line(str(values.get("subject") or "…"), _meta(values, labels), stands=stands)
    return made


def _standing(actor: Actor, ids: set[UUID]) -> Mapping[UUID, dt.datetime]:
    """Which of these the actor still has to do, and when."""
    rows = guard.rows(Activity, "only whether what was told still holds").filter(pk__in=ids, deleted_at=None)
    return dict(rows.filter(status=Activity.Status.PLANNED, owner=actor.user).values_list("pk", "due_at"))


def _meta(values: Mapping[str, Any], labels: Mapping[tuple[str, UUID], str]) -> str:
    parts: list[str] = []
    if due := values.get("due_at"):
        local = timezone.localtime(due)
        parts.append(f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%Y-%m-%d %H:%M}")
    linked = ((key, values.get(key)) for key in ("account", "contact", "lead", "deal"))
    parts += [labels[key, pk] for key, pk in linked if pk and (key, pk) in labels]
    return " · ".join(parts)


notices.register(NoticeKind("reminder", _("Reminders of what I planned"), "todo", push=True, urgent=True, lines=lines))
notices.register(NoticeKind("missed", _("What my team missed"), "todo", mail=True))
