"""Promises in the time line of those they were made to: made, kept, broken, withdrawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from markupsafe import Markup

from zhike.base.i18n import day
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Labels
from zhike.engine.query import Row
from zhike.modules.promises.entities import PROMISE
from zhike.modules.promises.models import Promise
from zhike.web.plugs import Item

Status = Promise.Status
ON = ("account", "contact", "deal", "lead")
ENTRIES = 40
SHOWN = ("text", "status", "made_on", "made_by", "due_on", "owner", "closed_at", "reason", "remedy", "created_at")


def timeline(actor: Actor, entity: AnyEntity, pk: UUID) -> Sequence[Item]:
    """The promises about a record that the actor may see."""
    if entity.key not in ON or not access.may(actor, PROMISE, "list"):
        return []
    known = access.readable(actor, PROMISE)
    shown = [known[k] for k in SHOWN if k in known]
    rows = query.visible(actor, PROMISE).filter(**{entity.key: pk}).order_by("-created_at")[:ENTRIES]
    found = query.read(actor, PROMISE, rows, shown)
    labels = query.labels(actor, shown, found)
    keeps = query.visible(actor, PROMISE, "keep").filter(pk__in=[r.id for r in found])
    own = set(keeps.values_list("pk", flat=True))
    return [item for row in found for item in _items(row, labels, may_keep=row.id in own)]


def _items(row: Row, labels: Labels, *, may_keep: bool) -> Iterator[Item]:
    v = row.values
    status, due = v.get("status"), v.get("due_on")
    late = status == Status.OPEN and due is not None and due < timezone.localdate()
    link = Markup('<a href="/promise/{}">{}</a>')
    yield Item(
        id=f"p{row.id}",
        at=_moment(v.get("made_on"), v["created_at"]),
        icon=PROMISE.icon,
        tone="red" if late else "violet",
        title=link.format(row.id, _("promised for %(day)s") % {"day": day(due)} if due else _("Promise")),
        who=_name(v, "made_by", labels),
        text=v.get("text") or "",
        outcome=_outcome(status, late=late),
        actions=_actions(row.id) if may_keep and status == Status.OPEN else (),
    )
    if v.get("closed_at"):
        texts = {
            Status.KEPT: _("kept a promise"),
            Status.LATE: _("kept a promise late"),
            Status.BROKEN: _("did not keep a promise"),
            Status.WITHDRAWN: _("need not keep a promise"),
        }
        yield Item(
            id=f"pc{row.id}",
            at=v["closed_at"],
            icon="circle-x" if status == Status.BROKEN else "check",
            tone=PROMISE.tones["status"].get(status or "", "neutral"),
            title=link.format(row.id, texts.get(Status(status or "kept"), "")),
            who=_name(v, "owner", labels),
            text="\n".join(filter(None, (v.get("text"), v.get("reason"), v.get("remedy")))),
        )


def _moment(made_on: dt.date | None, created: dt.datetime) -> dt.datetime:
    """When it was promised: when it was written down, unless that was another day."""
    if made_on is None or timezone.localtime(created).date() == made_on:
        return created
    return timezone.make_aware(dt.datetime.combine(made_on, dt.time(12)))


def _name(values: Mapping[str, Any], key: str, labels: Labels) -> str:
    return labels.get(("user", values[key]), "") if values.get(key) else ""


def _outcome(status: str | None, *, late: bool) -> Mapping[str, Any] | None:
    if late:
        return {"label": _("Overdue"), "tone": "red"}
    if not status:
        return None
    return {"label": Status(status).label, "tone": PROMISE.tones["status"][status]}


def _actions(pk: UUID) -> list[dict[str, Any]]:
    url, drawer = f"/promise/{pk}/act", {"data-drawer": ""}
    return [
        {"label": pgettext("promise", "Kept"), "icon": "check", "url": f"{url}/keep", "attrs": drawer},
        {"label": pgettext("promise", "Not kept"), "icon": "circle-x", "url": f"{url}/break", "attrs": drawer},
    ]
