"""What lies in an archive: base backups, the write-ahead log (WAL) after them, and uploads; which moments it reaches.

`<backups>/pitr/<number of the database>/` holds `base-<time>/` (a copy of the whole cluster and of the uploads),
`wal/` (segments of 16 MB, packed), `files/` (uploads added since), `state.json` and `marks.json`. A segment's name is
`<segment>-<all commits until this time are in it or before it>-<digest of its content>-<digest of the file>.zst[.age]`:
one rename makes it whole, and nothing else need be right for it to be told apart from a damaged or another one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from gettext import gettext as _
from pathlib import Path
from typing import Any

from zhike.backup.model import BackupError, Piece, noted

SEGMENT_BYTES = 16 << 20
PER_ID = (1 << 32) // SEGMENT_BYTES
STATE, MARKS, DRILLED, BASE = "state.json", "marks.json", "drill.json", "base.json"
FOLDER = "pitr"
STAMP = "%Y%m%dT%H%M%S%f"
SEGMENT = re.compile(r"([0-9A-F]{24})(\.partial)?-(\d{8}T\d{12})-([0-9a-f]{32})-([0-9a-f]{32})\.zst(\.age)?")
ADDED = re.compile(r"(\d{8}T\d{12})-([0-9a-f]{32})\.tar\.zst(\.age)?")
NAMED = re.compile(r"base-\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Segment:
    """A file of the log: `position` counts segments of a timeline; all commits until `until` are in it or before it."""

    place: Path
    name: str
    is_partial: bool
    until: dt.datetime
    plain: str
    packed: str

    @property
    def timeline(self) -> int:
        """Which history of the database it belongs to: one more after each return to a moment."""
        return int(self.name[:8], 16)

    @property
    def position(self) -> int:
        """Its place in the timeline."""
        return int(self.name[8:16], 16) * PER_ID + int(self.name[16:], 16)


@dataclass(frozen=True)
class Base:
    """A copy of the whole cluster: good from `made_at` on; `start` and `stop` are places in the log, in bytes."""

    place: Path
    began_at: dt.datetime
    made_at: dt.datetime
    zhike: str
    postgres: int
    recipient: str
    timeline: int
    start: int
    stop: int
    pieces: Mapping[str, Piece]
    uploads: int

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(piece.size for piece in self.pieces.values())

    def piece(self, name: str) -> Path:
        """The file of one piece."""
        return next(self.place / file for file in self.pieces if file.partition(".")[0] == name)

    def manifest(self) -> dict[str, Any]:
        """What is written into its folder."""
        said = {name: value for name, value in vars(self).items() if name not in ("place", "pieces")}
        said |= {"began_at": self.began_at.isoformat(), "made_at": self.made_at.isoformat()}
        return {**said, "pieces": {name: asdict(piece) for name, piece in self.pieces.items()}}


@dataclass(frozen=True)
class Window:
    """Moments that can be reached from a base on; `missing` is the segment whose absence ends it, "" for none."""

    base: Base
    since: dt.datetime
    until: dt.datetime
    segments: tuple[Segment, ...]
    missing: str = ""


@dataclass(frozen=True)
class Archive:
    """The archive of one database."""

    folder: Path

    @property
    def wal(self) -> Path:
        """Where segments lie."""
        return self.folder / "wal"

    @property
    def files(self) -> Path:
        """Where uploads since the first base lie."""
        return self.folder / "files"

    def state(self) -> dict[str, Any]:
        """What the archiver has noted: until, at, error, waiting; {} before its first time."""
        return noted(self.folder / STATE)

    def marks(self) -> dict[str, dict[str, Any]]:
        """Moments that somebody has named: at, lsn, timeline."""
        return noted(self.folder / MARKS)

    def drilled(self) -> dict[str, Any]:
        """What the last drill found."""
        return noted(self.folder / DRILLED)

    def bases(self) -> list[Base]:
        """The finished base backups, the newest first."""
        bases = []
        for place in sorted(self.folder.glob("base-*"), reverse=True):
            if NAMED.fullmatch(place.name):
                bases += _read(place)
        return bases

    def segments(self) -> list[Segment]:
        """What there is of the log, in order; of one that grows (partial) the newest, and none where it is whole."""
        found: dict[str, Segment] = {}
        for place in sorted(self.wal.glob("*")) if self.wal.is_dir() else ():
            if match := SEGMENT.fullmatch(place.name):
                name, partial, until, plain, packed, _age = match.groups()
                segment = Segment(place, name, bool(partial), moment(until), plain, packed)
                before = found.get(name)
                if before is None or (before.is_partial, segment.until) >= (segment.is_partial, before.until):
                    found[name] = segment
        return [found[name] for name in sorted(found)]

    def added(self) -> list[tuple[dt.datetime, Path]]:
        """Uploads that were added, by when they were looked for, the oldest first."""
        places = sorted(self.files.glob("*")) if self.files.is_dir() else []
        return [(moment(match[1]), place) for place in places if (match := ADDED.fullmatch(place.name))]

    def windows(self) -> list[Window]:
        """For each base, the newest first, what can be reached from it."""
        segments, state = self.segments(), self.state()
        return [window for base in self.bases() if (window := _window(base, segments, state))]


def moment(text: str) -> dt.datetime:
    """The time that a name says."""
    return dt.datetime.strptime(text, STAMP).replace(tzinfo=dt.UTC)


def name_of(timeline: int, position: int) -> str:
    """The name that PostgreSQL gives to a segment."""
    return f"{timeline:08X}{position // PER_ID:08X}{position % PER_ID:08X}"


def place_of(lsn: str) -> int:
    """A place in the log, in bytes, from "16/B374D848". Raises ValueError."""
    high, _slash, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def holding(place: int) -> int:
    """The segment that holds the last byte before a place."""
    return max(place - 1, 0) // SEGMENT_BYTES


def archives(folder: Path) -> list[Archive]:
    """The archives below a folder of backups, or the one that a folder is."""
    if (folder / "wal").is_dir():
        return [Archive(folder)]
    top = folder if folder.name == FOLDER else folder / FOLDER
    return [Archive(place) for place in sorted(top.glob("*")) if (place / "wal").is_dir()]


def newest(folder: Path) -> Archive | None:
    """The archive that was last written to."""
    there = archives(folder)
    return max(there, key=lambda a: str(a.state().get("at", "")), default=None)


def unopened(folder: Path) -> dict[str, Any]:
    """What an archiver has noted that could not even begin: at, error; {} where none did."""
    return noted(folder / FOLDER / STATE)


def spans(windows: Iterable[Window]) -> list[tuple[dt.datetime, dt.datetime, str]]:
    """From when until when any moment can be reached, the newest first; and which missing segment ends it."""
    merged: list[tuple[dt.datetime, dt.datetime, str]] = []
    for window in sorted(windows, key=lambda w: w.since):
        if merged and window.since <= merged[-1][1]:
            since, until, missing = merged[-1]
            merged[-1] = (since, max(until, window.until), window.missing if window.until >= until else missing)
        else:
            merged.append((window.since, window.until, window.missing))
    return merged[::-1]


def _window(base: Base, segments: list[Segment], state: Mapping[str, Any]) -> Window | None:
    """The unbroken run of segments from a base's beginning; None where it does not even reach its end."""
    mine = {s.position: s for s in segments if s.timeline == base.timeline}
    at, run = base.start // SEGMENT_BYTES, []
    while (segment := mine.get(at)) is not None:
        run.append(segment)
        at += 1
        if segment.is_partial:
            break
    if not run or run[-1].position < holding(base.stop):
        return None
    until, last = run[-1].until, run[-1]
    if state.get("stamp") == last.until.strftime(STAMP) and state.get("segment") == last.name:
        until = max(until, _time(state.get("until")) or until)  # since then nothing was committed
    if until < base.made_at:
        return None
    goes_on = any(position > last.position for position in mine)
    missing = last.name if last.is_partial else name_of(base.timeline, at)
    return Window(base, base.made_at, until, tuple(run), missing if goes_on else "")


def _time(text: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _read(place: Path) -> list[Base]:
    try:
        known = json.loads((place / BASE).read_text("utf-8"))
        known |= {name: dt.datetime.fromisoformat(known[name]) for name in ("began_at", "made_at")}
        known["pieces"] = {Path(name).name: Piece(**piece) for name, piece in known["pieces"].items()}
        return [Base(place=place, **known)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def require(folder: Path) -> list[Archive]:
    """The archives of a folder. Raises BackupError where there is none."""
    there = archives(folder)
    if not there:
        raise BackupError(
            _(
                "There is no archive of the log in %(folder)s. One is kept from the moment on at which Zhike is "
                "started with ZHIKE_PITR_DAYS."
            )
            % {"folder": folder}
        )
    return there
