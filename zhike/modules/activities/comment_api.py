"""Comments by key: /api/v1/activity/{id}/comments lists those under an activity, and takes a new one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from zhike.api import asking, bodies, door, once, openapi, shapes, values
from zhike.api.door import Call, Route
from zhike.engine.access import Actor

from . import commenting, mentioning
from .entities import ACTIVITY
from .models import Comment
from .seeing import may_read

TEXT: dict[str, Any] = {"type": "string"}
MOMENT = {**TEXT, "format": "date-time"}
PEOPLE = {"type": "array", "items": shapes.UUID, "maxItems": mentioning.MOST}


def _object(needed: list[str], **own: Any) -> dict[str, Any]:
    return {"type": "object", "properties": own, "required": needed, "additionalProperties": False}


COMMENT = _object(
    ["id", "author", "text", "created_at", "edited_at"],
    id=shapes.UUID,
    author={"type": ["string", "null"], "format": "uuid"},
    text=TEXT,
    created_at=MOMENT,
    edited_at={**MOMENT, "type": ["string", "null"]},
)
LIST = _object(["items"], items={"type": "array", "items": COMMENT})
BODY = _object(["text"], text={**TEXT, "minLength": 1, "maxLength": commenting.LONGEST}, mentions=PEOPLE)
MADE = _object(["id", "unreached"], id=shapes.UUID, unreached={"type": "array", "items": TEXT})


def index(call: Call, pk: UUID) -> HttpResponse:
    """All comments under an activity, the oldest first."""
    asking.only(call.request)
    commenting.subject(call.actor, pk)
    found = commenting.threads(call.actor, [pk]).get(pk)
    return door.answer({"items": [_shown(c) for c in found.comments] if found else []})


def _shown(comment: Comment) -> dict[str, Any]:
    return {
        "id": str(comment.pk),
        "author": str(comment.author_id) if comment.author_id else None,
        "text": comment.text,
        "created_at": comment.created_at.isoformat(),
        "edited_at": comment.edited_at.isoformat() if comment.edited_at else None,
    }


def create(call: Call, pk: UUID) -> HttpResponse:
    """Comment on an activity; `mentions` are ids of people whose @name stands in the text."""
    asking.only(call.request)
    body = values.checked(BODY, bodies.read(call.request))
    unreached: list[str] = []

    def run() -> list[UUID]:
        done = commenting.write(call.actor, pk, body["text"], body.get("mentions", ()))
        unreached.extend(done.unreached)
        return [done.comment.pk]

    ids, repeated = once.run(call, ACTIVITY, "comment", run)
    headers = {once.REPEATED: "true"} if repeated else {}
    return door.answer({"id": str(ids[0]), "unreached": unreached}, status=201, headers=headers)


def paths(actor: Actor) -> dict[str, Any]:
    """What the document says of it, as far as the key may."""
    if not may_read(actor):
        return {}
    found: dict[str, Any] = {"parameters": [openapi.ID]}
    found["get"] = _operation("list_comments", _("Comments"), "200", LIST)
    if commenting.may_write(actor):
        sent = {"required": True, "content": {"application/json": {"schema": BODY}}}
        post = _operation("create_comment", _("Write a comment"), "201", MADE)
        found["post"] = {**post, "requestBody": sent, "parameters": [openapi.IDEMPOTENCY]}
    return {"/activity/{id}/comments": found}


def _operation(name: str, summary: str, status: str, answer: dict[str, Any]) -> dict[str, Any]:
    said = {"description": summary, "content": {"application/json": {"schema": answer}}}
    responses = {status: said, **openapi.COMMON}
    return {"operationId": name, "summary": summary, "tags": [ACTIVITY.key], "responses": responses}


openapi.added.append(paths)
urlpatterns = [path("v1/activity/<uuid:pk>/comments", Route(GET=index, POST=create))]
