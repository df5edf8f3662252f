"""Keeping a person's activities and a calendar on a CalDAV server in step.

Which entry is which activity is told by the UID alone (`Link`). Every step is written ahead: what is about to be sent
is noted before, what has arrived after it, so that a run that dies between the two is taken up by the next one without
losing or doubling anything. Nothing is written over what has changed meanwhile: ETags there, versions here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_noop

from zhike.engine import egress, notices, outbox
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.modules.activities.models import Activity

from . import accounts, events, feed, looking, own
from .dav import Client, DavError, Entry, place
from .events import Event
from .looking import Seen, Sides
from .models import CalDav, Link
from .weigh import Rules, Verdict, weigh

PASSES = 3
MANY = 10  # so many may go at once without being asked about
PROBLEMS = 20  # entries that a server may refuse before the run ends
LATER_HERE = gettext_noop(
    "Changed here and in your calendar at the same time: what was changed here later stays. "
    "The other value stands in the history."
)
LATER_THERE = gettext_noop(
    "Changed here and in your calendar at the same time: what was changed in the calendar later stays. "
    "The other value stands in the history."
)
PUT_BACK = gettext_noop("Deleted in your calendar, but changed here since: it is in the calendar again.")
REMOVED = gettext_noop("Changed in your calendar, but no longer planned by you here: it is gone from the calendar.")
NOT_TAKEN = gettext_noop(
    "What was changed in your calendar is not allowed here: the calendar says again what stands here."
)
GUESTS = gettext_noop("An appointment with guests is changed in the calendar, not here: it is as the calendar says.")


class Stopped(Exception):
    """The account was paused or taken away while a run was at it."""


def run(pk: UUID, *, send: Callable[..., egress.Answer] = egress.fetch) -> None:
    """One run for an account that is switched on; nothing where another worker is at it."""
    account = CalDav.objects.select_related("user__department").filter(pk=pk, state=CalDav.State.ON).first()
    if account is None or not account.user.is_active or account.user.deleted_at:
        return
    with _alone(pk) as free:
        if not free:
            return
        now = timezone.now()
        CalDav.objects.filter(pk=pk).update(next_at=now + accounts.EVERY)
        # what is brought together the first time is no news to anybody: no notice, no webhook, no mail
        silence = outbox.quiet() if account.begun_at is None else nullcontext()
        try:
            client = accounts.client(account)
            client.send = send
            with translation.override(account.user.language or settings.LANGUAGE_CODE), silence:
                Run(account, client, now).all()
        except DavError as error:
            accounts.failed(account, now, error.code, error.detail)
        except Stopped:
            return


@contextmanager
def _alone(pk: UUID) -> Iterator[bool]:
    """Whether nobody else runs this account; ends with the connection, however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"caldav:{pk}"])
        free = bool(cursor.fetchone()[0])
    try:
        yield free
    finally:
        if free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"caldav:{pk}"])


