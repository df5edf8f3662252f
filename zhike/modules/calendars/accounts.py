"""A person's calendar on a CalDAV server: its address and password, what travels, and how it goes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from zhike.base import sealing
from zhike.engine import egress, history
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing, Wrong

from . import own
from .dav import Client, DavError, Found
from .models import CalDav, Link

PURPOSE = "passwords of calendars"
EVERY = dt.timedelta(minutes=5)
LONGEST_WAIT = dt.timedelta(hours=6)
WORDS = {
    **egress.WORDS,
    "auth": gettext_lazy("The server does not take the user name or the password."),
    "clear": gettext_lazy("The address must begin with https://, or the password could be read on the way."),
    "missing": gettext_lazy("There is no calendar at this address any more."),
    "nodav": gettext_lazy("The server does not answer as a CalDAV server does. Ask who runs it for the address."),
    "busy": gettext_lazy("The server cannot answer now (%(detail)s); it is tried again by itself."),
    "refused": gettext_lazy("The server did not take an entry (%(detail)s)."),
    "sealed": gettext_lazy("The password can no longer be read. Enter it again."),
    "rights": gettext_lazy("You may not see when your activities are, so there is nothing to keep in step."),
    "vanished": gettext_lazy(
        "%(detail)s entries at once are no longer in the calendar there. Nothing is cancelled here until you say so."
    ),
    "some": gettext_lazy("Entries that the server did not take: %(detail)s. They are tried again by themselves."),
    "restless": gettext_lazy("The calendar there changes all the time; the rest is done in the next run."),
}
WAITS_FOR_A_PERSON = ("auth", "clear", "missing", "nodav", "sealed", "rights", "vanished")


def explain(error: str) -> str:
    """A kept error in the reader's language."""
    code, _space, detail = error.partition(" ")
    return str(WORDS[code]) % {"detail": detail} if code in WORDS else error


def may_have(actor: Actor) -> bool:
    """Whether the actor may have a calendar elsewhere: with own hands, and with activities to see."""
    return not (actor.by or actor.limit) and "start" in own.readable(actor)


def of(actor: Actor) -> CalDav | None:
    """The actor's own."""
    return CalDav.objects.filter(user=actor.user).first() if may_have(actor) else None


def mine(actor: Actor) -> CalDav:
    """The actor's own; Missing where there is none."""
    found = of(actor)
    if found is None:
        raise Missing
    return found


def client(account: CalDav) -> Client:
    """The way to the server. DavError where the password was sealed with another key."""
    password = sealing.unseal(PURPOSE, account.password)
    if password is None:
        raise DavError("sealed")
    return Client(account.url, account.username, password)


def test(url: str, username: str, password: str) -> list[Found]:
    """The calendars that the server has for this person. DavError in words of WORDS."""
    found = Client(url, username, password).calendars()
    if not found:
        raise DavError("nodav")
    return found


def save(actor: Actor, *, url: str, username: str, password: str) -> list[Found]:
    """Keep address, user and password once the server has taken them; the calendars there. Raises Invalid.

    An empty password leaves the one that is kept, for the same address and user only: it goes nowhere else.
    """
    if not may_have(actor):
        raise Missing
    kept = of(actor)
    url, username = url.strip()[:500], username.strip()[:200]
    same = kept is not None and (kept.url, kept.username) == (url, username)
    errors: dict[str, list[Wrong]] = {}
    if not url or url in ("https://", "http://"):
        errors["url"] = [Wrong(_("Enter the address of the server."), "required")]
    if not username or ":" in username:
        errors["username"] = [Wrong(_("Enter the user name on that server."), "required")]
    if not password and not same:
        errors["password"] = [Wrong(_("Enter the password."), "required")]
    if errors:
        raise Invalid([errors])
    if not password and kept is not None:
        password = sealing.unseal(PURPOSE, kept.password) or ""
    try:
        found = test(url, username, password[:1000])
    except DavError as error:
        at = "password" if error.code == "auth" else "url"
        raise Invalid([{at: [Wrong(explain(f"{error.code} {error.detail}"), error.code)]}]) from None
    sealed = sealing.seal(PURPOSE, password[:1000])
    with transaction.atomic():
        if kept is None:
            CalDav.objects.create(user=actor.user, url=url, username=username, password=sealed)
        else:
            CalDav.objects.filter(user=actor.user).update(
                url=url, username=username, password=sealed, failed_since=None, failures=0, error="",
                next_at=timezone.now(),
            )  # fmt: skip
        note(actor, "calendar.account", egress.parse(url).host)
    return found


