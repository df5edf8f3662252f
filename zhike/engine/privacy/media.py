"""Files that hold one person: those attached to their records, and what imports and exports left behind."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.sax.saxutils import unescape

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from zhike.engine.models import Job, StoredFile

from .needles import Needles
from .persons import Ids

CODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
LARGEST = 200 * 1024 * 1024  # unpacked


def attached(own: Ids) -> Any:
    """The files that hang on rows about the person."""
    wanted = Q(pk__in=())
    for key, ids in own.items():
        wanted |= Q(entity=key, record__in=ids)
    return StoredFile.objects.filter(wanted)


def loose() -> Any:
    """The files that hang on no record: sources and reports of imports and exports, and what was never attached."""
    return StoredFile.objects.filter(record=None)


def holds(path: Path, needles: Needles) -> bool:
    """Whether a file names the person: its text in any usual coding, and that of the parts of a workbook or archive."""
    pattern = needles.mark
    if pattern is None or not path.is_file():
        return False
    return any(pattern.search(text) for raw in _parts(path) for text in _texts(raw))


def _parts(path: Path) -> Iterator[bytes]:
    yield path.read_bytes()
    if not zipfile.is_zipfile(path):
        return
    left = LARGEST
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            left -= member.file_size
            if left < 0:
                return
            yield archive.read(member)


def _texts(raw: bytes) -> Iterator[str]:
    for coding in CODINGS:
        text = raw.decode(coding, "ignore")
        yield unescape(text) if coding == "utf-8" and raw.lstrip().startswith(b"<") else text
    yield raw[1:].decode("utf-16-le", "ignore")  # a text that begins at an odd byte


def drop(files: list[StoredFile]) -> int:
    """Remove rows now, and the files once the transaction stands."""
    for stored in files:
        blob = stored.blob
        transaction.on_commit(lambda blob=blob: blob.delete(save=False))  # type: ignore[misc]
        StoredFile.objects.filter(pk=stored.pk).delete()
    return len(files)


def clear(own: Ids, needles: Needles) -> dict[str, int]:
    """Remove the files of the person; {files, leftovers: how many}. What hangs on other records stays."""
    mine = drop(list(attached(own)))
    rest = [f for f in loose() if holds(Path(f.blob.path), needles)]
    jobs = Job.objects.filter(Q(source__in=rest) | Q(report__in=rest)).values_list("pk", flat=True)
    forget_spools(set(jobs) | set(Job.objects.filter(kind="import").values_list("pk", flat=True)))
    return {"files": mine, "leftovers": drop(rest)}


def forget_spools(jobs: set[UUID]) -> None:
    """Remove the rows that imports have read; an import that goes on reads its file again."""
    folder = Path(settings.HOME) / "imports"
    for pk in jobs:
        for path in folder.glob(f"{pk}.*"):
            path.unlink(missing_ok=True)
