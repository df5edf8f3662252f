"""Another system: takes messages on this machine, keeps its own ledger, and checks signatures with code of its own."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.egress.conftest import Start


@dataclass(frozen=True)
class Message:
    """A request as it arrived."""

    head: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The message."""
        return json.loads(self.body)

    def signed_by(self, secret: str) -> bool:
        """HMAC-SHA256 by hand (RFC 2104), over "<time>.<body>"."""
        stamp, given = (part.partition("=")[2] for part in self.head["zhike-signature"].split(","))
        key = secret.encode().ljust(64, b"\x00")
        inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + stamp.encode() + b"." + self.body).digest()
        return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest() == given


class Receiver:
    """Answers 200, or the statuses it was given, in turn."""

    def __init__(self, serve: Start, location: str = "") -> None:
        self.statuses: list[int] = []
        self.location = location
        self.server = serve(self._answer)
        self.url = f"http://127.0.0.1:{self.server.port}/hook?key=k1"

    def _answer(self, _request: bytes, other: socket.socket) -> None:
        status = self.statuses.pop(0) if self.statuses else 200
        location = f"Location: {self.location}\r\n" if self.location else ""
        other.sendall(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 2\r\n\r\nok".encode())

    @property
    def messages(self) -> list[Message]:
        """What arrived, in order."""
        found = []
        for request in self.server.requests:
            head, _gap, body = request.partition(b"\r\n\r\n")
            lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
            found.append(Message({name.lower(): value for name, _colon, value in lines}, body))
        return found
