"""What sees every connection: listeners, a hook of the interpreter, and names whose addresses the tests say."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.egress.receiver import Receiver

REAL = socket.getaddrinfo
PUBLIC = "93.184.216.34"


class Ledger:
    """Every address that this process tried to connect to. What is not on this machine is never let through."""

    def __init__(self) -> None:
        self.open = False
        self.tried: list[tuple[Any, ...]] = []

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter before each connection; it cannot be taken off, so it is made once."""
        if self.open and event == "socket.connect" and isinstance(args[1], tuple):
            self.tried.append(args[1][:2])
            if args[1][0] not in ("127.0.0.1", "::1"):
                raise ConnectionRefusedError("tests stay on this machine")


LEDGER = Ledger()
sys.addaudithook(LEDGER.hook)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """The addresses tried since the test began."""
    LEDGER.tried.clear()
    LEDGER.open = True
    yield LEDGER
    LEDGER.open = False


@dataclass
class Names:
    """A resolver: the addresses of names, and how often each was asked for; several lists are given in turn."""

    table: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def say(self, name: str, *answers: list[str]) -> None:
        """The addresses of a name, one list per question; the last one stays."""
        self.table[name] = list(answers)

    def getaddrinfo(self, host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """In place of the machine's: known names from the table, numbers however written as the machine reads them."""
        if threading.current_thread() is not threading.main_thread():
            self.asked.append(host)
        if host in self.table:
            answers = self.table[host]
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in found]
        return REAL(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The only names that there are."""
    found = Names()
    found.say("localhost", ["127.0.0.1", "::1"])
    found.say("public.test", [PUBLIC])
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    return found


class Listener(threading.Thread):
    """Takes connections on one address of this machine and notes each."""

    def __init__(self, family: socket.AddressFamily, host: str) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind((host, 0))
        self.socket.listen(16)
        self.port: int = self.socket.getsockname()[1]
        self.seen = 0

    def run(self) -> None:
        """Until closed."""
        while True:
            try:
                other, _address = self.socket.accept()
            except OSError:
                return
            self.seen += 1
            other.close()


@dataclass
class Farm:
    """Listeners on both loopback addresses."""

    listeners: list[Listener]

    @property
    def ports(self) -> tuple[int, int]:
        """Of 127.0.0.1 and ::1."""
        return self.listeners[0].port, self.listeners[1].port

    @property
    def seen(self) -> int:
        """Connections that arrived."""
        return sum(one.seen for one in self.listeners)


@pytest.fixture
def farm() -> Iterator[Farm]:
    """Two listeners that nothing may reach."""
    made = Farm([Listener(socket.AF_INET, "127.0.0.1"), Listener(socket.AF_INET6, "::1")])
    for one in made.listeners:
        one.start()
    yield made
    for one in made.listeners:
        one.socket.close()


Serve = Callable[[bytes, socket.socket], None]


class Server(threading.Thread):
    """A web server of a few lines on 127.0.0.1, which answers as each test says and keeps what it was asked."""

    def __init__(self, serve: Serve, wrap: Callable[[socket.socket], socket.socket]) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.serve, self.wrap = serve, wrap
        self.requests: list[bytes] = []

    def run(self) -> None:
        """Until closed."""
        while True:
            try:
                raw, _address = self.socket.accept()
            except OSError:
                return
            try:
                with self.wrap(raw) as other:
                    self._talk(other)
            except OSError:
                raw.close()

    def _talk(self, other: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data and (piece := other.recv(65_536)):
            data += piece
        head, _gap, body = data.partition(b"\r\n\r\n")
        wanted = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < wanted and (piece := other.recv(65_536)):
            body += piece
        self.requests.append(head + b"\r\n\r\n" + body)
        self.serve(self.requests[-1], other)


Start = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Start]:
    """Starts servers; give bytes to answer, or a function that gets the request and the socket."""
    started: list[Server] = []

    def start(answer: bytes | Serve, wrap: Callable[[socket.socket], socket.socket] = lambda raw: raw) -> Server:
        def plain(_request: bytes, other: socket.socket) -> None:
            other.sendall(answer)  # type: ignore[arg-type]  # bytes, as asked for below

        server = Server(plain if isinstance(answer, bytes) else answer, wrap)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.socket.close()


@pytest.fixture
def opened(settings: Any) -> None:
    """The firm opened this machine."""
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]


@pytest.fixture
def erp(serve: Start, names: Names) -> Receiver:
    """The other system."""
    return Receiver(serve)
