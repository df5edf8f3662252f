"""Zhike as it is really served, on a database of the bench's own, and browsers that ask it over the loopback."""

from __future__ import annotations

import html
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from zhike.base.models import User
from zhike.launch import ports

FRAGMENT = {"HX-Request": "true", "HX-Target": "list-body"}
PATIENCE = 120.0
SAFE = "/?&=%-_.~,+:;@!$'()*"
USERS = 8  # at the same time


@dataclass
class Answer:
    """What came back: seconds until it was whole, and its text."""

    seconds: float
    status: int
    body: bytes = b""


class Browser:
    """One person with one connection that is kept open; does as little as it can, for it shares the machine."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self._port = port
        self._lines = {"Host": "127.0.0.1", "Cookie": cookie}
        self._socket: socket.socket | None = None

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for an address and read all of the answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**self._lines, **(headers or {})}.items() if value)
        sent = f"GET {quote(url, safe=SAFE)} HTTP/1.1\r\n{lines}\r\n".encode()
        begun, kept = time.perf_counter(), self._socket is not None
        try:
            status, body = self._once(sent)
        except ConnectionError:
            if not kept:
                raise
            self.close()  # it was idle for so long that the server hung up: browsers ask again
            status, body = self._once(sent)
        return Answer(time.perf_counter() - begun, status, body)

    def _once(self, sent: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        self._socket.sendall(sent)
        return self._read(self._socket)

    def _read(self, connection: socket.socket) -> tuple[int, bytes]:
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more(connection)
        head, body = got[:end].decode("latin-1").lower(), got[end + 4 :]
        length = re.search(r"^content-length: *(\d+)", head, re.MULTILINE)
        if length is None:
            raise ConnectionError(head)
        while len(body) < int(length[1]):
            body += self._more(connection)
        return int(head.split(" ", 2)[1]), body

    def _more(self, connection: socket.socket) -> bytes:
        got = connection.recv(262_144)
        if not got:
            self.close()
            raise ConnectionError("the server hung up")
        return got

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class Site:
    """A served site."""

    port: int
    process: subprocess.Popen[bytes]

    def browser(self, user: User | None = None) -> Browser:
        """A browser in which somebody is signed in."""
        return Browser(self.port, f"{settings.SESSION_COOKIE_NAME}={signed_in(user)}" if user else "")

    def memory(self) -> list[int]:
        """Resident memory of each worker, in bytes; nothing where the system does not tell."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "status").read_text("utf-8")
            except OSError:
                continue  # it has just ended
            said = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if said.get("PPid", "").strip() == str(self.process.pid) and "VmRSS" in said:
                found.append(int(said["VmRSS"].split()[0]) * 1024)
        return sorted(found)[-2:]


@contextmanager
def served(url: str, *, bare: Path | None = None) -> Iterator[Site]:
    """The web server with two workers on the database at `url`; with `bare`, what that file says and nothing else."""
    port = ports.free("127.0.0.1", 18_900)
    program = "zhike.bench.bare" if bare else "zhike.cli.web"
    environment = {**os.environ, "DATABASE_URL": url, "ZHIKE_OWNER_URL": "", "ZHIKE_SECRET_KEY": settings.SECRET_KEY}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ZHIKE_BENCH_BARE": str(bare or "")}
    command = [sys.executable, "-m", program, "127.0.0.1", str(port), "2"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(process, port)
        yield Site(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    begun = time.perf_counter()
    while process.poll() is None and time.perf_counter() - begun < PATIENCE:
        try:
            if Browser(port).get("/login").status < 500:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not begin to answer: {process.poll()}")


def signed_in(user: User) -> str:
    """The key of a new session of somebody who has just proved who they are."""
    engine: ModuleType = import_module(settings.SESSION_ENGINE)
    session, now = engine.SessionStore(), int(time.time())
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update({"since": now, "seen": now, "proved": now, "how": "password"})
    session.create()
    return str(session.session_key)


# ---- many at a time


@dataclass
class Run:
    """What a number of browsers met: seconds of each answer, and of all together; `wrong` are statuses but 200."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    largest: int = 0
    wrong: list[int] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    @property
    def p95(self) -> float:
        """The time within which 19 of 20 were whole, in milliseconds."""
        times = self.times if len(self.times) > 1 else self.times * 2
        return statistics.quantiles(times, n=20, method="inclusive")[18] * 1000


def together(
    browsers: Sequence[Browser],
    work: Callable[[int, Browser], Answer],
    *,
    seconds: float,
    until: Callable[[], bool] = lambda: False,
) -> Run:
    """All browsers at the same time, each asking again as soon as it has its answer; `work` gets its number.

    They stop after so many seconds, or where `until` says so.
    """
    found, lock = Run(), threading.Lock()
    begun = time.perf_counter()

    def person(number: int, browser: Browser) -> None:
        while time.perf_counter() - begun < seconds and not found.wrong and not until():
            answer = work(number, browser)
            with lock:
                found.times.append(answer.seconds)
                found.largest = max(found.largest, len(answer.body))
                if answer.status != 200:
                    found.wrong.append(answer.status)

    threads = [threading.Thread(target=person, args=pair) for pair in enumerate(browsers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.seconds = time.perf_counter() - begun
    return found


@contextmanager
def crowd(site: Site, users: Sequence[User | None]) -> Iterator[list[Browser]]:
    """A browser for each of them."""
    browsers = [site.browser(user) for user in users]
    try:
        yield browsers
    finally:
        for browser in browsers:
            browser.close()


Work = Callable[[int, Browser], Answer]


def asking(url: str, headers: Mapping[str, str] | None = None) -> Work:
    """Everybody asks for the same."""
    return lambda _number, browser: browser.get(url, headers)


def later(page: str) -> str:
    """Where a list fetches its number by itself, after its rows; "" where the page has it already."""
    found = re.search(r'hx-get="([^"]+/count[^"]+)" hx-trigger="load"', page)
    return html.unescape(found[1]) if found else ""
