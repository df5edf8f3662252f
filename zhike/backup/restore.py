"""Bringing a backup back: into an empty installation, or into a database of its own to try whether it could be."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import tarfile
import time
from contextlib import suppress
from gettext import gettext as _
from pathlib import Path
from typing import IO, cast

import psycopg

from zhike.launch.paths import adopt
from zhike.launch.postgres import Server

from . import streams
from .digest import differences, digests
from .model import BESIDE, DATABASE, DRILL, FILES, PART, SECRET, Backup, BackupError, Told, noted, write_whole
from .programs import address, environment, program, tail

NOTE = "restoring.json"
TRIED = "drill"  # the database in which a backup is tried


def restore(home: Path, server: Server, backup: Backup, *, identity: str = "", told: Told | None = None) -> list[str]:
    """Fill an empty installation with a backup; what is not as it was at the time of the backup, in words.

    The database is filled in one transaction and the files take their place at the end: after a kill the same call
    goes on, and nothing half restored is ever used. The tables are those of the backup: migrate them afterwards.
    Raises BackupError where the installation is not empty, the backup is damaged, or its key is missing.
    """
    identity = _require_key(backup, identity)
    verify(backup, told)
    note = home / NOTE
    goes_on = noted(note).get("backup") == backup.name
    if not goes_on:
        require_empty(home, server)
        write_whole(note, json.dumps({"backup": backup.name}))
        adopt(note, home)
    try:
        fresh = home / f"files{PART}"
        shutil.rmtree(fresh, ignore_errors=True)
        _unpack(backup, identity, fresh, told)
        if not _tables(server.url):
            fill(server.url, backup, identity, told)
        found = _compare(server.url, backup, told)
        settle_files(home, fresh)
    except (OSError, psycopg.Error, tarfile.TarError) as error:
        raise BackupError(
            _("The backup could not be restored: %(reason)s. Start the same command again to go on.")
            % {"reason": str(error).strip()}
        ) from error
    note.unlink()
    return found


def drill(server: Server, backup: Backup, *, identity: str = "", told: Told | None = None) -> list[str]:
    """Try a backup: fill a database of its own with it, compare every table, remove it again; what was wrong, in words.

    The outcome is noted in the backup's folder. Raises BackupError where the backup is damaged or its key is missing.
    """
    identity = _require_key(backup, identity)  # whoever has the wrong one has not tried the backup
    begun = time.monotonic()
    try:
        verify(backup, told)
        url = server.scratch(TRIED)
        try:
            fill(url, backup, identity, told)
            problems = [*_compare(url, backup, told), *_uploads(url, backup, identity)]
        finally:
            server.drop(TRIED)
    except BackupError as error:
        _note(backup, begun, [str(error)])
        raise
    _note(backup, begun, problems)
    return problems


def _note(backup: Backup, begun: float, problems: list[str]) -> None:
    """Keep what a drill found beside the backup; a place that cannot be written to is no reason to fail."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    said = {"at": at, "ok": not problems, "seconds": round(time.monotonic() - begun, 1), "problems": problems}
    with suppress(OSError):
        write_whole(backup.place / DRILL, json.dumps(said, ensure_ascii=False))


def verify(backup: Backup, told: Told | None = None) -> None:
    """Make sure that all files of a backup are there and as they were written. Raises BackupError."""
    for n, (name, piece) in enumerate(backup.pieces.items(), 1):
        if not streams.check(backup.place / name, piece):
            raise BackupError(
                _("%(file)s is missing or is not as it was written. Take another backup.")
                % {"file": backup.place / name}
            )
        if told:
            told(n, len(backup.pieces), _("checking"))


def _require_key(backup: Backup, identity: str) -> str:
    """The key that this backup needs: none, where it is not encrypted."""
    if not backup.recipient:
        return ""
    if not identity:
        raise BackupError(
            _("This backup is encrypted for %(recipient)s. Name the file with the secret key: --key FILE.")
            % {"recipient": backup.recipient}
        )
    if streams.public_of(identity) != backup.recipient:
        raise BackupError(
            _("This is another key: the backup is encrypted for %(recipient)s.") % {"recipient": backup.recipient}
        )
    return identity


