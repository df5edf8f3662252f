"""One PostgreSQL cluster of ours: made, started after whatever happened to it, and stopped."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from gettext import gettext as _
from pathlib import Path
from urllib.parse import quote

from zhike.launch import binaries, processes
from zhike.launch.account import Account, account_for
from zhike.launch.binaries import Binaries
from zhike.launch.errors import LaunchError
from zhike.launch.paths import adopt

START_SECONDS = 60.0
RECOVERY_SECONDS = 900.0
STOP_SECONDS = 30.0
# A socket's whole path may have 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_FOLDER = 80
CHARACTER_TYPES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "C")
# What PostgreSQL says while the remains of a crashed server are still leaving.
STILL_LEAVING = ("lock file", "is still in use", "already in use", "Address already in use")


@dataclass
class Cluster:
    """A cluster in `base`/data with its log file, server settings and programs."""

    base: Path
    log: Path
    settings: Mapping[str, str]
    durable: bool = True
    patience: float = RECOVERY_SECONDS  # seconds that a start may take
    _server: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _account: Account | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The data folder, as PostgreSQL names it."""
        return self.base / "data"

    @property
    def account(self) -> Account:
        """The account that the server runs as."""
        if self._account is None:
            self._account = account_for(self.data)
        return self._account

    def url(self, *, role: str, database: str) -> str:
        """The address of a database of the running server."""
        return f"postgres://{role}@/{database}?host={quote(str(self._socket_folder()), safe='')}"

    def running(self) -> bool:
        """True when the server of this cluster is up and takes connections."""
        if self._server is not None:
            self._server.poll()  # buries it if it has died: a zombie would pass for a live server
        lines = processes.pid_file(self.data)
        return (
            len(lines) >= 8
            and lines[7].strip() == "ready"
            and processes.recorded(self.data) in processes.of_cluster(self.data)
        )

    def start(self) -> None:
        """Makes the cluster if there is none, and brings its server up, however the last one ended.

        Raises LaunchError with the server's own words when it does not come up within a minute.
        """
        if self.running():
            return
        programs = self._programs()
        if not self.data.exists():
            self._make(programs)
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._sweep()
            said = self._try_start(programs)
            if said is None:
                return
            if time.monotonic() > deadline or not any(text in said for text in STILL_LEAVING):
                raise LaunchError(self._refusal(said))
            time.sleep(0.3)

    def stop(self) -> None:
        """Ends the server: open transactions are rolled back, everything committed is on disk."""
        pid = processes.recorded(self.data)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if pid is None or pid not in processes.of_cluster(self.data):
                break
            processes.send(pid, number)
            self._wait_for_end(pid)
        shutil.rmtree(self._socket_folder(), ignore_errors=True)

    def _wait_for_end(self, pid: int) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and pid in processes.of_cluster(self.data):
            if self._server is not None:
                self._server.poll()
            time.sleep(0.02)

    def remove(self) -> None:
        """Deletes a stopped cluster with everything in it."""
        shutil.rmtree(self.base, ignore_errors=True)

    def _programs(self) -> Binaries:
        version = self.data / "PG_VERSION"
        try:
            major = int(version.read_text("ascii")) if self.data.exists() else None
        except (OSError, ValueError) as error:
            raise LaunchError(
                _("The database folder %(data)s is damaged: its file PG_VERSION cannot be read (%(reason)s).")
                % {"data": self.data, "reason": error}
            ) from error
        return binaries.readable(binaries.choose(major), self.account, self.base)

    def _make(self, programs: Binaries) -> None:
        """Makes the cluster beside its place and moves it there whole, so that no half-made one stays."""
        part = self.base / "data.part"
        for locale in CHARACTER_TYPES:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            if self.account.drop:
                os.chown(part, self.account.uid, self.account.gid)
            result = self.account.run(programs.folder / "initdb", "-D", part, *self._initdb_options(programs, locale))
            if result.returncode == 0:
                part.rename(self.data)
                return
            if "locale" not in result.stderr:
                break
        shutil.rmtree(part, ignore_errors=True)
        raise LaunchError(
            _("PostgreSQL could not make a database in %(data)s: %(reason)s")
            % {"data": self.data, "reason": result.stderr.strip()}
        )

    def _initdb_options(self, programs: Binaries, locale: str) -> list[str]:
        """Text is UTF-8, sorted by code point; characters are classed by Unicode, in every version alike."""
        options = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--data-checksums",
            "--no-instructions",
        ]
        options += ["--lc-collate=C", f"--lc-ctype={locale}", "--lc-messages=C", "--lc-monetary=C"]
        options += ["--lc-numeric=C", "--lc-time=C", "--text-search-config=simple"]
        if programs.major >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            options += ["--locale-provider=libc"]
        return options if self.durable else [*options, "--no-sync"]

    def _sweep(self) -> None:
        """Clears what a killed server left behind, after making sure that nothing of it lives."""
        pid = processes.recorded(self.data)
        if pid is not None and pid in processes.of_cluster(self.data):
            return
        if not processes.end_orphans(self.data):
            raise LaunchError(
                _(
                    "Processes of an earlier database server still work in %(data)s: %(pids)s. "
                    "End them, then start again."
                )
                % {"data": self.data, "pids": processes.of_cluster(self.data)}
            )
        if processes.PROC.is_dir():
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            for left in self._socket_folder().glob(".s.PGSQL.*"):
                left.unlink(missing_ok=True)

    def _try_start(self, programs: Binaries) -> str | None:
        """One attempt: None when the server is up, else what it said."""
        command: list[str | Path] = [programs.folder / "postgres", "-D", self.data]
        for name, value in {
            **self.settings,
            "unix_socket_directories": str(self._socket_folder()),
        }.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            before = log.tell()
            adopt(self.log, self.log.parent)
            self._server = self.account.popen(command, log, tied=not self.durable)
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                return self._said_since(before) or _("it ended with code %(code)d") % {"code": self._server.returncode}
            if self.running():
                return None
            time.sleep(0.01)
        return _("it did not finish its recovery within %(minutes)d minutes") % {"minutes": self.patience // 60}

    def _said_since(self, start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read().decode("utf-8", "replace").splitlines()
        telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "HINT"))]
        return "\n".join((telling or lines)[-6:])

    def _refusal(self, said: str) -> str:
        if "No space left" in said:
            hint = _("The disk is full: free some space, then start again; nothing that was saved is lost.")
        else:
            hint = _("The whole log is in %(log)s.") % {"log": self.log}
        return _("PostgreSQL does not start in %(data)s: %(said)s\n%(hint)s") % {
            "data": self.data,
            "said": said,
            "hint": hint,
        }

    def _socket_folder(self) -> Path:
        """A short private folder for the socket, the same one at every start as long as it is there.

        Only the server's account enters it (and root): this is what keeps other users of the machine out.
        """
        note = self.base / "socket_folder"
        if note.is_file():
            place = Path(note.read_text("utf-8"))
            if self._is_private(place):
                return place
        for top in (tempfile.gettempdir(), "/tmp", "/var/tmp", str(self.base)):  # noqa: S108
            place = Path(top) / f"zhike-{secrets.token_hex(6)}"
            if len(os.fsencode(place)) > LONGEST_SOCKET_FOLDER or not self.account.enters(Path(top)):
                continue
            try:
                place.mkdir(mode=0o700)
            except OSError:
                continue
            if self.account.drop:
                os.chown(place, self.account.uid, self.account.gid)
            note.write_text(str(place), "utf-8")
            adopt(note, self.base)
            return place
        raise LaunchError(
            _("No folder for the database socket: %(top)s cannot be written. Set TMPDIR to a short path that can.")
            % {"top": tempfile.gettempdir()}
        )

    def _is_private(self, place: Path) -> bool:
        try:
            found = place.lstat()
        except OSError:
            return False
        return found.st_mode == 0o040700 and found.st_uid == self.account.uid
