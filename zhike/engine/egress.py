"""The one door for outgoing HTTP: every address is checked, and what is connected to is what was checked.

No other module of ours opens a connection (tests/egress/test_one_door.py). A name is resolved once; each address that
it has must be public or lie in a network that the firm opened (ZHIKE_EGRESS_ALLOW); redirects are not followed, proxies
of the environment not asked (docs/security.md).
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

import idna
from django.utils.translation import gettext_lazy as _

from .networks import literal, open_to_us

Resolver = Callable[[str], Sequence[str]]
WORDS = {
    "form": _("“%(detail)s” is not an address that can be called. Write it as https://name/path."),
    "scheme": _("Only addresses that begin with https:// or http:// can be called."),
    "characters": _("An address may hold no space, line break, backslash or control character."),
    "user": _("An address may not carry a user name or a password; leave out what stands before the @."),
    "port": _("Port %(detail)s may not be called. Use 443, 80, or one above 1023 that no database or mail server has."),
    "closed": _(
        "%(detail)s is not found, or lies in a network that Zhike may not call. "
        "The person who runs the server can open a network of the firm with ZHIKE_EGRESS_ALLOW."
    ),
    "header": _("The header %(detail)s may not be sent."),
    "connect": _("No connection with %(detail)s. Is it running, and is the port right?"),
    "tls": _("%(detail)s has no valid certificate for its name."),
    "slow": _("%(detail)s did not answer in time."),
    "long": _("The answer of %(detail)s is too long."),
    "broken": _("%(detail)s did not answer as a web server does."),
}
AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(:(?P<port>[0-9]{0,5}))?")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "PROPFIND", "REPORT"})
SHUT_PORTS = frozenset(
    {1080, 1433, 1434, 1521, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 2525, 3128, 3306, 3389, 4369, 4444, 5060, 5061}
    | {5432, 5433, 5672, 5900, 5901, 5984, 5985, 5986, 6000, 6001, 6379, 6380, 6432, 6443, 6665, 6666, 6667, 6668}
    | {6669, 8086, 8500, 9042, 9092, 9100, 9200, 9300, 10250, 10255, 11211, 15672, 26257, 26379, 27017, 27018, 27019}
    | {33060, 50000, 61616}
)  # mail and proxies, databases, queues, control of machines: none of them a web service of a partner
OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
    | {"proxy-authorization", "proxy-connection", "accept-encoding"}
)
LOOKUPS = ThreadPoolExecutor(4, "lookup")  # a name server that is silent must not hold up the caller


class EgressError(Exception):
    """A call that is not made, or that failed; `code` is a key of WORDS."""

    def __init__(self, code: str, detail: object = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = str(detail)[:100]

    @property
    def text(self) -> str:
        """For the user."""
        return str(WORDS[self.code]) % {"detail": self.detail}


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, seconds for all of it, bytes of the answer; a longer one is an error, or `cut`."""

    connect: float = 5
    total: float = 10
    size: int = 1_048_576
    cut: bool = False


@dataclass(frozen=True)
class Target:
    """An address taken apart, with the checked IP addresses of its host."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What came back; `address` is the IP address that was connected to, names of headers are in lower case."""

    status: int
    body: bytes
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)


def parse(url: str) -> Target:
    """Take an address apart without asking the network; EgressError for all but plain http(s) addresses."""
    if re.search(r"[\x00-\x20\x7f-\xa0\\\s]", url):
        raise EgressError("characters")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise EgressError("form", url) from None
    if parts.scheme not in ("http", "https"):
        raise EgressError("scheme")
    if "@" in parts.netloc:
        raise EgressError("user")
    found = AUTHORITY.fullmatch(parts.netloc)
    if len(url) > 2000 or not found or int(found["port"] or 0) > 65_535:
        raise EgressError("form", url)
    port = int(found["port"] or (443 if parts.scheme == "https" else 80))
    if port not in (80, 443) and (port < 1024 or port in SHUT_PORTS):
        raise EgressError("port", port)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return Target(parts.scheme, host_of(found["host"]), port, f"{path}?{query}" if query else path)


