"""Files that people bring: judged by content in a confined process, kept under names of our own, given out by right."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import mimetypes
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.ids import uuid7

from . import access, confined, filenames, history, intake, query
from .access import Actor
from .entity import AnyEntity, entities
from .errors import Invalid, Missing, Wrong
from .guard import rows
from .kinds import Attribute
from .models import Job, StoredFile

MiB = 1024 * 1024
SECONDS = 10
RESERVE = 512 * MiB  # stays free on the disk whatever is uploaded
INCOMING, KEPT = "incoming", "files"  # folders of the media folder
FORGOTTEN = dt.timedelta(days=1)
BINNED = dt.timedelta(days=30)
CHUNK = 1024 * 1024


def limit_text() -> str:
    """How large a file may be, for a form."""
    return _("At most %(n)s MB.") % {"n": settings.UPLOAD_LIMIT // MiB}


def keep(
    actor: Actor,
    upload: File[bytes] | None,
    *,
    entity: AnyEntity | None = None,
    record: UUID | None = None,
    typed: bool = True,
    limit: int = 0,
) -> StoredFile:
    """Store an upload of at most `limit` bytes (UPLOAD_LIMIT), on a record that the actor may change if one is named.

    `typed=False` is for files that a confined reader of its own opens next (imports). Raises Invalid with a text for
    the field "file", Missing for the record, OSError (ENOSPC) when the disk has no room.
    """
    if entity is not None and record is not None:
        _require_place(actor, entity, record)
    if upload is None or not upload.size:
        raise _wrong(_("Choose a file that is not empty."))
    limit = limit or settings.UPLOAD_LIMIT
    _require_size(upload.size, limit)
    require_room(upload.size)
    stored = StoredFile(id=uuid7(), uploader=actor.user)
    if entity is not None and record is not None:
        stored.entity, stored.record = entity.key, record
    with _incoming(stored.pk) as folder:
        _receive(upload, folder / "in", limit)
        verdict = _judge(folder) if typed else intake.Verdict()
        stored.name = filenames.clean(upload.name or "", verdict.endings)
        stored.content_type = mimetypes.guess_type(stored.name)[0] or "application/octet-stream"
        _settle(actor, stored, folder / ("fresh" if verdict.fresh else "in"), limit)
    return stored


def find(actor: Actor, pk: UUID, action: str = "read") -> StoredFile:
    """A stored file as seen by the actor: every record it hangs on must allow `action`, and one of nothing is its
    uploader's alone. Raises Missing.
    """
    stored = StoredFile.objects.filter(pk=pk, deleted_at=None).first()
    if stored is None:
        raise Missing
    parents, held = list(_parents(stored)), list(_held(stored))
    if not parents and not held and stored.uploader_id != actor.user.pk:
        raise Missing
    for entity, record in parents:
        if entity is None or not query.visible(actor, entity, action).filter(pk=record).exists():
            raise Missing
    for entity, a, record in held:
        fields = access.readable(actor, entity) if action == "read" else access.writable(actor, entity)
        if a.key not in fields or not query.visible(actor, entity, action).filter(pk=record).exists():
            raise Missing
    _require_job(actor, stored)
    return stored


def hang(actor: Actor, pk: UUID, entity: AnyEntity, record: UUID) -> None:
    """Hang a stored file of nothing on a record that the actor may change; the same bytes hang there once.

    Raises Missing for the file of another person, of another record or of a job, and for the record.
    """
    stored = find(actor, pk, "update")
    jobs = Job.objects.filter(models.Q(source=stored) | models.Q(report=stored))
    if any(True for _parent in _parents(stored)) or any(True for _field in _held(stored)) or jobs.exists():
        raise Missing
    _require_place(actor, entity, record)
    there = StoredFile.objects.filter(entity=entity.key, record=record, deleted_at=None)
    if there.filter(sha256=stored.sha256).exists():
        return
    with transaction.atomic():
        stored.entity, stored.record = entity.key, record
        stored.save(update_fields=["entity", "record"])
        history.note(actor, "attach", entity=entity.key, record=record, details={"file": str(pk)})


def on(entity: AnyEntity, records: Collection[UUID]) -> dict[UUID, list[tuple[UUID, str]]]:
    """The files that hang on records the caller has read through the gate: record -> [(id, name)], oldest first."""
    found: dict[UUID, list[tuple[UUID, str]]] = {}
    rows = StoredFile.objects.filter(entity=entity.key, record__in=records, deleted_at=None).order_by("pk")
    for record, pk, name in rows.values_list("record", "pk", "name"):
        if record:
            found.setdefault(record, []).append((pk, name))
    return found


def remove(actor: Actor, pk: UUID) -> StoredFile:
    """Take a file away: who may change the record it hangs on, else its uploader; its bytes stay 30 days."""
    stored = find(actor, pk, "update")
    with transaction.atomic():
        stored.deleted_at = timezone.now()
        stored.save(update_fields=["deleted_at"])
        history.note(actor, "detach", entity=stored.entity, record=stored.record, details={"file": str(stored.pk)})
    return stored


def require_room(size: int) -> None:
    """Raises OSError (ENOSPC) when the disk would be full after `size` bytes more."""
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < 2 * size + RESERVE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _require_place(actor: Actor, entity: AnyEntity, record: UUID) -> None:
    if not query.visible(actor, entity, "update").filter(pk=record).exists():
        raise Missing
    count = StoredFile.objects.filter(entity=entity.key, record=record, deleted_at=None).count()
    if count >= settings.UPLOADS_PER_RECORD:
        text = _("This record has %(n)s files already, and no more are kept. Take one away first.") % {"n": count}
        raise _wrong(text)


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise _wrong(_("The file is larger than %(n)s MB. Split it and try again.") % {"n": limit // MiB})


def _wrong(text: str) -> Invalid:
    return Invalid([{"file": [Wrong(text)]}])


@contextmanager
def _incoming(pk: UUID) -> Iterator[Path]:
    folder = Path(settings.MEDIA_ROOT) / INCOMING / str(pk)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _receive(upload: File[bytes], path: Path, limit: int) -> None:
    size = 0
    with path.open("xb") as file:
        for chunk in upload.chunks(CHUNK):
            size += len(chunk)
            _require_size(size, limit)  # what was announced may be less than what comes
            file.write(chunk)


def _judge(folder: Path) -> intake.Verdict:
    folder = folder.resolve()
    job = intake.Job(
        str(folder / "in"), str(folder / "verdict"), str(folder / "fresh"), settings.UPLOAD_PIXELS, SECONDS
    )
    argument = msgspec.json.encode(job).decode()
    try:
        confined.run("zhike.engine.intake", argument, folder=folder, seconds=SECONDS)
        verdict = msgspec.json.decode((folder / "verdict").read_bytes(), type=intake.Verdict)
    except confined.Died as died:
        verdict = intake.Verdict(refused=died.code)
    except (OSError, msgspec.DecodeError):
        verdict = intake.Verdict(refused="reader_died")
    if verdict.refused == "disk_full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if verdict.refused:
        raise _wrong(_why(verdict))
    return verdict


def _why(verdict: intake.Verdict) -> str:
    texts = {
        "empty": _("Choose a file that is not empty."),
        "program": _("Programs are not kept here. Pack a document, a picture or a recording instead."),
        "heic": _("Pictures in the HEIC format are not kept here. Save it as JPEG and try again."),
        "pixels": _("The picture is larger than %(limit)s million pixels. Make it smaller and try again."),
        "pages": _("The picture has more than %(limit)s pages. Save it as PDF and try again."),
        "picture": _("The picture is damaged. Open it, save it anew and try again."),
        "too_much_memory": _("The file unpacks to far too much. Make it smaller and try again."),
        "too_slow": _("The file takes too long to read. Make it smaller and try again."),
        "reader_died": _("The file could not be read. Save it anew and try again."),
    }
    unknown = _("This kind of file is not kept here. Send a document, a picture, a recording or a zip archive.")
    return texts.get(verdict.refused, unknown) % verdict.params if verdict.params else texts.get(
        verdict.refused, unknown
    )  # fmt: skip


def _settle(actor: Actor, stored: StoredFile, source: Path, limit: int) -> None:
    """Move the bytes to their place and keep the row; when the row cannot be kept, the bytes go too."""
    stored.size = source.stat().st_size
    _require_size(stored.size, limit)
    with source.open("rb") as file:
        stored.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    stored.blob.name = f"{KEPT}/{timezone.now():%Y/%m}/{stored.pk}"
    place = Path(default_storage.path(stored.blob.name))
    place.parent.mkdir(parents=True, exist_ok=True)
    source.replace(place)
    try:
        place.chmod(0o600)
        with transaction.atomic():
            stored.save(force_insert=True)
            if stored.record:
                details = {"file": str(stored.pk)}
                history.note(actor, "attach", entity=stored.entity, record=stored.record, details=details)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def _links() -> Iterator[tuple[type[models.Model], str]]:
    """Every field that may hold a stored file: (model, field name)."""
    for field in StoredFile._meta.get_fields(include_hidden=True):  # those without a way back are hidden
        if isinstance(field, models.ManyToOneRel):
            yield field.related_model, field.field.name


def _parents(stored: StoredFile) -> Iterator[tuple[AnyEntity | None, UUID]]:
    if stored.record:
        yield entities().get(stored.entity), stored.record
    known = {entity.model: entity for entity in entities().values()}
    for model, name in _links():
        if model is not Job:
            for pk in rows(model, "parents of a file decide who sees it").filter(**{name: stored.pk}).values_list(
                "pk", flat=True
            ):  # fmt: skip
                yield known.get(model), pk


def _held(stored: StoredFile) -> Iterator[tuple[AnyEntity, Attribute, UUID]]:
    """The fields of the firm's own that hold a file, and in which records."""
    for entity, a in _fields():
        holding = entity.rows("parents of a file decide who sees it").filter(a.equals(stored.pk))
        for pk in holding.values_list("pk", flat=True):
            yield entity, a, pk


