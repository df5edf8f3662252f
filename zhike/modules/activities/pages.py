"""What activities bring to the pages: entries of the time line, and commands; the composer is in `composing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from markupsafe import Markup, escape

from zhike.engine import access, query, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.kinds import Labels
from zhike.engine.query import Row
from zhike.web import plugs
from zhike.web.plugs import Item

from . import comment_pages, composing, mentioning, plan_pages, services  # noqa: F401 - the one plugs itself in
from .composing import ICONS
from .entities import ACTIVITY, RESULT_TONES
from .models import Activity

Kind, Status = Activity.Kind, Activity.Status
ENTRIES = 80
RELATED = 500  # contacts, leads and deals of one customer whose entries are looked for
SHOWN = (
    "kind",
    "status",
    "subject",
    "body",
    "due_at",
    "done_at",
    "result",
    "owner",
    "contact",
    "lead",
    "deal",
    "created_at",
    "duration_minutes",
)


# ---- time line ----


def timeline(actor: Actor, entity: AnyEntity, pk: UUID) -> Sequence[Item]:
    """The activities of a record that the actor may see, and an activity itself, with what colleagues say about them;
    a customer has those of its people, leads and deals too.
    """
    itself = entity.key == ACTIVITY.key
    if not (itself or entity.key in services.TARGETS) or not access.may(actor, ACTIVITY, "list"):
        return []
    known = access.readable(actor, ACTIVITY)
    shown = [known[k] for k in SHOWN if k in known]
    planned = Case(When(status=Status.PLANNED, then=Value(1)), default=Value(0), output_field=IntegerField())
    rows = query.visible(actor, ACTIVITY).filter(Q(pk=pk) if itself else _belongs(actor, entity, pk))
    rows = rows.order_by(planned.desc(), Coalesce("done_at", "due_at", "created_at").desc(), F("pk").desc())[:ENTRIES]
    found = [row for row in query.read(actor, ACTIVITY, rows, shown) if _when(row)]  # who reads no time has no line
    labels = query.labels(actor, shown, found)
    own = set(
        query.visible(actor, ACTIVITY, "update").filter(pk__in=[r.id for r in found]).values_list("pk", flat=True)
    )
    ids = [r.id for r in found]
    files, named, threads = (
        uploads.on(ACTIVITY, ids),
        mentioning.in_texts(ids),
        comment_pages.threads(actor, ids, whole=itself),
    )
    items = [_item(row, entity.key, labels, files.get(row.id, ()), may_edit=row.id in own) for row in found]
    return [
        replace(
            item,
            thread=threads.get(row.id),
            html=mentioning.html(item.text, named[row.id]) if row.id in named else "",
        )
        for row, item in zip(found, items, strict=True)
    ]


def _belongs(actor: Actor, entity: AnyEntity, pk: UUID) -> Q:
    """Which activities are part of a record's story; of related records where they may be seen."""
    found = Q(**{entity.key: pk})
    if entity.key == "account":
        for key in ("contact", "lead", "deal"):
            other = get(key)
            if access.may(actor, other, "list"):
                rows = query.visible(actor, other).filter(account=pk).order_by("-pk").values_list("pk", flat=True)
                found |= Q(**{f"{key}__in": list(rows[:RELATED])})
    return found


def _item(row: Row, on: str, labels: Labels, files: Sequence[tuple[UUID, str]], *, may_edit: bool) -> Item:
    v = row.values
    kind, status = Kind(v.get("kind") or Kind.TASK), v.get("status")
    planned = status == Status.PLANNED
    at = _when(row)
    late = planned and timezone.localtime(at).date() < timezone.localdate()
    return Item(
        id=f"a{row.id}",
        at=at,
        icon=ICONS[kind],
        tone="red" if late else ACTIVITY.tones["kind"][kind],
        title=_title(row, kind, on, labels),
        who=labels.get(("user", v["owner"]), "") if v.get("owner") else "",
        text=_text(row, kind),
        outcome=_outcome(v),
        planned=planned,
        actions=_actions(row.id, planned=planned) if may_edit else (),
        files=files,
        about=("activity", row.id),
    )


def _when(row: Row) -> Any:
    """When it was or will be; none for a reader of none of its times."""
    return next((at for key in ("done_at", "due_at", "created_at") if (at := row.values.get(key))), None)


def _title(row: Row, kind: Activity.Kind, on: str, labels: Labels) -> Markup:
    """The kind, and with whom or about what, where that is not the record itself and the actor may see it."""
    parts = [escape(kind.label)]
    for key in ("contact", "deal", "lead"):
        pk = row.values.get(key)
        if pk and key != on and (key, pk) in labels:
            parts.append(Markup('<a href="/{}/{}">{}</a>').format(key, pk, labels[key, pk]))
    if minutes := row.values.get("duration_minutes"):
        parts.append(escape(_("%(n)s minutes") % {"n": minutes}))
    return Markup(" · ").join(parts)


def _text(row: Row, kind: Activity.Kind) -> str:
    subject, body = row.values.get("subject") or "", row.values.get("body") or ""
    if not body:
        return "" if subject in (kind.label, kind.value) else subject
    same = body.startswith(subject)
    return body if same or not subject else f"{subject}\n{body}"


def _outcome(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if values.get("status") == Status.CANCELLED:
        return {"label": Status.CANCELLED.label, "tone": "neutral"}
    result = values.get("result")
    if not result:
        return None
    a = ACTIVITY.attributes["result"]
    return {"label": a.kind.text(a, result, {}), "tone": RESULT_TONES.get(result, "neutral")}


def _actions(pk: UUID, *, planned: bool) -> list[dict[str, Any]]:
    url = f"/activity/{pk}"
    done: list[dict[str, Any]] = [
        {"label": _("Done"), "icon": "check", "attrs": {"hx-post": f"{url}/tick", "hx-swap": "none"}},
        {
            "label": _("Done, and what next"),
            "icon": "check-check",
            "url": f"{url}/log",
            "attrs": {"data-drawer": ""},
        },
    ]
    rest = [
        {"label": _("Edit"), "icon": "pencil", "url": f"{url}/edit", "attrs": {"data-drawer": ""}},
        {
            "label": _("Delete"),
            "icon": "trash-2",
            "danger": True,
            "attrs": {"hx-post": f"{url}/drop", "hx-swap": "none"},
        },
    ]
    return [*(done if planned else ()), *rest]


def _may_create(actor: Actor) -> bool:
    return access.may(actor, ACTIVITY, "create")


plugs.commands += [
    plugs.Command(label, f"/activity/new?kind={kind}", ICONS[kind], _may_create)
    for kind, label in (
        (Kind.CALL, gettext_lazy("Log a call")),
        (Kind.VISIT, gettext_lazy("Log a visit")),
        (Kind.MEETING, gettext_lazy("Log a meeting")),
        (Kind.NOTE, gettext_lazy("Write a note")),
    )
]
plugs.timelines.append(timeline)
plugs.composers.append(composing.composer)
plugs.written.append(composing.offered)
plugs.log = composing.log
