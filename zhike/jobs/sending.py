"""Notices on their way: by mail and push, at times when their reader may be disturbed, and together where several wait.

What is sent is said at that moment, through the gate, with the reader's rights of then. A message goes at least once:
where a worker dies between sending and noting it, the mail has the same Message-ID again, and the push the same tag,
by which mail programs and browsers keep one of the two.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import connection
from django.utils import timezone, translation

from zhike.base.models import User
from zhike.engine import egress, notices, webpush
from zhike.engine.access import Actor
from zhike.engine.models import NoticeSettings, PushSubscription, Sending
from zhike.engine.notices import Clock, Said, kind_of
from zhike.engine.notices.quiet import own_days

from . import mails

Channel, State = Sending.Channel, Sending.State
LEASE = dt.timedelta(minutes=10)  # how long a worker may be at what it took
WAITS = tuple(dt.timedelta(minutes=m) for m in (1, 5, 30, 120, 360))
TOGETHER = 200  # people and channels that are taken at a time
KEPT = dt.timedelta(days=30)
CLAIM = """
WITH who AS (
    SELECT user_id, channel FROM engine_sending WHERE state = 'waiting' AND next_at <= %(now)s
    GROUP BY user_id, channel ORDER BY min(next_at) LIMIT %(most)s
), mine AS (
    SELECT s.id FROM engine_sending s JOIN who USING (user_id, channel)
    WHERE s.state = 'waiting' AND s.next_at <= %(now)s FOR UPDATE OF s SKIP LOCKED
)
UPDATE engine_sending s SET attempts = attempts + 1, next_at = %(until)s FROM mine WHERE s.id = mine.id RETURNING s.id
"""


@dataclass(frozen=True)
class Round:
    """What one run of the sender works with."""

    now: dt.datetime
    days: Mapping[dt.date, bool]
    resolve: egress.Resolver
    key: Callable[[], ec.EllipticCurvePrivateKey]
    down: list[str] = field(default_factory=list)  # why the mail server is not asked again in this run


def send(now: dt.datetime | None = None, *, resolve: egress.Resolver = egress.lookup) -> int:
    """Send what is due; how many messages went."""
    now, keys, count = now or timezone.now(), list[ec.EllipticCurvePrivateKey](), 0

    def key() -> ec.EllipticCurvePrivateKey:
        if not keys:
            keys.append(webpush.private_key())
        return keys[0]

    this = Round(now, own_days(), resolve, key)
    while ids := _claim(now):
        rows = Sending.objects.filter(pk__in=ids).select_related("notice", "user__department").order_by("pk")
        groups: dict[tuple[UUID, str], list[Sending]] = {}
        for row in rows:
            groups.setdefault((row.user_id, row.channel), []).append(row)
        own = notices.settings_of({user for user, _channel in groups})
        for (user, channel), some in groups.items():
            count += _together(this, channel, own[user], some)
    return count


def _claim(now: dt.datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "until": now + LEASE, "most": TOGETHER})
        return [pk for (pk,) in cursor.fetchall()]


def _together(this: Round, channel: str, own: NoticeSettings, rows: Sequence[Sending]) -> int:
    """All that one person has waiting in one channel: what must wait longer is put back, the rest is one message."""
    user, clock = rows[0].user, Clock(own, this.days)
    if not user.is_active or user.deleted_at:
        return _end(rows, State.DEAD, this.now, "owner")
    ready: list[Sending] = []
    for row in rows:
        at = _moment(clock, row, this.now)
        if at > this.now:
            _back(row, at)
        else:
            ready.append(row)
    if ready and channel == Channel.PUSH and _pushed(user, clock, this.now) >= own.pushes_a_day:
        for row in ready:
            _back(row, clock.day_after(this.now))
        return 0
    if not ready:
        return 0
    with translation.override(user.language or settings.LANGUAGE_CODE), timezone.override(clock.zone):
        actor = Actor(user, channel)
        found = [one for one in notices.said(actor, [row.notice for row in ready]) if one.stands and one.unread]
        if not found:
            return _end(ready, State.DONE, None, "nothing")
        way = _mail if channel == Channel.MAIL else _push
        return way(this, actor, ready, found)


def _moment(clock: Clock, row: Sending, now: dt.datetime) -> dt.datetime:
    """When a notice may go: at once or with the mail of the day, and not in quiet hours."""
    kind = kind_of(row.notice.kind)
    wanted = now
    if row.channel == Channel.MAIL and clock.own.digest and not kind.urgent and kind.content is None:
        wanted = max(now, clock.mail_at(row.notice.at))
    return clock.free_at(wanted, any_day=kind.urgent)


def _back(row: Sending, at: dt.datetime) -> None:
    Sending.objects.filter(pk=row.pk).update(next_at=at, attempts=row.attempts - 1)  # this was none


def _pushed(user: User, clock: Clock, now: dt.datetime) -> int:
    """Pushes that a person has had on this day of theirs."""
    since = clock.at(now.astimezone(clock.zone).date(), dt.time())
    done = Sending.objects.filter(user=user, channel=Channel.PUSH, state=State.DONE, done_at__gte=since)
    return done.values("done_at").distinct().count()


def _end(rows: Iterable[Sending], state: str, at: dt.datetime | None, error: str = "") -> int:
    """Finish them; as many messages as went: one where `at` says when, and none where it did not."""
    Sending.objects.filter(pk__in=[row.pk for row in rows]).update(state=state, done_at=at, error=error[:200])
    return int(state == State.DONE and at is not None)


def _again(rows: Sequence[Sending], now: dt.datetime, error: str, after: dt.timedelta | None = None) -> int:
    """Try again later, five times; then it is given up: the page has it."""
    for row in rows:
        if row.attempts > len(WAITS):
            _end([row], State.DEAD, now, error)
        else:
            wait = max(WAITS[row.attempts - 1], after or dt.timedelta())
            Sending.objects.filter(pk=row.pk).update(next_at=now + wait, error=error[:200])
    return 0


# ---- mail


def _mail(this: Round, actor: Actor, rows: Sequence[Sending], found: Sequence[Said]) -> int:
    if not actor.user.email:
        return _end(rows, State.DEAD, this.now, "address")
    if this.down:
        return _again(rows, this.now, this.down[0])
    try:
        mails.send(actor, found, mark=_mark(rows))
    except mails.Refused as error:
        return _end(rows, State.DEAD, this.now, str(error))
    except OSError as error:  # of the server, the network, or SMTP
        if not hasattr(error, "recipients"):
            this.down.append(type(error).__name__)
        return _again(rows, this.now, type(error).__name__)
    return _end(rows, State.DONE, this.now)


def _mark(rows: Sequence[Sending]) -> str:
    """The same for the same notices."""
    return hashlib.sha256(",".join(sorted(f"{row.notice_id}" for row in rows)).encode()).hexdigest()[:32]


# ---- push


def _push(this: Round, actor: Actor, rows: Sequence[Sending], found: Sequence[Said]) -> int:
    given = set.intersection(*(set(row.given) for row in rows))
    browsers = list(PushSubscription.objects.filter(user=actor.user).exclude(pk__in=given).order_by("pk"))
    message = _message(found, _mark(rows))
    urgent = any(kind_of(one.kind).urgent for one in found)
    outcomes = [
        (to, webpush.push(
            to, message, key=this.key(), topic=str(message["tag"]), urgent=urgent, now=this.now, resolve=this.resolve
        ))
        for to in browsers
    ]  # fmt: skip
    PushSubscription.objects.filter(pk__in=[to.pk for to, o in outcomes if o.state == "gone"]).delete()
    done = given | {to.pk for to, o in outcomes if o.state == "done"}
    late = [o for _to, o in outcomes if o.state == "later"]
    if late:
        Sending.objects.filter(pk__in=[row.pk for row in rows]).update(given=sorted(done))
        return _again(rows, this.now, late[0].error, max((o.after for o in late if o.after), default=None))
    if not done:
        error = outcomes[0][1].error if outcomes else "no browser"
        return _end(rows, State.DEAD, this.now, error)
    return _end(rows, State.DONE, this.now)


def _message(found: Sequence[Said], mark: str) -> dict[str, Any]:
    """What the browser shows: one notice, or how many there are and the first of them; never more than fits."""
    first = found[0]
    if len(found) == 1:
        title, body, url = first.text, first.meta, first.url or "/notices"
    else:
        title, body, url = mails.how_many(len(found)), "\n".join(one.text for one in found[:5]), "/notices"
    return {"title": _cut(title, 300), "body": _cut(body, webpush.ROOM - 1_500), "url": url, "tag": mark}


def _cut(text: str, size: int) -> str:
    """At most so many bytes."""
    return text.encode()[:size].decode("utf-8", "ignore")


def tidy(now: dt.datetime | None = None) -> None:
    """Forget how notices went, a month after."""
    old = (now or timezone.now()) - KEPT
    Sending.objects.exclude(state=State.WAITING).filter(next_at__lt=old).delete()
    notices.tidy(now)
