"""How columns were read the last time: files with the same headings come again and again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import ImportMapping


def _digest(headers: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(headers)).encode()).hexdigest()


def remember(actor: Actor, entity: AnyEntity, headers: Sequence[str], mapping: Mapping[str, Any]) -> None:
    """Keep what a person said of the columns of a file."""
    ImportMapping.objects.update_or_create(
        user=actor.user, entity=entity.key, headers=_digest(headers),
        defaults={"mapping": dict(mapping), "used_at": timezone.now()},
    )  # fmt: skip


def recall(actor: Actor, entity: AnyEntity, headers: Sequence[str]) -> dict[str, Any]:
    """What the person said of a file with the same headings; empty where there was none."""
    found = ImportMapping.objects.filter(user=actor.user, entity=entity.key, headers=_digest(headers)).first()
    return dict(found.mapping) if found else {}
