"""What the door for outgoing HTTP does when it may: where it connects, what it sends, and when it gives up."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.egress.conftest import PUBLIC, Farm, Ledger, Names, Start
from zhike.engine import egress
from zhike.engine.egress import EgressError, Limits, fetch
from zhike.engine.egress_session import Session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


pytestmark = pytest.mark.usefixtures("opened")


def code(call: Callable[[], Any]) -> str:
    """Why a call failed."""
    with pytest.raises(EgressError) as found:
        call()
    return found.value.code


def test_connected_to_is_what_was_checked(names: Names, ledger: Ledger) -> None:
    """A name that changes its address after the question gains nothing: it is asked once."""
    names.say("rebind.test", [PUBLIC], ["127.0.0.1"])
    assert code(lambda: fetch("http://rebind.test:8080/")) == "connect"
    assert ledger.tried == [(PUBLIC, 8080)]
    assert names.asked == ["rebind.test"]
    assert code(lambda: fetch("http://rebind.test:25565/")) == "connect"
    assert ledger.tried[1:] == [("127.0.0.1", 25565)]


def test_what_is_sent(names: Names, serve: Start) -> None:
    server = serve(OK)
    names.say("erp.test", ["127.0.0.1"])
    answer = fetch(
        f"http://ERP.test.:{server.port}/a/中?q=1&n=客户#part", method="POST", body=b"{}", headers={"X-Key": "v"}
    )
    assert (answer.status, answer.body, answer.address) == (200, b"ok", "127.0.0.1")
    assert server.requests == [
        b"POST /a/%E4%B8%AD?q=1&n=%E5%AE%A2%E6%88%B7 HTTP/1.1\r\n"
        b"Content-Length: 2\r\n"
        b"Host: erp.test:" + str(server.port).encode() + b"\r\n"
        b"User-Agent: Zhike\r\nX-Key: v\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n{}"
    ]


def test_a_chinese_host_is_asked_for_in_ascii(names: Names, serve: Start) -> None:
    server = serve(OK)
    names.say("xn--fiq228c.test", ["127.0.0.1"])
    assert fetch(f"http://中文.test:{server.port}/").status == 200
    assert server.requests[0].split(b"\r\n")[1] == b"Host: xn--fiq228c.test:%d" % server.port


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers(names: Names, serve: Start, farm: Farm, ledger: Ledger, status: int) -> None:
    where = f"http://127.0.0.1:{farm.ports[0]}/".encode()
    server = serve(b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, where))
    answer = fetch(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.headers["location"]) == (status, where.decode())
    assert ledger.tried == [("127.0.0.1", server.port)]
    assert farm.seen == 0


def test_no_proxy_of_the_environment_is_asked(
    names: Names, serve: Start, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://127.0.0.1:{farm.ports[0]}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.upper(), proxy)
    server = serve(OK)
    assert fetch(f"http://127.0.0.1:{server.port}/").status == 200
    assert (len(server.requests), farm.seen) == (1, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nHost: evil"),
        ("X-A", "b\nc"),
        ("X-A", "b\x00c"),
        ("X-A", "中"),
        ("X-A\r\nX-B", "c"),
        ("X A", "c"),
        ("X-A:", "c"),
        ("", "c"),
        ("Host", "evil.test"),
        ("HOST", "evil.test"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Upgrade", "websocket"),
        ("Proxy-Authorization", "x"),
        ("Accept-Encoding", "gzip"),
        ("Expect", "100-continue"),
    ],
)
def test_headers_that_are_refused(ledger: Ledger, farm: Farm, name: str, value: str) -> None:
    assert code(lambda: fetch(f"http://127.0.0.1:{farm.ports[0]}/", headers={name: value})) == "header"
    assert (ledger.tried, farm.seen) == ([], 0)


@pytest.mark.parametrize("method", ["get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\nX:", ""])
def test_methods_that_are_refused(ledger: Ledger, farm: Farm, method: str) -> None:
    assert code(lambda: fetch(f"http://127.0.0.1:{farm.ports[0]}/", method=method)) == "header"
    assert (ledger.tried, farm.seen) == ([], 0)


def drip(gap: float) -> Callable[[bytes, socket.socket], None]:
    """A server that answers a byte at a time, for ever."""

    def answer(_request: bytes, other: socket.socket) -> None:
        other.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            other.sendall(b"X")
            time.sleep(gap)

    return answer


def hang(_request: bytes, other: socket.socket) -> None:
    """A server that never answers."""
    other.recv(1)


@pytest.mark.parametrize("answer", [drip(0.05), hang], ids=["a byte at a time", "nothing"])
def test_one_time_limit_for_all_of_it(names: Names, serve: Start, answer: Any) -> None:
    server = serve(answer)
    started = time.monotonic()
    assert code(lambda: fetch(f"http://127.0.0.1:{server.port}/", limits=Limits(total=0.4))) == "slow"
    assert time.monotonic() - started < 2


def test_a_silent_name_server_holds_nobody_up() -> None:
    gate = threading.Event()

    def silent(_name: str) -> list[str]:
        gate.wait(5)
        return [PUBLIC]

    started = time.monotonic()
    assert code(lambda: fetch("http://slow.test/", limits=Limits(connect=0.2), resolve=silent)) == "closed"
    assert time.monotonic() - started < 2
    gate.set()


def test_long_answers(names: Names, serve: Start) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
    url = f"http://127.0.0.1:{server.port}/"
    assert len(fetch(url, limits=Limits(size=5000)).body) == 5000
    assert code(lambda: fetch(url, limits=Limits(size=4999))) == "long"
    assert fetch(url, limits=Limits(size=10, cut=True)).body == b"x" * 10


def test_an_endless_answer(names: Names, serve: Start) -> None:
    def endless(_request: bytes, other: socket.socket) -> None:
        other.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            other.sendall(b"x" * 65_536)

    server = serve(endless)
    assert code(lambda: fetch(f"http://127.0.0.1:{server.port}/", limits=Limits(size=100_000))) == "long"


def test_packed_answers_stay_packed(names: Names, serve: Start) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
    assert fetch(f"http://127.0.0.1:{server.port}/").body == b"abc"


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", b"HTTP/1.1 abc\r\n\r\n"],
)
def test_what_is_no_answer(names: Names, serve: Start, answer: bytes) -> None:
    server = serve(answer)
    assert code(lambda: fetch(f"http://127.0.0.1:{server.port}/")) == "broken"


def test_an_answer_before_all_was_sent(names: Names) -> None:
    """Servers that refuse somebody do not read what they send (CalDAV with a wrong password)."""
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def refuse() -> None:
            other, _peer = taken.accept()
            other.recv(64)
            other.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            other.shutdown(socket.SHUT_WR)
            time.sleep(0.2)  # what has arrived and is not read makes the system hang up
            other.close()

        server = threading.Thread(target=refuse)
        server.start()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert fetch(url, method="PUT", body=b"x" * 30_000_000).status == 401
        server.join()


def test_nobody_there(names: Names) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert code(lambda: fetch(f"http://127.0.0.1:{port}/")) == "connect"


def test_the_next_address_is_tried(names: Names, serve: Start, ledger: Ledger, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    server = serve(OK)
    names.say("two.test", ["127.0.0.9", "127.0.0.1"])
    assert fetch(f"http://two.test:{server.port}/").address == "127.0.0.1"
    assert ledger.tried == [("127.0.0.9", server.port), ("127.0.0.1", server.port)]


def test_a_session_for_libraries(
    names: Names, serve: Start, farm: Farm, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{farm.ports[0]}")
    names.say("idp.test", ["127.0.0.1"])
    where = f"http://127.0.0.1:{farm.ports[0]}/".encode()
    server = serve(
        b"HTTP/1.1 302 Found\r\nContent-Type: application/json\r\nLocation: "
        + where
        + b'\r\nContent-Length: 12\r\n\r\n{"a": "\xe4\xb8\xad"}'
    )
    answer = Session().post(f"http://idp.test:{server.port}/token", data={"code": "1 2"}, auth=("me", "pw"))
    assert (answer.status_code, answer.json(), answer.history) == (302, {"a": "中"}, [])
    head, _gap, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    wanted = [b"POST /token HTTP/1.1", b"Authorization: Basic bWU6cHc=", b"Content-Length: 8", b"Connection: close"]
    assert [line for line in wanted if lines.count(line) != 1] == []
    assert body == b"code=1+2"
    assert (ledger.tried, farm.seen) == ([("127.0.0.1", server.port)], 0)


def test_a_session_knows_no_passwords_of_the_machine(
    names: Names, serve: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.say("idp.test", ["127.0.0.1"])
    (tmp_path / "netrc").write_text("machine idp.test login root password secret\n", encoding="ascii")
    monkeypatch.setenv("NETRC", os.fspath(tmp_path / "netrc"))
    server = serve(OK)
    assert Session().get(f"http://idp.test:{server.port}/").status_code == 200
    assert server.requests[0].count(b"Authorization") == 0


# ---- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate authority, and a server certificate for erp.test signed by it."""
    place = tmp_path_factory.mktemp("tls")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    now = dt.datetime.now(dt.UTC)

    def made(subject: x509.Name, public: Any, extension: x509.ExtensionType, *, critical: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=1)).add_extension(extension, critical=critical)
        return builder.sign(key, hashes.SHA256())

    def pem(file: str, *parts: bytes) -> Path:
        (place / file).write_bytes(b"".join(parts))
        return place / file

    encoding = serialization.Encoding.PEM
    server_key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "erp.test")])
    names = x509.SubjectAlternativeName([x509.DNSName("erp.test")])
    certificate = made(subject, server_key.public_key(), names, critical=False)
    root = made(name, key.public_key(), x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = server_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "root": pem("root.pem", root.public_bytes(encoding)),
        "server": pem("server.pem", private, certificate.public_bytes(encoding)),
    }


