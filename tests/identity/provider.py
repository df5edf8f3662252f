"""A small OpenID Connect provider on loopback that speaks the real protocol, and can be told to cheat."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Issues codes and identity tokens for the person in `claims`; `cheat` names what it does wrong."""

    def __init__(self, key: str) -> None:
        self.key, self.client_id, self.secret = key, f"zhike-{key}", secrets.token_urlsafe(16)
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "wang@example.cn", "email_verified": True}
        self.cheat = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.token_requests = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_what: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def setting(self) -> dict[str, Any]:
        """How Zhike is told of it."""
        return {
            "kind": "openid_connect", "key": self.key, "name": f"SSO {self.key}",
            "client_id": self.client_id, "secret": self.secret, "url": self.url,
        }  # fmt: skip

    def discovery(self) -> dict[str, Any]:
        """The provider about itself."""
        return {
            "issuer": "https://elsewhere.example" if self.cheat == "discovery" else self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent with a code."""
        assert asked["client_id"] == self.client_id
        assert asked["response_type"] == "code"
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens(self, sent: dict[str, str]) -> dict[str, Any] | None:
        """Tokens for a code, once, to the client it was made for, with the verifier of its challenge."""
        self.token_requests += 1
        asked = self.codes.pop(sent.get("code", ""), None)
        if asked is None or (sent.get("client_id"), sent.get("client_secret")) != (self.client_id, self.secret):
            return None
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.get("code_challenge"):
            return None
        return {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token(asked)}

    def id_token(self, asked: dict[str, str]) -> str:
        """The signed statement who it is."""
        now = int(time.time())
        claims = {
            **self.claims, "iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300,
            "nonce": asked.get("nonce", ""),
        }  # fmt: skip
        changes: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another-client"},
            "many": {"aud": [self.client_id, "another-client"], "azp": "another-client"},
            "issuer": {"iss": "https://elsewhere.example"},
            "expired": {"iat": now - 900, "exp": now - 600},
            "nonce": {"nonce": "of-another-sign-in"},
        }
        claims |= changes.get(self.cheat, {})
        if self.cheat == "no-nonce":
            del claims["nonce"]
        head = {"kid": "k1"}
        if self.cheat == "unsigned":
            return jwt.encode(claims, "", algorithm="none", headers=head)
        if self.cheat == "hmac":  # signed with the public key, as if it were a shared secret
            return jwt.encode(claims, self.client_id * 4, algorithm="HS256", headers=head)
        if self.cheat == "kid":
            head = {"kid": "k2"}
        token = jwt.encode(claims, STRANGE_KEY if self.cheat == "key" else KEY, algorithm="RS256", headers=head)
        return token[:-8] + "AAAAAAAA" if self.cheat == "signature" else token

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The HTTP side."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, found: Any, status: int = 200, **headers: str) -> None:
                body = json.dumps(found).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {k: v[-1] for k, v in parse_qs(parts.query).items()}
                if parts.path == "/authorize":
                    self.answer({}, 302, Location=provider.authorize(asked))
                elif parts.path == "/keys":
                    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                    self.answer({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "RS256"}]})
                elif parts.path == "/userinfo":
                    self.answer({**provider.claims, **({"sub": "u-2"} if provider.cheat == "userinfo" else {})})
                else:
                    self.answer(provider.discovery())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                found = provider.tokens({k: v[-1] for k, v in parse_qs(body).items()})
                self.answer(found or {"error": "invalid_grant"}, 200 if found else 400)

            def log_message(self, *_what: object) -> None:
                return

        return Handler
