"""An import that is killed, rests or loses its database goes on; the command line; both in processes of their own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
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
GO_ON = """
import sys, django; django.setup()
from zhike.engine.models import Job
from zhike.engine import deed_jobs
print(deed_jobs.go_on(Job.objects.get(pk=sys.argv[1])))
"""
PAUSE = """
import sys, time, django; django.setup()
from zhike.engine.models import Job
from zhike.engine.transfer import jobs
while (job := Job.objects.get(pk=sys.argv[1])).done < 1_000:
    time.sleep(0.02)
jobs.pause(job)
"""
ABANDONED = """
import django; django.setup()
from zhike.engine.transfer import jobs
((job, ticket),) = jobs.abandoned()
print(job, ticket)
"""
UNDO = """
import django; django.setup()
from zhike.base.models import User
from zhike.engine import undo
from zhike.engine.access import Actor
from zhike.engine.models import Operation
undo.undo(Actor(User.objects.get(username="chief")), Operation.objects.order_by("-at").first().pk)
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

    def age(self, job: str) -> None:
        """As if nobody had heard of the worker for two minutes."""
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE engine_job SET updated_at = now() - interval '2 minutes' WHERE id = %s", [job])

    def digest(self) -> str:
        """What stands in the customers, their numbers and owners, whatever ids and times they have."""
        with psycopg.connect(self.url) as connection:
            return str(
                connection.execute(
                    "SELECT md5(string_agg(concat_ws('|', a.external_id, a.name, a.phone, a.pinyin, a.version,"
                    " cardinality(a.tags), p.digits, o.owner_id, h.n), ',' ORDER BY a.external_id))"
                    " FROM customers_account a LEFT JOIN customers_contactpoint p ON p.account_id = a.id"
                    " LEFT JOIN engine_ownerperiod o ON o.record = a.id LEFT JOIN LATERAL (SELECT count(*) n FROM"
                    " engine_history h WHERE h.record = a.id) h ON true WHERE a.deleted_at IS NULL"
                ).fetchone()
            )

    def added(self, job: str) -> int:
        """Records that an import says it has made."""
        with psycopg.connect(self.url) as connection:
            return _one(
                connection, sql.SQL("SELECT count(*) FROM engine_importedrow WHERE made AND job_id = {}").format(job)
            )

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


def until(house: House, job: str, rows: int, worker: subprocess.Popen[str]) -> None:
    """Wait until so many rows are written."""
    deadline = time.monotonic() + 240
    while house.job(job)[1] < rows:
        assert worker.poll() is None, "the import ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def killed(house: House, path: Path, waits: Iterable[float]) -> str:
    """The id of an import whose worker is killed so many seconds after its start, each time, and then left alone."""
    job, ticket = house.said(BEGIN, str(path)).split()
    for seconds in waits:
        worker = house.python(WORK, job, ticket)
        while house.job(job)[0] == "ready":
            assert worker.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        worker.kill()
        worker.wait()
        if house.job(job)[0] == "done":
            return job
        house.age(job)
        ticket = house.said(ABANDONED).split()[1]
    house.said(WORK, job, ticket)
    return job


WAITS = random.Random(9)  # when workers are killed


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.long)])
def test_an_import_whose_worker_is_killed_again_and_again_ends_as_if_it_never_was(
    house: House, tmp_path: Path, kills: int
) -> None:
    before = house.counts()
    path = file(tmp_path / "calm.csv", 2_500)
    calm = house.said(BEGIN, str(path)).split()
    house.said(WORK, *calm)
    expected, after = house.digest(), house.counts()
    house.said(UNDO)
    for n in range(0, kills, 10):
        done = killed(house, path, [WAITS.uniform(0.0, 1.0) for _kill in range(min(10, kills - n))])
        assert house.job(done)[::2] == ("done", "2500")
        assert house.digest() == expected
        made = {table: count - before[table] for table, count in after.items() if table != "engine_history"}
        assert house.added(done) == made["customers_account"] == 2_500
        house.said(UNDO)


def test_two_imports_of_one_file_at_once_make_each_record_once(house: House, tmp_path: Path) -> None:
    before = house.counts()["customers_account"]
    path = file(tmp_path / "twice.csv", 2_000)
    path.write_text(
        path.read_text("utf-8").replace("客户", "并行").replace("\n", "\nP").replace(",138", ",150"), "utf-8"
    )
    work = [house.said(BEGIN, str(path)).split() for _n in range(2)]
    workers = [house.python(WORK, *one) for one in work]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0]
    assert [house.job(job)[:2] for job, _ticket in work] == [("done", 2_000), ("done", 2_000)]
    assert house.counts()["customers_account"] == before + 2_000
    assert sum(house.added(job) for job, _ticket in work) == 2_000
    with psycopg.connect(house.url) as connection:
        tagged = "SELECT count(*) FROM customers_account WHERE external_id LIKE 'P%' AND cardinality(tags) = 1"
        assert connection.execute(tagged).fetchone() == (2_000,)


def test_an_import_that_rests_goes_on_where_it_stands(house: House, tmp_path: Path) -> None:
    before = house.counts()["customers_account"]
    path = file(tmp_path / "rest.csv", 4_000)
    path.write_text(path.read_text("utf-8").replace("客户", "停止").replace("\n", "\nR"), "utf-8")
    job, ticket = house.said(BEGIN, str(path)).split()
    worker, pauser = house.python(WORK, job, ticket), house.python(PAUSE, job)
    assert pauser.wait(timeout=240) == 0
    assert worker.wait(timeout=240) == 0
    state, done, _new = house.job(job)
    assert state == "ready"
    assert 0 < done < 4_000
    assert house.counts()["customers_account"] == before + done
    house.said(WORK, job, ticket)  # its ticket is worth nothing any more
    assert house.job(job)[1] == done
    house.said(WORK, job, house.said(GO_ON, job))
    assert house.job(job)[::2] == ("done", "4000")
    assert house.counts()["customers_account"] == before + 4_000


def test_an_import_whose_database_goes_away_is_gone_on_with(house: House, tmp_path: Path) -> None:
    before = house.counts()["customers_account"]
    path = file(tmp_path / "gone.csv", 4_000)
    path.write_text(path.read_text("utf-8").replace("客户", "断线").replace("\n", "\nG"), "utf-8")
    job, ticket = house.said(BEGIN, str(path)).split()
    worker = house.python(WORK, job, ticket)
    until(house, job, 1_000, worker)
    with psycopg.connect(house.url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
    assert worker.wait(timeout=240) == 0
    state, done, _new = house.job(job)
    assert state == "running"  # nobody had to be asked: the next worker takes it
    assert house.counts()["customers_account"] == before + done
    house.age(job)
    house.said(WORK, *house.said(ABANDONED).split())
    assert house.job(job)[::2] == ("done", "4000")
    assert house.counts()["customers_account"] == before + 4_000


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
