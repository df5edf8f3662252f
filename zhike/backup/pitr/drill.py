"""Trying an archive: another cluster beside the one at work goes to some second, and what it knows is compared.

The log of changes (engine_history) is only ever added to, and each row says which transaction wrote it. What the copy
holds of it must be in the database at work as well, row for row; what the copy lacks must be of transactions that had
not committed at that second. What other tables hold is compared row for row too (tables.py).
"""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import time
from contextlib import closing
from gettext import gettext as _
from pathlib import Path
from tarfile import open as open_tar
from typing import Any

import psycopg

from zhike.backup import streams
from zhike.backup.model import BackupError, Told, write_whole
from zhike.launch import paths
from zhike.launch.postgres import DATABASE, SUPERUSER, Server

from . import tables
from .archive import DRILLED, require
from .recover import Plan, Target, check, fill, plan, uploads

SUM = "count(*), coalesce(sum(hash_record_extended(t, 0)::numeric), 0)::text"
BUCKETS = f"SELECT tx / 1000, {SUM} FROM engine_history t WHERE tx < %s GROUP BY 1"  # noqa: S608
ROWS = f"SELECT tx, {SUM} FROM engine_history t WHERE tx / 1000 = ANY(%s) AND tx < %s GROUP BY 1"  # noqa: S608
EDGE = """SELECT pg_snapshot_xmax(s)::text::bigint + zhike_tx_oldest() - pg_snapshot_xmin(s)::text::bigint,
    zhike_tx_oldest() - pg_snapshot_xmin(s)::text::bigint FROM (SELECT pg_current_snapshot() AS s) AS now"""
Sums = dict[int, tuple[int, str]]


def some_second(folder: Path, dice: random.Random) -> dt.datetime:
    """A moment that can be reached, by chance. Raises BackupError where there is none."""
    windows = [w for archive in require(folder) for w in archive.windows()]
    if not windows:
        raise BackupError(_("Nothing can be reached yet: no base backup is whole."))
    chosen = dice.choice(windows)
    return chosen.since + (chosen.until - chosen.since) * dice.random()


def drill(
    server: Server, home: Path, folder: Path, target: Target, *, identity: str = "", told: Told | None = None
) -> tuple[Plan, list[str]]:
    """Go to a moment in a cluster of its own, compare, remove it; how, and what was wrong, in words.

    The outcome is noted in the archive. Raises BackupError where the moment cannot be reached.
    """
    begun = time.monotonic()
    chosen = plan(folder, target)
    if server.cluster is None:
        raise AssertionError
    stage = server.cluster.base / "drill"
    log = paths.log_folder(home) / "drill.log"
    try:
        identity = check(chosen, identity, told)
        cluster = fill(stage, log, chosen, identity, told)
        cluster.start()
        try:
            url = cluster.url(role=SUPERUSER, database=DATABASE)
            with closing(psycopg.connect(url)) as copy, closing(psycopg.connect(server.url)) as live:
                problems = [*_history(copy, live, told), *tables.compare(copy, live)]
                problems += _uploads(copy, chosen, identity)
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    seconds = round(time.monotonic() - begun, 1)
    said = {"at": at, "to": chosen.at.isoformat(), "ok": not problems, "seconds": seconds, "problems": problems}
    write_whole(chosen.archive.folder / DRILLED, json.dumps(said, ensure_ascii=False))
    return chosen, problems


def _history(copy: psycopg.Connection[Any], live: psycopg.Connection[Any], told: Told | None) -> list[str]:
    edge, shift = copy.execute(EDGE).fetchone() or (0, 0)
    if told:
        told(0, 1, _("comparing"))
    before, now = _sums(copy, BUCKETS, [edge]), _sums(live, BUCKETS, [edge])
    odd = [bucket for bucket in {*before, *now} if before.get(bucket) != now.get(bucket)]
    then, later = _sums(copy, ROWS, [odd, edge]), _sums(live, ROWS, [odd, edge])
    wrong = [tx for tx in {*then, *later} if then.get(tx) != later.get(tx)]
    problems = []
    for tx in sorted(wrong):
        state = copy.execute("SELECT pg_xact_status((%s)::text::xid8)", [tx - shift]).fetchone()
        if tx in then or state != ("aborted",):  # else it had not committed yet
            rows = {"tx": tx, "then": then.get(tx, (0, ""))[0], "now": later.get(tx, (0, ""))[0]}
            problems.append(_("Transaction %(tx)d: %(then)d rows of the log in the copy, %(now)d here") % rows)
    if told:
        told(1, 1, _("comparing"))
    return problems


def _sums(connection: psycopg.Connection[Any], statement: Any, values: list[Any]) -> Sums:
    return {int(tx): (int(count), str(total)) for tx, count, total in connection.execute(statement, values)}


def _uploads(copy: psycopg.Connection[Any], chosen: Plan, identity: str) -> list[str]:
    """Uploads that the database of that moment knows and the archive lacks."""
    known = {str(row[0]) for row in copy.execute("SELECT blob FROM engine_storedfile WHERE blob <> ''")}
    there: set[str] = set()
    for piece in uploads(chosen):
        with (
            streams.opened(piece, identity if piece.suffix == ".age" else "") as source,
            open_tar(fileobj=source, mode="r|") as tar,
        ):
            there |= {member.name.removeprefix("files/") for member in tar}
    return [_("The file %(file)s is missing.") % {"file": name} for name in sorted(known - there)]
