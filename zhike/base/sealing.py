"""Secrets that must be read again lie encrypted in the database, with a key made from the installation's."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def box(purpose: str) -> Fernet:
    """The cipher for one purpose: AES-128-CBC with HMAC-SHA256."""
    key = hashlib.sha256(f"{purpose} of ".encode() + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(purpose: str, text: str) -> str:
    """For the database."""
    return box(purpose).encrypt(text.encode()).decode()


def unseal(purpose: str, sealed: str) -> str | None:
    """From the database; None where it was sealed with the key of another installation."""
    try:
        return box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
