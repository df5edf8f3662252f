"""One segment of the log on its way into the archive and out of it."""

from __future__ import annotations

import datetime as dt
import hashlib
from gettext import gettext as _
from pathlib import Path

from zhike.backup import streams
from zhike.backup.model import PART, BackupError, settle

from .archive import SEGMENT, STAMP, Archive, Segment

DIGITS = 32  # of a SHA-256 that a name has: 128 bits


def pack(archive: Archive, source: Path, name: str, until: dt.datetime, recipient: str, *, partial: bool) -> str:
    """Put a segment into the archive, on the disk when this returns; the stamp in its name.

    One that lies there already with the same content is left as it is. Raises BackupError where another content has
    its name: then another database writes into this archive.
    """
    data = source.read_bytes()
    plain = hashlib.sha256(data).hexdigest()[:DIGITS]
    there = [(p, m) for p in archive.wal.glob(f"{name}*") if (m := SEGMENT.fullmatch(p.name))]
    whole = [m for _p, m in there if not m[2]]
    if any(m[4] != plain for m in whole):
        raise BackupError(
            _(
                "%(segment)s lies in %(folder)s with another content: another database writes there. "
                "Name another folder in ZHIKE_BACKUPS, and start Zhike again."
            )
            % {"segment": name, "folder": archive.wal}
        )
    stamp, made = until.astimezone(dt.UTC).strftime(STAMP), None
    if whole:
        stamp = str(whole[0][3])
    else:
        made = _write(archive, source, name + (".partial" if partial else ""), f"{stamp}-{plain}", recipient)
    for place, match in there:  # what it replaces: the shorter ones
        if match[2] and place != made:
            place.unlink(missing_ok=True)
    return stamp


def _write(archive: Archive, source: Path, name: str, middle: str, recipient: str) -> Path:
    part = archive.wal / f"{name}{PART}"
    part.unlink(missing_ok=True)
    with source.open("rb") as file:
        piece = streams.store(file, part, recipient)
    place = archive.wal / f"{name}-{middle}-{piece.sha256[:DIGITS]}.zst{'.age' if recipient else ''}"
    part.rename(place)
    settle(archive.wal)
    return place


def unpack(segment: Segment, place: Path, identity: str) -> None:
    """Write a segment as the server knows it. Raises BackupError where it is not as it was."""
    segment = _now(segment)
    digest = hashlib.sha256()
    key = identity if segment.place.suffix == ".age" else ""
    with streams.opened(segment.place, key) as source, place.open("xb") as file:
        while block := source.read(streams.BLOCK):
            digest.update(block)
            file.write(block)
    if digest.hexdigest()[:DIGITS] != segment.plain:
        raise damaged(segment)


def verify(segment: Segment) -> None:
    """Make sure that a segment's file is as it was written. Raises BackupError."""
    segment = _now(segment)
    try:
        with segment.place.open("rb") as file:
            is_whole = hashlib.file_digest(file, "sha256").hexdigest().startswith(segment.packed)
    except OSError:
        is_whole = False
    if not is_whole:
        raise damaged(segment)


def _now(segment: Segment) -> Segment:
    """The same segment as it lies there now: while one reads, the archiver may have put a longer one in its place."""
    if segment.place.exists():
        return segment
    there = (s for s in Archive(segment.place.parent.parent).segments() if s.name == segment.name)
    return next(there, segment)


def damaged(segment: Segment) -> BackupError:
    """What to say of a segment that is not as it was written."""
    return BackupError(
        _("The segment %(segment)s of the log is damaged (%(file)s). Choose a moment before it, or of a later base.")
        % {"segment": segment.name, "file": segment.place}
    )


def sweep(archive: Archive) -> None:
    """What packers that were killed have left."""
    for folder in (archive.wal, archive.files):
        for left in folder.glob(f"*{PART}"):
            left.unlink(missing_ok=True)


def waiting(spool: Path) -> tuple[list[Path], Path | None]:
    """What was received: whole segments in order, and the one that grows."""
    names = sorted(place.name for place in spool.iterdir()) if spool.is_dir() else []
    grows = [spool / name for name in names if name.endswith(".partial")]
    return [spool / name for name in names if len(name) == 24], grows[-1] if grows else None
