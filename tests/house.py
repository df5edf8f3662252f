"""A firm's installation that is to be harmed: a database and a data folder of a test's own, processes that are killed.

What people and workers do runs in processes of their own, so that they can be killed without a word. They are forked
from one that has loaded everything already: two hundred of them cost seconds, not minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from zhike.backup import copying, digest
from zhike.launch import postgres as launcher
from zhike.launch import processes
from zhike.launch.cluster import Cluster
from zhike.launch.tuning import settings

ROOT = Path(__file__).resolve().parents[1]
MOTHER = """
import json, os, signal, sys, traceback
import django; django.setup()
from zhike.engine import config, merging, uploads
from zhike.jobs import tasks
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone, and no zombie passes for alive
for line in sys.stdin:
    code, arguments, out = json.loads(line)
    if pid := os.fork():
        print(pid, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for place, number in ((os.devnull, 0), (out, 1)):
        os.dup2(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.argv, ended = ["-c", *arguments], 0
    try:
        exec(code, {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        ended = 1
    sys.stdout.flush()
    with open(out + ".end", "w") as note:
        note.write(str(ended))
    os._exit(ended)
"""
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
SMALL = """
import sys
from zhike.engine.transfer import running
running.chunks.__kwdefaults__["size"] = 60
"""  # batches of so few rows that small files have several
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


class Process:
    """One that was forked: `code` when it ended, -9 where it was killed."""

    def __init__(self, pid: int, out: Path) -> None:
        self.pid, self._out = pid, out

    def poll(self) -> int | None:
        """None while it is at work."""
        if processes.exists(self.pid):
            return None
        note = self._out.with_name(self._out.name + ".end")
        code = note.read_text() if note.is_file() else ""  # empty where it was killed while it said how it ended
        return int(code) if code else -signal.SIGKILL

    def wait(self, timeout: float = 300) -> int:
        """How it ended."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.003)
        return code

    def kill(self) -> None:
        """Without a word."""
        processes.send(self.pid, signal.SIGKILL)

    def said(self) -> str:
        """What it printed."""
        return self._out.read_text("utf-8").strip()


class House:
    """A database and a data folder of a test file's own."""

    def __init__(self, url: str, home: Path, cluster: Cluster | None = None) -> None:
        self.url, self.home, self.cluster = url, home, cluster
        self.environment = {
            **os.environ, "DATABASE_URL": url, "ZHIKE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings",
            "ZHIKE_LANG": "en", "ZHIKE_ACCEPT_DATA_LOSS": "1", "ZHIKE_SECRET_KEY": "of-the-house-" * 4,
        }  # fmt: skip
        self._mother: subprocess.Popen[str] | None = None
        self._count = 0

    def python(self, code: str, *arguments: str) -> Process:
        """A process that does something and goes on by itself."""
        if self._mother is None:
            self._mother = subprocess.Popen(
                [sys.executable, "-c", MOTHER], cwd=ROOT, env=self.environment, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self._mother.stdin
        assert self._mother.stdout
        self._count += 1
        out = self.home / f"said.{self._count}"
        print(json.dumps([code, arguments, str(out)]), file=self._mother.stdin, flush=True)
        return Process(int(self._mother.stdout.readline()), out)

    def said(self, code: str, *arguments: str) -> str:
        """What a process said that did it to the end."""
        process = self.python(code, *arguments)
        assert process.wait() == 0
        return process.said()

    def close(self) -> None:
        """Nobody is asked for anything any more."""
        if self._mother is not None and self._mother.stdin and self._mother.stdout:
            self._mother.stdin.close()
            self._mother.wait(10)
            self._mother.stdout.close()

    def zhike(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zhike", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def ask(self, statement: Any, *values: Any) -> list[Any]:
        """Rows that the database answers."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement, values).fetchall()

    def people(self) -> None:
        """Tables, where a run of these tests alone has made none yet, and somebody to work in them."""
        if not self.ask("SELECT to_regclass('base_user')")[0][0]:
            migrated = self.zhike("migrate")
            assert migrated.returncode == 0, migrated.stderr
        self.said(SETUP)

    def job(self, pk: str) -> tuple[str, int, str]:
        """State, rows done, new records."""
        ((state, done, new),) = self.ask("SELECT state, done, result->'run'->>'new' FROM engine_job WHERE id = %s", pk)
        return state, done, new

    def age(self, job: str) -> None:
        """As if nobody had heard of the worker for two minutes."""
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE engine_job SET updated_at = now() - interval '2 minutes' WHERE id = %s", [job])

    def alone(self) -> None:
        """Wait until the server has noticed that whoever was killed is gone: a commit may still be on its way."""
        others = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        while self.ask(others) != [(0,)]:
            time.sleep(0.003)

    def digest(self) -> str:
        """What stands in the customers, their numbers and owners, whatever ids and times they have."""
        return str(
            self.ask(
                "SELECT md5(string_agg(concat_ws('|', a.external_id, a.name, a.phone, a.pinyin, a.version,"
                " cardinality(a.tags), p.digits, o.owner_id, h.n), ',' ORDER BY a.external_id))"
                " FROM customers_account a LEFT JOIN customers_contactpoint p ON p.account_id = a.id"
                " LEFT JOIN engine_ownerperiod o ON o.record = a.id LEFT JOIN LATERAL (SELECT count(*) n FROM"
                " engine_history h WHERE h.record = a.id) h ON true WHERE a.deleted_at IS NULL"
            )[0]
        )

    def state(self, *, without: tuple[str, ...] = ()) -> dict[str, tuple[int, int]]:
        """Rows and digest of every table that holds what people see, but for times and versions; by its name.

        Left out are the notes on what was done (history, operations, jobs, the queue), and rows in the bin.
        """
        with psycopg.connect(self.url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment of all of them
            found = {}
            for name, columns in digest.columns_of(connection).items():
                if name.startswith(NOTES) or name in without:
                    continue
                live = sql.SQL(" WHERE t.deleted_at IS NULL" if "deleted_at" in columns else "")
                moves = [*MOVES, "id"] if name.startswith("engine_merge") else list(MOVES)
                row = connection.execute(STATE + sql.SQL(" {} t").format(sql.Identifier(name)) + live, [moves])
                found[name] = row.fetchone() or (0, 0)
            return found

    def added(self, job: str) -> int:
        """Records that an import says it has made."""
        return int(self.ask("SELECT count(*) FROM engine_importedrow WHERE made AND job_id = %s", job)[0][0])

    def counts(self) -> dict[str, int]:
        """Rows of the tables that an import of customers writes."""
        return {t: self.ask(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(t)))[0][0] for t in TABLES}

    # ---- its own server

    def strike(self, *, politely: bool = False) -> None:
        """Kill the database server with every process of it, or have it stop at once without a word to anybody."""
        assert self.cluster
        if politely:
            processes.send(processes.recorded(self.cluster.data) or 0, signal.SIGQUIT)
        else:
            for pid in processes.of_cluster(self.cluster.data):
                processes.send(pid, signal.SIGKILL)

    def revive(self) -> None:
        """What the supervisor does."""
        assert self.cluster
        while processes.of_cluster(self.cluster.data) and self.cluster.running():
            time.sleep(0.01)
        self.cluster.start()


NOTES = (
    "engine_history", "engine_operation", "engine_job", "engine_import", "procrastinate_", "engine_seal",
    "engine_notice", "engine_storedfile", "engine_recentrecord", "django_",
)  # fmt: skip
MOVES = ("version", "updated_at", "created_at", "deleted_at", "operation_id", "at")
STATE = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended((to_jsonb(t) - %s::text[])::text, 0)), 0) FROM")


@contextmanager
def of_server(server: Any, name: str, home: Path) -> Iterator[House]:
    """One on the server of the tests, with somebody in it."""
    found = House(server.scratch(name), home)
    try:
        found.people()
        yield found
    finally:
        found.close()
        server.drop(name)


@contextmanager
def with_server(server: Any, home: Path, base: Path | None = None) -> Iterator[House]:
    """One with a server of its own, whose tables are those of the tests' server; in the folder `base`.

    What was committed survives a kill here: only a power cut would lose it.
    """
    base = base or Path(tempfile.mkdtemp(prefix="zhike-house-"))
    base.chmod(0o711)
    kept = settings() | {"shared_buffers": "64MB", "fsync": "off", "full_page_writes": "off"}
    cluster = Cluster(base, base / "log", kept, durable=False)
    found: House | None = None
    try:
        launcher._bring_up(cluster)
        url = cluster.url(role=launcher.ROLE, database=launcher.DATABASE)
        source = server.scratch("house")
        try:
            copying.copy(source, url)
        finally:
            server.drop("house")
        found = House(url, home, cluster)
        found.people()
        yield found
    finally:
        if found is not None:
            found.close()
        cluster.stop()
        shutil.rmtree(base, ignore_errors=True)


def differing(one: dict[str, tuple[int, int]], other: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """The tables in which two states are not alike."""
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


def file(path: Path, count: int) -> Path:
    """So many customers as CSV."""
    lines = ["客户编号,客户名称,手机,标签", *(f"{n},客户{n:05d}有限公司,138{n:08d},批量" for n in range(count))]
    path.write_text("\n".join(lines), "utf-8")
    return path


def until(house: House, job: str, rows: int, worker: Process) -> None:
    """Wait until so many rows are written."""
    deadline = time.monotonic() + 240
    while house.job(job)[1] < rows:
        assert worker.poll() is None, "the import ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)
