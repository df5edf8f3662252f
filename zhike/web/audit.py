"""The log for those who audit it: what happened, how the chain stands, and what an incident touched.

Names of fields are shown, values are not: those stand in the history of each record, as far as the reader may see it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from procrastinate.exceptions import AlreadyEnqueued

from zhike.engine import audit as log
from zhike.engine import chain, history, query
from zhike.engine.access import Actor
from zhike.engine.audit import Asked
from zhike.engine.entity import entities
from zhike.engine.models import History
from zhike.jobs import tasks

from . import audit_words as words
from .editing import go
from .settings import AUDIT, admin
from .templating import render

FIELDS = ("person", "action", "entity", "channel", "token")
EXPORTED = 200_000
FIRST = dt.timedelta(days=30)  # how far back an incident is looked into where nothing else is asked


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All steps, newest first, narrowed as the address says."""
    actor = admin(request, AUDIT)
    asked, given = _asked(request)
    found = log.steps(asked, after=_after(request.GET.get("after", "")))
    more, found = len(found) > log.PAGE, found[: log.PAGE]
    older = {**given, "after": f"{found[-1].at.isoformat()},{found[-1].pk}"} if more else {}
    context = {
        "rows": _rows(actor, found),
        "filters": _filters(given),
        "filtered": bool(given),
        "newest_url": f"?{urlencode(given)}" if request.GET.get("after") else "",
        "older_url": f"?{urlencode(older)}" if more else "",
        "file_url": f"/settings/audit/file?{urlencode(given)}",
        "incident_url": f"/settings/audit/incident?{urlencode(given)}",
        "chain": chain.status(),
    }
    return render(request, "web/audit.html", context)


def _asked(request: HttpRequest) -> tuple[Asked, dict[str, str]]:
    """What the address asks for, and its parts as they came; what is no day counts as not said."""
    given = {k: v for k in (*FIELDS, "from", "to") if (v := request.GET.get(k, "").replace("\0", "").strip()[:100])}
    first, last = _day(given.get("from", "")), _day(given.get("to", ""))
    start = query.moment(first) if first else None
    end = query.moment(last + dt.timedelta(days=1)) if last else None
    return Asked(**{k: given.get(k, "") for k in FIELDS}, start=start, end=end), given


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _after(text: str) -> tuple[dt.datetime, int] | None:
    at, _comma, pk = text.rpartition(",")
    try:
        found = dt.datetime.fromisoformat(at)
        return (found, int(pk)) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _columns(step: History) -> list[str]:
    return [column for column, _sides in history.steps(step.changes)]


def _rows(actor: Actor, steps: Sequence[History]) -> list[dict[str, Any]]:
    people = history.names_of(steps)
    names = _names(actor, [(s.entity, s.record) for s in steps if s.record])
    found = []
    for s in steps:
        fields = [words.field(s.entity, key) for key in (*_columns(s), *s.details.get("fields", ()))]
        title = names.get((s.entity, s.record))
        found.append(
            {
                "id": s.pk,
                "at": s.at,
                "who": people.get(s.actor, "") or (str(s.actor) if s.actor else ""),
                "behalf": people.get(s.behalf, "") or (str(s.behalf) if s.behalf else ""),
                "action": words.action(s.action, s.entity),
                "entity": words.thing(s.entity),
                "channel": words.channel(s.channel),
                "title": title or "",
                "url": f"/{s.entity}/{s.record}/history" if title else "",
                "record": "" if title or not s.record else str(s.record),
                "fields": fields,
                "details": _details(s),
            }
        )
    return found


def _details(step: History) -> str:
    """What is known beside fields and records: how many, by which key, from where, why."""
    known = ("rows", "token", "doing", "address", "reason", "ok", "file", "format")
    found = [(k, step.details[k]) for k in known if isinstance(step.details.get(k), (str, int, bool))]
    return " · ".join(f"{k} {v}" for k, v in found)


def _names(actor: Actor, ids: Sequence[tuple[str, UUID | None]]) -> dict[tuple[str, UUID | None], str]:
    """Names of records as far as the reader may see them."""
    wanted: dict[str, set[UUID]] = {}
    for entity, pk in ids:
        if entity in entities() and pk:
            wanted.setdefault(entity, set()).add(pk)
    return {(e, pk): str(name) for e, pks in wanted.items() for pk, name in query.names(actor, e, pks).items()}


