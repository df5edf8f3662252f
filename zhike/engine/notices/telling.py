"""Writing notices: one by one, or a whole set in one statement; reading them, putting them off, forgetting them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from zhike.engine.models import Notice, Sending

from .kinds import kind_of

KEPT = dt.timedelta(days=180)  # read ones; what was never read is kept a year
# `told` are the new notices of `source`, which has the columns user_id, text, params, url, cause, entity, record;
# the channels are those that each person has switched on and can be reached by.
INSERT = """
WITH {before} source AS ({source}), told AS (
    INSERT INTO engine_notice (id, user_id, kind, text, params, url, entity, record, page, at, cause)
    SELECT gen_random_uuid(), s.user_id, %(kind)s, s.text, s.params, s.url, s.entity, s.record,
        coalesce((p.switches #>> ARRAY[%(kind)s, 'page'])::bool, %(page)s), %(now)s, s.cause
    FROM source s LEFT JOIN engine_noticesettings p ON p.user_id = s.user_id
    ON CONFLICT (cause) DO NOTHING
    RETURNING id, user_id
), away AS (
    INSERT INTO engine_sending (notice_id, user_id, channel, state, next_at, attempts, given, error)
    SELECT t.id, t.user_id, c.channel, 'waiting', %(now)s, 0, '{{}}', ''
    FROM (VALUES ('mail', %(mail)s), ('push', %(push)s)) c (channel, usual)
    CROSS JOIN told t JOIN base_user u ON u.id = t.user_id
    LEFT JOIN engine_noticesettings p ON p.user_id = t.user_id
    WHERE coalesce((p.switches #>> ARRAY[%(kind)s, c.channel])::bool, c.usual) AND CASE c.channel
        WHEN 'mail' THEN u.email <> '' ELSE u.id IN (SELECT b.user_id FROM engine_pushsubscription b) END
)
SELECT count(*) FROM told
"""
ONE = """
SELECT %(user)s::uuid AS user_id, %(text)s AS text, %(params)s::jsonb AS params, %(url)s AS url, %(cause)s AS cause,
    %(entity)s AS entity, %(record)s::uuid AS record
"""


def insert(kind: str, source: str, values: Mapping[str, Any], *, before: str = "", now: dt.datetime) -> int:
    """Notices for the rows of a SELECT, all in one statement; how many are new. `before` are WITH queries it uses.

    A row whose cause was told already makes nothing. Both pieces of SQL are constants of the code that calls.
    """
    found = kind_of(kind)
    channels: dict[str, Any] = {"kind": kind, "page": found.page, "mail": found.mail, "push": found.push, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(before=before, source=source), {**values, **channels})
        return int(cursor.fetchone()[0])


def tell(
    user: UUID,
    text: str,
    params: Mapping[str, Any],
    url: str,
    cause: str,
    *,
    kind: str = "other",
    about: tuple[str, UUID] | None = None,
    now: dt.datetime | None = None,
) -> bool:
    """One notice for one person and one cause, and whether it is new.

    `text` is a message id; `params` hold no value of a record: the title of what it is `about`, (entity, id), is put in
    as %(title)s for a reader who may see it.
    """
    entity, record = about or ("", None)
    said = json.dumps(dict(params), ensure_ascii=False)
    values = {"user": user, "text": text, "params": said, "url": url, "cause": cause[:120]}
    about_it = {"entity": entity, "record": record}
    return bool(insert(kind, ONE, {**values, **about_it}, now=now or timezone.now()))


def inbox(user: UUID, now: dt.datetime | None = None) -> QuerySet[Notice]:
    """What a person's inbox holds now."""
    return Notice.objects.filter(user=user, page=True, at__lte=now or timezone.now())


def read(rows: QuerySet[Notice]) -> int:
    """Mark as read; how many were not. What has been read goes out through no other channel."""
    return rows.filter(read_at=None).update(read_at=timezone.now())


def settle(kinds: Sequence[str], records: Collection[UUID]) -> None:
    """What these notices of records asked for is done, or is no longer asked."""
    rows = Notice.objects.filter(record__in=records, kind__in=kinds, read_at=None)
    rows.update(read_at=timezone.now())


def put_off(notice: Notice, until: dt.datetime) -> None:
    """It is not there before then, and comes again through the channels that it came by."""
    Notice.objects.filter(pk=notice.pk).update(at=until, read_at=None)
    again = Sending.objects.filter(notice=notice)
    again.update(state=Sending.State.WAITING, next_at=until, attempts=0, given=[], error="", done_at=None)


def tidy(now: dt.datetime | None = None) -> int:
    """Forget what was read half a year ago, and what nobody read for a year."""
    now = now or timezone.now()
    old = Notice.objects.filter(read_at__lt=now - KEPT).delete()[0]
    return old + Notice.objects.filter(at__lt=now - 2 * KEPT).delete()[0]
