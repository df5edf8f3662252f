"""Secrets that lie in the database, encrypted with keys made from the installation's: a copy of the tables has none."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction

from .models import SealedSecret


def box(purpose: str) -> Fernet:
    """The cipher of one purpose: AES-128-CBC with HMAC-SHA256."""
    key = hashlib.sha256(f"{purpose} of {settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def kept(name: str, make: Callable[[], str]) -> tuple[str, bool]:
    """The secret of this name, made on first use, and whether it is new; two who ask first at once get the same.

    One that another key of the installation had sealed cannot be read any more and is made anew.
    """
    cipher = box(name)
    with transaction.atomic():
        SealedSecret.objects.get_or_create(name=name, defaults={"value": ""})
        found = SealedSecret.objects.select_for_update().get(name=name)
        try:
            return cipher.decrypt(found.value.encode()).decode(), False
        except InvalidToken:
            found.value = cipher.encrypt((value := make()).encode()).decode()
            found.save(update_fields=["value"])
            return value, True
