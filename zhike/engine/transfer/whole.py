"""Everything that an installation holds, in open formats, so that a firm can leave with all of it (docs/leaving.md).

One folder: `datapackage.json` describes it, `data/` has a file of JSON lines for each kind of record, `system/` what is
around them, `files/` the uploads under their names. It is read in one snapshot, and there once it is whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone

from zhike import __version__
from zhike.base.models import User
from zhike.engine import filenames, history
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, entity_of
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.models import CustomRecord, StoredFile

from . import describe, files
from .leaving import ACTION
from .model import Progress

MARKER = ".zhike-export"
APPS = (
    *("base", "engine", "customers", "leads", "sales", "activities"),
    *("calendars", "promises", "targets", "handover", "assigning"),
)
# Tables that stay behind: secrets, what is made anew from the rest, and what is of no use elsewhere.
LEFT: Mapping[str, str] = {
    "base.FailedLogin": "attempts to sign in",
    "base.OldPassword": "secrets",
    "calendars.CalDav": "secrets",
    "calendars.Feed": "secrets",
    "engine.Token": "secrets",
    "engine.Delivery": "messages to other systems, which have them",
    "engine.IdempotencyKey": "kept for a day against sending twice",
    "engine.Notice": "told once, of records that are here",
    "engine.PushSubscription": "secrets",
    "engine.SealedSecret": "secrets",
    "engine.Sending": "as notices",
    "activities.Reminder": "as notices",
    "engine.Operation": "the way back for a week; what was changed is in the history",
    "engine.OperationStep": "as operations",
    "engine.Proposal": "waits for an answer for a few days",
    "engine.RecentRecord": "what somebody looked at lately",
    "engine.SearchIndex": "made from the records",
}
SECRET: Mapping[str, tuple[str, ...]] = {
    "base.User": ("password", "last_login"),
    "engine.Webhook": ("secret", "url"),
    "engine.Erasure": ("token", "digests"),
}
DERIVED = ("search_text", "search_grams", "name_key", "numbers", "digits", "ancestors", "pinyin")
KEPT_LINES = 4_000


@dataclass
class Whole:
    """A folder while it is written."""

    folder: Path
    progress: Progress | None = None
    done: int = 0
    total: int = 0
    resources: list[dict[str, Any]] = field(default_factory=list)

    def told(self, rows: int) -> None:
        """So many rows more."""
        self.done += rows
        if self.progress:
            self.progress(self.done, max(self.total, self.done), "")


def kept() -> list[type[models.Model]]:
    """The tables that go along; ImproperlyConfigured for one of which nobody said whether it does."""
    found = [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in APPS]
    ours = {m._meta.app_label for m in apps.get_models() if m.__module__.startswith("zhike.")}
    if not ours <= set(APPS):
        raise ImproperlyConfigured(f"say in whole.APPS whether these go along: {ours - set(APPS)}")
    return [m for m in found if m._meta.label not in LEFT]


def write(to: Path, *, username: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Write everything to the new folder `to`; counts. `username` is who answers for it (the first administrator).

    Nothing is left where it fails. Raises Invalid for a folder that is there already or an unknown person, OSError.
    """
    user = files.person(username)
    with _folder(to) as folder, _snapshot():
        whole = Whole(folder, progress)
        (folder / "data").mkdir()
        (folder / "system").mkdir()
        tables = kept()
        whole.total = sum(_estimate(model) for model in tables)
        for model in tables:
            for name, entity, where in _parts(model):
                _table(whole, model, name, entity, where)
        _files(whole)
        _archives(whole)
        about = describe.package(whole.resources, version=__version__, made_at=timezone.now().isoformat())
        (folder / "datapackage.json").write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", "utf-8")
        (folder / "README.md").write_text(describe.README, "utf-8")
        (folder / MARKER).unlink()
        digest = hashlib.sha256((folder / "datapackage.json").read_bytes()).hexdigest()
    rows = sum(found["zhike:rows"] for found in whole.resources if "zhike:rows" in found)
    _note(user, rows, digest)
    return {"folder": str(to), "rows": rows, "files": len(whole.resources) + 2, "sha256": digest}


def _note(user: User, rows: int, digest: str) -> None:
    details = {"rows": rows, "format": "whole", "digest": digest, "approved_by": "console"}
    with transaction.atomic():
        history.note(Actor(user, "export"), ACTION, entity="", details=details)


