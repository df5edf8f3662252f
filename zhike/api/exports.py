"""Lists as files: asked for with a purpose, written at once or by the worker, fetched when they are there."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.utils.translation import gettext as _

from zhike.engine import access, query, tokens, transfer
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import Job
from zhike.engine.transfer import jobs, writing
from zhike.jobs import tasks

from . import asking, bodies, door, lists, once, values
from .door import Call
from .operations import NARROWING
from .problems import bad_value
from .shapes import Schema

EXPORT: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"type": "string", "enum": ["asked", "ready", "running", "done", "failed", "cancelled"]},
        "entity": {"type": "string"},
        "format": {"type": "string"},
        "rows": {"type": "integer", "description": "written so far"},
        "total": {"type": "integer"},
        "file": {"type": ["string", "null"], "description": "where the file is, once it is written"},
        "error": {"type": "string"},
    },
    "required": ["id", "state", "entity", "format", "rows", "total", "file", "error"],
    "additionalProperties": False,
}


def body_of(entity: AnyEntity) -> Schema:
    """What an export of records of an entity is asked for with."""
    where = {"type": "string", "maxLength": 2_000, "description": "as in the address of the list; empty for all"}
    fields: Schema = {"type": "array", "items": {"type": "string"}, "description": "keys; all that the key may read"}
    purpose = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S", "description": "kept in the log"}
    properties = {
        "format": {"type": "string", "enum": transfer.offered(entity)},
        "purpose": purpose,
        "where": where,
        "sort": {"type": "string"},
        "fields": fields,
    }
    required = ["format", "purpose"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def export(call: Call, key: str) -> HttpResponse:
    """A new export: written at once when it is short, else by the worker or after a second person's approval."""
    entity = lists.entity_of(call, key, "export")
    asking.only(call.request)
    body = values.checked(body_of(entity), bodies.read(call.request))
    view = _view(body)
    try:
        rows = query.select(call.actor, entity, view, "export").order_by().count()
        keys = body.get("fields", ())
        transfer.columns(call.actor, entity, keys)
    except Invalid as invalid:
        name, wrong = next(iter(invalid.first.items()))
        raise bad_value(f"/{name if name in body else 'where'}", wrong[0].text) from None
    tokens.count_rows(call.token, rows)

    def work() -> list[UUID]:
        job = writing.begin_export(
            call.actor, entity, view.query(), body["format"], rows, keys=keys, purpose=body["purpose"], token=call.token
        )
        return [job.pk]

    ids, repeated = once.run(call, entity, "export", work)
    job = _found(call, ids[0])
    if not repeated and job.options["phase"] != "ask":
        tasks.start(job, "run", at_once=rows <= jobs.AT_ONCE_EXPORT)
    headers = {"Location": f"/api/v1/exports/{job.pk}", **({once.REPEATED: "true"} if repeated else {})}
    job = _found(call, job.pk)
    return door.answer(_shown(job), status=200 if job.state == Job.State.DONE else 202, headers=headers)


def _view(body: Any) -> query.View:
    pairs = parse_qsl(body.get("where", ""), keep_blank_values=True)
    asked = asking.understood(pairs)
    for name, _value in pairs:
        if "__" not in name and name not in NARROWING:
            raise bad_value("/where", _("There is no such filter: %(name)s.") % {"name": name[:80]}, "unknown")
    return asked.view.but(sort=body.get("sort", ""))


def _found(call: Call, pk: UUID) -> Job:
    """An export that this key began; Missing otherwise."""
    rows = Job.objects.filter(user=call.actor.user, kind="export", deleted_at=None, options__token=str(call.token.pk))
    found = rows.select_related("report").filter(pk=pk).first()
    entity = entities().get(found.entity) if found else None
    if found is None or entity is None or not access.may(call.actor, entity, "export"):
        raise Missing
    return found


def _shown(job: Job) -> dict[str, Any]:
    written = job.state == Job.State.DONE and job.report_id
    return {
        "id": str(job.pk),
        "state": "asked" if job.options.get("phase") == "ask" and job.state == Job.State.READY else job.state,
        "entity": job.entity,
        "format": job.options["format"],
        "rows": job.done,
        "total": job.total,
        "file": f"/api/v1/exports/{job.pk}/file" if written else None,
        "error": job.result.get("error", ""),
    }


def show(call: Call, pk: UUID) -> HttpResponse:
    """How far an export is."""
    asking.only(call.request)
    return door.answer(_shown(_found(call, pk)))


def file(call: Call, pk: UUID) -> HttpResponse:
    """What an export has written."""
    asking.only(call.request)
    found = _found(call, pk)
    if found.state != Job.State.DONE or found.report is None:
        raise Missing
    if call.request.method == "HEAD":
        return HttpResponse(content_type="application/octet-stream")
    tokens.keep(call.token, call.actor, "export", entity=found.entity, ids=[])
    body = found.report.blob.open("rb")
    answer: HttpResponse = FileResponse(  # type: ignore[assignment]  # as good as one to whoever serves it
        body, as_attachment=True, filename=found.report.name, content_type="application/octet-stream"
    )
    return answer
