"""Both sides at one moment: the person's activities, the calendar there, and what belongs together by its UID."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from zhike.engine.access import Actor
from zhike.modules.activities.models import Activity

from . import events, own
from .dav import Client, DavError, Entry
from .events import Event
from .models import CalDav, Link


@dataclass
class Seen:
    """An entry of the calendar: its version, and what is in it where that had to be read."""

    etag: str
    entry: Entry | None = None
    event: Event | None = None


@dataclass
class Sides:
    """What a run works on. `seen` is by the id of the link, `news` has no link yet."""

    here: dict[UUID, own.Own]
    links: list[Link]
    seen: dict[UUID, Seen] = field(default_factory=dict)
    news: list[tuple[Entry, Event | None]] = field(default_factory=list)
    moved: list[Link] = field(default_factory=list)
    numbers: Mapping[str, UUID] = field(default_factory=dict)  # UID -> own activity imported from a file

    def __post_init__(self) -> None:
        self.uids = {link.uid: link for link in self.links}
        self.linked = {link.activity for link in self.links if link.activity}

    def add(self, link: Link) -> None:
        """One that has come about."""
        self.links.append(link)
        self.uids[link.uid] = link
        if link.activity:
            self.linked.add(link.activity)


def activities(actor: Actor, account: CalDav, now: dt.datetime) -> dict[UUID, own.Own]:
    """The person's appointments that are lately, and those that the calendar has already."""
    if "start" not in own.readable(actor):
        raise DavError("rights")
    linked = Link.objects.filter(user=account.user_id, activity__isnull=False).values("activity")
    found = own.found(actor, own.rows(actor).filter(own.lately(now) | Q(pk__in=linked)))
    return {one.id: one for one in found}


def sides(actor: Actor, account: CalDav, client: Client, now: dt.datetime, ctag: str) -> Sides:
    """Read both. What has not changed on either side since the last run is not asked for again."""
    links = list(Link.objects.filter(user=account.user_id).order_by("pk"))
    both = Sides(activities(actor, account, now), links)
    if ctag and ctag == account.ctag:
        listing = {link.href: link.etag for link in links if link.href and link.etag}
    else:
        listing = client.listing(account.calendar_url)
    at = {link.href: link for link in links if link.href}
    names = own.readable(actor)
    both.seen = {at[path].pk: Seen(etag) for path, etag in listing.items() if path in at}
    asked = [
        path
        for path, etag in listing.items()
        if path not in at or at[path].etag != etag or _moved(at[path], both.here, names)
    ]
    for entry in client.entries(account.calendar_url, sorted(asked)):
        _arrange(both, at.get(entry.href), entry, listing)
    both.numbers = own.by_number(actor, [event.uid for _entry, event in both.news if event is not None])
    return both


def _moved(link: Link, here: Mapping[UUID, own.Own], names: Collection[str]) -> bool:
    """Whether this side has to say something about an entry that is unchanged there."""
    if link.activity is None:
        return False
    mine = here.get(link.activity)
    if mine is None or link.is_gone:
        return (mine is None) is not link.is_gone
    return differs(mine, link, names) or bool(link.sent)


def differs(mine: own.Own, link: Link, names: Iterable[str]) -> bool:
    """Whether an activity is no longer what both sides had last."""
    return any(mine.facts.digest(name) != link.base.get(name) for name in names)


def _arrange(both: Sides, link: Link | None, entry: Entry, listing: Mapping[str, str]) -> None:
    """Put an entry to the link that it belongs to; servers may move one, or put another one in its place."""
    event = events.read(entry.data, own.clean)
    known = both.uids.get(event.uid) if event is not None else None
    if known is not None and known is not link and known.href in listing and known.href != entry.href:
        event = known = None  # a second one of the same UID, which no calendar should have
    mine = known in (None, link) and (event is None or link is None or link.uid in (event.uid, beside(entry)))
    if link is not None and mine:
        both.seen[link.pk] = Seen(entry.etag, entry, event)
        return
    if link is not None:
        both.seen.pop(link.pk, None)
    if known is None:
        both.news.append((entry, event))
    else:
        known.href = entry.href
        both.moved.append(known)
        both.seen[known.pk] = Seen(entry.etag, entry, event)


def beside(entry: Entry) -> str:
    """In place of a UID, for what has none that could be read."""
    return f"~{entry.href}"[:400]


def whose(both: Sides, event: Event | None) -> UUID | None:
    """The activity that an entry without a link is: made here once, or imported from a file."""
    if event is None:
        return None
    mine = events.made_here(event.uid) or both.numbers.get(event.uid)
    return mine if mine in both.here and mine not in both.linked else None


def stays(account: CalDav, event: Event | None) -> str:
    """Why an entry that was made there does not come in: a key of pages.STAYS; "" where it does."""
    if event is None or (event.facts is None and event.held != "repeats"):
        return "other"
    if event.held == "repeats" or event.facts is None:
        return "repeats"
    since = account.since or timezone.localdate()
    for reason, holds in (
        ("cancelled", event.is_cancelled),
        ("private", event.is_private),
        ("known", events.made_here(event.uid) is not None),
        ("not_asked", account.direction != CalDav.Direction.ALL),
        ("earlier", events.moment_of(event.facts.start).date() < since),
    ):
        if holds:
            return reason
    return ""


def goes_out(one: own.Own, now: dt.datetime) -> bool:
    """Whether an activity that the calendar does not have yet is put there."""
    return one.status == Activity.Status.PLANNED and events.moment_of(one.facts.start) >= now - own.BEFORE


# ---- before it is switched on


@dataclass
class Plan:
    """What the first run would do: made there, made here, known on both sides, and what stays as it is, by reason."""

    out: list[tuple[str, dt.datetime]] = field(default_factory=list)
    into: list[tuple[str, dt.datetime]] = field(default_factory=list)
    known: int = 0
    stays: Counter[str] = field(default_factory=Counter)


def preview(account: CalDav, client: Client) -> Plan:
    """Look at both sides and write nothing."""
    now = timezone.now()
    actor = own.actor_for(account.user)
    both = sides(actor, account, client, now, "")
    plan, there = Plan(), set()
    for _entry, event in both.news:
        if (pk := whose(both, event)) is not None:
            there.add(pk)
        elif reason := stays(account, event):
            plan.stays[reason] += 1
        elif event is not None and event.facts is not None:
            plan.into.append((event.facts.subject, events.moment_of(event.facts.start)))
    there |= {link.activity for link in both.links if link.activity and link.pk in both.seen}
    plan.known = len(there)
    for one in both.here.values():
        if one.id not in there and goes_out(one, now):
            plan.out.append((one.facts.subject, events.moment_of(one.facts.start)))
    return plan
