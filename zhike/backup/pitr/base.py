"""A base backup: a copy of the whole cluster while people work, and of what was uploaded; and which ones are kept."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from gettext import gettext as _
from pathlib import Path

import psycopg

from zhike import __version__
from zhike.backup.make import beside, tar_of, uploads_of
from zhike.backup.model import PART, BackupError, settle, write_whole
from zhike.backup.piped import Piped
from zhike.backup.programs import address, environment, program

from .archive import BASE, SEGMENT_BYTES, STAMP, Archive, Base, place_of
from .packing import DIGITS

# Around what the copy itself needs: from before its first checkpoint until after its end.
HERE = "SELECT lsn::text, pg_walfile_name(lsn), clock_timestamp() FROM pg_current_wal_insert_lsn() AS lsn"
GROWING = "incoming"  # where halves of uploads lie (engine/uploads.py)
SLACK = dt.timedelta(seconds=2)  # between the clock of the machine and that of the disk


def take(archive: Archive, url: str, home: Path, recipient: str) -> Base:
    """A new base backup; `url` signs in as a superuser. It is whole or not there. Raises BackupError."""
    began = dt.datetime.now(dt.UTC)
    place = archive.folder / f"base-{began:%Y%m%dT%H%M%SZ}"
    part = place.with_name(place.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    end = f"tar.zst{'.age' if recipient else ''}"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            major = connection.info.server_version // 10_000
            start, name, _at = connection.execute(HERE).fetchone() or ("", "", began)
            options = ["--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast"]
            command = [str(program("pg_basebackup", major)), *options, "--no-estimate-size", *address(url)]
            with Piped(command, environment(url), part / f"cluster.{end}", recipient) as copy:
                pieces = {f"cluster.{end}": copy.done()}
            stop, _name, made_at = connection.execute(HERE).fetchone() or ("", "", began)
        pieces[f"files.{end}"], uploads = uploads_of(home, part / f"files.{end}", recipient, None)
        base = Base(
            place=place, began_at=began, made_at=made_at.astimezone(dt.UTC), zhike=__version__, postgres=major,
            recipient=recipient, timeline=int(name[:8], 16), start=place_of(start),
            stop=place_of(stop), pieces=pieces, uploads=uploads,
        )  # fmt: skip
        write_whole(part / BASE, json.dumps(base.manifest(), indent=1))
        part.rename(place)
        settle(archive.folder)
    except (OSError, ValueError, psycopg.Error) as error:
        raise BackupError(
            _("The base backup could not be made: %(reason)s. Nothing of it was kept.") % {"reason": str(error).strip()}
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return base


def sweep(archive: Archive) -> None:
    """What base backups that were killed have left."""
    for left in archive.folder.glob(f"base-*{PART}"):
        shutil.rmtree(left, ignore_errors=True)


def add_uploads(archive: Archive, home: Path, since: dt.datetime, now: dt.datetime, recipient: str) -> int:
    """Put what was uploaded since then into the archive; how many files. Uploads are never changed.

    The list of the erased is among it: whoever goes back behind an erasure must be able to erase again.
    """
    begin = (since - SLACK).timestamp()
    files = [p for p in [*beside(home, recipient), *_new(home / "files", begin)] if _is_new(p, begin)]
    if not files:
        return 0
    part = archive.files / f"added{PART}"
    part.unlink(missing_ok=True)
    piece, count = tar_of(home, files, part, recipient)
    stamp = now.astimezone(dt.UTC).strftime(STAMP)
    part.rename(archive.files / f"{stamp}-{piece.sha256[:DIGITS]}.tar.zst{'.age' if recipient else ''}")
    settle(archive.files)
    return count


def _new(folder: Path, begin: float) -> Iterable[Path]:
    """Files of folders to which something was added: the others are not gone through."""
    for place in (p for p in [folder, *folder.rglob("*/")] if GROWING not in p.relative_to(folder).parts):
        with suppress(FileNotFoundError):
            if place.stat().st_mtime >= begin:
                yield from place.iterdir()


def _is_new(file: Path, begin: float) -> bool:
    try:
        return file.is_file() and file.stat().st_ctime >= begin
    except FileNotFoundError:
        return False


def prune(archive: Archive, days: int, now: dt.datetime) -> list[Base]:
    """Remove what no moment of the last days needs: older base backups, and the log and uploads before the oldest kept.

    The newest base from which something can be reached always stays. Gives the base backups that were removed.
    """
    edge = now - dt.timedelta(days=days)
    good = [w.base for w in archive.windows()]
    first = next((base for base in good if base.made_at <= edge), good[-1] if good else None)
    if first is None:
        return []
    gone = [base for base in archive.bases() if base.made_at < first.made_at]
    for base in reversed(gone):
        part = base.place.with_name(base.place.name + PART)  # half of a removed one is never taken for a whole one
        base.place.rename(part)
        shutil.rmtree(part)
    oldest: dict[int, int] = {}  # of each timeline, the first segment that is needed
    for base in archive.bases():
        oldest[base.timeline] = min(base.start // SEGMENT_BYTES, oldest.get(base.timeline, base.start))
    for segment in archive.segments():
        needed = oldest.get(segment.timeline)
        if segment.timeline < min(oldest) or (needed is not None and segment.position < needed):
            segment.place.unlink(missing_ok=True)
    for stamp, place in archive.added():
        if stamp < first.began_at - SLACK:
            place.unlink(missing_ok=True)
    return gone
