"""Moments with a name: set before something daring, so that one can go back to right before it."""

from __future__ import annotations

import datetime as dt
import json
import re
from gettext import gettext as _
from pathlib import Path

import psycopg

from zhike.backup.model import BackupError, write_whole

from .archive import FOLDER, MARKS, Archive

NAME = re.compile(r"[\w.-]{1,20}")  # at most 63 bytes of UTF-8


def mark(url: str, folder: Path, name: str) -> dt.datetime:
    """Give this moment a name; when it was. `url` signs in as a superuser. Raises BackupError."""
    if not NAME.fullmatch(name):
        raise BackupError(_("A mark is a word of at most 20 letters, digits, dots and dashes."))
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        archive = Archive(folder / FOLDER / str((row or (0,))[0]))
        if not archive.bases():
            raise BackupError(
                _("There is no base backup in %(folder)s yet, so nobody could go back to a mark.") % {"folder": folder}
            )
        marks = archive.marks()
        if name in marks:
            raise BackupError(_("There is a mark “%(name)s” already. Choose another name.") % {"name": name})
        row = connection.execute("SELECT pg_create_restore_point(%s)::text, clock_timestamp()", [name]).fetchone()
        # Something that commits: else the archiver sees no reason to pack the place in the log.
        connection.execute("SELECT pg_logical_emit_message(true, 'zhike', '')")
    lsn, now = row or ("", dt.datetime.now(dt.UTC))
    at: dt.datetime = now.astimezone(dt.UTC)
    marks[name] = {"at": at.isoformat(), "lsn": lsn}
    write_whole(archive.folder / MARKS, json.dumps(marks, ensure_ascii=False, indent=1))
    return at
