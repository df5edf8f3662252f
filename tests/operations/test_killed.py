"""A worker that is killed amid many records: another goes on there, no row is done twice, none is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = 6_000
SETUP = f"""
import django; django.setup()
from zhike.base.models import Department, Role, User
from zhike.engine import deed_jobs, records
from zhike.engine.access import Actor
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import get
place = Department(name="总部"); place.ancestors = [place.pk]; place.save()
chief = User.objects.create_user("chief", "Zhike-test-2026", name="管理员", department=place,
    roles=[Role.objects.get(key="administrator").pk])
for start in range(0, {ROWS}, 1000):
    records.create_many(Actor(chief), get("account"), [{{"name": f"客户{{n:05d}}", "tier": "A"}}
        for n in range(start, start + 1000)])
deed = Deed("update", {{"tier": "B"}})
job = deed_jobs.begin(Actor(chief), get("account"), deed, Chosen(where="tier__in=A,B"))
print(job.pk, deed_jobs.queue(job, "run"))
"""
WORK = """
import sys, django; django.setup()
from uuid import UUID
from zhike.engine import deed_jobs, deeds
deeds.BATCH = 250
deed_jobs.perform(UUID(sys.argv[1]), sys.argv[2])
"""
RESUME = """
import datetime, django; django.setup()
from zhike.engine import deed_jobs
from zhike.engine.models import Job
assert deed_jobs.abandoned() == []
Job.objects.update(updated_at="2026-01-01T00:00:00Z")
(job, ticket), = deed_jobs.abandoned()
print(job, ticket)
"""
UNDO = """
import django; django.setup()
from zhike.base.models import User
from zhike.engine import deed_jobs
from zhike.engine.access import Actor
from zhike.engine.models import Operation
job = deed_jobs.begin_undo(Actor(User.objects.get(username="chief")), Operation.objects.get(action="update").pk)
print(job.pk, deed_jobs.queue(job, "run"))
"""


class House:
    """A database of this file's own."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.environment = {
            **os.environ, "DATABASE_URL": url, "ZHIKE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings",
        }  # fmt: skip

    def python(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True)

    def said(self, code: str, *arguments: str) -> list[str]:
        process = self.python(code, *arguments)
        text, _nothing = process.communicate(timeout=400)
        assert process.returncode == 0
        return text.split()

    def one(self, sql: Any, *values: Any) -> Any:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(sql, values).fetchone()
        assert row
        return row[0] if len(row) == 1 else row

    def done(self, job: str) -> int:
        return int(self.one("SELECT done FROM engine_job WHERE id = %s", job))

    def killed_amid(self, job: str, ticket: str) -> None:
        """Work on a job until some of it is done, then die without a word."""
        worker = self.python(WORK, job, ticket)
        deadline = time.monotonic() + 240
        while self.done(job) < 500:
            assert worker.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        worker.kill()
        assert worker.wait() == -9
        assert self.one("SELECT state FROM engine_job WHERE id = %s", job) == "running"


@pytest.fixture(scope="module")
def house(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(postgres.scratch("deeds"), tmp_path_factory.mktemp("home"))
    command = [sys.executable, "-m", "zhike", "migrate"]
    ended = subprocess.run(command, cwd=ROOT, env=found.environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    yield found
    postgres.drop("deeds")


def test_another_worker_goes_on_where_one_was_killed(house: House) -> None:
    job, ticket = house.said(SETUP)
    house.killed_amid(job, ticket)
    done = house.done(job)
    changed = house.one("SELECT count(*) FROM customers_account WHERE tier = 'B'")
    assert (done % 250, 500 <= done < ROWS) == (0, True)
    assert changed == done  # progress and rows are one transaction
    again, fresh = house.said(RESUME)
    assert again == job
    house.said(WORK, job, ticket)  # the ticket of the killed one is worth nothing any more
    assert house.done(job) == done
    house.said(WORK, job, fresh)
    assert house.one("SELECT state, done FROM engine_job WHERE id = %s", job) == ("done", ROWS)
    assert house.one("SELECT result #> '{run,done}' FROM engine_job WHERE id = %s", job) == ROWS
    assert house.one("SELECT min(version), max(version) FROM customers_account WHERE tier = 'B'") == (2, 2)
    assert house.one("SELECT rows FROM engine_operation") == ROWS
    steps = "SELECT count(*), count(DISTINCT record) FROM engine_history WHERE action = 'update'"
    assert house.one(steps) == (ROWS, ROWS)


@pytest.mark.long
def test_so_it_does_when_something_is_taken_back(house: House) -> None:
    job, ticket = house.said(UNDO)
    house.killed_amid(job, ticket)
    changed = house.one("SELECT count(*) FROM customers_account WHERE tier = 'A'")
    assert changed == house.done(job) < ROWS
    _job, fresh = house.said(RESUME)
    house.said(WORK, job, fresh)
    assert house.one("SELECT state, done FROM engine_job WHERE id = %s", job) == ("done", ROWS)
    assert house.one("SELECT min(tier), max(tier), max(version) FROM customers_account") == ("A", "A", 3)
    assert house.one("SELECT state FROM engine_operation WHERE action = 'update'") == "undone"
