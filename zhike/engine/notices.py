"""Notices: what a person should know, told once for each cause."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from .models import Notice


def tell(user: UUID, text: str, params: Mapping[str, str], url: str, cause: str) -> None:
    """One notice for one person and one cause; `text` is a message id, `params` hold no value of a record."""
    Notice.objects.get_or_create(
        cause=cause[:120], defaults={"user_id": user, "text": text, "params": dict(params), "url": url}
    )
