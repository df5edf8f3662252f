"""The search columns made anew: after other fields became searchable, or another version of how words are folded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from zhike.base import fold

from . import words
from .entity import AnyEntity, entities
from .models import SearchIndex

BATCH = 500
REASON = "the search columns follow what they are made of"


def stale() -> list[AnyEntity]:
    """The entities whose search columns were made of something else than they would be now."""
    made = dict(SearchIndex.objects.values_list("entity", "digest"))
    return [e for e in entities().values() if e.search and e.has_owner and made.get(e.key) != _digest(e)]


def renew(entity: AnyEntity) -> int:
    """Make the search columns of all records anew, a batch at a time; how many differed."""
    digest, changed = _digest(entity), 0
    for ids in _batches(entity):
        with transaction.atomic():
            changed += _renew(entity, ids)
    SearchIndex.objects.update_or_create(entity=entity.key, defaults={"digest": digest})
    return changed


def _digest(entity: AnyEntity) -> str:
    fields = [(key, entity.attributes[key].kind.key) for key in words.searched(entity)]
    said = json.dumps([fold.VERSION, entity.title, entity.named, fields])
    return hashlib.sha256(said.encode()).hexdigest()


def _batches(entity: AnyEntity) -> Iterator[list[UUID]]:
    rows, last = entity.rows(REASON).order_by("pk"), None
    while ids := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:BATCH]):
        yield ids
        last = ids[-1]


def _renew(entity: AnyEntity, ids: list[UUID]) -> int:
    """One batch, locked so that nobody's change meanwhile is undone; history and versions stay as they are."""
    found, columns = [], set[str]()
    for record in entity.rows(REASON).filter(pk__in=ids).select_for_update(of=("self",)):
        before = (record.search_text, record.search_grams, record.pinyin)
        columns |= set(words.index(entity, record))
        if before != (record.search_text, record.search_grams, record.pinyin):
            found.append(record)
    return entity.rows(REASON).bulk_update(found, sorted(columns)) if found else 0
