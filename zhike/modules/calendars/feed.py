"""The address at which calendar programs read a person's appointments: read only, and with the rights of now."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.errors import Missing
from zhike.modules.activities.models import Activity

from . import accounts, events, own
from .models import Feed, Link

HOURS = 1
MOST = 2_000
AHEAD = dt.timedelta(days=400)


def digest(secret: str) -> str:
    """How a secret is kept: it has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def renew(actor: Actor) -> str:
    """A new secret; the address before leads nowhere from now on."""
    if not accounts.may_have(actor):
        raise Missing
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Feed.objects.filter(user=actor.user).delete()
        Feed.objects.create(user=actor.user, digest=digest(secret))
        history.note(actor, "calendar.feed", entity="calendar")
    return secret


def withdraw(actor: Actor) -> None:
    """No address any more."""
    with transaction.atomic():
        if Feed.objects.filter(user=actor.user).delete()[0]:
            history.note(actor, "calendar.feed_end", entity="calendar")


def address(secret: str) -> str:
    """What a calendar program is given."""
    return f"{settings.URL}/calendar/feed/{secret}.ics"


def find(secret: str) -> Feed | None:
    """Whose secret it is; nobody's where that person may no longer sign in."""
    rows = Feed.objects.select_related("user__department")
    return rows.filter(digest=digest(secret), user__is_active=True, user__deleted_at=None).first()


def body(feed: Feed, now: dt.datetime) -> bytes:
    """The calendar: what is planned, and what was done in the last month."""
    actor = Actor(feed.user, "feed")
    Feed.objects.filter(pk=feed.pk).update(asked_at=timezone.now())
    chosen = own.rows(actor).filter(own.lately(now), due_at__lte=now + AHEAD)
    with translation.override(feed.user.language or settings.LANGUAGE_CODE):
        found = own.found(actor, chosen, MOST)
        known = Link.objects.filter(user=feed.user, activity__in=[one.id for one in found])
        uids = dict(known.values_list("activity", "uid"))
        name = _("Zhike: %(name)s") % {"name": feed.user.name}
        parts = [_part(one, uids.get(one.id) or events.uid_of(one.id)) for one in found]
    return events.calendar(name, parts, HOURS)


def _part(one: own.Own, uid: str) -> object:
    """An entry; whom it is about stands in the title, for nothing comes back from here."""
    title = f"{one.facts.subject} · {one.about}" if one.about else one.facts.subject
    if one.status == Activity.Status.DONE:
        title = f"✓ {title}"
    facts = events.Facts(title, one.facts.start, one.facts.minutes, one.facts.place, one.facts.body)
    return events.component(facts, uid, one.changed_at, **more(one))


def more(one: own.Own) -> dict[str, str]:
    """What an entry has besides its facts: the way to the activity, whom it is about, its kind."""
    label = str(Activity.Kind(one.kind).label)
    return {"url": f"{settings.URL}/activity/{one.id}", "contact": one.about, "categories": label}