def choose(actor: Actor, *, calendar: Found, direction: str) -> CalDav:
    """Which calendar there, and what travels. Another calendar begins anew: with the preview, and as a first run."""
    account = mine(actor)
    if direction not in CalDav.Direction.values:
        raise Invalid([{"direction": [Wrong(_("Choose what travels."), "required")]}])
    with transaction.atomic():
        if account.calendar_url != calendar.url:
            account.state, account.begun_at, account.since = CalDav.State.DRAFT, None, None
            forget(actor)
        elif account.direction != direction:  # what was left alone may come in now
            Link.objects.filter(user=actor.user, activity=None).delete()
        account.calendar_url, account.calendar_name = calendar.url[:700], calendar.name
        account.direction, account.ctag, account.next_at = direction, "", timezone.now()
        account.save()
    return account


def switch(actor: Actor, *, on: bool) -> CalDav:
    """On, or a pause; what happens meanwhile on either side is made up for afterwards."""
    account = mine(actor)
    if not account.calendar_url:
        raise Missing
    account.state = CalDav.State.ON if on else CalDav.State.PAUSED
    account.next_at, account.failures, account.failed_since, account.error = timezone.now(), 0, None, ""
    account.since = account.since or timezone.localdate()
    with transaction.atomic():
        account.save()
        note(actor, "calendar.on" if on else "calendar.off", egress.parse(account.url).host)
    return account


def let_vanish(actor: Actor) -> None:
    """What is no longer in the calendar there is to be cancelled here, however much it is."""
    mine(actor)
    CalDav.objects.filter(user=actor.user).update(may_vanish=True, error="", failures=0, next_at=timezone.now())


def remove(actor: Actor) -> None:
    """Forget address and password; entries stay on both sides. Which is which is remembered, so that none doubles."""
    account = mine(actor)
    with transaction.atomic():
        note(actor, "calendar.remove", egress.parse(account.url).host)
        account.delete()
        forget(actor)


def forget(actor: Actor) -> None:
    """Where entries lay, and what was left alone; the UIDs stay."""
    links: Any = Link.objects.filter(user=actor.user)
    links.filter(activity=None).delete()
    links.update(href="", etag="", base={}, sent={})


def note(actor: Actor, action: str, host: str) -> None:
    """Keep in the history what was done; never a password or the whole address."""
    history.note(actor, action, entity="calendar", details={"address": host})


# ---- how runs go


def due(now: dt.datetime) -> list[Any]:
    """The accounts whose time has come, of people who may sign in."""
    rows = CalDav.objects.filter(state=CalDav.State.ON, next_at__lte=now, user__is_active=True, user__deleted_at=None)
    return list(rows.order_by("next_at").values_list("pk", flat=True))


def went_well(account: CalDav, now: dt.datetime, **values: Any) -> None:
    """The next run in a few minutes."""
    CalDav.objects.filter(pk=account.pk).update(
        run_at=now, next_at=now + EVERY, error="", failures=0, failed_since=None, may_vanish=False, **values
    )


def failed(account: CalDav, now: dt.datetime, code: str, detail: str = "") -> None:
    """Try again later, each time later than before; what only the person can mend, in six hours."""
    wait = min(EVERY * 2 ** min(account.failures, 8), LONGEST_WAIT)
    if code in WAITS_FOR_A_PERSON:
        wait = LONGEST_WAIT
    elif code in ("some", "restless"):  # all others are in step
        wait = EVERY
    CalDav.objects.filter(pk=account.pk).update(
        next_at=now + wait,
        error=f"{code} {detail}".strip()[:200],
        failures=account.failures + 1,
        failed_since=account.failed_since or now,
    )
