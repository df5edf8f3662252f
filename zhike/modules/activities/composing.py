"""The composer: what was done and what is next, written on a record or as the doing of something planned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import calendar_cn
from zhike.base.i18n import day
from zhike.base.ids import uuid7
from zhike.base.models import CalendarDay, User
from zhike.engine import access, operations, query, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Refused, Wrong
from zhike.engine.models import Operation
from zhike.engine.query.periods import plus_months
from zhike.web.bulk import undo_url
from zhike.web.forms import is_uuid

from . import comment_notices, mentioning, note_templates, services
from .entities import ACTIVITY, RESULT_TONES
from .models import Activity

Kind, Status = Activity.Kind, Activity.Status
ICONS = {
    Kind.TASK: "square-check",
    Kind.CALL: "phone",
    Kind.MEETING: "users",
    Kind.VISIT: "map-pin",
    Kind.MESSAGE: "message-circle",
    Kind.MAIL: "mail",
    Kind.NOTE: "file-text",
}
WRITTEN = (Kind.NOTE, Kind.CALL, Kind.VISIT, Kind.MEETING, Kind.MESSAGE, Kind.MAIL)
KEPT = ("text", "kind", "next_on", "next_time", "next_text")  # what comes back with an error as it was sent


def offered(actor: Actor, entity: AnyEntity) -> bool:
    """Whether records of an entity have a composer for the actor: those that are followed up, and what is planned."""
    return (entity.key in services.TARGETS or entity.key == ACTIVITY.key) and access.may(actor, ACTIVITY, "create")


def composer(actor: Actor, entity: AnyEntity, pk: UUID) -> Mapping[str, Any] | None:
    """The composer of a record, where the actor may write activities; of something planned it says how that went."""
    planned = _planned(actor, pk) if entity.key == ACTIVITY.key else ""
    if not offered(actor, entity) or (entity.key == ACTIVITY.key and not planned):
        return None
    kinds: Sequence[str] = (Kind.TASK, *WRITTEN) if planned == Kind.TASK else WRITTEN
    return {
        "url": f"/{entity.key}/{pk}/log",
        "key": str(uuid7()),
        "mentions_url": f"/{entity.key}/{pk}/mentions",
        "draft": f"{(actor.by or actor.user).pk}:{entity.key}/{pk}",
        "finishes": bool(planned),
        "kinds": [_kind(Kind(kind)) for kind in kinds],
        "kind": planned or kinds[0],
        "templates": [
            {"label": t.name, "attrs": {"data-template": t.text, "data-template-kind": t.kind}}
            for t in note_templates.every()
            if t.kind in ("", *kinds)
        ],
        "next_chips": [{"label": label, "date": date.isoformat()} for label, date in chips(timezone.localdate())],
        "sent": {},
    }


def _planned(actor: Actor, pk: UUID) -> str:
    """The kind of an activity that is still to be done and that the actor may write; else ""."""
    found = query.visible(actor, ACTIVITY, "update").filter(pk=pk, status=Status.PLANNED)
    return str(found.values_list("kind", flat=True).first() or "")


def _kind(kind: Activity.Kind) -> dict[str, Any]:
    outcomes = [
        {"value": key, "label": label, "tone": RESULT_TONES.get(key, "")}
        for key, label in services.results(kind).items()
    ]
    return {"key": kind.value, "label": kind.label, "icon": ICONS[kind], "outcomes": outcomes}


def chips(today: dt.date) -> list[tuple[str, dt.date]]:
    """Days for the next step: today, tomorrow, in 3 days, next Monday, in a month; days off are put off to the next
    working day.

    A chip whose day was put off says which day it is, unless that day has a name of its own; no day comes twice.
    """
    near = CalendarDay.objects.filter(day__gte=today, day__lte=today + dt.timedelta(days=60))
    off = dict(near.values_list("day", "is_working"))
    tomorrow, soon = today + dt.timedelta(days=1), today + dt.timedelta(days=3)
    monday = today + dt.timedelta(days=7 - today.weekday())
    month = plus_months(today, 1)
    found = {today: _("Today")}
    for label, date in (
        (_("Tomorrow"), tomorrow),
        (_("In 3 days"), soon),
        (_("Next Monday"), monday),
        (_("In a month"), month),
    ):
        working = calendar_cn.add_working_days(date, 0, overrides=off)
        name = label if working == date else str(day(working))
        if working not in found or found[working] == str(day(working)):
            found[working] = name
    return sorted(((label, date) for date, label in found.items()), key=lambda pair: pair[1])


def log(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID) -> Mapping[str, Any]:
    """Write what the composer sent: {text, undo_url} of what was done, else {errors, and what was typed}.

    A file is kept before anything is written, so that it need not be sent again after an error; it hangs on the
    activity or, when nothing is written, is its sender's alone for a day.
    """
    sent = request.POST
    finishes = entity.key == ACTIVITY.key
    kinds = [*WRITTEN, *([Kind.TASK] if finishes else [])]
    kind = sent.get("kind", "") if sent.get("kind", "") in kinds else WRITTEN[0].value
    text, result = sent.get("text", "").strip(), sent.get(f"outcome-{kind}", "")
    file: Mapping[str, Any] | None = None
    try:
        file = _file(request, actor)
        next_on = _next_on(sent)
        if not (text or result or finishes or file):
            raise Invalid([{"": [Wrong(_("Write what happened, or choose a result."), "required")]}])
        said = _Said(kind, text, result, next_on, sent.get("next_text", "").strip()[:200])
        named = mentioning.named(text, sent.getlist("mention"))
        operation, blind = _write(actor, entity, pk, said, file, named.people, sent.get("idempotency_key", "")[:100])
    except Invalid as invalid:
        wrongs = [w for found in invalid.first.values() for w in found]
    except Wrong as wrong:
        wrongs = [wrong]
    except Refused as refused:
        wrongs = [Wrong(refused.text, "refused")]
    else:
        told = " ".join([_saved(next_on), *mentioning.unreached(named.gone, blind)])
        return {"text": told, "undo_url": undo_url(operation)}
    kept = {name: sent.get(name, "") for name in KEPT}
    return {
        "errors": [{"name": "", "label": "", "text": w.text} for w in wrongs],
        "kind": kind,
        "sent": {**kept, "text": text, "result": result, "file": file, "mentions": sent.getlist("mention")},
    }


class _Said(NamedTuple):
    kind: str
    text: str
    result: str
    next_on: dt.datetime | None
    next_text: str


def _write(
    actor: Actor,
    entity: AnyEntity,
    pk: UUID,
    said: _Said,
    file: Mapping[str, Any] | None,
    named: Sequence[User],
    key: str,
) -> tuple[Operation | None, list[str]]:
    """The activity, the next one, the file and who is named, all or nothing; the names of those who may not see it."""
    finishes = entity.key == ACTIVITY.key
    with transaction.atomic():
        with operations.recording(actor, ACTIVITY, "update" if finishes else "create", record=pk) as tally:
            first, _following = services.log(
                actor,
                entity=entity.key,
                pk=pk,
                kind=said.kind,
                body=said.text,
                result=said.result,
                next_on=said.next_on,
                next_subject=said.next_text,
                completes=pk if finishes else None,
                key=key,
            )
        if file:
            uploads.hang(actor, file["id"], ACTIVITY, first.pk)
        mentioning.keep(first.pk, None, named)
        blind = comment_notices.mentioned(actor, first, named)
    return tally.operation, blind


def _file(request: HttpRequest, actor: Actor) -> Mapping[str, Any] | None:
    """What was attached: {id, name}; sent now, or kept when it was sent with an error. Invalid for what is not kept."""
    if upload := request.FILES.get("file"):
        stored = uploads.keep(actor, upload)
    elif is_uuid(held := request.POST.get("file-held", "")):
        stored = uploads.find(actor, UUID(held), "update")
        if stored.record:  # sent twice: it hangs there already
            return None
    else:
        return None
    return {"id": stored.pk, "name": stored.name}


def _next_on(sent: Mapping[str, str]) -> dt.datetime | None:
    """The day of the next step, with its time where one is said; Wrong for what is none."""
    due = ACTIVITY.attributes["due_at"]
    found: dt.datetime | None = due.kind.clean(due, f"{sent.get('next_on', '')} {sent.get('next_time', '')}".strip())
    return found


def _saved(next_on: dt.datetime | None) -> str:
    if next_on is None:
        return _("Saved.")
    local = timezone.localtime(next_on)
    time = f" {local:%H:%M}" if local.hour or local.minute else ""
    return _("Saved. Next step: %(day)s") % {"day": f"{day(local.date())}{time}"}
