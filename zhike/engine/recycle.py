"""The recycle bin is emptied after 30 days; what other records still hang on stays until those are gone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from .entity import AnyEntity, entities, get

KEPT = timedelta(days=30)


def empty() -> int:
    """Erase for good what was deleted more than 30 days ago; gives how many records went."""
    due = timezone.now() - KEPT
    gone = 0
    for entity in entities().values():
        for record in entity.rows("kept as long as promised").filter(deleted_at__lt=due).iterator():
            if _is_needed(entity, record.pk):
                continue
            try:
                with transaction.atomic():
                    record.delete()
            except (ProtectedError, IntegrityError):
                continue
            gone += 1
    return gone


def _is_needed(entity: AnyEntity, pk: UUID) -> bool:
    """Whether records link here by a field that the firm has made, of which the database knows nothing."""
    for related in entity.lists:
        other = get(related.entity)
        a = other.attributes[related.by]
        if a.custom and related.holds and other.rows("existence only").filter(a.leads_to([pk])).exists():
            return True
    return False