def _filters(given: dict[str, str]) -> list[dict[str, Any]]:
    def choice(key: str, label: str, say: Any) -> dict[str, Any]:
        options = [{"value": v, "label": say(v)} for v in log.kinds(key)]
        return {"name": key, "label": label, "kind": "select", "value": given.get(key, ""), "options": options,
                "placeholder": _("Any")}  # fmt: skip

    return [
        {"name": "person", "label": _("Person"), "kind": "text", "value": given.get("person", "")},
        choice("action", _("Action"), words.action),
        choice("entity", _("Kind of record"), words.thing),
        choice("channel", _("Channel"), words.channel),
        {"name": "from", "label": _("From"), "kind": "date", "value": given.get("from", "")},
        {"name": "to", "label": _("To"), "kind": "date", "value": given.get("to", "")},
    ]


@login_required
@require_GET
def file(request: HttpRequest) -> StreamingHttpResponse:
    """The steps that the address asks for as JSON lines, for an auditor; leaves a step of its own."""
    actor = admin(request, AUDIT)
    asked, given = _asked(request)
    history.note(actor, "audit_export", details={"filter": urlencode(given)})
    response = StreamingHttpResponse(_lines(asked), content_type="application/x-ndjson; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="history-{timezone.localdate():%Y-%m-%d}.jsonl"'
    return response


def _lines(asked: Asked) -> Iterator[str]:
    after, count = None, 0
    while count < EXPORTED and (found := log.steps(asked, after=after, size=1_000)):
        for s in found[:1_000]:
            yield json.dumps(_fact(s), ensure_ascii=False) + "\n"
        count += len(found[:1_000])
        if len(found) <= 1_000:
            return
        after = (found[999].at, found[999].pk)


def _fact(s: History) -> dict[str, Any]:
    return {
        "id": s.pk,
        "at": s.at.isoformat(),
        "actor": str(s.actor) if s.actor else None,
        "behalf": str(s.behalf) if s.behalf else None,
        "channel": s.channel,
        "action": s.action,
        "entity": s.entity,
        "record": str(s.record) if s.record else None,
        "fields": sorted(_columns(s)),
        "tx": s.tx,
        "digest": bytes(s.digest).hex(),
    }


@login_required
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Have the chain verified by the worker."""
    actor = admin(request, AUDIT)
    try:
        tasks.verify.defer(user=str(actor.user.pk))
    except AlreadyEnqueued:
        request.session["toast"] = _("The log is being verified already.")
    else:
        request.session["toast"] = _("The log is being verified. Reload this page in a while.")
    return go(request, "/settings/audit")


@login_required
@require_GET
def incident(request: HttpRequest) -> HttpResponse:
    """For a person or a key and a period: which records, and how many, were read, revealed, exported, changed."""
    actor = admin(request, AUDIT)
    asked, given = _asked(request)
    if not asked.start:
        first = timezone.localdate() - FIRST
        given["from"], start = first.isoformat(), query.moment(first)
        asked = Asked(**{k: given.get(k, "") for k in FIELDS}, start=start, end=asked.end)
    chosen = bool(asked.person or asked.token)
    touched = log.touched(asked) if chosen else []
    names = _names(actor, [(entity, pk) for entity, pk, _times in touched])
    sums = log.sums(asked) if chosen else []
    context = {
        "fields": [
            {"name": "person", "label": _("Person"), "kind": "text", "value": given.get("person", "")},
            {"name": "token", "label": _("Key (its first characters)"), "kind": "text", "value": asked.token},
            {"name": "from", "label": _("From"), "kind": "date", "value": given.get("from", "")},
            {"name": "to", "label": _("To"), "kind": "date", "value": given.get("to", "")},
        ],
        "chosen": chosen,
        "sums": [
            {
                "entity": words.thing(s.entity),
                "action": words.action(s.action, s.entity),
                "times": s.times,
                "rows": s.rows,
                "records": s.records,
                "url": "/settings/audit?" + urlencode({**given, "action": s.action, "entity": s.entity}),
            }
            for s in sums
        ],
        "records": [
            {
                "entity": words.thing(entity),
                "title": names.get((entity, pk), ""),
                "url": f"/{entity}/{pk}/history" if (entity, pk) in names else "",
                "id": str(pk),
                "times": times,
            }
            for entity, pk, times in touched
        ],
        "most": log.RECORDS,
    }
    return render(request, "web/audit_incident.html", context)


urlpatterns = [
    path("settings/audit", index),
    path("settings/audit/file", file),
    path("settings/audit/verify", verify),
    path("settings/audit/incident", incident),
]
