"""Entries of calendars: from an activity to iCalendar (RFC 5545) and back. Knows no database and no network.

What both sides say of an appointment is `Facts`. Whatever else an entry holds (alarms, colours, a hundred X-properties)
stays as it is when one of its facts is changed. ATTENDEE and ORGANIZER are never written: who is named there would get
mail from many servers (RFC 6638).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
from django.conf import settings

FIELDS = ("subject", "start", "minutes", "place", "body")
NAMES = {"subject": "SUMMARY", "place": "LOCATION", "body": "DESCRIPTION"}
HOME = "@zhike"
PRODUCT = "-//Zhike//Calendar//EN"
MINUTES = 30  # how long something takes that does not say
DAY = 24 * 60
LONGEST = 366 * DAY
SIZE = 256 * 1024  # bytes of one entry that are read
GUESTS = 20  # of an entry that are looked at
HOSTS = ("ATTENDEE", "ORGANIZER")
REPEATS = ("RRULE", "RDATE", "RECURRENCE-ID", "EXDATE")
Start = dt.date | dt.datetime


@dataclass(frozen=True)
class Facts:
    """What an appointment is: `start` is a moment in UTC, or a day where it takes whole days; `minutes` how long."""

    subject: str
    start: Start
    minutes: int
    place: str = ""
    body: str = ""

    def digest(self, name: str) -> str:
        """A field in few characters; equal for equal values alone."""
        return hashlib.sha256(repr(getattr(self, name)).encode()).hexdigest()[:20]

    def digests(self) -> dict[str, str]:
        """Of all fields."""
        return {name: self.digest(name) for name in FIELDS}

    def but(self, other: Facts, names: Collection[str]) -> Facts:
        """With some fields of another one; a time of day that meets a number of days takes the usual time."""
        found = replace(self, **{name: getattr(other, name) for name in names})
        return replace(found, minutes=length(found.start, found.minutes))


def zone() -> ZoneInfo:
    """The firm's."""
    return ZoneInfo(settings.TIME_ZONE)


def start_of(moment: dt.datetime) -> Start:
    """A day where no time was said, which is how midnight is read everywhere here; else the second, in UTC."""
    local = moment.astimezone(zone()).replace(microsecond=0)
    return local.date() if local.time() == dt.time() else local.astimezone(dt.UTC)


def moment_of(start: Start) -> dt.datetime:
    """The first moment, in the firm's zone."""
    if isinstance(start, dt.datetime):
        return start.astimezone(zone())
    return dt.datetime.combine(start, dt.time(), zone())