def _tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        ).fetchone()
    return int((row or (0,))[0])


def require_empty(home: Path, server: Server) -> None:
    """Raises BackupError where an installation holds anything."""
    full = _tables(server.url) or any((home / "files").rglob("*"))
    if full:
        raise BackupError(
            _(
                "%(home)s holds a firm already; a backup is restored into an empty installation. "
                "Name another folder in ZHIKE_HOME (or an empty database in DATABASE_URL)."
            )
            % {"home": home}
        )


def require_whole(home: Path) -> None:
    """Raises BackupError where a restore into this folder was not finished."""
    if (home / NOTE).is_file():
        said = noted(home / NOTE)
        raise BackupError(
            _(
                "%(what)s was being restored into %(home)s, and that was not finished. Start the same restore again: "
                "it goes on. Or name another folder in ZHIKE_HOME."
            )
            % {"what": said.get("backup") or said.get("to") or "?", "home": home}
        )


def fill(url: str, backup: Backup, identity: str, told: Told | None) -> None:
    """The tables of a backup in an empty database, all in one transaction."""
    with psycopg.connect(url) as connection:
        major = connection.info.server_version // 10_000
    if told:
        told(0, 1, _("database"))
    command = [program("pg_restore", major), "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    with streams.opened(backup.piece(DATABASE), identity) as source:
        process = subprocess.Popen(
            [*map(str, command), *address(url)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(url),
        )  # fmt: skip
        sink, told_by_it = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stderr)
        try:
            with suppress(BrokenPipeError), sink:  # it says itself why it ended
                shutil.copyfileobj(source, sink, streams.BLOCK)
            said = told_by_it.read().decode("utf-8", "replace")
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
    if process.returncode:
        raise BackupError(
            _("pg_restore ended with code %(code)d: %(said)s") % {"code": process.returncode, "said": tail([said])}
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")  # a dump holds no statistics, and without them everything is slow
    if told:
        told(1, 1, _("database"))


def _compare(url: str, backup: Backup, told: Told | None) -> list[str]:
    with psycopg.connect(url) as connection:
        return differences(backup.tables, digests(connection, told))


def _unpack(backup: Backup, identity: str, fresh: Path, told: Told | None) -> None:
    """The files of a backup in a new folder."""
    fresh.mkdir(mode=0o700)
    with (
        streams.opened(backup.piece(FILES), identity) as source,
        tarfile.open(fileobj=source, mode="r|") as tar,
    ):
        for n, member in enumerate(tar, 1):
            if not member.isfile():
                continue
            tar.extract(member, fresh, filter="data")
            if told:
                told(n, 0, _("files"))


def settle_files(home: Path, fresh: Path) -> None:
    """Put what was unpacked into its place; each step can be done twice."""
    (home / "files").mkdir(mode=0o700, exist_ok=True)
    for name in BESIDE:
        came = fresh / name
        if not came.is_file():
            continue
        if name == SECRET or not (home / name).is_file():
            came.replace(home / name)
        else:  # who was erased here stays erased
            known = (home / name).read_text("utf-8").splitlines()
            lines = dict.fromkeys([*known, *came.read_text("utf-8").splitlines()])
            write_whole(home / name, "".join(f"{line}\n" for line in lines))
        adopt(home / name, home)
    for file in sorted((fresh / "files").rglob("*")):
        if file.is_file():
            place = home / "files" / file.relative_to(fresh / "files")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.replace(place)
    for place in (home / "files", *(home / "files").rglob("*")):
        adopt(place, home)
    shutil.rmtree(fresh)


def _uploads(url: str, backup: Backup, identity: str) -> list[str]:
    """Uploads that the database of a backup knows and its files lack."""
    with psycopg.connect(url) as connection:
        known = {str(row[0]) for row in connection.execute("SELECT blob FROM engine_storedfile WHERE blob <> ''")}
    there: set[str] = set()
    with (
        streams.opened(backup.piece(FILES), identity) as source,
        tarfile.open(fileobj=source, mode="r|") as tar,
    ):
        there |= {member.name.removeprefix("files/") for member in tar}
    return [_("The file %(file)s is missing.") % {"file": name} for name in sorted(known - there)]
