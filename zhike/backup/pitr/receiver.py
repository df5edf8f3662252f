"""The log as it is written, over the wire into a folder of our own: PostgreSQL's pg_receivewal and its slot.

The slot makes the server keep what was not received yet, as far as `max_slot_wal_keep_size` allows: an archive that
cannot be written never fills the disk of the database. Where more is missing, the slot is lost and the chain begins
anew with another base backup.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from gettext import gettext as _
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from zhike.backup.model import BackupError
from zhike.backup.programs import address, environment, program

SLOT = "zhike_archive"
# How it says what it has: once a second. (--synchronous says it at once, for a second fsync of each commit: that is
# for tests. Nothing depends on this folder after a power cut, the server still has what was not packed.)
TELLS = ["--status-interval=1"]
PAUSE = 2.0  # seconds until a receiver that has ended is started again


class Receiver:
    """pg_receivewal at work; `spool` is the folder that it writes into."""

    def __init__(self, url: str, spool: Path) -> None:
        self._url = url
        self.spool = spool
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def keep(self, connection: psycopg.Connection[Any]) -> bool:
        """Make sure that slot and program are there; whether the chain begins anew here."""
        is_new = not reserved(connection)
        if is_new:
            self.stop()
            drop(connection)
            shutil.rmtree(self.spool, ignore_errors=True)
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        if self._process is None or self._process.poll() is not None:
            self._start(connection)
        return is_new

    def _start(self, connection: psycopg.Connection[Any]) -> None:
        if time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + PAUSE
        _release(connection)  # one whose archiver was killed: two of them would write into one folder
        major = connection.info.server_version // 10_000
        self.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = [f"--directory={self.spool}", f"--slot={SLOT}", "--no-loop", *TELLS]
        (where,) = address(make_conninfo(self._url, application_name=SLOT))
        self._process = subprocess.Popen(
            [str(program("pg_receivewal", major)), *options, where],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment(self._url),
        )  # fmt: skip

    def wait(self, connection: psycopg.Connection[Any], lsn: str, patience: float) -> None:
        """Wait until everything before `lsn` is in the spool. Raises BackupError."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            row = connection.execute(
                "SELECT write_lsn >= %s::pg_lsn FROM pg_stat_replication WHERE application_name = %s", [lsn, SLOT]
            ).fetchone()
            if row and row[0]:
                return
            self.keep(connection)
            time.sleep(0.1)
        raise BackupError(_("The server's log was not received within %(count)d seconds.") % {"count": patience})

    def stop(self) -> None:
        """End the program; what it has received stays."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None


def reserved(connection: psycopg.Connection[Any]) -> bool:
    """Whether there is a slot, and the server has kept everything for it."""
    row = connection.execute(
        "SELECT wal_status <> 'lost' AND restart_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
    ).fetchone()
    return bool(row and row[0])


def drop(connection: psycopg.Connection[Any]) -> None:
    """Let the server forget what was not received: where nobody archives, the slot would keep its log for ever."""
    _release(connection)
    connection.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
    )


def forget(url: str) -> None:
    """For a server whose log nobody archives any more; `url` signs in as a superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        drop(connection)


def _release(connection: psycopg.Connection[Any]) -> None:
    """End whoever uses the slot; a receiver that loses its connection ends too."""
    for _n in range(50):
        busy = connection.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active", [SLOT]
        ).fetchone()
        if not busy:
            return
        time.sleep(0.1)