def length(start: Start, minutes: int | None) -> int:
    """Minutes that it takes: whole days for a day."""
    taken = min(minutes or 0, LONGEST)
    if isinstance(start, dt.datetime):
        return taken or MINUTES
    return max(1, -(-taken // DAY)) * DAY


def kept_minutes(start: Start, minutes: int) -> int | None:
    """What is written into a record: nothing where it is the usual."""
    return None if minutes == (MINUTES if isinstance(start, dt.datetime) else DAY) else minutes


@dataclass(frozen=True)
class Event:
    """An entry as it was read. `held` says why nothing of ours is written into it: "repeats", "guests" or ""."""

    uid: str
    facts: Facts | None
    held: str = ""
    is_cancelled: bool = False
    is_private: bool = False
    changed_at: dt.datetime | None = None
    guests: tuple[str, ...] = ()  # their mail addresses


def read(data: bytes, clean: Callable[[str, str], str]) -> Event | None:
    """The entry of one resource; None for what is no event or cannot be read.

    `clean` makes a text of a field as it would be stored here: both sides are compared in one spelling.
    """
    try:
        parts = icalendar.Calendar.from_ical(data).walk("VEVENT") if len(data) <= SIZE else []
        return _event(parts, clean) if parts else None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        return None


def _event(parts: list[Any], clean: Callable[[str, str], str]) -> Event | None:
    first = parts[0]
    uid = str(first.get("UID") or "").strip()[:400]
    if not uid:
        return None
    repeats = len(parts) > 1 or any(name in part for part in parts for name in REPEATS)
    guests = any(name in first for name in HOSTS)
    return Event(
        uid,
        None if repeats else _facts(first, clean),
        "repeats" if repeats else "guests" if guests else "",
        str(first.get("STATUS", "")).upper() == "CANCELLED",
        str(first.get("CLASS", "PUBLIC")).upper() != "PUBLIC",
        _moment(first, "LAST-MODIFIED") or _moment(first, "DTSTAMP"),
        tuple(_mails(first)),
    )


def _mails(part: Any) -> Iterator[str]:
    """Whom an entry invites, the first few."""
    named = part.get("ATTENDEE") or []
    for said in (named if isinstance(named, list) else [named])[:GUESTS]:
        scheme, _colon, address = str(said).partition(":")
        if scheme.lower() == "mailto" and "@" in address:
            yield address.strip().lower()[:254]


def _facts(part: Any, clean: Callable[[str, str], str]) -> Facts | None:
    begin = _time(part, "DTSTART")
    if begin is None:
        return None
    end = _time(part, "DTEND")
    span = part.get("DURATION")
    taken: dt.timedelta | None = None
    if end is not None and isinstance(end, dt.datetime) == isinstance(begin, dt.datetime):
        taken = end - begin
    elif span is not None and isinstance(span.dt, dt.timedelta):
        taken = span.dt
    start = start_of(begin) if isinstance(begin, dt.datetime) else begin
    minutes = max(0, int(taken.total_seconds() // 60)) if taken else None
    texts = {name: clean(name, str(part.get(key) or "")) for name, key in NAMES.items()}
    return Facts(start=start, minutes=length(start, minutes), **texts)


def _time(part: Any, name: str) -> Start | None:
    """A day, or a moment with its zone; what names none is meant in the firm's."""
    found = getattr(part.get(name), "dt", None)
    if not isinstance(found, dt.date) or not 1900 < found.year < 2200:
        return None
    if isinstance(found, dt.datetime) and found.tzinfo is None:
        return found.replace(tzinfo=zone())
    return found


def _moment(part: Any, name: str) -> dt.datetime | None:
    found = _time(part, name)
    return found.astimezone(dt.UTC) if isinstance(found, dt.datetime) else None


# ---- writing


def uid_of(pk: object) -> str:
    """The UID of an activity that was made here, in feeds and on servers alike."""
    return f"{pk}{HOME}"


def made_here(uid: str) -> UUID | None:
    """The activity of such a UID; None for any other one."""
    try:
        return UUID(uid.removesuffix(HOME)) if uid.endswith(HOME) else None
    except ValueError:
        return None


def build(facts: Facts, uid: str, now: dt.datetime, **more: str) -> bytes:
    """An entry of its own; `more` are further properties: url, contact, categories."""
    cal = _calendar()
    cal.add_component(component(facts, uid, now, **more))
    _name_zones(cal)
    return bytes(cal.to_ical())


def change(data: bytes, facts: Facts, names: Iterable[str], now: dt.datetime) -> bytes:
    """The entry with some facts changed, all else as it was; ValueError where guests or repetitions are in it."""
    cal = icalendar.Calendar.from_ical(data)
    parts = cal.walk("VEVENT")
    if len(parts) != 1 or any(name in parts[0] for name in (*HOSTS, *REPEATS)):
        raise ValueError("an entry that is not ours to write")
    _write(parts[0], facts, set(names))
    said = parts[0].get("SEQUENCE")
    _set(parts[0], "SEQUENCE", (int(said) if said is not None and str(said).isdigit() else 0) + 1)
    _set(parts[0], "DTSTAMP", now)
    _set(parts[0], "LAST-MODIFIED", now)
    if str(parts[0].get("STATUS", "")).upper() == "CANCELLED":
        _set(parts[0], "STATUS", "CONFIRMED")
    _name_zones(cal)
    return bytes(cal.to_ical())


def component(facts: Facts, uid: str, now: dt.datetime, **more: str) -> Any:
    """One VEVENT."""
    event = icalendar.Event()
    event.add("UID", uid)
    event.add("DTSTAMP", now)
    event.add("LAST-MODIFIED", now)
    _write(event, facts, set(FIELDS))
    for name, text in more.items():
        if text:
            event.add(name.upper(), [text] if name == "categories" else text)
    event.add("STATUS", "CONFIRMED")
    return event


def calendar(name: str, events: Iterable[Any], hours: int) -> bytes:
    """Many entries as a file to subscribe to, to be asked for again every so many hours."""
    cal = _calendar()
    cal.add("METHOD", "PUBLISH")
    cal.add("NAME", name)
    cal.add("X-WR-CALNAME", name)
    cal.add("X-WR-TIMEZONE", settings.TIME_ZONE)
    cal.add("REFRESH-INTERVAL", dt.timedelta(hours=hours), parameters={"VALUE": "DURATION"})
    cal.add("X-PUBLISHED-TTL", f"PT{hours}H")
    for event in events:
        cal.add_component(event)
    _name_zones(cal)
    return bytes(cal.to_ical())


def _calendar() -> icalendar.Calendar:
    cal = icalendar.Calendar()
    cal.add("PRODID", PRODUCT)
    cal.add("VERSION", "2.0")
    cal.add("CALSCALE", "GREGORIAN")
    return cal


def _set(part: Any, name: str, value: object) -> None:
    part.pop(name, None)
    part.add(name, value)


def _write(part: Any, facts: Facts, names: set[str]) -> None:
    for name in names & NAMES.keys():
        part.pop(NAMES[name], None)
        if text := getattr(facts, name):
            part.add(NAMES[name], text)
    if not names & {"start", "minutes"}:
        return
    begin: Start = facts.start if not isinstance(facts.start, dt.datetime) else moment_of(facts.start)
    for name in ("DTSTART", "DTEND", "DURATION"):
        part.pop(name, None)
    part.add("DTSTART", begin)
    part.add("DTEND", _end(begin, facts.minutes))
    if "start" in names:
        part.pop("TRANSP", None)
        if not isinstance(begin, dt.datetime):
            part.add("TRANSP", "TRANSPARENT")  # what is to be done on a day leaves the day free


def _end(begin: Start, minutes: int) -> Start:
    """In the zone of the beginning; counted in UTC, where every hour has sixty minutes."""
    if not isinstance(begin, dt.datetime):
        return begin + dt.timedelta(days=minutes // DAY)
    return (begin.astimezone(dt.UTC) + dt.timedelta(minutes=minutes)).astimezone(begin.tzinfo)


def _name_zones(cal: icalendar.Calendar) -> None:
    """The firm's zone before the entries that name it, for the years of these."""
    years = [
        value.dt.year
        for part in cal.walk("VEVENT")
        for name in ("DTSTART", "DTEND")
        if (value := part.get(name)) is not None and value.params.get("TZID") == settings.TIME_ZONE
    ]
    there: Mapping[str, Any] = {str(part.get("TZID")): part for part in cal.walk("VTIMEZONE")}
    if years and settings.TIME_ZONE not in there:
        made = icalendar.Timezone.from_ical(_zone(settings.TIME_ZONE, min(years), max(years)))
        cal.subcomponents.insert(0, made)


@lru_cache(maxsize=64)
def _zone(name: str, first: int, last: int) -> bytes:
    years = dt.date(first - 1, 1, 1), dt.date(last + 2, 1, 1)
    made = icalendar.Timezone.from_tzid(name, first_date=years[0], last_date=years[1])
    made.pop("COMMENT", None)
    return bytes(made.to_ical())