@contextmanager
def _folder(to: Path) -> Iterator[Path]:
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        text = describe.there_already(to)
        raise Invalid([{"output": [Wrong(text)]}])
    part = to.with_name(f"{to.name}.partial")
    if part.exists() and not (part / MARKER).exists():
        raise Invalid([{"output": [Wrong(describe.there_already(part))]}])
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
    part.mkdir(mode=0o700, parents=True)
    try:
        (part / MARKER).touch()
        yield part
        if to.exists():
            to.rmdir()
        part.replace(to)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One state of the database for all tables; within a transaction of somebody else's, theirs."""
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _estimate(model: type[models.Model]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        return int(cursor.fetchone()[0])


def _parts(model: type[models.Model]) -> Iterator[tuple[str, AnyEntity | None, str]]:
    """(name, entity, object) of the files of a table: one for each object that the firm has made, else one."""
    if model is not CustomRecord:
        entity = entity_of(model)
        yield (entity.key if entity else model._meta.model_name or ""), entity, ""
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT object FROM engine_customrecord ORDER BY object")
        held = {row[0] for row in cursor.fetchall()}
    for key in sorted(held | {k for k, e in entities().items() if e.object}):
        yield key, entities().get(key), key


def columns(model: type[models.Model]) -> list[Any]:
    """The columns of a table that go along."""
    out = (*SECRET.get(model._meta.label, ()), *DERIVED)
    return [f for f in model._meta.concrete_fields if f.name not in out]


def _table(whole: Whole, model: type[models.Model], name: str, entity: AnyEntity | None, where: str) -> None:
    path = f"{'data' if entity or where else 'system'}/{name}.jsonl"
    table, chosen = model._meta.db_table, columns(model)
    listed = ", ".join(f't."{f.column}"' for f in chosen)
    order = ", ".join(f't."{f.column}"' for f in model._meta.pk_fields)
    clause = "WHERE object = %s" if where else ""
    statement = (
        f"COPY (SELECT row_to_json(r)::text FROM (SELECT {listed} FROM {table} t {clause}"  # noqa: S608 - model names
        f" ORDER BY {order}) r) TO STDOUT (FORMAT BINARY)"
    )
    digest, size, count = hashlib.sha256(), 0, 0
    with (whole.folder / path).open("wb", buffering=1 << 20) as file:
        for block, rows in _blocks(statement, [where] if where else []):
            digest.update(block)
            size, count = size + len(block), count + rows
            file.write(block)
            whole.told(rows)
    whole.resources.append(
        describe.table(name, path, model, chosen, entity)
        | {"bytes": size, "hash": f"sha256:{digest.hexdigest()}", "zhike:rows": count}
    )


def _blocks(statement: str, params: list[Any]) -> Iterator[tuple[bytes, int]]:
    """(some lines, how many they are)."""
    lines: list[bytes] = []
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement, params) as copy:
        copy.set_types(["bytea"])
        for (line,) in copy.rows():
            lines.append(line)
            if len(lines) == KEPT_LINES:
                yield b"\n".join([*lines, b""]), len(lines)
                lines = []
    if lines:
        yield b"\n".join([*lines, b""]), len(lines)


def _files(whole: Whole) -> None:
    """Uploads as they were given, each in a folder of its id, so that equal names do not meet."""
    (whole.folder / "files").mkdir()
    for stored in StoredFile.objects.order_by("pk").iterator():
        path = f"files/{stored.pk}/{filenames.clean(stored.name) or 'file'}"
        found: dict[str, Any] = {"name": f"file-{stored.pk}", "path": path, "zhike:file": str(stored.pk)}
        if default_storage.exists(str(stored.blob.name)):
            target = whole.folder / path
            target.parent.mkdir(mode=0o700)
            with stored.blob.open("rb") as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            found |= _sum(target)
        else:
            found["zhike:missing"] = True  # the database knows of it, the disk does not
        whole.resources.append(found)


def _archives(whole: Whole) -> None:
    """History that has left the database already."""
    for source in sorted((Path(settings.HOME) / "archive").glob("history-*.jsonl.gz")):
        target = whole.folder / "system" / source.name
        shutil.copyfile(source, target)
        whole.resources.append({"name": source.name, "path": f"system/{source.name}", **_sum(target)})


def _sum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "hash": f"sha256:{digest}"}
