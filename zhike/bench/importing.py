"""What it costs to import customers beside as many that are there already, next to a raw COPY of the same bytes.

Ours reads the file in a confined process, tries all rows, matches them with the firm's customers and with each other,
writes them by all rules with their numbers, owners, history and what they are found by, and notes which row became
which record; the COPY puts the cells into a table of texts.
"""

from __future__ import annotations

import csv
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection, transaction
from django.db.models import Max

from zhike.base.models import User
from zhike.engine import uploads
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Job, StoredFile
from zhike.engine.tabular.write import write_xlsx
from zhike.engine.transfer import jobs
from zhike.modules.customers.models import Account

from . import Figure, Options, at_least, exact, figure, load, site, within
from .load_words import CITIES, FORMS, REMARKS, STEMS, TRADES

ROWS = 20_000
GOAL, GOAL_XLSX, TIMES, MEMORY = 20_000, 10_000, 40.0, 500.0  # rows a second, times of a COPY, MB
HEADS = (
    "客户名称", "客户编码", "手机", "邮箱", "省市", "详细地址", "客户等级", "客户来源", "备注", "历史销售额", "行业",
)  # fmt: skip
PLACES = ("上海市", "江苏省苏州市", "浙江省宁波市", "浙江省杭州市", "广东省深圳市")
SEED = 5
ALONE, PATIENCE, READING, LIST = 10.0, 3_600.0, 2.0, 200.0  # seconds; ms at the most for a list
WORKER = """
import sys, django
django.setup()
from zhike.engine.models import Job
from zhike.engine.transfer import jobs
for phase in ("check", "run"):
    job = Job.objects.get(pk=sys.argv[1])
    jobs.perform(job.pk, jobs.queue(job, phase))
"""
State = Job.State


