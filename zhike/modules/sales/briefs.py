"""Who gets the brief of the day when: each working day at the hour that a person has chosen, once."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine import notices
from zhike.engine.models import Notice
from zhike.engine.notices import Clock
from zhike.engine.notices.quiet import own_days

TEXT = gettext_noop("Your brief for %(day)s")
URL = "/brief"
LATE = dt.timedelta(hours=4)  # a brief that could not be sent for longer is of no use any more


def send(now: dt.datetime | None = None) -> int:
    """Tell everybody whose hour has come on this working day; how many."""
    now, days, made = now or timezone.now(), own_days(), 0
    people = {u.pk: u for u in User.objects.filter(is_active=True, deleted_at=None, last_seen_on__isnull=False)}
    wanted: dict[str, tuple[User, dt.date]] = {}
    for pk, own in notices.settings_of(people).items():
        clock = Clock(own, days)
        day = now.astimezone(clock.zone).date()
        if clock.works(day) and dt.timedelta() <= now - clock.at(day, own.mail_at) < LATE:
            wanted[f"brief:{pk}:{day}"] = people[pk], day
    told = set(Notice.objects.filter(cause__in=list(wanted)).values_list("cause", flat=True))
    for cause in wanted.keys() - told:
        user, day = wanted[cause]
        made += notices.tell(user.pk, TEXT, {"day": day.isoformat()}, URL, cause, kind="brief", now=now)
    return made
