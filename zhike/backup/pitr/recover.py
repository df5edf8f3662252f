"""Bringing an installation back to a second: a base backup, and the log until then, replayed beside its place."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from gettext import gettext as _
from pathlib import Path

import psycopg

from zhike.backup import streams
from zhike.backup.model import BackupError, Told
from zhike.launch import processes
from zhike.launch.cluster import Cluster
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import SUPERUSER
from zhike.launch.tuning import settings

from . import packing
from .archive import Archive, Base, Window, require, spans

SHORT = "recovery ended before configured recovery target was reached"
PATIENCE = 24 * 3600.0  # seconds that replaying may take
RECOVERY = {
    # Copies, because the server asks for some of them twice. It works in its data folder.
    "restore_command": 'cp "../wal/%f" "%p"',
    "recovery_target_action": "promote",
    "recovery_target_timeline": "current",
    "hot_standby": "off",
}


@dataclass(frozen=True)
class Target:
    """Where to: a moment, everything committed until then included, or a mark that was set by name."""

    at: dt.datetime | None = None
    mark: str = ""

    def __str__(self) -> str:
        return self.mark or (self.at.isoformat(" ") if self.at else "")


@dataclass(frozen=True)
class Plan:
    """How to get there."""

    archive: Archive
    window: Window
    at: dt.datetime
    mark: str = ""

    @property
    def base(self) -> Base:
        """The base backup that it begins with."""
        return self.window.base


def plan(folder: Path, target: Target) -> Plan:
    """How to reach a moment. Raises BackupError that says why it cannot be: outside, or what is missing."""
    there = require(folder)
    found = []
    for archive in there:
        at = _moment(archive, target)
        if at is not None:
            found += [Plan(archive, w, at, target.mark) for w in archive.windows() if w.since <= at <= w.until]
    if len({p.archive.folder for p in found}) > 1:
        raise BackupError(
            _("More than one database has been archived here at that time. Name one of these folders: %(folders)s")
            % {"folders": ", ".join(sorted({str(p.archive.folder) for p in found}))}
        )
    if found:
        best = max(found, key=lambda p: (p.base.timeline, p.base.made_at))
        after = next(n for n, s in enumerate([*best.window.segments, None], 1) if s is None or s.until >= best.at)
        return replace(best, window=replace(best.window, segments=best.window.segments[:after]))
    raise _outside(there, target)


def _moment(archive: Archive, target: Target) -> dt.datetime | None:
    if not target.mark:
        return target.at
    known = archive.marks().get(target.mark)
    return dt.datetime.fromisoformat(str(known["at"])) if known else None


def _outside(there: list[Archive], target: Target) -> BackupError:
    """Why a moment cannot be reached, in words, and which can."""
    windows = [w for archive in there for w in archive.windows()]
    zone = target.at.tzinfo if target.at else dt.UTC
    reach = "; ".join(
        f"{since.astimezone(zone):%Y-%m-%d %H:%M:%S} – {until.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        for since, until, _missing in spans(windows)
    )
    at = next((at for archive in there if (at := _moment(archive, target))), None)
    if at is None:
        marks = ", ".join(sorted(name for archive in there for name in archive.marks()))
        return BackupError(
            _("Nobody has set the mark “%(mark)s”. There are: %(marks)s")
            % {"mark": target.mark, "marks": marks or _("none")}
        )
    gap = next((w for w in windows if w.missing and w.until < at), None)
    if gap is not None:
        return BackupError(
            _(
                "%(at)s cannot be reached: the segment %(segment)s of the log is missing or not whole. "
                "What can be reached: %(reach)s"
            )
            % {"at": at.isoformat(" "), "segment": gap.missing, "reach": reach}
        )
    return BackupError(
        _("%(at)s lies outside of what can be reached: %(reach)s")
        % {"at": at.isoformat(" "), "reach": reach or _("nothing yet: no base backup is whole")}
    )


def check(chosen: Plan, identity: str, told: Told | None) -> str:
    """Make sure of the key and of all files that are needed; the key. Raises BackupError."""
    base = chosen.base
    needed = bool(base.recipient) or any(s.place.suffix == ".age" for s in chosen.window.segments)
    if needed and not identity:
        raise BackupError(
            _("This backup is encrypted for %(recipient)s. Name the file with the secret key: --key FILE.")
            % {"recipient": base.recipient or "age1…"}
        )
    if base.recipient and streams.public_of(identity) != base.recipient:
        raise BackupError(
            _("This is another key: the backup is encrypted for %(recipient)s.") % {"recipient": base.recipient}
        )
    for name, piece in base.pieces.items():
        if not streams.check(base.place / name, piece):
            raise BackupError(
                _("%(file)s is missing or is not as it was written. Take another backup.") % {"file": base.place / name}
            )
    for n, segment in enumerate(chosen.window.segments, 1):
        packing.verify(segment)
        if told:
            told(n, len(chosen.window.segments), _("checking"))
    return identity if needed else ""


def fill(stage: Path, log: Path, chosen: Plan, identity: str, told: Told | None) -> Cluster:
    """A stopped cluster in `stage`/data as the database was at that moment. Raises BackupError.

    `stage` is made anew: what was there is removed. It must lie where the server's account can get.
    """
    if (stage / "data").exists():
        Cluster(stage, log, {}).stop()  # the server of one that was killed
        processes.end_orphans(stage / "data")
    shutil.rmtree(stage, ignore_errors=True)
    for place in (stage, stage / "data", stage / "wal"):
        place.mkdir(mode=0o711 if place == stage else 0o700)
    cluster = Cluster(stage, log, {**settings(), **RECOVERY, **_until(chosen)}, patience=PATIENCE)
    account = cluster.account
    _unpack(chosen.base.piece("cluster"), stage / "data", _key(chosen.base.piece("cluster"), identity))
    for n, segment in enumerate(chosen.window.segments, 1):
        packing.unpack(segment, stage / "wal" / segment.name, identity)
        if told:
            told(n, len(chosen.window.segments), _("log"))
    (stage / "data" / "recovery.signal").touch(0o600)
    for place in (stage / "data", stage / "wal"):
        for one in (place, *place.rglob("*")):
            one.chmod(0o700 if one.is_dir() else 0o600)
            if account.drop:
                os.chown(one, account.uid, account.gid)
    _replay(cluster, chosen, told)
    shutil.rmtree(stage / "wal")
    return cluster


def _key(place: Path, identity: str) -> str:
    return identity if place.suffix == ".age" else ""


def _until(chosen: Plan) -> dict[str, str]:
    if chosen.mark:
        return {"recovery_target_name": chosen.mark}
    return {"recovery_target_time": chosen.at.astimezone(dt.UTC).isoformat(" ")}


def _replay(cluster: Cluster, chosen: Plan, told: Told | None) -> None:
    if told:
        told(0, 1, _("database"))
    try:
        try:
            cluster.start()
        except LaunchError as error:
            # Nothing was committed between that moment and the end of what is archived: all of it is wanted.
            if SHORT not in str(error) or chosen.mark:
                raise
            cluster.settings = {**settings(), **RECOVERY}
            cluster.start()
        with psycopg.connect(cluster.url(role=SUPERUSER, database="postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
    except (LaunchError, psycopg.Error) as error:
        raise BackupError(_("The log could not be replayed: %(reason)s") % {"reason": str(error).strip()}) from error
    finally:
        cluster.stop()
    if told:
        told(1, 1, _("database"))


def _unpack(piece: Path, place: Path, identity: str) -> None:
    with streams.opened(piece, identity) as source, tarfile.open(fileobj=source, mode="r|") as tar:
        tar.extractall(place, filter="data")


def unpack_uploads(chosen: Plan, fresh: Path, identity: str) -> None:
    """All uploads that the moment may know, and whoever was erased since, in a new folder."""
    fresh.mkdir(mode=0o700)
    for piece in uploads(chosen):
        _unpack(piece, fresh, _key(piece, identity))


def uploads(chosen: Plan) -> Iterable[Path]:
    """The files that hold them, the later ones last: those after the moment too, for the list of the erased."""
    since = chosen.base.began_at
    return [chosen.base.piece("files"), *(place for stamp, place in chosen.archive.added() if stamp >= since)]
