"""An import that is killed, rests or loses its database goes on; the command line; both in processes of their own."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.house import ABANDONED, BEGIN, UNDO, WORK, House, file, of_server, until

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


@pytest.fixture(scope="module")
def house(postgres: Any, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with of_server(postgres, "transfer", tmp_path_factory.mktemp("home")) as found:
        yield found


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
