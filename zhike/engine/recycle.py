"""The recycle bin is emptied after 30 days; what other records still hang on stays until those are gone."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from .entity import entities

KEPT = timedelta(days=30)


def empty() -> int:
    """Erase for good what was deleted more than 30 days ago; gives how many records went."""
    due = timezone.now() - KEPT
    gone = 0
    for entity in entities().values():
        for record in entity.rows("kept as long as promised").filter(deleted_at__lt=due).iterator():
            try:
                with transaction.atomic():
                    record.delete()
            except (ProtectedError, IntegrityError):
                continue
            gone += 1
    return gone