class Run:
    """One account, now."""

    def __init__(self, account: CalDav, client: Client, now: dt.datetime) -> None:
        self.account, self.client, self.now = account, client, now
        self.actor = own.actor_for(account.user)
        self.names, self.writable = own.readable(self.actor), own.writable(self.actor)
        self.one_way = account.direction == CalDav.Direction.OUT
        self.again = False
        self.problems = 0

    def all(self) -> None:
        """Look and settle, until nothing has changed below it."""
        for _n in range(PASSES):
            self.again, self.problems, self.client.wrote = False, 0, False
            ctag = self.client.ctag(self.account.calendar_url)
            self._once(looking.sides(self.actor, self.account, self.client, self.now, ctag))
            if not self.again:
                break
        begun = self.account.begun_at or timezone.now()
        if self.again or self.problems:
            CalDav.objects.filter(pk=self.account.pk).update(begun_at=begun)
            accounts.failed(self.account, self.now, "restless" if self.again else "some", str(self.problems or ""))
        else:
            # of a calendar as we have seen it; after writing it is another one, and servers that make it of the
            # contents give the old one again when what was written is deleted
            accounts.went_well(self.account, self.now, ctag="" if self.client.wrote else ctag, begun_at=begun)

    def _once(self, both: Sides) -> None:
        self._refuse_if_emptied(both)
        for link in both.moved:
            link.save(update_fields=["href"])
        known = [link for link in both.links if link.activity]
        aside = [link for link in both.links if not link.activity]
        for entry, event in both.news:
            self._each(self._arrived, both, entry, event)
        for link in known:
            here = both.here.get(link.activity) if link.activity else None
            self._each(self._settle, link, here, both.seen.get(link.pk))
        for link in aside:
            seen = both.seen.get(link.pk)
            if seen is None:
                link.delete()
            elif seen.entry is not None:
                self._each(self._new, both, seen.entry, seen.event, link)
        self._send_new(both)

    def _arrived(self, both: Sides, entry: Entry, event: Event | None) -> None:
        """An entry that no link knows."""
        if event is not None and event.uid in both.uids:
            event = None  # a second one of the same UID
        pk = looking.whose(both, event)
        if pk is None or event is None:
            self._new(both, entry, event, None)
            return
        link = Link(user=self.account.user, activity=pk, uid=event.uid, href=entry.href)
        link.save()
        both.add(link)
        self._settle(link, both.here[pk], Seen(entry.etag, entry, event))

    def _send_new(self, both: Sides) -> None:
        """What the calendar does not have yet."""
        for one in both.here.values():
            if one.id in both.linked or not looking.goes_out(one, self.now):
                continue
            uid = events.uid_of(one.id)
            if uid in both.uids:  # there since it was somebody else's: looked at once more, as one's own
                self._keep(both.uids[uid], activity=one.id, etag="")
                self.again = True
            else:
                self._each(self._make, one, Link(user=self.account.user, activity=one.id, uid=uid))

    def _each(self, work: Callable[..., None], *given: Any) -> None:
        """One entry; where it changes below us the whole is looked at again, and one bad entry stops no other."""
        try:
            work(*given)
        except (Conflict, Missing):
            self.again = True
        except DavError as error:
            self.problems += 1
            if not error.status or error.code == "auth" or self.problems > PROBLEMS:
                raise

    def _refuse_if_emptied(self, both: Sides) -> None:
        """A calendar that was emptied or exchanged must not cancel a person's work."""
        live = [x for x in both.links if x.activity in both.here and x.href and x.etag and not x.is_gone]
        lost = [x for x in live if x.pk not in both.seen]
        if len(lost) > MANY and 2 * len(lost) > len(live) and not (self.account.may_vanish or self.one_way):
            raise DavError("vanished", len(lost))

    # ---- one appointment

    def _settle(self, link: Link, here: own.Own | None, seen: Seen | None) -> None:
        if here is None:
            self._leave(link, seen)
        elif seen is None:
            self._missing(link, here)
        elif seen.entry is not None and seen.event is not None and seen.event.facts is not None:
            self._meet(link, here, seen, seen.entry, seen.event)
        elif seen.entry is not None:  # it repeats now, or cannot be read: it is not torn apart
            self._keep(link, etag=seen.etag)

    def _leave(self, link: Link, seen: Seen | None) -> None:
        """Cancelled, deleted or handed over here: gone from the calendar, unless it is not ours to delete."""
        if seen is None:
            self._keep(link, is_gone=True, href="", etag="", base={}, sent={})
            return
        event = seen.event
        if link.is_gone or (seen.entry is not None and (event is None or event.held or event.is_cancelled)):
            self._keep(link, is_gone=True, etag=seen.etag)
            return
        self._still()
        if seen.entry is None or not self.client.delete(self.account.calendar_url, link.href, seen.etag):
            self.again = True
            return
        if event and event.facts and link.base and any(event.facts.digest(n) != link.base.get(n) for n in self.names):
            self._tell(link, REMOVED)
        self._keep(link, is_gone=True, href="", etag="", base={}, sent={})

    def _missing(self, link: Link, here: own.Own) -> None:
        """Not in the calendar: not yet, or no longer."""
        arrived = bool(link.href and link.etag)
        if link.is_gone or not arrived or self.one_way:
            if looking.goes_out(here, self.now):
                self._make(here, link)
        elif looking.differs(here, link, self.names):
            self._make(here, link)
            self._tell(link, PUT_BACK)
        else:
            self._call_off(link, here, href="", etag="")

    def _call_off(self, link: Link, here: own.Own, **values: str) -> None:
        """Deleted or cancelled there: cancelled here. What was done stays done."""
        self._still()
        with transaction.atomic():
            if here.status == Activity.Status.PLANNED:
                own.cancel(self.actor, here)
            self._keep(link, is_gone=True, base={}, sent={}, **values)

    def _make(self, here: own.Own, link: Link) -> None:
        """Put it into the calendar. The name follows from the id, so that a second attempt meets the first one."""
        self._still()
        link.href = place(f"{self.account.calendar_url.rstrip('/')}/{here.id}.ics")
        digests = here.facts.digests()
        link.etag, link.base, link.sent, link.is_gone = "", {}, digests, False
        link.save()
        data = events.build(here.facts, link.uid, timezone.now(), **feed.more(here))
        etag = self.client.put(self.account.calendar_url, link.href, data, "")
        if etag is None:
            self.again = True
            return
        self._keep(link, etag=etag, base=digests, sent={})

    def _meet(self, link: Link, here: own.Own, seen: Seen, entry: Entry, event: Event) -> None:
        """On both sides: field by field, to whoever changed it."""
        assert event.facts is not None  # noqa: S101 - asked by the caller
        planned = here.status == Activity.Status.PLANNED
        if link.is_gone and not planned:
            self._keep(link, etag=seen.etag)
            return
        revived = link.is_gone or (self.one_way and event.is_cancelled)
        if event.is_cancelled and not revived:
            self._call_off(link, here, etag=seen.etag)
            return
        if revived:
            link.is_gone, link.base, link.sent = False, {}, {}
        if revived and event.is_cancelled and not event.held:
            self._give(link, here, entry, event, self.names)
            return
        rules = Rules(self.names, self.writable, self.one_way, event.held == "guests")
        theirs, mine = event.changed_at or self.now, here
        verdict = weigh(
            here.facts, event.facts, link.base, link.sent, rules,
            there_later=lambda name: theirs > own.changed_at(mine, name),
        )  # fmt: skip
        here = self._take(link, here, event, verdict)
        give = [n for n in self.names if here.facts.digest(n) != event.facts.digest(n)]
        if give and not event.held:
            self._give(link, here, entry, event, give)
        else:
            self._keep(link, etag=entry.etag, base=event.facts.digests(), sent={}, is_gone=False, href=entry.href)

    def _take(self, link: Link, here: own.Own, event: Event, verdict: Verdict) -> own.Own:
        """Write what comes from there; what gives way is written first, so that the history has both."""
        assert event.facts is not None  # noqa: S101 - asked by the caller
        first = (*verdict.take, *verdict.lost_there)
        if not first:
            return here
        steps = [(event.facts, first), *([(here.facts, verdict.lost_there)] if verdict.lost_there else [])]
        self._still()
        try:
            with transaction.atomic():
                own.update(self.actor, here, *steps)
                agreed = {name: event.facts.digest(name) for name in verdict.take}
                self._keep(link, base={**link.base, **agreed})
                if verdict.lost_here:
                    self._tell(link, GUESTS if event.held else LATER_THERE)
                if verdict.lost_there:
                    self._tell(link, LATER_HERE)
        except (Invalid, Refused):
            self._tell(link, NOT_TAKEN)
            return here
        return self._again(here.id)

    def _again(self, pk: UUID) -> own.Own:
        found = own.found(self.actor, own.rows(self.actor).filter(pk=pk))
        if not found:
            raise Missing
        return found[0]

    def _give(self, link: Link, here: own.Own, entry: Entry, event: Event, names: Collection[str]) -> None:
        """Change the entry there, and nothing else in it."""
        assert event.facts is not None  # noqa: S101 - asked by the caller
        merged = event.facts.but(here.facts, names)
        try:
            data = events.change(entry.data, merged, names, timezone.now())
        except ValueError:
            self._keep(link, etag=entry.etag)
            return
        self._still()
        self._keep(link, href=entry.href, sent={name: merged.digest(name) for name in names}, is_gone=False)
        etag = self.client.put(self.account.calendar_url, entry.href, data, entry.etag)
        if etag is None:
            self.again = True
            return
        self._keep(link, etag=etag, base=merged.digests(), sent={})

    def _new(self, both: Sides, entry: Entry, event: Event | None, link: Link | None) -> None:
        """Made there: it comes in as a task, or is left alone from now on."""
        uid = event.uid if event is not None else looking.beside(entry)
        link = link or Link(user=self.account.user)
        link.uid, link.href, link.etag = uid, entry.href, entry.etag
        comes = not looking.stays(self.account, event) and event is not None and event.facts is not None
        if comes and event is not None and event.facts is not None:
            self._still()
            try:
                with transaction.atomic():
                    link.activity = own.create(self.actor, event.facts, event.guests)
                    link.base = event.facts.digests()
                    link.save()
            except (Invalid, Refused):
                link.activity, link.base, comes = None, {}, False
        if not comes:
            link.save()
        both.add(link)
        if link.activity is not None and event is not None:
            self._meet(link, self._again(link.activity), Seen(entry.etag), entry, event)

    # ---- notes

    def _still(self) -> None:
        same = CalDav.objects.filter(pk=self.account.pk, state=CalDav.State.ON, calendar_url=self.account.calendar_url)
        if not same.exists():
            raise Stopped

    def _keep(self, link: Link, **values: Any) -> None:
        changed = [name for name, value in values.items() if getattr(link, name) != value]
        for name in changed:
            setattr(link, name, values[name])
        if changed:
            link.save()

    def _tell(self, link: Link, text: str) -> None:
        if link.activity is not None:
            cause = f"caldav:{link.pk}:{timezone.now().isoformat()}"
            notices.tell(self.account.user.pk, text, {}, f"/activity/{link.activity}/history", cause)
