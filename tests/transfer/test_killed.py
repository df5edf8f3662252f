"""An import that is killed leaves nothing; the command line; both in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import django; django.setup()
from zhike.base.models import Department, Role, User
place = Department(name="总部"); place.ancestors = [place.pk]; place.save()
User.objects.create_user("chief", "Zhike-test-2026", name="管理员", department=place,
    roles=[Role.objects.get(key="administrator").pk])
User.objects.create_user("nobody", "Zhike-test-2026", name="无权", department=place, roles=[])
"""
BEGIN = """
import sys, django; django.setup()
from pathlib import Path
from django.core.files.uploadedfile import SimpleUploadedFile
from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.transfer import jobs
from zhike.engine import uploads
path = Path(sys.argv[1])
actor = Actor(User.objects.get(username="chief"))
source = uploads.keep(actor, SimpleUploadedFile(path.name, path.read_bytes()), typed=False)
job = jobs.begin(actor, get("account"), source)
jobs.perform(job.pk, jobs.queue(job, "read"), watched=False)
job.refresh_from_db()
print(job.pk, jobs.queue(job, "run"))
"""
WORK = """
import sys, django; django.setup()
from uuid import UUID
from zhike.engine.transfer import jobs
jobs.perform(UUID(sys.argv[1]), sys.argv[2])
"""
DEFER = BEGIN.replace(
    'print(job.pk, jobs.queue(job, "run"))', 'from zhike.jobs import tasks\ntasks.start(job, "run")\nprint(job.pk)'
)
WORKER = """
import django; django.setup()
from procrastinate.contrib.django import app
with app.replace_connector(app.connector.get_worker_connector()):
    app.run_worker(wait=False, install_signal_handlers=False)
"""
AGAIN = """
import sys, django; django.setup()
from zhike.engine.models import Job
from zhike.engine.transfer import jobs
print(jobs.queue(Job.objects.get(pk=sys.argv[1]), "run"))
"""

TABLES = ("customers_account", "customers_contactpoint", "customers_tag", "engine_history", "engine_ownerperiod")


