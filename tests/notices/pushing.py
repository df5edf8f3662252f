"""A push service on this machine that is as strict as the real ones, and the browser behind it.

It takes apart what it is sent by the standards alone (RFC 8188, 8291, 8292), without the library that made it.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hmac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()


class Browser:
    """One subscription: its keys, and what it could read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)
        self.shown: list[dict[str, Any]] = []

    def keys(self) -> dict[str, str]:
        """As PushSubscription.toJSON gives them."""
        return {"p256dh": b64(self._key.public_key().public_bytes(*POINT)), "auth": b64(self._auth)}

    def read(self, body: bytes) -> dict[str, Any]:
        """Decrypt a message of one record (RFC 8291, section 3.4)."""
        salt, (_size, length) = body[:16], struct.unpack("!IB", body[16:21])
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        secret = self._key.exchange(ec.ECDH(), theirs)
        mine = self._key.public_key().public_bytes(*POINT)
        ikm = _hmac(_hmac(self._auth, secret), b"WebPush: info\0" + mine + sender + b"\x01")
        prk = _hmac(salt, ikm)
        key = _hmac(prk, b"Content-Encoding: aes128gcm\0\x01")[:16]
        nonce = _hmac(prk, b"Content-Encoding: nonce\0\x01")[:12]
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02"  # the last record
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


@dataclass
class Service:
    """What it is told to answer, and what it took."""

    origin: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    browsers: dict[str, Browser] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def browser(self, name: str) -> Browser:
        """A new subscription."""
        found = self.browsers[name] = Browser(name)
        return found

    def endpoint(self, name: str) -> str:
        return f"{self.origin}/wp/{name}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """The status for one message."""
        if self.answers:
            return self.answers.pop(0)
        browser = self.browsers.get(path.removeprefix("/wp/"))
        if browser is None:
            return 410, {}
        if not self._signed(headers.get("authorization", "")):
            return 403, {}
        if headers.get("content-encoding") != "aes128gcm" or not headers.get("ttl", "").isdecimal():
            return 400, {}
        if len(body) > 4_096 or len(headers.get("topic", "")) > 32:
            return 413, {}
        self.headers.append(headers)
        browser.shown.append(browser.read(body))
        return 201, {}

    def _signed(self, header: str) -> bool:
        """RFC 8292: a token for this origin, of at most a day, signed by the key that stands beside it."""
        scheme, _space, rest = header.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or set(parts) != {"t", "k"}:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(parts["k"]))
        try:
            claims = jwt.decode(parts["t"], public, algorithms=["ES256"], audience=self.origin)
        except jwt.InvalidTokenError:
            return False
        self.keys.add(parts["k"])
        return bool(claims["exp"] <= time.time() + 86_400 and str(claims["sub"]).startswith(("mailto:", "https:")))


class Running:
    """The service, listening."""

    def __init__(self) -> None:
        self.service = service = Service()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more = service.take(self.path, headers, body)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        service.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
