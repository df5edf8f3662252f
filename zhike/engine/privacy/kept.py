"""The list of who was erased, kept beside the database too: a backup that is restored brings the erased back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from zhike.engine.models import Erasure


def place() -> Path:
    """The file, which no backup of the database overwrites: one line of JSON for each erasure, no personal values."""
    return Path(settings.HOME) / "erased.jsonl"


def line(erasure: Erasure) -> dict[str, Any]:
    """One erasure as it is kept."""
    return {
        "entity": erasure.entity,
        "record": str(erasure.record),
        "token": erasure.token,
        "digests": list(erasure.digests),
        "reason": erasure.reason,
        "at": erasure.at.isoformat(),
    }


def write(erasure: Erasure) -> None:
    """Add to the file, once the transaction stands."""
    transaction.on_commit(lambda: _append([erasure]))


def _append(erasures: list[Erasure]) -> None:
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        for erasure in erasures:
            file.write(json.dumps(line(erasure), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read() -> Iterator[dict[str, Any]]:
    """The lines of the file; half a line, as a power cut leaves it, is passed over."""
    if not place().is_file():
        return
    for text in place().read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(text)
        except ValueError:
            continue


def level() -> int:
    """Bring file and table together, whichever lost something; gives how many lines were missing in either."""
    said = {(one["entity"], one["record"]): one for one in read()}
    known = {(e.entity, str(e.record)): e for e in Erasure.objects.all()}
    lacking = [known[key] for key in known.keys() - said.keys()]
    if lacking:
        _append(lacking)
    lost = said.keys() - known.keys()
    Erasure.objects.bulk_create(
        [
            Erasure(
                entity=entity,
                record=UUID(record),
                token=said[entity, record]["token"],
                digests=said[entity, record]["digests"],
                reason=said[entity, record].get("reason", ""),
                **({"at": at} if (at := parse_datetime(said[entity, record].get("at", ""))) else {}),
            )
            for entity, record in lost
        ],
        ignore_conflicts=True,
    )
    return len(lacking) + len(lost)