def run(options: Options) -> list[Figure]:
    """Rows a second of the trial run and of the import, as csv and as xlsx, and memory at the most."""
    rows = options.get("rows") or ROWS
    with load.database(options, light=True) as made, tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        few = max(1, rows // 10)
        actor, place = Actor(made["crowd"].admin), Path(folder)
        text, sheet = place / "customers.csv", place / "customers.xlsx"
        first = _next()
        _write_csv(text, _rows(first, rows))
        write_xlsx(sheet, list(HEADS), _rows(first + rows, few), sheet="客户")
        raw = _copy(text)
        csv_times, csv_job = _import(actor, text)
        xlsx_times, xlsx_job = _import(actor, sheet)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        counts = csv_job.result["run"]
        total = sum(csv_times.values())
        stored = sum(_made(job) for job in (csv_job, xlsx_job))
        parts = [figure(f"import: {name}", seconds, "s", raw) for name, seconds in csv_times.items()]
        alone = _alone(csv_job)
        beside = list(_beside(made, actor, text, few))
        return [
            *parts,
            figure("import: what the database alone takes for these rows", alone, "s", raw),
            *beside,
            at_least("import: csv, all in all", rows / total, "rows/s", rows / raw, GOAL),
            figure("import: csv, all in all", total, "s", raw, TIMES),
            at_least("import: xlsx, all in all", few / sum(xlsx_times.values()), "rows/s", few / raw, GOAL_XLSX),
            within("import: memory at the most", memory, "MB", memory, MEMORY),
            exact("import: new customers", counts["new"], rows, "rows"),
            exact("import: rows that became records", stored, rows + few, "rows"),
        ]


def _made(job: Job) -> int:
    """How many records a job says it made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM engine_importedrow WHERE made AND job_id = %s", [job.pk])
        return int(cursor.fetchone()[0])


def _next() -> int:
    """The first customer that no file brought yet, should an earlier run have left its own."""
    last = Account._base_manager.filter(external_id__startswith="OLD").aggregate(last=Max("external_id"))["last"]
    return int(last[3:]) + 1 if last else 0


def _rows(first: int, count: int) -> Iterator[Sequence[Any]]:
    """Customers that nobody has yet, always the same ones."""
    dice = random.Random(SEED)  # noqa: S311  for drawing data, not secrets
    heads = [city + a + b for city in CITIES for a in STEMS for b in STEMS]
    for n in range(first, first + count):
        name = f"{heads[n * 7919 % len(heads)]}{chr(0x4E00 + n % 20_000)}{TRADES[n % len(TRADES)]}{FORMS[n % 3]}"
        sales = f"{dice.randint(0, 900_000)}.{dice.randint(0, 99):02d}" if n % 5 == 0 else ""
        yield (
            name, f"OLD{n:08d}", f"139{n:08d}", f"c{n}@example.com", PLACES[n % 5],
            f"人民路{n % 900 + 1}号", "SABC"[n % 4], ("展会", "转介绍")[n % 2], REMARKS[n % 10] if n % 3 == 0 else "",
            sales, ("C34", "C35", "C36", "I65")[n % 4],
        )  # fmt: skip


def _write_csv(path: Path, rows: Iterator[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADS)
        writer.writerows(rows)


def _copy(path: Path) -> float:
    """Seconds of a COPY of the file into a table of texts."""
    columns = ", ".join(f"c{n} text" for n in range(len(HEADS)))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bench_copy ({columns})")
        begun = perf_counter()
        with cursor.copy("COPY bench_copy FROM STDIN (FORMAT csv, HEADER)") as copy, path.open("rb") as file:
            while block := file.read(1 << 16):
                copy.write(block)
        taken = perf_counter() - begun
        cursor.execute("DROP TABLE bench_copy")
    return taken


STORED = """
CREATE TEMP TABLE bench_ids AS SELECT record AS old, gen_random_uuid() AS new FROM engine_importedrow WHERE job_id = %s;
CREATE TEMP TABLE bench_account AS SELECT a.* FROM customers_account a JOIN bench_ids ON a.id = old;
CREATE TEMP TABLE bench_point AS SELECT p.* FROM customers_contactpoint p JOIN bench_ids ON p.account_id = old;
CREATE TEMP TABLE bench_owner AS SELECT o.* FROM engine_ownerperiod o JOIN bench_ids ON o.record = old;
UPDATE bench_account SET id = new, number = number || 'x', external_id = external_id || 'x'
    FROM bench_ids WHERE id = old;
UPDATE bench_point SET id = gen_random_uuid(), account_id = new FROM bench_ids WHERE account_id = old;
UPDATE bench_owner SET id = gen_random_uuid(), record = new FROM bench_ids WHERE record = old;
"""
AGAIN = """
INSERT INTO customers_account SELECT * FROM bench_account;
INSERT INTO customers_contactpoint SELECT * FROM bench_point;
INSERT INTO engine_ownerperiod SELECT * FROM bench_owner;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def _alone(job: Job) -> float:
    """Seconds in which one session copies the finished rows of an import from a table: indexes, keys and history."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in filter(str.strip, STORED.split(";")):
            cursor.execute(statement, [job.pk] if "%s" in statement else None)
        begun = perf_counter()
        for statement in filter(str.strip, AGAIN.split(";")):
            cursor.execute(statement)
        taken = perf_counter() - begun
        transaction.set_rollback(True)
    return taken


def _beside(made: Mapping[str, Any], actor: Actor, path: Path, rows: int) -> Iterator[Figure]:
    """What a small office waits for lists and records, alone and while another file is imported by another process."""
    _write_csv(path, _rows(_next(), rows))
    job = jobs.begin(actor, get("account"), _kept(actor, path))
    jobs.perform(job.pk, jobs.queue(job, "read"))
    people = list(User.objects.filter(username__startswith="seller").order_by("username")[: site.USERS])
    with site.served(made["url"]) as served, site.crowd(served, people) as browsers:
        urls = ("/account/?view=all", "/contact/?view=all", "/deal/?view=all")
        for browser in browsers:
            browser.get(urls[0], site.FRAGMENT)
        alone = site.together(browsers, _office(urls), seconds=ALONE)
        with _importing(job) as at_work:
            meanwhile = site.together(
                browsers, _office(urls), seconds=PATIENCE, until=lambda: at_work.poll() is not None
            )
    job.refresh_from_db()
    wrong = [*alone.wrong, *meanwhile.wrong]
    yield within("import: p95 of a list meanwhile", meanwhile.p95, "ms", alone.p95, LIST)
    yield exact("import: pages that failed meanwhile", len(wrong), 0, "pages")
    yield exact("import: rows written meanwhile", job.result.get("run", {}).get("new", 0), rows, "rows")


def _office(urls: Sequence[str]) -> site.Work:
    """Everybody opens a list, reads it for a moment, and opens the next."""

    def work(number: int, browser: site.Browser) -> site.Answer:
        sleep(READING)
        return browser.get(urls[number % len(urls)], site.FRAGMENT)

    return work


@contextmanager
def _importing(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """A process that tries and writes a file, as a worker does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(job.pk)], env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _kept(actor: Actor, path: Path) -> StoredFile:
    upload = TemporaryUploadedFile(path.name, "text/csv", path.stat().st_size, None)
    with path.open("rb") as file:
        shutil.copyfileobj(file, upload)
    upload.seek(0)
    return uploads.keep(actor, upload, typed=False, limit=settings.IMPORT_BYTES)


def _import(actor: Actor, path: Path) -> tuple[dict[str, float], Job]:
    """Seconds of each phase of an import job, done as the worker does them."""
    job = jobs.begin(actor, get("account"), _kept(actor, path))
    taken = {}
    for phase in ("read", "check", "run"):
        begun = perf_counter()
        jobs.perform(job.pk, jobs.queue(job, phase))
        taken[phase] = perf_counter() - begun
        job.refresh_from_db()
        if job.state == State.FAILED:
            raise RuntimeError(job.result["error"])
    return taken, job
