"""Events and tasks of a calendar file (ics) as rows, one component a row.

Headings and words are those of the fields of an activity. A component that cannot be read is left out and told, the
others are read; what repeats is one row that says so. Times keep their zone, times without one are those of the firm.
"""

from __future__ import annotations

import quopri
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar

from .errors import TabularError
from .mailwords import decode
from .model import Cell, Limits, Notes, key_of
from .vcard import logical_lines

HEADERS = [
    "Type", "Status", "Subject", "Due", "Done at", "Minutes", "Place", "Content", "Owner", "Contact", "Priority",
    "Start", "End", "All day", "RRULE", "Organizer", "Attendees", "Categories", "UID",
]  # fmt: skip
WANTED = {"VEVENT": "meeting", "VTODO": "task", "VJOURNAL": "note"}
_MARK = re.compile(r"\s*(BEGIN|END)\s*:\s*([\w-]+)\s*$", re.IGNORECASE)
_ZONE = re.compile(r";TZID=\"?([^\":;]+)", re.IGNORECASE)
LINES = 20_000  # of one component
Component = tuple[int, str, list[str]]


class _Blocks:
    """Cuts a calendar into components; zones are kept, because later components name them."""

    def __init__(self, path: Path, encoding: str, notes: Notes, limits: Limits) -> None:
        self._lines = logical_lines(path, encoding)
        self._notes, self._limits = notes, limits
        self.zones: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[Component]:
        number, depth, inside, kind = 0, 0, 0, ""
        taken: list[str] = []
        for line in self._lines:
            mark = _MARK.match(line)
            depth += 0 if not mark else 1 if mark[1].upper() == "BEGIN" else -1
            if depth > self._limits.depth:
                raise TabularError("too_deep", limit=self._limits.depth)
            if mark and mark[1].upper() == "BEGIN" and mark[2].upper() in (*WANTED, "VTIMEZONE"):
                if taken and kind in WANTED:
                    self._notes.add("event_open", row=number)
                kind, taken, inside = mark[2].upper(), [], depth
                number += kind in WANTED
            if not kind:
                continue
            if len(taken) < LINES:
                taken.append(line)
            if mark and mark[1].upper() == "END" and (mark[2].upper() == kind or depth < inside - 1):
                yield from self._closed(number, kind, taken)
                kind, taken = "", []
        if kind in WANTED:
            self._notes.add("record_cut", row=number)

    def _closed(self, number: int, kind: str, taken: list[str]) -> Iterator[Component]:
        if kind != "VTIMEZONE":
            yield number, kind, taken
            return
        for line in taken:
            if line.upper().startswith("TZID"):
                self.zones[line.partition(":")[2].strip()] = taken

    def calendar(self, taken: list[str]) -> str:
        """One component with the zones that it names, as a calendar of its own."""
        names = {found[1] for line in taken for found in _ZONE.finditer(line)}
        zones = [line for name in sorted(names) if name in self.zones for line in self.zones[name]]
        return "\r\n".join(["BEGIN:VCALENDAR", *zones, *taken, "END:VCALENDAR", ""])


def _text(part: Any, name: str) -> str:
    value = part.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    text = str(value)
    if str(getattr(value, "params", {}).get("ENCODING", "")).upper() == "QUOTED-PRINTABLE":
        text = decode(quopri.decodestring(text.encode()), str(value.params.get("CHARSET", "")))[0]
    return text.replace("\x00", "").strip()


def _time(part: Any, name: str) -> date | datetime | None:
    value = part.get(name)
    try:
        found = getattr(value[0] if isinstance(value, list) and value else value, "dt", None)
    except ValueError:  # a broken one, told by the caller
        return None
    return found if isinstance(found, date) and 1900 < found.year < 9000 else None


def _people(part: Any, name: str) -> list[tuple[str, str]]:
    values = part.get(name) or []
    found = []
    for value in values if isinstance(values, list) else [values]:
        address = re.sub(r"^mailto:", "", str(value).strip(), flags=re.IGNORECASE).lower()
        said = str(getattr(value, "params", {}).get("CN", "")).strip("\"' ")
        found.append((said, address if "@" in address else ""))
    return found


def _shown(people: list[tuple[str, str]]) -> str:
    return "; ".join(
        f"{name} <{address}>" if name and address and name != address else name or address for name, address in people
    )


def _end(part: Any, start: date | datetime | None) -> date | datetime | None:
    """When it ends; of days the last one, where the file names the day after it."""
    end = _time(part, "DTEND")
    length = part.get("DURATION")
    if end is None and start is not None and isinstance(length, icalendar.vDuration | icalendar.vDDDTypes):
        end = start + length.dt if isinstance(length.dt, timedelta) else None
    if end is not None and not isinstance(end, datetime) and start is not None and end > start:
        return end - timedelta(days=1)
    return end


