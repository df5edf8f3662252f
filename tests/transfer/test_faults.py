"""What can go wrong below an import: the database server is struck dead, the disk is full, others hold the rows."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.house import BEGIN, SMALL, UNDO, WORK, House, Process, differing, file, with_server
from tests.merging.test_killed import BEGIN_UNDO, FAMILY, MERGE, PART, PERIODS

WORKER = """
import datetime as dt, sys, time, django; django.setup()
from django.db import connection
from zhike.engine import deed_jobs
from zhike.engine.transfer import jobs
jobs.STALE = deed_jobs.STALE = dt.timedelta(seconds=0.3)  # as the minutes that a job waits for another worker
jobs.FORGOTTEN = deed_jobs.LOST = dt.timedelta(seconds=3)  # struck between its new ticket and its start
print("at work", flush=True)
while True:
    for some in (jobs, deed_jobs):
        try:
            for pk, ticket in some.abandoned():
                some.perform(pk, ticket)
        except Exception as error:
            print(error, flush=True)
            connection.close()
    time.sleep(0.05)
"""
TAKEN = "UPDATE engine_job SET state = 'running', updated_at = now() - interval '1 hour' WHERE id = %s"
KEPT = (*PERIODS, "customers_tag")  # what an import that is taken back leaves
DICE = random.Random(11)
LITTLE = 512 * 1024  # bytes that are left of it: a note finds room there, a batch does not
ROOM = 330 * 1024 * 1024  # bytes of the small disk: a cluster, its log, and something


@pytest.fixture(scope="module")
def disk() -> Iterator[Path | None]:
    """A small disk of its own; None where nobody may mount one."""
    place = Path(tempfile.mkdtemp(prefix="zhike-disk-"))
    mounted = sys.platform == "linux" and not os.geteuid()
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(place)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    place.rmdir()


@pytest.fixture(scope="module")
def house(
    postgres: Any, django_db_setup: None, disk: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    if postgres.cluster is None:
        pytest.skip("needs a cluster of its own")
    if disk:
        disk.chmod(0o711)
    base = disk / "cluster" if disk else None
    if base:
        base.mkdir()
    with with_server(postgres, tmp_path_factory.mktemp("home"), base) as found:
        yield found


@contextlib.contextmanager
def at_work(house: House) -> Iterator[Process]:
    """Somebody who takes up whatever was left, as the worker does every minute."""
    process = house.python(SMALL + WORKER)
    try:
        yield process
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    house.alone()


def customers(place: Path, count: int, mark: str) -> Path:
    path = file(place / f"{mark}.csv", count)
    path.write_text(path.read_text("utf-8").replace("\n", f"\n{mark}"), "utf-8")
    return path


def begun(house: House, path: Path) -> str:
    """An import whose worker has gone before its first row."""
    job: str = house.said(BEGIN, str(path)).split()[0]
    return job


def left(house: House, job: str) -> None:
    """As if a worker had taken a job and gone."""
    with psycopg.connect(house.url) as connection:
        connection.execute(TAKEN, [job])


def ended(house: House, job: str) -> tuple[str, int, str]:
    """The job when it has ended, whatever happens to the server meanwhile."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.Error):
            if (found := house.job(job))[0] in ("done", "failed"):
                return found
        time.sleep(0.02)
    raise AssertionError(house.job(job))


def struck(house: House, n: int) -> None:
    """The server dies in the middle of something, by a kill of all or an immediate shutdown, and comes back."""
    time.sleep(DICE.uniform(0.02, 0.7))
    house.strike(politely=bool(n % 2))
    house.revive()


# ---- the server struck dead


STRIKES = [1, pytest.param(200, marks=pytest.mark.long)]


@pytest.mark.parametrize("strikes", STRIKES)
def test_an_import_goes_on_by_itself_when_the_server_was_struck_dead(
    house: House, tmp_path: Path, strikes: int
) -> None:
    path = file(tmp_path / "calm.csv", 240)
    before = house.state(without=KEPT)
    house.said(SMALL + WORK, *house.said(BEGIN, str(path)).split())
    expected, after = house.digest(), {name: rows for name, (rows, _digest) in house.state(without=KEPT).items()}
    house.said(UNDO)
    while strikes > 0:
        job = begun(house, path)
        with at_work(house):
            left(house, job)
            for _strike in range(min(strikes, 3)):
                struck(house, strikes)
                strikes -= 1
            assert ended(house, job)[::2] == ("done", "240")
        assert house.digest() == expected
        assert {name: rows for name, (rows, _digest) in house.state(without=KEPT).items()} == after
        assert house.added(job) == 240
        house.said(UNDO)
        assert differing(house.state(without=KEPT), before) == {}