def host_of(raw: str) -> str:
    """A host in the one spelling that is resolved, sent and checked: ASCII, or an IP address as it is usually written.

    Numbers that only some resolvers take for an address (0x7f.1, 2130706433, 0177.0.0.1) are refused.
    """
    if raw.startswith("["):
        found = literal(raw[1:-1])
        if found is None or ":" not in found:
            raise EgressError("form", raw)
        return found
    try:
        name = raw if raw.isascii() else idna.encode(raw, uts46=True).decode()
    except idna.IDNAError:
        raise EgressError("form", raw) from None
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", part) for part in labels):
        raise EgressError("form", raw)
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]) and literal(name) is None:
        raise EgressError("form", raw)
    return name


def lookup(name: str) -> list[str]:
    """The IP addresses of a name, as the machine's resolver gives them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


def check(url: str, *, resolve: Resolver = lookup, seconds: float = 5) -> Target:
    """The address with the IP addresses it may be called at; EgressError unless all that its name has may be called."""
    target = parse(url)
    if literal(target.host) is not None:
        found: Sequence[str] = [target.host]
    else:
        try:
            found = LOOKUPS.submit(resolve, target.host).result(seconds)
        except (OSError, UnicodeError):  # a time-out is an OSError too
            raise EgressError("closed", target.host) from None
    if not found or not all(open_to_us(address) for address in found):
        raise EgressError("closed", target.host)
    return replace(target, addresses=tuple(dict.fromkeys(found)))


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limits: Limits = Limits(),
    resolve: Resolver = lookup,
) -> Answer:
    """One request and its answer, whatever its status; EgressError if it may not be made or does not succeed."""
    until = time.monotonic() + limits.total
    sent = _headers(method, headers or {})
    target = check(url, resolve=resolve, seconds=min(limits.connect, limits.total))
    try:
        with closing(_connect(target, until, limits)) as sock:
            return _exchange(sock, target, until, limits, method=method, body=body, headers=sent)
    except TimeoutError:
        raise EgressError("slow", target.host) from None
    except ssl.SSLError:
        raise EgressError("tls", target.host) from None
    except http.client.HTTPException:
        raise EgressError("broken", target.host) from None
    except OSError:
        raise EgressError("connect", target.host) from None


def _headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of the caller, and those that only this module sets."""
    if method not in METHODS:
        raise EgressError("header", method)
    for name, value in headers.items():
        if name.lower() in OURS or not re.fullmatch(r"[A-Za-z0-9-]{1,60}", name):
            raise EgressError("header", name)
        if not re.fullmatch(r"[\x20-\x7e\t]*", value):
            raise EgressError("header", name)
    return {"User-Agent": "Zhike", **headers, "Accept-Encoding": "identity", "Connection": "close"}


def _connect(target: Target, until: float, limits: Limits) -> socket.socket:
    """A connection with the first checked address that takes it; TLS is spoken with the name."""
    sock = None
    limit = min(until, time.monotonic() + limits.connect)
    for n, address in enumerate(target.addresses, 1):
        try:
            sock = socket.create_connection((address, target.port), max(limit - time.monotonic(), 0.001))
            break
        except OSError:
            if n == len(target.addresses):
                raise
    if sock is None:
        raise TimeoutError
    if target.scheme == "http":
        return sock
    try:
        sock.settimeout(max(limit - time.monotonic(), 0.001))
        return ssl.create_default_context().wrap_socket(sock, server_hostname=target.host)
    except BaseException:
        sock.close()
        raise


def _exchange(
    sock: socket.socket,
    target: Target,
    until: float,
    limits: Limits,
    *,
    method: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Answer:
    address = str(sock.getpeername()[0])
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = _Wire(sock, until)  # what http.client uses of a socket, timed
    with suppress(ConnectionResetError, BrokenPipeError):  # who refuses may answer and hang up before it has read all
        connection.request(method, target.path, body, {"Host": target.authority, **headers})
    response = connection.getresponse()
    data = response.read(limits.size + 1)
    if len(data) > limits.size and not limits.cut:
        raise EgressError("long", target.host)
    if len(data) <= limits.size and response.length:  # it ended before it had said it would
        raise EgressError("broken", target.host)
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, data[: limits.size], address, names)


class _Wire(io.RawIOBase):
    """A socket whose every wait counts against one deadline: who answers a byte at a time gains nothing."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.sock = sock
        self.until = until

    def _timed(self) -> socket.socket:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock

    def readable(self) -> bool:
        """Asked by the buffer around it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What has arrived; 0 at the end."""
        return self._timed().recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        """All of it, in pieces."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._timed().send(rest[:16_384]) :]

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        """What http.client reads the answer from."""
        return io.BufferedReader(_Wire(self.sock, self.until))
