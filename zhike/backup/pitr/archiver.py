"""The process that archives: packs the log, copies uploads, takes base backups, removes what is too old."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import Any

import psycopg

from zhike.backup import nightly, streams
from zhike.backup.model import BackupError, write_whole
from zhike.launch.locks import Lock

from . import base, packing
from .archive import FOLDER, STAMP, STATE, Archive, Base, holding, moment, name_of, place_of
from .receiver import Receiver

TICK = 0.5  # seconds between looks for whole segments
PATIENCE = 30.0  # seconds for the log to arrive
MOST_WAITING = 64  # whole segments (1 GB) that lie here unpacked before receiving pauses: the server then keeps them
AGAIN = dt.timedelta(minutes=10)  # after a base backup that failed
BEFORE = dt.timedelta(milliseconds=100)  # a commit's time is taken a moment before it is in the log
BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Wish:
    """What is asked for: days that can be reached, the public key or "", hour of the base backup, seconds of loss."""

    days: int
    recipient: str = ""
    hour: int = 2
    every: float = 60.0


class Archiver:
    """Archives the cluster that `url` (a superuser's) signs in to, into `folder`/pitr."""

    def __init__(self, url: str, home: Path, folder: Path, wish: Wish) -> None:
        self._url, self._home, self._folder, self._wish = url, home, folder, wish
        self._recipient = str(streams.recipient_of(wish.recipient)) if wish.recipient else ""
        self._receiver = Receiver(url, home / "wal")
        self._archive: Archive | None = None
        self._lock: Lock | None = None
        self._said: dict[str, Any] = {}
        self._seen = ""
        self._covered = BEGINNING
        self._next = 0.0
        self._is_new = False
        self._worker: threading.Thread | None = None
        self._base_error = ""
        self._not_before = BEGINNING

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. What goes wrong is noted for the health page, and tried again."""
        try:
            while not stop.is_set():
                try:
                    with psycopg.connect(self._url, autocommit=True, connect_timeout=10) as connection:
                        self._open(connection)
                        while not stop.wait(TICK):
                            self.step(connection)
                        self.step(connection, cover=True)
                except (BackupError, OSError, psycopg.Error) as error:
                    self._note(error=str(error).strip())
                    stop.wait(4 * TICK)
        finally:
            self._receiver.stop()

    def _open(self, connection: psycopg.Connection[Any]) -> None:
        """Find the archive of this database, and what was done before. Raises BackupError where another has it."""
        if self._archive is not None:
            return
        row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        archive = Archive(self._folder / FOLDER / str((row or (0,))[0]))
        for place in (archive.folder, archive.wal, archive.files):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(archive.folder / "archiver.lock")
        if not lock.try_take():
            raise BackupError(_("Another Zhike archives into %(folder)s.") % {"folder": archive.folder})
        self._lock, self._archive = lock, archive
        packing.sweep(archive)
        base.sweep(archive)
        before = archive.state()
        self._said = before
        (self._folder / FOLDER / STATE).unlink(missing_ok=True)
        with suppress(KeyError, ValueError, TypeError):
            self._covered = moment(before["stamp"])

    def step(self, connection: psycopg.Connection[Any], *, cover: bool = False) -> None:
        """Pack what is whole; where it is time (or asked for), also everything else until now."""
        archive = self._require()
        whole, _grows = packing.waiting(self._receiver.spool)
        if len(whole) < MOST_WAITING:
            self._is_new |= self._receiver.keep(connection)
        else:
            self._receiver.stop()
        for place in whole:
            packing.pack(archive, place, place.name, self._covered, self._recipient, partial=False)
            place.unlink()
        if cover or time.monotonic() >= self._next:
            self._cover(connection, archive)
            self._next = time.monotonic() + self._wish.every
            self._tend(archive)

    def _require(self) -> Archive:
        if self._archive is None:
            raise AssertionError
        return self._archive

    def _cover(self, connection: psycopg.Connection[Any], archive: Archive) -> None:
        """Bring everything that was committed until now into the archive, and note the time."""
        now, seen, segment = self._look(connection)
        if seen != self._seen or segment != self._said.get("segment"):
            # Commits at once, so that all before it is on the server's disk.
            connection.execute("SELECT pg_logical_emit_message(true, 'zhike', '')")
            row = connection.execute("SELECT lsn::text, pg_walfile_name(lsn) FROM pg_current_wal_flush_lsn() AS lsn")
            lsn, name = row.fetchone() or ("0/0", "0" * 24)
            self._receiver.wait(connection, lsn, PATIENCE)
            segment = name_of(int(name[:8], 16), holding(place_of(lsn)))
            stamp = self._pack_until(archive, segment, now)
            self._said |= {"lsn": lsn, "segment": segment, "stamp": stamp}
            _now, self._seen, _segment = self._look(connection)
        since = self._said.get("uploads")
        base.add_uploads(
            archive, self._home, dt.datetime.fromisoformat(since) if since else BEGINNING, now, self._recipient
        )
        waiting = connection.execute(
            "SELECT coalesce(sum(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint"
            " FROM pg_replication_slots WHERE slot_name = 'zhike_archive'"
        ).fetchone()
        said = {"until": now.isoformat(), "uploads": now.isoformat(), "waiting": (waiting or (0,))[0]}
        self._note(error=self._base_error, **said)

    def _look(self, connection: psycopg.Connection[Any]) -> tuple[dt.datetime, str, str]:
        """The time, what is committed, and the segment that was last noted: equal ones say that nothing was since."""
        row = connection.execute("SELECT clock_timestamp(), pg_current_snapshot()::text").fetchone()
        now, seen = row or (BEGINNING, "")
        return now.astimezone(dt.UTC) - BEFORE, str(seen), str(self._said.get("segment", ""))

    def _pack_until(self, archive: Archive, last: str, now: dt.datetime) -> str:
        """Pack everything that was received; `last` is the segment with the newest commit. Gives the stamp it has."""
        whole, grows = packing.waiting(self._receiver.spool)
        stamp = ""
        for place in whole:
            until = now if place.name >= last else self._covered
            stamp = packing.pack(archive, place, place.name, until, self._recipient, partial=False)
            place.unlink()
        if grows and grows.name[:24] == last:
            try:
                stamp = packing.pack(archive, grows, last, now, self._recipient, partial=True)
            except FileNotFoundError:  # it has just become whole
                place = grows.with_suffix("")
                stamp = packing.pack(archive, place, last, now, self._recipient, partial=False)
        packed = (s.until.strftime(STAMP) for s in archive.segments() if s.name == last and not s.is_partial)
        stamp = stamp or next(packed, "")
        if not stamp:
            raise BackupError(_("The segment %(segment)s of the log was not received.") % {"segment": last})
        self._covered = now
        return stamp

    def _tend(self, archive: Archive) -> None:
        """Begin a base backup where one is due, beside the packing; remove what is too old."""
        if self._worker is not None:
            if self._worker.is_alive():
                return
            self._worker.join()
            self._worker = None
            self._seen, self._next = "", 0.0  # its end must be in the archive before it counts
            return
        if not self._base_error:
            base.prune(archive, self._wish.days, dt.datetime.now(dt.UTC))
        now = dt.datetime.now().astimezone()
        if now >= self._not_before and self._is_due(archive, now):
            self._is_new = False
            self._worker = threading.Thread(target=self._take, args=(archive,), daemon=True)
            self._worker.start()

    def _is_due(self, archive: Archive, now: dt.datetime) -> bool:
        bases = archive.bases()
        if self._is_new or nightly.is_due(bases[0].made_at if bases else None, now, self._wish.hour):
            return True
        reached = archive.windows()[:1]  # a chain that was broken goes on from a new base alone
        return not reached or reached[0].base != bases[0] or bool(reached[0].missing)

    def _take(self, archive: Archive) -> Base | None:
        try:
            made = base.take(archive, self._url, self._home, self._recipient)
        except BackupError as error:
            self._base_error = str(error)
            self._not_before = dt.datetime.now(dt.UTC) + AGAIN
            return None
        self._base_error = ""
        return made

    def _note(self, *, error: str, **more: object) -> None:
        """Keep how far the archive reaches where the health page and whoever goes back look for it."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        failed_since = (self._said.get("failed_since") or now) if error else ""
        self._said |= {"at": now, "error": error, "failed_since": failed_since, "every": self._wish.every, **more}
        folder = self._archive.folder if self._archive else self._folder / FOLDER
        with suppress(OSError):  # a place that cannot be written to is seen by how old its note is
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(folder / STATE, json.dumps(self._said, ensure_ascii=False))
