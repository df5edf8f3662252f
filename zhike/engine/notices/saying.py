"""Notices in the words of their reader, with what this reader may see at this moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.models import Notice

from .kinds import Line, kind_of

HIDDEN = "…"  # stands for what the reader may not, or no longer, see


@dataclass(frozen=True)
class Said:
    """A notice as it is shown; what no longer `stands` is past: done, moved, or out of the reader's sight."""

    id: UUID
    kind: str
    group: str
    text: str
    meta: str
    url: str
    at: dt.datetime
    unread: bool
    stands: bool


def said(actor: Actor, found: Iterable[Notice]) -> list[Said]:
    """The notices in the language in force: one query per entity that they are about, each through the gate."""
    rows = list(found)
    lines = _lines(actor, rows)
    return [_one(notice, lines.get(notice.pk)) for notice in rows]


def _one(notice: Notice, line: Line | None) -> Said:
    entity = entities().get(notice.entity or notice.params.get("entity", ""))
    gone = notice.record is not None and line is None
    words = {"title": HIDDEN, "what": "", **notice.params}
    if entity is not None:
        words["what"] = str(entity.label)
    if line is not None:
        words["title"] = line.title
    kind = kind_of(notice.kind)
    return Said(
        id=notice.pk,
        kind=notice.kind,
        group=kind.group,
        text=_(notice.text) % words,
        meta=line.meta if line else "",
        url="" if gone else (line.url if line and line.url else notice.url),
        at=notice.at,
        unread=notice.read_at is None,
        stands=not gone and (line is None or line.stands),
    )


def _lines(actor: Actor, rows: Sequence[Notice]) -> Mapping[UUID, Line]:
    found: dict[UUID, Line] = {}
    plain: dict[str, list[Notice]] = {}
    own: dict[str, list[Notice]] = {}
    for notice in rows:
        if kind_of(notice.kind).lines:
            own.setdefault(notice.kind, []).append(notice)
        elif notice.record is not None and notice.entity in entities():
            plain.setdefault(notice.entity, []).append(notice)
    for key, some in own.items():
        if (ask := kind_of(key).lines) is not None:
            found |= ask(actor, some)
    for key, some in plain.items():
        names = query.names(actor, key, {n.record for n in some if n.record})
        found |= {n.pk: Line(names[n.record]) for n in some if n.record in names}
    return found