def _fields() -> Iterator[tuple[AnyEntity, Attribute]]:
    """The fields of files that the firm has made."""
    for entity in entities().values():
        for a in entity.attributes.values():
            if a.custom and a.kind.key == "file":
                yield entity, a


def _require_job(actor: Actor, stored: StoredFile) -> None:
    """What came of an import or export is there for those who started it and still may do such."""
    for job in Job.objects.filter(models.Q(source=stored) | models.Q(report=stored)):
        entity = entities().get(job.entity)
        if job.user_id != actor.user.pk or entity is None or not access.may(actor, entity, job.kind):
            raise Missing


# ---- tidying ----


def sweep() -> int:
    """Erase bytes that no row names, halves of broken uploads, files taken away 30 days ago, and files of nothing."""
    now = timezone.now()
    gone = sum(_erase(stored) for stored in _forgotten(now))
    return gone + _sweep_disk(now - FORGOTTEN)


def _forgotten(now: dt.datetime) -> Iterator[StoredFile]:
    held = models.Q()
    for model, name in _links():
        held |= models.Q(pk__in=model._base_manager.exclude(**{name: None}).values(name))
    for entity, a in _fields():
        holding = entity.rows("files of records stay").annotate(held_file=a.typed()).exclude(held_file=None)
        held |= models.Q(pk__in=holding.values("held_file"))
    loose = StoredFile.objects.exclude(held)
    yield from loose.filter(deleted_at__lt=now - BINNED)
    forgotten = list(loose.filter(deleted_at=None, record=None, created_at__lt=now - FORGOTTEN))
    kept = _lately_held([stored.pk for stored in forgotten], now - BINNED) if forgotten else set()
    yield from (stored for stored in forgotten if stored.pk not in kept)
    for entity in entities().values():
        there = entity.rows("files of erased records go with them").filter(pk=models.OuterRef("record"))
        yield from loose.filter(entity=entity.key, deleted_at=None).exclude(models.Exists(there))