@pytest.fixture
def secure(authority: dict[str, Path], serve: Start, names: Names) -> Any:
    """A TLS server that keeps the names it was asked for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority["server"])
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    server = serve(OK, lambda raw: context.wrap_socket(raw, server_side=True))
    for name in ("erp.test", "other.test"):
        names.say(name, ["127.0.0.1"])
    return server, asked


def test_tls_speaks_with_the_name(
    secure: Any, authority: dict[str, Path], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, asked = secure
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(authority["root"]))
    assert fetch(f"https://erp.test:{server.port}/").status == 200
    assert asked == ["erp.test"]
    assert ledger.tried == [("127.0.0.1", server.port)]
    assert server.requests[0].split(b"\r\n")[1] == b"Host: erp.test:%d" % server.port


def test_a_certificate_for_another_name(
    secure: Any, authority: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _asked = secure
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(authority["root"]))
    for host in ("other.test", "127.0.0.1"):
        assert code(lambda host=host: fetch(f"https://{host}:{server.port}/")) == "tls"  # type: ignore[misc]
    assert server.requests == []


def test_a_certificate_that_nobody_vouches_for(secure: Any) -> None:
    server, _asked = secure
    assert code(lambda: fetch(f"https://erp.test:{server.port}/")) == "tls"
    assert server.requests == []


def test_every_refusal_has_words() -> None:
    assert {code for code, text in egress.WORDS.items() if not str(text).strip()} == set()
