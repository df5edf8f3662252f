"""The history outside the database: for an auditor, and what has become too old to be kept in it."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from zhike.base.models import Policy

from . import chain, offbox
from .chain import SHORTEST, Line
from .entity import entities
from .exactjson import COLUMN
from .history import ERASED, place
from .models import Seal

OPEN_CLASSES = ("public", "internal")


def export(out: Path, start: dt.datetime, end: dt.datetime, *, values: bool = False) -> dict[str, Any]:
    """Write what happened from `start` to before `end` as JSON lines, and a manifest beside it; gives the manifest.

    Without `values` the lines hold the names of changed fields and the digest of their values, which is all that
    computing the digests again needs (docs/history.md).
    """
    digest, count = hashlib.sha256(), 0
    with out.open("xb") as file:
        for line in _between(start, end):
            text = json.dumps(_fact(line, values=values), ensure_ascii=False).encode() + b"\n"
            digest.update(text)
            file.write(text)
            count += 1
    sealed = Seal.objects.order_by("-id").first()
    manifest = {
        "file": out.name,
        "from": start.isoformat(),
        "to": end.isoformat(),
        "rows": count,
        "sha256": digest.hexdigest(),
        "made_at": timezone.now().isoformat(),
        "chain": offbox.sealed(sealed) if sealed else None,
    }
    out.with_suffix(".manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return manifest


def facts(start: dt.datetime, end: dt.datetime, limit: int) -> Iterator[dict[str, Any]]:
    """The first `limit` steps of a period, without values."""
    for n, line in enumerate(_between(start, end)):
        if n == limit:
            return
        yield offbox.fact(line)


def _between(start: dt.datetime, end: dt.datetime) -> Iterator[Line]:
    return chain.rows(where="at >= %s AND at < %s", values=[start, end])


def _fact(line: Line, *, values: bool) -> dict[str, Any]:
    found = offbox.fact(line)
    if values:
        found |= {"changes": json.loads(line.changes), "details": json.loads(line.details)}
    return found


def expire(*, days: int | None = None) -> dict[str, Any]:
    """Move what is older than the policy says into an archive file; the seals stay. Gives the file, {} for none.

    The file holds every row with its digest, but no values of personal fields: what a person asks to be erased must
    not live on in a file that nobody can search.
    """
    due = timezone.now() - dt.timedelta(days=max(SHORTEST, days or Policy.current().history_days))
    with transaction.atomic():
        seal = Seal.objects.filter(at__lt=due).order_by("-id").values("id", "to_tx").first()
        if seal is None:
            return {}
        lines = chain.rows(end=seal["to_tx"])
        first = next(lines, None)
        if first is None:
            return {}
        place = Path(settings.HOME) / "archive"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = place / f"history-{timezone.localdate():%Y%m%d}-{seal['id']}.jsonl.gz"
        count = _write(path, first, lines)
        archive = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": count}
        with connection.cursor() as cursor:
            cursor.execute("SELECT zhike_history_expire(%s, %s::jsonb)", [seal["id"], json.dumps(archive)])
            gone = int(cursor.fetchone()[0])
        if gone != count:
            raise RuntimeError(f"{count} rows were archived, but {gone} were to go")
    return archive


def _write(path: Path, first: Line, lines: Iterable[Line]) -> int:
    shown = _shown()
    count = 0
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            for line in itertools.chain((first,), lines):
                packed.write(_archived(line, shown.get(line.entity, set())))
                count += 1
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return count


def _archived(line: Line, shown: set[str]) -> bytes:
    changes = {k: _open(k, v, shown) for k, v in json.loads(line.changes).items()}
    return json.dumps({**offbox.fact(line), "changes": changes}, ensure_ascii=False).encode() + b"\n"


def _open(column: str, sides: Any, shown: set[str]) -> Any:
    """Both sides of a change as far as they may be kept; each custom field for itself."""
    if column != COLUMN or not isinstance(sides, list):
        return sides if column in shown else ERASED
    return [
        {k: v if f"{COLUMN}.{k}" in shown else ERASED for k, v in side.items()} if isinstance(side, dict) else ERASED
        for side in sides
    ]


def _shown() -> dict[str, set[str]]:
    """Of each entity, the columns whose values may be kept in a file."""
    return {
        key: {place(a) for a in entity.attributes.values() if a.stored and a.data_class in OPEN_CLASSES}
        for key, entity in entities().items()
    }
