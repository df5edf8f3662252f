"""What it costs to tell 100,000 reminders that fall due at once, beside one INSERT that reads the same rows.

Ours claims each of them, asks who still has to do it and how that person wants to be told, and puts on their way what
goes by push and mail; the statement makes the notices and nothing else.
"""

from __future__ import annotations

import datetime as dt
from time import perf_counter
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from zhike.base.models import User
from zhike.engine.models import Notice, NoticeSettings, PushSubscription, Sending
from zhike.modules.activities import reminders
from zhike.modules.activities.models import Reminder

from . import Figure, Options, exact, figure, load, scratch

DUE = 100_000
CUSTOMERS = 2_000
PLANNED = """
UPDATE activities_activity SET status = 'planned', done_at = NULL, result = '', remind_minutes = NULL,
    created_at = %(now)s - interval '2 days',
    due_at = %(now)s - interval '1 hour' + random() * interval '59 minutes'
"""
BY_HAND = """
INSERT INTO engine_notice (id, user_id, kind, text, params, url, entity, record, page, at, cause)
SELECT gen_random_uuid(), a.owner_id, 'reminder', '%%(title)s', '{}', '/activity/' || a.id, 'activity', a.id, true,
    %(now)s, 'hand:' || a.id
FROM activities_activity a
WHERE a.status = 'planned' AND a.deleted_at IS NULL AND a.due_at > %(now)s - interval '1 day' AND a.due_at <= %(now)s
"""
LOOK = """
SELECT count(*) FROM activities_activity a
WHERE a.status = 'planned' AND a.deleted_at IS NULL AND a.due_at > %(now)s - interval '1 day' AND a.due_at <= %(now)s
"""


def run(options: Options) -> list[Figure]:
    """Seconds for all of them, for the minute after in which nothing is due, and that each was told once."""
    with scratch.database(options["server"], "reminders") as url:
        load.make(CUSTOMERS, url=url, contacts=0, deals=0, activities=DUE / CUSTOMERS, progress=options.get("progress"))
        now = timezone.now()
        made = _statement(PLANNED, now)
        people = _reached()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE activities_activity")
        hand = _undone(BY_HAND, now)
        begun = perf_counter()
        told = reminders.remind(now)
        taken = perf_counter() - begun
        look = min(_undone(LOOK, now) for _n in range(3))
        begun = perf_counter()
        again = reminders.remind(now + dt.timedelta(minutes=1))
        idle = perf_counter() - begun
        return [
            figure(f"{told:,} reminders told", taken, "s", hand, 5),
            figure("the minute after, with nothing due", idle, "s", look),
            exact("each of them told", told, made),
            exact("none told again a minute later", again, 0),
            exact("one notice each", Notice.objects.filter(kind="reminder").values("record").distinct().count(), made),
            exact("one claim each", Reminder.objects.count(), made),
            exact("each push of who has a browser", Sending.objects.filter(channel="push").count(), _planned(people)),
        ]


def _statement(sql: str, now: dt.datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"now": now})
        return int(cursor.rowcount)


def _undone(sql: str, now: dt.datetime) -> float:
    """Seconds of one statement, which is rolled back."""
    with transaction.atomic():
        begun = perf_counter()
        _statement(sql, now)
        taken = perf_counter() - begun
        transaction.set_rollback(True)
    return taken


def _reached() -> list[Any]:
    """Every third person has a browser that is pushed to, and every second has settings."""
    people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    PushSubscription.objects.bulk_create(
        PushSubscription(user_id=pk, endpoint=f"https://push.example/{pk}", p256dh="-", auth="-") for pk in people[::3]
    )
    NoticeSettings.objects.bulk_create(NoticeSettings(user_id=pk, before_minutes=30) for pk in people[::2])
    return people[::3]


def _planned(people: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM activities_activity WHERE owner_id = ANY(%s)", [people])
        return int(cursor.fetchone()[0])