class House:
    """A database and a data folder of this test file's own."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.environment = {
            **os.environ, "DATABASE_URL": url, "ZHIKE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings",
            "ZHIKE_LANG": "en",
        }  # fmt: skip

    def python(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def said(self, code: str, *arguments: str) -> str:
        process = self.python(code, *arguments)
        text, _nothing = process.communicate(timeout=300)
        assert process.returncode == 0
        return text.strip()

    def zhike(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zhike", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def job(self, pk: str) -> tuple[str, int, str]:
        """State, rows done, new records."""
        with psycopg.connect(self.url) as connection:
            query = "SELECT state, done, result->'run'->>'new' FROM engine_job WHERE id = %s"
            row = connection.execute(query, [pk]).fetchone()
        assert row
        return row

    def counts(self) -> dict[str, int]:
        """Rows of the tables that an import of customers writes."""
        with psycopg.connect(self.url) as connection:
            return {t: _one(connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(t))) for t in TABLES}


@pytest.fixture(scope="module")
def house(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(postgres.scratch("transfer"), tmp_path_factory.mktemp("home"))
    migrated = found.zhike("migrate")
    assert migrated.returncode == 0, migrated.stderr
    found.said(SETUP)
    yield found
    postgres.drop("transfer")


def _one(connection: Any, query: Any) -> int:
    return int(connection.execute(query).fetchone()[0])


def file(path: Path, count: int) -> Path:
    lines = ["客户编号,客户名称,手机,标签", *(f"{n},客户{n:05d}有限公司,138{n:08d},批量" for n in range(count))]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_killed_import_leaves_nothing_and_can_be_done_again(house: House, tmp_path: Path) -> None:
    before = house.counts()
    job, ticket = house.said(BEGIN, str(file(tmp_path / "many.csv", 3_000))).split()
    worker = house.python(WORK, job, ticket)
    deadline = time.monotonic() + 240
    while house.job(job)[1] < 1_000:
        assert worker.poll() is None, "the import ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    worker.kill()
    worker.wait()
    assert house.counts() == before
    assert house.job(job)[0] == "running"
    assert worker.returncode == -9
    again = house.said(AGAIN, job)
    house.said(WORK, job, ticket)  # the ticket of the killed one is worth nothing any more
    assert house.job(job)[0] == "ready"
    house.said(WORK, job, again)
    assert house.job(job)[0] == "done"
    assert house.counts()["customers_account"] == before["customers_account"] + 3_000
    assert house.job(job)[2] == "3000"


def test_an_import_that_is_stopped_leaves_nothing(house: House, tmp_path: Path) -> None:
    before = house.counts()
    path = tmp_path / "stop.csv"
    file(path, 4_000).write_text(path.read_text("utf-8").replace("客户", "停止"), "utf-8")
    job, ticket = house.said(BEGIN, str(path)).split()
    worker = house.python(WORK, job, ticket)
    deadline = time.monotonic() + 240
    while house.job(job)[1] < 1_000:
        assert worker.poll() is None, "the import ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with psycopg.connect(house.url) as connection:
        connection.execute("UPDATE engine_job SET state = 'cancelled' WHERE id = %s", [job])
    assert worker.wait(timeout=240) == 0
    assert house.counts() == before
    assert house.job(job)[0] == "cancelled"


def test_a_database_that_goes_away_leaves_nothing_and_is_said(house: House, tmp_path: Path) -> None:
    before = house.counts()
    path = file(tmp_path / "gone.csv", 4_000)
    path.write_text(path.read_text("utf-8").replace("客户", "断线"), "utf-8")
    job, ticket = house.said(BEGIN, str(path)).split()
    worker = house.python(WORK, job, ticket)
    deadline = time.monotonic() + 240
    while house.job(job)[1] < 1_000:
        assert worker.poll() is None, "the import ended before its connection did"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with psycopg.connect(house.url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second'"
        )
    assert worker.wait(timeout=240) == 0
    assert house.counts() == before
    assert house.job(job)[0] == "failed"
    with psycopg.connect(house.url) as connection:
        row = connection.execute("SELECT result->>'error' FROM engine_job WHERE id = %s", [job]).fetchone()
    assert row
    assert len(row[0]) > 5


def test_the_worker_does_what_was_queued(house: House, tmp_path: Path) -> None:
    before = house.counts()["customers_account"]
    path = file(tmp_path / "queued.csv", 50)
    path.write_text(path.read_text("utf-8").replace("客户", "排队").replace("\n", "\nQ").replace("138", "139"), "utf-8")
    job = house.said(DEFER, str(path))
    assert house.job(job)[0] == "ready"
    house.said(WORKER)
    assert house.job(job)[::2] == ("done", "50")
    assert house.counts()["customers_account"] == before + 50


def test_the_command_line_imports_and_exports(house: House, tmp_path: Path) -> None:
    path = tmp_path / "两家.csv"
    path.write_text("名字,电话\n命令行甲有限公司,13700137001\n命令行乙有限公司,12\n", "utf-8")
    mapping = json.dumps({"columns": {"名字": "name"}, "mode": "create"})
    before = house.counts()["customers_account"]
    dry = house.zhike("import", "account", str(path), "--map", mapping, "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)["new"], json.loads(dry.stdout)["errors"]) == (1, 1, 1)
    assert house.counts()["customers_account"] == before
    errors = tmp_path / "errors.xlsx"
    real = house.zhike(
        "import", "account", str(path), "--map", "名字=name", "--as", "chief", "--errors", str(errors), "--json"
    )
    found = json.loads(real.stdout)
    assert (found["new"], found["errors"], found["columns"]) == (1, 1, {"名字": "name", "电话": "phone"})
    assert [(p["row"], p["column"], p["level"]) for p in found["problems"]] == [(3, "电话", "error")]
    assert errors.stat().st_size > 1_000
    out = tmp_path / "out.csv"
    given = house.zhike("export", "account", "--filter", "name__contains=命令行", "--output", str(out), "--json")
    assert (given.returncode, json.loads(given.stdout)["rows"]) == (0, 1)
    assert "命令行甲有限公司" in out.read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "nothing", "FILE"), "nothing"),
        (("import", "account", "missing.csv"), "missing.csv"),
        (("import", "account", "FILE", "--as", "ghost"), "ghost"),
        (("import", "account", "FILE", "--as", "nobody"), "permission"),
        (("import", "account", "FILE", "--map", "没有=name"), "没有"),
        (("import", "account", "FILE", "--map", "{nonsense"), "JSON"),
        (("import", "account", "EMPTY"), "empty"),
        (("export", "account", "--filter", "nothing__eq=1"), "nothing"),
        (("export", "account", "--as", "nobody"), "permission"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    house: House, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    path, empty = tmp_path / "a.csv", tmp_path / "empty.csv"
    path.write_text("客户名称\n甲有限公司\n", "utf-8")
    empty.write_text("", "utf-8")
    places = {"FILE": str(path), "EMPTY": str(empty)}
    ended = house.zhike(*(places.get(a, a) for a in arguments))
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
