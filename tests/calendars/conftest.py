"""A real CalDAV server of the tests' own, and somebody's phone that knows it too."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from zhike.modules.calendars import accounts, events
from zhike.modules.calendars.dav import Found
from zhike.modules.calendars.models import CalDav

USER, PASSWORD = "wang", "geheim 知客"
CONFIG = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/data
[logging]
level = critical
"""


@dataclass
class Radicale:
    """The server: a process, its port, its folder. It can be stopped and started again with what it holds."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if not self.port:
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                self.port = found.getsockname()[1]
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n", "utf-8")
        (self.folder / "config").write_text(CONFIG.format(port=self.port, folder=self.folder), "utf-8")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ZHIKE_", "DATABASE"))}
        command = [sys.executable, "-m", "radicale", "--config", str(self.folder / "config")]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as found:
                if found.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("Radicale did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    """One server for all tests; each has a calendar of its own."""
    server = Radicale(tmp_path_factory.mktemp("radicale"))
    server.start()
    yield server
    server.stop()


@dataclass
class Phone:
    """A calendar program that writes to the server past us, and reads what is there."""

    server: Radicale
    path: str
    requests: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str = "", body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request."""
        given = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path or self.path, body or None, {"Authorization": f"Basic {given}", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def make(self) -> None:
        """The calendar itself."""
        status, said = self.ask("MKCALENDAR")
        assert status == 201, said

    def all(self) -> dict[str, bytes]:
        """Path -> body of every entry."""
        body = (
            b'<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop>'
            b'<D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter>'
            b"</C:calendar-query>"
        )
        status, said = self.ask("REPORT", body=body, Depth="1")
        assert status == 207, said
        found = {}
        for one in ET.fromstring(said).iter("{DAV:}response"):  # noqa: S314 - our own server
            data = one.findtext(".//{urn:ietf:params:xml:ns:caldav}calendar-data")
            found[one.findtext("{DAV:}href") or ""] = (data or "").encode()
        return found

    def events(self) -> dict[str, events.Event]:
        """UID -> entry."""
        found: dict[str, events.Event] = {}
        for data in self.all().values():
            event = events.read(data, lambda _name, text: text.strip())
            if event is not None:
                assert event.uid not in found
                found[event.uid] = event
        return found

    def put(self, uid: str, *lines: str, path: str = "") -> str:
        """Write an entry; its path."""
        now = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
        text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Phone//EN", "BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:{now}",
                f"LAST-MODIFIED:{now}", *lines, "END:VEVENT", "END:VCALENDAR", ""]  # fmt: skip
        where = path or f"{self.path}{uid.replace('@', '-')}.ics"
        status, said = self.ask("PUT", where, "\r\n".join(text).encode(), **{"Content-Type": "text/calendar"})
        assert status in (201, 204), (status, said)
        return where

    def where(self, uid: str) -> tuple[str, bytes]:
        """Path and body of an entry."""
        return next((p, data) for p, data in self.all().items() if f"UID:{uid}".encode() in data.replace(b"\r\n ", b""))

    def change(self, uid: str, later: dt.timedelta = dt.timedelta(seconds=2), **facts: Any) -> None:
        """Change an entry as a program does: the rest of it stays."""
        path, data = self.where(uid)
        event = events.read(data, lambda _name, text: text.strip())
        assert event is not None
        assert event.facts is not None
        other = event.facts.but(events.Facts(**{**vars(event.facts), **facts}), list(facts))
        changed = events.change(data, other, list(facts), dt.datetime.now(dt.UTC) + later)
        status, said = self.ask("PUT", path, changed, **{"Content-Type": "text/calendar"})
        assert status in (201, 204), (status, said)

    def delete(self, uid: str) -> None:
        """Delete an entry."""
        status, said = self.ask("DELETE", self.where(uid)[0])
        assert status in (200, 204), (status, said)


@pytest.fixture
def phone(radicale: Radicale, request: pytest.FixtureRequest) -> Phone:
    """A phone with an empty calendar of this test's own."""
    made = Phone(radicale, f"/{USER}/c{abs(hash(request.node.nodeid))}{time.monotonic_ns()}/")
    made.make()
    return made


@pytest.fixture
def loopback(settings: Any) -> None:
    """The firm has opened its own machine."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def account(firm: Any, phone: Phone, loopback: None) -> CalDav:
    """The seller's calendar, both ways, switched on and not run yet."""
    return connected(firm.actor("seller"), phone)


def connected(actor: Any, phone: Phone, direction: str = "all") -> CalDav:
    """An account of this person on this phone's calendar."""
    accounts.save(actor, url=f"{phone.server.url.rstrip('/')}{phone.path}", username=USER, password=PASSWORD)
    url = f"{phone.server.url.rstrip('/')}{phone.path}"
    accounts.choose(actor, calendar=Found(url, "工作"), direction=direction)
    return accounts.switch(actor, on=True)