def _minutes(start: date | datetime | None, end: date | datetime | None) -> int | None:
    if not isinstance(start, datetime) or not isinstance(end, datetime) or bool(start.tzinfo) != bool(end.tzinfo):
        return None
    minutes = int((end - start).total_seconds() // 60)
    return minutes if 0 < minutes < 100_000 else None


def _past(moment: date | datetime) -> bool:
    now = datetime.now(UTC)
    if not isinstance(moment, datetime):
        return moment < now.date()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < now


def _state(part: Any, kind: str, start: Any, end: Any) -> tuple[str, Any, Any]:
    """Status, when it is due, when it was done: a meeting that has been is done, a task when its file says so."""
    said = _text(part, "STATUS").upper()
    if kind == "VTODO":
        done = _time(part, "COMPLETED")
        due = _time(part, "DUE") or start
        if done or said == "COMPLETED" or _text(part, "PERCENT-COMPLETE") == "100":
            return "done", due, done or _time(part, "LAST-MODIFIED") or due
        return ("cancelled" if said == "CANCELLED" else "planned"), due, None
    if kind == "VJOURNAL":
        return "done", None, start or _time(part, "DTSTAMP")
    if said == "CANCELLED":
        return "cancelled", start, None
    last = end or start
    return ("done", start, last) if last is not None and _past(last) else ("planned", start, None)


def _priority(part: Any) -> str:
    text = _text(part, "PRIORITY")
    level = int(text) if text.isdecimal() and len(text) < 3 else 0
    return "" if not level else "high" if level < 5 else "normal" if level == 5 else "low"


def _repeats(part: Any) -> str:
    for name in ("RRULE", "RDATE"):
        value = part.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if first is not None and not isinstance(first, icalendar.vBroken):
            return f"{name} {first.to_ical().decode('utf-8', 'replace')}"[:200]
    return ""


def _cells(part: Any, kind: str, row: int, notes: Notes, limits: Limits) -> list[Cell]:
    start = _time(part, "DTSTART")
    end = _end(part, start)
    organizer, attendees = _people(part, "ORGANIZER"), _people(part, "ATTENDEE")
    addresses = "; ".join(dict.fromkeys(address for _n, address in [*organizer, *attendees][:50] if address))
    state, due, done = _state(part, kind, start, end)
    repeats = _repeats(part)
    if repeats:
        notes.add("event_repeats", row=row, text=repeats[:60])
    body = _text(part, "DESCRIPTION")
    if len(body) > limits.cell_chars:
        notes.add("text_cut", row=row, limit=limits.cell_chars)
    whole_day = None if start is None else not isinstance(start, datetime)
    texts: list[Cell] = [
        WANTED[kind], state, _text(part, "SUMMARY")[:200], due, done, _minutes(start, end),
        _text(part, "LOCATION")[:200],
        body, addresses, addresses, _priority(part), start, end, whole_day, repeats, _shown(organizer),
        _shown(attendees), ", ".join(_words(part, "CATEGORIES")), _key(part, kind, start, end),
    ]  # fmt: skip
    return [(cell[: limits.cell_chars] or None) if isinstance(cell, str) else cell for cell in texts]


def _key(part: Any, kind: str, start: date | datetime | None, end: date | datetime | None) -> str:
    """By what the entry is known again: its number; of one date of a series also which date it stands for."""
    which = part.get("RECURRENCE-ID")
    said = which.to_ical().decode("utf-8", "replace") if hasattr(which, "to_ical") else ""
    number = "#".join(filter(None, (_text(part, "UID"), said)))
    return key_of(number if _text(part, "UID") else "", (kind, said, start, end, _text(part, "SUMMARY")))


def _words(part: Any, name: str) -> list[str]:
    values = part.get(name) or []
    lists = values if isinstance(values, list) else [values]
    return [str(word) for one in lists for word in getattr(one, "cats", [one])]


def read(
    path: Path, encoding: str, *, notes: Notes, limits: Limits
) -> tuple[list[str], Iterator[tuple[int, list[Cell]]]]:
    """Headings and rows; a row number is the place of the event or task in the file."""
    return HEADERS, _rows(path, encoding, notes, limits)


def _rows(path: Path, encoding: str, notes: Notes, limits: Limits) -> Iterator[tuple[int, list[Cell]]]:
    warnings.simplefilter("ignore")  # the library's remarks on odd zones; a zone that stays unknown is told below
    blocks = _Blocks(path, encoding, notes, limits)
    for row, kind, taken in blocks:
        if row > limits.rows:
            raise TabularError("too_many_rows", limit=limits.rows, row=row)
        try:
            part = icalendar.Calendar.from_ical(blocks.calendar(taken)).walk(kind)[0]
            cells = _cells(part, kind, row, notes, limits)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
            notes.add("event_broken", row=row)
            continue
        for name, _said in part.errors:
            notes.add("value_broken", row=row, field=str(name)[:40])
        if any(";TZID=" in line.upper() and _naive(part, line) for line in taken):
            notes.add("zone_unknown", row=row)
        yield row, cells


def _naive(part: Any, line: str) -> bool:
    """Whether a line names a zone that the reader does not know, so that its time stays without one."""
    name = re.split("[;:]", line, maxsplit=1)[0].upper()
    found = _time(part, name) if name in ("DTSTART", "DTEND", "DUE") else None
    return isinstance(found, datetime) and found.tzinfo is None
