"""`zhike serve` whose web processes are killed amid an upload, a confirmation, a merge: nothing is half written."""

from __future__ import annotations

import http.client
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.house import ABANDONED, BEGIN, ROOT, UNDO, WORK, House, differing, file, of_server
from tests.merging.test_killed import FAMILY, PART, PERIODS
from zhike.launch import processes

SIGN_IN = """
import django; django.setup()
from django.conf import settings
from django.test import Client
from zhike.base.models import User
client = Client()
client.force_login(User.objects.get(username="chief"))
print(f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}")
print(f"{settings.CSRF_COOKIE_NAME}={'c' * 32}")
"""
CHECK = """
job.refresh_from_db()
jobs.perform(job.pk, jobs.queue(job, "check"), watched=False)
"""
DICE = random.Random(13)
KILLS = [3, pytest.param(60, marks=pytest.mark.long)]
PATIENT = 4  # kills after which the supervisor waits so long that a new one is quicker


class Served:
    """`zhike serve` on a house, and somebody's browser."""

    def __init__(self, house: House) -> None:
        self.house, self.kills = house, 0
        self.cookies = "; ".join(house.said(SIGN_IN).split())
        self.start()

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = self.house.home / "serve.log"
        command = [sys.executable, "-m", "zhike", "serve", "--workers", "1", "--no-worker", "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.house.environment, stderr=log)
        while "is ready" not in self.log.read_text("utf-8"):
            assert self.process.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.05)
        self.kills = 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def kill(self) -> None:
        """Every web process, without a word; the supervisor starts others."""
        if self.kills >= PATIENT:
            self.stop()
            self.start()
            return
        self.kills += 1
        parents = _parents()
        masters = [pid for pid, parent in parents.items() if parent == self.process.pid]
        for pid in [*masters, *(pid for pid, parent in parents.items() if parent in masters)]:
            processes.send(pid, signal.SIGKILL)

    def send(self, path: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> http.client.HTTPResponse:
        """One POST, as a form sends it; tried again while nobody listens."""
        deadline = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.connect()
            except ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
                continue
            connection.request("POST", path, body, self.headers(kind))
            answer = connection.getresponse()
            answer.read()
            return answer

    def headers(self, kind: str) -> dict[str, str]:
        return {"Content-Type": kind, "Cookie": self.cookies, "X-CSRFToken": "c" * 32}

    def send_and_kill(self, path: str, body: bytes, after: float) -> None:
        """A form that is sent, and nobody is there any more to answer."""

        def send() -> None:
            with suppress(OSError, http.client.HTTPException):
                self.send(path, body)

        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(after)
        self.kill()
        thread.join()
        self.house.alone()


def _parents() -> dict[int, int]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


@pytest.fixture(scope="module")
def served(postgres: Any, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if sys.platform != "linux":
        pytest.skip("looks for processes in /proc")
    with of_server(postgres, "served", tmp_path_factory.mktemp("home")) as house:
        found = Served(house)
        yield found
        found.stop()


def whole(house: House) -> int:
    """Uploads that are known, each of them with all of its bytes on the disk; how many."""
    rows = house.ask("SELECT blob, size FROM engine_storedfile")
    for blob, size in rows:
        assert (house.home / "files" / blob).stat().st_size == size
    return len(rows)


@pytest.mark.parametrize("kills", KILLS)
def test_an_upload_is_there_wholly_or_not_at_all(served: Served, tmp_path: Path, kills: int) -> None:
    house = served.house
    data = file(tmp_path / "upload.csv", 40_000).read_bytes()
    kind = "multipart/form-data; boundary=XX"
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="upload.csv"\r\n\r\n'
    body = head + data + b"\r\n--XX--\r\n"
    before, jobs = whole(house), house.ask("SELECT count(*) FROM engine_job")[0][0]
    for _kill in range(-(-kills // 3)):
        count = DICE.randrange(1_000, len(body))
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        while True:
            with suppress(ConnectionError):
                connection.connect()
                break
            time.sleep(0.05)
        connection.putrequest("POST", "/account/import")
        for name, value in {**served.headers(kind), "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        with suppress(OSError):
            connection.send(body[:count])
        time.sleep(DICE.uniform(0, 0.2))
        served.kill()
        connection.close()
        house.alone()
        assert whole(house) == before
        assert house.ask("SELECT count(*) FROM engine_job") == [(jobs,)]
    answer = served.send("/account/import", body, kind)
    assert answer.status == 303
    assert whole(house) == before + 1
    pk = re.search(r"[0-9a-f-]{36}$", answer.headers["Location"])
    assert pk
    assert house.job(pk[0])[0] == "ready"


@pytest.mark.parametrize("kills", KILLS)
def test_an_import_that_was_just_confirmed_is_gone_on_with(served: Served, tmp_path: Path, kills: int) -> None:
    house = served.house
    path = file(tmp_path / "confirmed.csv", 300)
    seconds = -time.monotonic()
    house.said(WORK, *house.said(BEGIN, str(path)).split())
    seconds += time.monotonic()
    expected, before = house.digest(), house.counts()["customers_account"]
    house.said(UNDO)
    for _kill in range(-(-kills // 3)):
        job = house.said(BEGIN + CHECK, str(path)).split()[0]
        served.send_and_kill(f"/account/import/{job}/run", b"", DICE.uniform(0, seconds))
        state, done, _new = house.job(job)
        assert done in (0, 300)
        if state == "running":  # its worker was the web process
            house.age(job)
            house.said(WORK, *house.said(ABANDONED).split())
        assert served.send(f"/account/import/{job}/run", b"").status == 303  # again: what is done is not done twice
        assert house.job(job)[::2] == ("done", "300")
        assert house.digest() == expected
        assert house.counts()["customers_account"] == before + 300
        before += 300
        house.said(UNDO)


@pytest.mark.parametrize("kills", KILLS)
def test_a_merge_that_was_just_sent_is_whole_or_not_there(served: Served, kills: int) -> None:
    house = served.house
    firms = house.said(FAMILY).split()
    apart = house.state(without=(*PERIODS, "django_session"))
    for _kill in range(-(-kills // 3)):
        rows = house.ask("SELECT id::text, version FROM customers_account WHERE id = ANY(%s::uuid[])", firms)
        sent = [("ids", ",".join(firms)), *(("version", f"{pk}:{version}") for pk, version in rows)]
        body = urlencode(sent).encode()
        served.send_and_kill("/merge/account", body, DICE.uniform(0, 0.6))
        now = house.state(without=(*PERIODS, "django_session"))
        was_done = house.ask("SELECT count(*) FROM engine_merge") != [(0,)]
        if not was_done:
            assert differing(now, apart) == {}
        answer = served.send("/merge/account", body)
        assert answer.status in ((404, 409) if was_done else (303,))
        assert house.ask("SELECT count(*) FROM engine_merge") == [(2,)]
        house.said(PART)
        assert differing(house.state(without=(*PERIODS, "django_session")), apart) == {}
