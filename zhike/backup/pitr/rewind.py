"""An empty installation as it was at a moment: made ready beside, it takes its place in a few renames."""

from __future__ import annotations

import json
import shutil
import tarfile
from gettext import gettext as _
from pathlib import Path

import psycopg

from zhike.backup.model import PART, BackupError, Told, noted, settle, write_whole
from zhike.backup.restore import NOTE, require_empty, settle_files
from zhike.launch import paths
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import embedded, ensure

from .recover import Plan, Target, check, fill, plan, unpack_uploads

STAGE, BEFORE = "restoring", "data.before"


def rewind(home: Path, folder: Path, target: Target, *, identity: str = "", told: Told | None = None) -> Plan:
    """Fill an empty installation (embedded database, not running) as it was at a moment; how that was done.

    After a kill the same call goes on: until everything is ready the place of the database is untouched, and from then
    on only renames are left. Raises BackupError where the moment cannot be reached, a file is damaged, the key is
    missing, or the installation is not empty.
    """
    note, wanted = home / NOTE, {"to": str(target), "folder": str(folder)}
    said = noted(note)
    is_ready = said.get("ready") is True
    if said and {name: said.get(name) for name in wanted} != wanted and (is_ready or "backup" in said):
        raise BackupError(
            _("%(what)s was being restored here, and that was not finished. Start the same restore again.")
            % {"what": said.get("backup") or said.get("to")}
        )
    chosen = plan(folder, target)
    identity = check(chosen, identity, told)
    cluster = embedded(home)
    if not said:
        with ensure(home) as server:
            require_empty(home, server)
    if not is_ready:
        write_whole(note, json.dumps(wanted))
        paths.adopt(note, home)
    fresh = home / f"files{PART}"
    try:
        if not is_ready:
            fill(cluster.base / STAGE, paths.log_folder(home) / "restore.log", chosen, identity, told)
            shutil.rmtree(fresh, ignore_errors=True)
            unpack_uploads(chosen, fresh, identity)
            write_whole(note, json.dumps(wanted | {"ready": True}))
        _swap(cluster.base)
        if fresh.is_dir():
            settle_files(home, fresh)
    except (OSError, psycopg.Error, tarfile.TarError, LaunchError) as error:
        if isinstance(error, BackupError):
            raise
        raise BackupError(
            _("The backup could not be restored: %(reason)s. Start the same command again to go on.")
            % {"reason": str(error).strip()}
        ) from error
    note.unlink()
    return chosen


def _swap(base: Path) -> None:
    """Put the cluster that is ready into its place; each step can be done twice."""
    stage, data, before = base / STAGE, base / "data", base / BEFORE
    if (stage / "data").is_dir():
        shutil.rmtree(before, ignore_errors=True)
        if data.is_dir():
            data.rename(before)
        (stage / "data").rename(data)
        settle(base)
    shutil.rmtree(before, ignore_errors=True)
    shutil.rmtree(stage, ignore_errors=True)
