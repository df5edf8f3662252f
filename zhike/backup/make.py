"""Making a backup: one moment of the database, what was uploaded until then, and the proof of both."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path
from typing import Any

import psycopg

from zhike import __version__
from zhike.launch.locks import Lock
from zhike.launch.postgres import Server

from . import streams
from .digest import digests
from .model import (
    BESIDE,
    DATABASE,
    FILES,
    MANIFEST,
    PART,
    SECRET,
    Backup,
    BackupError,
    Busy,
    Piece,
    Told,
    settle,
    write_whole,
)
from .piped import Piped
from .programs import address, environment, program

TIMES = dt.timedelta(seconds=1)


def make(home: Path, server: Server, folder: Path, *, recipient: str = "", told: Told | None = None) -> Backup:
    """A new backup of an installation in `folder`, while people go on working; one at a time.

    `recipient` is the public key (age1…) that it is encrypted for. The database and the digests of its tables are of
    one and the same moment; uploads are never changed, so that all that moment knows are among those copied after it.
    Raises BackupError when it cannot be made; nothing of it stays then.
    """
    recipient = str(streams.recipient_of(recipient)) if recipient else ""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        _sweep(folder)
        begun = time.monotonic()
        made_at = dt.datetime.now(dt.UTC).replace(microsecond=0)
        while (place := folder / f"zhike-{made_at:%Y%m%dT%H%M%SZ}").exists():
            made_at += TIMES
        part = place.with_name(place.name + PART)
        part.mkdir(mode=0o700)
        try:
            with _moment(server) as (snapshot, connection):
                major = connection.info.server_version // 10_000
                name = _file(DATABASE, "dump", recipient)
                with Piped(_dump(server.url, major, snapshot), environment(server.url), part / name, recipient) as dump:
                    tables = digests(connection, told)
                    pieces = {name: dump.done()}
            name = _file(FILES, "tar", recipient)
            pieces[name], uploads = uploads_of(home, part / name, recipient, told)
            seconds = round(time.monotonic() - begun, 3)
            made = Backup(place, made_at, __version__, major, recipient, seconds, tables, pieces, uploads)
            write_whole(part / MANIFEST, json.dumps(made.manifest(), ensure_ascii=False, indent=1))
            part.rename(place)
            settle(folder)
        except (OSError, psycopg.Error) as error:
            raise BackupError(
                _("The backup could not be made in %(folder)s: %(reason)s. Nothing of it was kept.")
                % {"folder": folder, "reason": str(error).strip()}
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return made


def _file(name: str, kind: str, recipient: str) -> str:
    return f"{name}.{kind}.zst{'.age' if recipient else ''}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = Lock(folder / "backup.lock")
    if not lock.try_take():
        raise Busy(_("Another backup is just being made in %(folder)s. Wait until it is done.") % {"folder": folder})
    try:
        yield
    finally:
        lock.release()


def _sweep(folder: Path) -> None:
    """What backups that were killed have left."""
    for left in folder.glob(f"zhike-*{PART}"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _moment(server: Server) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    """A snapshot that the dump and the digests share."""
    with psycopg.connect(server.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield str((row or ("",))[0]), connection


def _dump(url: str, major: int, snapshot: str) -> list[str]:
    # Compressed here: the server's programs may know gzip alone, which takes longer than the dump.
    options = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    return [str(program("pg_dump", major)), *options, *address(url)]


def uploads_of(home: Path, place: Path, recipient: str, told: Told | None) -> tuple[Piece, int]:
    """A tar of what was uploaded and of what else lies beside the database; how many uploads."""
    names = sorted(file for file in (home / "files").rglob("*") if file.is_file() and not file.is_symlink())
    return tar_of(home, [*beside(home, recipient), *names], place, recipient, told)


def beside(home: Path, recipient: str) -> list[Path]:
    """What belongs to an installation beside its database and uploads, as far as a backup may hold it."""
    return [home / name for name in BESIDE if (home / name).is_file() and (recipient or name != SECRET)]


def tar_of(
    home: Path, files: Sequence[Path], place: Path, recipient: str, told: Told | None = None
) -> tuple[Piece, int]:
    """Files in a tar, packed and, with a public key, encrypted; how many of them were uploaded."""
    out, into = os.pipe()
    failed: list[BaseException] = []
    count = [0]

    def work() -> None:
        try:
            with os.fdopen(into, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for n, file in enumerate(files, 1):
                    count[0] += _add(tar, file, home) and file.parent != home
                    if told:
                        told(n, len(files), _("files"))
        except BaseException as error:  # told below
            failed.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        with os.fdopen(out, "rb") as source:
            piece = streams.store(source, place, recipient)
    finally:
        worker.join()
    if failed:
        raise failed[0]
    return piece, count[0]


def _add(tar: tarfile.TarFile, file: Path, home: Path) -> bool:
    """One file with its name, mode and time, and nobody's account; False where it was deleted meanwhile."""
    try:
        data = file.read_bytes() if file.stat().st_size <= streams.BLOCK else None
        with io.BytesIO(data) if data is not None else file.open("rb") as source:
            info = tarfile.TarInfo(file.relative_to(home).as_posix())
            stat = file.stat()
            info.size, info.mtime, info.mode = (
                len(data) if data is not None else stat.st_size,
                int(stat.st_mtime),
                0o600,
            )
            tar.addfile(info, source)
    except FileNotFoundError:
        return False
    return True
