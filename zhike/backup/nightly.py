"""The backup that nobody has to think of: once a night, old ones removed, a failure kept until the next success."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from zhike.launch.postgres import Server

from .keeping import Keeping, prune
from .make import make
from .model import Backup, BackupError, Busy, found, noted, write_whole

FAILED = "failed.json"
LATE = dt.timedelta(hours=30)  # a machine that was off at night catches up


def is_due(newest: dt.datetime | None, now: dt.datetime, hour: int) -> bool:
    """Whether a backup should be made now: at the hour of each day (local time), or where the last is too old."""
    if newest is None:
        return True
    if now - newest > LATE:
        return True
    return now.hour == hour and now - newest > dt.timedelta(hours=1)


def run(home: Path, server: Server, folder: Path, *, hour: int, keeping: Keeping, recipient: str = "") -> Backup | None:
    """Make the backup of this night where it is due, and remove old ones; None where it is not.

    Raises BackupError, after noting it in the folder for whoever looks there.
    """
    kept = found(folder)
    now = dt.datetime.now().astimezone()
    if not is_due(kept[0].made_at if kept else None, now, hour):
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        made = make(home, server, folder, recipient=recipient)
    except Busy:
        return None  # somebody makes one by hand
    except BackupError as error:
        with suppress(OSError):
            write_whole(folder / FAILED, json.dumps({"at": now.isoformat(timespec="seconds"), "reason": str(error)}))
        raise
    (folder / FAILED).unlink(missing_ok=True)
    prune(found(folder), keeping, dt.datetime.now(dt.UTC))
    return made


def failure(folder: Path) -> dict[str, Any]:
    """When and why the last backup failed; {} where it did not."""
    return noted(folder / FAILED)