@pytest.mark.parametrize("strikes", STRIKES)
def test_a_merge_is_whole_or_not_there_when_the_server_was_struck_dead(house: House, strikes: int) -> None:
    firms = house.said(FAMILY).split()
    apart = house.state()
    house.said(MERGE, *firms)
    joined = house.state()
    house.said(PART)
    for n in range(strikes):
        is_apart = house.state() == apart
        process = house.python(MERGE if is_apart else PART, *firms)
        struck(house, n)
        process.wait()
        now = house.state()
        assert now in (apart, joined), differing(now, joined)
    if house.state() == apart:
        house.said(MERGE, *firms)
    assert house.state() == joined
    house.said(PART)
    assert house.state() == apart


@pytest.mark.parametrize("strikes", STRIKES)
def test_an_undo_goes_on_by_itself_when_the_server_was_struck_dead(house: House, tmp_path: Path, strikes: int) -> None:
    before = house.state(without=KEPT)
    path = customers(tmp_path, 240, "V")
    while strikes > 0:
        job, ticket = house.said(BEGIN, str(path)).split()
        house.said(SMALL + WORK, job, ticket)
        ((operation,),) = house.ask("SELECT options ->> 'operation' FROM engine_job WHERE id = %s", job)
        undo = house.said(BEGIN_UNDO, operation).split()[0]
        with at_work(house):
            left(house, undo)
            for _strike in range(min(strikes, 3)):
                struck(house, strikes)
                strikes -= 1
            assert ended(house, undo)[:2] == ("done", 240)
        assert differing(house.state(without=KEPT), before) == {}


# ---- no room


def test_an_import_on_a_full_disk_says_so_and_goes_on(house: House, disk: Path | None, tmp_path: Path) -> None:
    if disk is None:
        pytest.skip("nobody here may mount a small disk")
    path = customers(tmp_path, 600, "W")
    job, ticket = house.said(BEGIN, str(path)).split()
    before = house.counts()["customers_account"]
    with psycopg.connect(house.url.replace("//zhike@", "//postgres@"), autocommit=True) as connection:
        for _n in range(3):  # segments of the log are there already: what runs full is the data
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as hole, contextlib.suppress(OSError):
        while True:
            hole.write(b"x" * 4_096)
    os.truncate(filler, filler.stat().st_size - LITTLE)
    try:
        house.said(SMALL + WORK, job, ticket)
    finally:
        filler.unlink()
    state, done, _new = house.job(job)
    ((said,),) = house.ask("SELECT result ->> 'error' FROM engine_job WHERE id = %s", job)
    assert (state, said) == ("failed", "服务器磁盘已满。请管理员腾出空间后继续：已写入的不会重复。")
    assert done % 60 == 0
    assert done < 600
    assert house.counts()["customers_account"] == before + done
    house.said(SMALL + WORK, job, house.said(GO_ON, job))
    assert house.job(job)[::2] == ("done", "600")
    assert house.counts()["customers_account"] == before + 600
    house.said(UNDO)


GO_ON = """
import sys, django; django.setup()
from zhike.engine.models import Job
from zhike.engine import deed_jobs
print(deed_jobs.go_on(Job.objects.get(pk=sys.argv[1])))
"""


# ---- others at the same rows


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
def test_an_import_that_waits_for_others_too_long_says_so_and_goes_on(house: House, tmp_path: Path, limit: str) -> None:
    path = customers(tmp_path, 240, "X")
    house.said(SMALL + WORK, *house.said(BEGIN, str(path)).split())
    path.write_text(path.read_text("utf-8").replace("有限公司", "股份公司"), "utf-8")
    job, ticket = house.said(BEGIN, str(path)).split()
    hasty = f"from django.db import connection\nconnection.cursor().execute('SET {limit} = 400')\n"
    with psycopg.connect(house.url) as other:
        other.execute("SELECT 1 FROM customers_account WHERE external_id = 'X100' FOR UPDATE")
        worker = house.python("import django; django.setup()\n" + hasty + SMALL + WORK, job, ticket)
        assert worker.wait() == 0
        assert house.job(job)[:2] == ("failed", 60)  # the first batch stays, of the second nothing does
        ((said,),) = house.ask("SELECT result ->> 'error' FROM engine_job WHERE id = %s", job)
        assert said == "数据库忙碌过久：其他人正在处理相同的数据，或系统负载过高。请稍后继续：已写入的不会重复。"
        changed = "SELECT count(*) FROM customers_account WHERE external_id LIKE 'X%%' AND name LIKE '%%股份公司'"
        assert house.ask(changed) == [(60,)]
    house.said(SMALL + WORK, job, house.said(GO_ON, job))
    assert house.job(job)[:2] == ("done", 240)
    assert house.ask(changed) == [(240,)]
