"""A person's timed activities, as a calendar elsewhere may hold them: read and written with that person's rights."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from zhike.base.models import User
from zhike.engine import access, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Wrong
from zhike.engine.kinds import Labels
from zhike.engine.models import History
from zhike.engine.query import Row, View
from zhike.modules.activities.models import Activity

from .events import FIELDS, Facts, kept_minutes, length, moment_of, start_of

CHANNEL = "caldav"
KINDS = (Activity.Kind.TASK, Activity.Kind.CALL, Activity.Kind.MEETING, Activity.Kind.VISIT)
COLUMNS = {"subject": "subject", "start": "due_at", "minutes": "duration_minutes", "place": "place", "body": "body"}
WITH = ("account", "contact", "lead", "deal")
BEFORE = dt.timedelta(days=30)  # how long what is over stays in sight
NEAR = 5  # contacts that a search for an address gives
LONGEST_BODY = 20_000
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # which iCalendar cannot hold


@dataclass(frozen=True)
class Own:
    """One activity: what it is, how it stands, and when it was last changed."""

    id: UUID
    version: int
    facts: Facts
    kind: str
    status: str
    changed_at: dt.datetime
    about: str = ""


def actor_for(user: User) -> Actor:
    """The person, with the rights of now; none for who may no longer sign in."""
    return Actor(user, CHANNEL)


def entity() -> AnyEntity:
    """Activities."""
    return get("activity")


def readable(actor: Actor) -> tuple[str, ...]:
    """The facts that the person sees whole."""
    known = access.readable(actor, entity()).keys() - set(access.masked(actor, entity()))
    return tuple(name for name in FIELDS if COLUMNS[name] in known)


def writable(actor: Actor) -> frozenset[str]:
    """The facts that the person may change."""
    allowed = access.writable(actor, entity())
    return frozenset(name for name in readable(actor) if COLUMNS[name] in allowed)


def rows(actor: Actor) -> QuerySet[Any]:
    """The person's own appointments that are planned or done, on a day or at a time."""
    mine = query.visible(actor, entity()).filter(owner=actor.user.pk, kind__in=KINDS, due_at__isnull=False)
    return mine.exclude(status=Activity.Status.CANCELLED)


def lately(now: dt.datetime) -> Q:
    """What is planned from a month back on, and what was done in that month."""
    since = now - BEFORE
    return Q(status=Activity.Status.PLANNED, due_at__gte=since) | Q(status=Activity.Status.DONE, due_at__gte=since)


def found(actor: Actor, chosen: QuerySet[Any], limit: int | None = None) -> list[Own]:
    """As the person may read them, in the order of their times; nothing for who may not see when they are."""
    names = readable(actor)
    if "start" not in names:
        return []
    known = access.readable(actor, entity())
    keys = [COLUMNS[name] for name in names] + [k for k in ("kind", "status", "updated_at", *WITH) if k in known]
    shown = [known[key] for key in keys]
    read = query.read(actor, entity(), chosen.order_by("due_at", "pk")[:limit], shown)
    labels = query.labels(actor, shown, read)
    return [_own(row, labels) for row in read]


def _own(row: Row, labels: Labels) -> Own:
    values = row.values
    start = start_of(values["due_at"])
    kind = Activity.Kind(values.get("kind") or Activity.Kind.TASK)
    facts = Facts(
        clean("subject", values["subject"]) if "subject" in values else str(kind.label),
        start,
        length(start, values.get("duration_minutes")),
        clean("place", values.get("place") or ""),
        clean("body", values.get("body") or ""),
    )
    names = [labels[key, pk] for key in WITH if (pk := values.get(key)) and (key, pk) in labels]
    changed = values.get("updated_at") or timezone.now()
    return Own(row.id, row.version, facts, str(kind), values.get("status") or "", changed, " · ".join(names))


def clean(name: str, text: str) -> str:
    """A text as it would be stored here; one that is too long is cut."""
    a = entity().attributes[COLUMNS[name]]
    text = CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))[:LONGEST_BODY]
    try:
        return str(a.kind.clean(a, text))
    except Wrong:
        return str(a.kind.clean(a, text[: a.max_length]))


def by_number(actor: Actor, uids: Collection[str]) -> dict[str, UUID]:
    """Own activities that were imported from a calendar file: its UID -> which."""
    if "external_id" not in access.readable(actor, entity()):
        return {}
    return dict(rows(actor).filter(external_id__in=list(uids)).values_list("external_id", "pk"))


def changed_at(own: Own, name: str) -> dt.datetime:
    """When a fact was last changed here; only the time is taken from the history."""
    steps = History.objects.filter(record=own.id, changes__has_key=COLUMNS[name]).order_by("-id")
    found: dt.datetime | None = steps.values_list("at", flat=True).first()
    return found or own.changed_at


# ---- writing


def values(facts: Facts, names: Collection[str]) -> dict[str, Any]:
    """The facts as fields of an activity."""
    said: Mapping[str, Any] = {
        "subject": facts.subject,
        "start": moment_of(facts.start),
        "minutes": kept_minutes(facts.start, facts.minutes),
        "place": facts.place,
        "body": facts.body,
    }
    return {COLUMNS[name]: said[name] for name in names}


def create(actor: Actor, facts: Facts, guests: Sequence[str] = ()) -> UUID:
    """A task of the person for what was entered in the calendar, with the contact who is invited, where it is one.

    Raises Invalid, Refused.
    """
    allowed = access.writable(actor, entity())
    given = {"kind": Activity.Kind.TASK, **values(facts, FIELDS), **invited(actor, guests)}
    made = records.create(actor, entity(), {k: v for k, v in given.items() if k in allowed and v not in ("", None)})
    return UUID(str(made.pk))


def invited(actor: Actor, mails: Sequence[str]) -> dict[str, str]:
    """The one contact in the person's sight who has one of some addresses, with their customer; else {}."""
    contact = get("contact")
    if not access.may(actor, contact, "list"):
        return {}
    found: dict[UUID, UUID | None] = {}
    for mail in mails:
        rows = query.select(actor, contact, View(search=mail)).values_list("pk", "email", "account")[:NEAR]
        found |= {pk: account for pk, written, account in rows if written.lower() == mail}
    if len(found) != 1:
        return {}
    [(pk, account)] = found.items()
    seen = account and query.visible(actor, get("account")).filter(pk=account).exists()
    return {"contact": str(pk), **({"account": str(account)} if seen else {})}


def update(actor: Actor, own: Own, *steps: tuple[Facts, Sequence[str]]) -> None:
    """Write facts, in one or two steps; the last one stays. Raises Conflict where somebody was quicker."""
    version: int | None = own.version
    for facts, names in steps:
        given = values(facts, names)
        records.update_many(actor, entity(), {own.id: given}, versions=None if version is None else {own.id: version})
        version = None


def cancel(actor: Actor, own: Own) -> None:
    """The appointment is off."""
    records.update_many(actor, entity(), {own.id: {}}, action="cancel", versions={own.id: own.version})