def _lately_held(ids: list[UUID], since: dt.datetime) -> set[UUID]:
    """Those that a field of the firm's own has held since then: taking the change back puts them there again."""
    keys = sorted({entity.key for entity, _a in _fields()})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT f.id FROM engine_history h JOIN unnest(%s::uuid[]) AS f(id)"
            " ON strpos((h.changes -> 'custom')::text, f.id::text) > 0"
            " WHERE h.entity = ANY(%s) AND h.at > %s AND h.changes ? 'custom'",
            [ids, keys, since],
        )
        return {row[0] for row in cursor.fetchall()}


def _erase(stored: StoredFile) -> int:
    name = stored.blob.name
    stored.delete()
    if name:
        default_storage.delete(name)
    return 1


def _sweep_disk(before: dt.datetime) -> int:
    """Only below our two folders, and only what is older than a running upload can be."""
    root, gone = Path(settings.MEDIA_ROOT), 0
    for path in list((root / INCOMING).glob("*")):
        if path.stat().st_mtime < before.timestamp():
            shutil.rmtree(path, ignore_errors=True)
            gone += 1
    old = [p for p in (root / KEPT).rglob("*") if p.is_file() and p.stat().st_mtime < before.timestamp()]
    names = {p: p.relative_to(root).as_posix() for p in old}
    known = set(StoredFile.objects.filter(blob__in=names.values()).values_list("blob", flat=True))
    for path, name in names.items():
        if name not in known:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
