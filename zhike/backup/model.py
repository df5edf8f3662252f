"""What a backup is: its folder, its manifest, its name."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from gettext import gettext as _
from pathlib import Path
from typing import Any

from zhike.launch.errors import LaunchError

Told = Callable[[int, int, str], None]  # how far the work is: done, of how much, and what it is
FORMAT = 1
MANIFEST = "manifest.json"
DRILL = "drill.json"
PART = ".part"
NAMED = re.compile(r"zhike-\d{8}T\d{6}Z")
DATABASE, FILES = "database", "files"
SECRET = "secret_key"  # noqa: S105  a file: it goes into encrypted backups alone: whoever has it can sign in as anybody
BESIDE = ("erased.jsonl", SECRET)  # what else belongs to an installation, beside its database and uploads


class BackupError(LaunchError):
    """A backup that cannot be made, read or restored; the text says what to do."""


class Busy(BackupError):
    """Somebody else is just making one."""


@dataclass(frozen=True)
class Table:
    """What a table held: rows, and a sum of the hashes of all of them, whatever their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Piece:
    """A file of a backup: bytes and SHA-256 of it as it lies there."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """A finished backup. Sizes are bytes; `recipient` is the public key that it is encrypted for, "" for none."""

    place: Path
    made_at: dt.datetime
    zhike: str
    postgres: int
    recipient: str
    seconds: float
    tables: Mapping[str, Table] = field(repr=False)
    pieces: Mapping[str, Piece] = field(repr=False)
    uploads: int = 0

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.place.name

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(piece.size for piece in self.pieces.values())

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    def piece(self, name: str) -> Path:
        """The file of one piece. Raises BackupError where the manifest names none."""
        for file in self.pieces:
            if file.partition(".")[0] == name:
                return self.place / file
        raise BackupError(_("The backup %(place)s has no %(piece)s.") % {"place": self.place, "piece": name})

    def manifest(self) -> dict[str, Any]:
        """What is written into its folder."""
        return {
            "format": FORMAT,
            "made_at": self.made_at.isoformat(),
            "zhike": self.zhike,
            "postgres": self.postgres,
            "recipient": self.recipient,
            "seconds": self.seconds,
            "uploads": self.uploads,
            "tables": {name: asdict(table) for name, table in self.tables.items()},
            "pieces": {name: asdict(piece) for name, piece in self.pieces.items()},
        }

    def drilled(self) -> dict[str, Any]:
        """What the last drill found: at, ok, seconds, problems; {} where there was none."""
        return noted(self.place / DRILL)


def folder(home: Path) -> Path:
    """Where the backups of an installation lie: ZHIKE_BACKUPS, else `backups` in its data folder."""
    named = os.environ.get("ZHIKE_BACKUPS")
    return Path(named).expanduser().absolute() if named else home / "backups"


def read(place: Path) -> Backup:
    """The backup in a folder. Raises BackupError where there is none, or one of a later Zhike."""
    try:
        known = json.loads((place / MANIFEST).read_text("utf-8"))
        if known["format"] > FORMAT:
            raise BackupError(
                _("%(place)s was made by a later Zhike (%(version)s). Restore it with that one.")
                % {"place": place, "version": known.get("zhike", "?")}
            )
        return Backup(
            place=place,
            made_at=dt.datetime.fromisoformat(known["made_at"]),
            zhike=str(known["zhike"]),
            postgres=int(known["postgres"]),
            recipient=str(known["recipient"]),
            seconds=float(known["seconds"]),
            tables={str(name): Table(**table) for name, table in known["tables"].items()},
            pieces={_plain(name): Piece(**piece) for name, piece in known["pieces"].items()},
            uploads=int(known["uploads"]),
        )
    except OSError as error:
        raise BackupError(
            _("There is no backup in %(place)s: %(reason)s.") % {"place": place, "reason": error.strerror or error}
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            _("The file %(file)s is damaged. Take another backup.") % {"file": place / MANIFEST}
        ) from error


def _plain(name: str) -> str:
    """A manifest names files of its own folder alone."""
    if not re.fullmatch(r"[a-z]+(\.[a-z]+)*", name):
        raise ValueError(name)
    return name


def found(folder: Path) -> list[Backup]:
    """The finished backups in a folder, the newest first; damaged ones are left out."""
    backups = []
    for place in sorted(folder.glob("zhike-*"), reverse=True) if folder.is_dir() else ():
        if NAMED.fullmatch(place.name):
            try:
                backups.append(read(place))
            except BackupError:
                continue
    return backups


def noted(file: Path) -> dict[str, Any]:
    """What a file of ours says as JSON; {} where there is none, or it is damaged."""
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_whole(place: Path, text: str) -> None:
    """Write a file so that it is there wholly or not at all, also after a power cut."""
    part = place.with_name(place.name + PART)
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)
    settle(place.parent)


def settle(folder: Path) -> None:
    """Wait until what a folder holds is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
