"""Web push: encrypted for the browser (RFC 8291), signed by this installation (RFC 8292), sent through the one door.

What the push service of the browser's maker learns is that a message came, how long it is and when; not what it says.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from . import egress, sealing
from .models import PushSubscription

NAME = "web push"
ROOM = 3_000  # bytes of a message: 4096 is what every push service takes, encrypted
LIMITS = egress.Limits(connect=5, total=10, size=65_536, cut=True)
TOKEN_HOURS = 12  # at most 24 (RFC 8292)
POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


@dataclass(frozen=True)
class Outcome:
    """What became of a message: "done", "gone" (the subscription is over), "later", or "refused" for good."""

    state: str
    error: str = ""
    after: dt.timedelta | None = None


def encoded(data: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What `encoded` made; ValueError for anything else."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def private_key() -> ec.EllipticCurvePrivateKey:
    """The installation's own key; where a new one is made, subscriptions to the one before are over."""
    pem, is_new = sealing.kept(NAME, _made)
    if is_new:
        PushSubscription.objects.all().delete()
    found = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise TypeError(NAME)
    return found


def _made() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def public_key(key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """What browsers are given to subscribe with."""
    return encoded((key or private_key()).public_key().public_bytes(*POINT))


def good_keys(p256dh: str, auth: str) -> bool:
    """Whether these are keys of a browser: a point of the curve, and sixteen bytes."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(p256dh))
        return len(decoded(auth)) == 16
    except ValueError:
        return False


def authorization(endpoint: str, key: ec.EllipticCurvePrivateKey, now: dt.datetime) -> str:
    """The header by which the push service knows who sends."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + dt.timedelta(hours=TOKEN_HOURS)).timestamp()),
        "sub": f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}",
    }
    return f"vapid t={jwt.encode(claims, key, algorithm='ES256')}, k={public_key(key)}"


def push(
    to: PushSubscription,
    message: Mapping[str, Any],
    *,
    key: ec.EllipticCurvePrivateKey,
    topic: str,
    urgent: bool,
    now: dt.datetime,
    ttl: dt.timedelta = dt.timedelta(hours=12),
    resolve: egress.Resolver = egress.lookup,
) -> Outcome:
    """Send a message to one browser. `topic` (at most 32 letters) makes a second copy take the place of the first."""
    body = http_ece.encrypt(
        json.dumps(message, ensure_ascii=False).encode(),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(to.p256dh),
        auth_secret=decoded(to.auth),
        version="aes128gcm",
    )
    headers = {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(ttl.total_seconds())),
        "Urgency": "high" if urgent else "normal",
        "Topic": topic[:32],
        "Authorization": authorization(to.endpoint, key, now),
    }
    try:
        answer = egress.fetch(to.endpoint, method="POST", body=body, headers=headers, limits=LIMITS, resolve=resolve)
    except egress.EgressError as trouble:
        return Outcome("later", f"{trouble.code} {trouble.detail}")
    return _outcome(answer)


def _outcome(answer: egress.Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome("done")
    if status in (404, 410):
        return Outcome("gone", f"status {status}")
    if status == 429 or status >= 500:
        after = answer.headers.get("retry-after", "")
        wait = dt.timedelta(seconds=min(int(after), 86_400)) if after.isdecimal() and len(after) < 9 else None
        return Outcome("later", f"status {status}", wait)
    return Outcome("refused", f"status {status}")
