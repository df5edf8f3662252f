"""Exports as jobs, and the files that jobs write: whole ones are kept, of others nothing is left."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.utils import timezone
from django.utils.translation import get_language

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Job, StoredFile, Token

from . import leaving
from .export import required

WRITING = "writing"  # the folder of files that are not whole yet


def begin_export(
    actor: Actor,
    entity: AnyEntity,
    query_text: str,
    kind: str,
    total: int,
    *,
    keys: Sequence[str] = (),
    purpose: str,
    token: Token | None = None,
) -> Job:
    """A new export, which waits for a second person where it is large.

    `keys` are the fields, all of them where none is named. Raises Refused without the right to export, Invalid for a
    format that there is not or without a purpose.
    """  # fmt: skip
    access.require(actor, entity, "export")
    required(kind, entity)
    options: dict[str, Any] = {"phase": "run", "query": query_text, "format": kind, "language": get_language() or ""}
    options |= {"keys": list(keys), "purpose": leaving.require_purpose(purpose)}
    options |= leaving.acting(actor) | ({"token": str(token.pk)} if token else {})
    job = Job.objects.create(kind="export", entity=entity.key, user=actor.user, total=total, options=options)
    if leaving.needs_approval(total):
        leaving.ask(actor, job)
    return job


@contextmanager
def place(suffix: str) -> Iterator[Path]:
    """Where to write a file that is to be kept; nothing is left of it afterwards but what was kept."""
    home = Path(settings.HOME) / WRITING  # beside where files are kept: a finished one is moved, not copied
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="zhike-write-", dir=home))
    try:
        yield folder / f"file{suffix}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Movable(File):  # type: ignore[type-arg]  # of the stubs alone
    """A finished file that its storage may take as it is; on another disk it is copied."""

    def temporary_file_path(self) -> str:
        """Where it lies."""
        return str(self.file and self.file.name)


def store(job: Job, path: Path, name: str) -> StoredFile:
    """Keep a finished file for whoever began the job."""
    stored = StoredFile(
        name=name, content_type="application/octet-stream", size=path.stat().st_size, sha256="", uploader=job.user
    )
    with path.open("rb") as file:
        stored.blob.save(str(stored.pk), Movable(file), save=False)
    stored.save()
    return stored


def tidy_writing() -> None:
    """Remove what a worker that was killed has left of its files."""
    day = (timezone.now() - dt.timedelta(days=1)).timestamp()
    for folder in (Path(settings.HOME) / WRITING).glob("zhike-write-*"):
        if folder.stat().st_mtime < day:
            shutil.rmtree(folder, ignore_errors=True)
