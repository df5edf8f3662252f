"""Sharing single records: with a person, a department and all below it, or a role; with a title they are its team.

A record is shared by its owner, or by whoever may hand it over, and never beyond what the sharer has: to let others
change it, one must be able to change it oneself. A share outlives hand-over, merge and the recycle bin until it ends or
is taken back, and is shown to whoever hands the record over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base.models import Department, Role, User

from . import history, notices, query
from .access import Actor
from .entity import AnyEntity
from .errors import Invalid, Missing, Refused, Wrong
from .models import Share

Kind, Level = Share.Kind, Share.Level
MODELS: dict[str, Any] = {Kind.USER: User, Kind.DEPARTMENT: Department, Kind.ROLE: Role}
LONGEST = dt.timedelta(days=3 * 366)
SHARED = gettext_noop("%(by)s shared a record with you: %(what)s")
ENDED = gettext_noop("%(by)s no longer shares a record with you: %(what)s")


@dataclass(frozen=True, kw_only=True)
class Member:
    """One share of a record as it is shown: with whom, in which part, and until when. `over` says it has ended."""

    share: Share
    name: str
    by: str
    over: bool


def may_share(actor: Actor, entity: AnyEntity, pk: UUID, level: str = Level.READ) -> bool:
    """Whether the actor may open a record to others: owner, or allowed to hand it over; for writing also to change."""
    if not entity.has_owner or (actor.limit and not actor.limit.allows(entity.key, "transfer")):
        return False
    read = query.visible(actor, entity, "read").filter(pk=pk)
    own = read.filter(owner=actor.user.pk).exists()
    if not own and not (read.exists() and query.visible(actor, entity, "transfer").filter(pk=pk).exists()):
        return False
    return level == Level.READ or query.visible(actor, entity, "update").filter(pk=pk).exists()


def _require(actor: Actor, entity: AnyEntity, pk: UUID, level: str) -> None:
    """Missing where the record is not there for the actor, Refused where it is and they may not share it so."""
    if not query.visible(actor, entity, "read").filter(pk=pk).exists():
        raise Missing
    if not may_share(actor, entity, pk, level):
        raise Refused(f"share {entity.key}")


@transaction.atomic
def share(
    actor: Actor,
    entity: AnyEntity,
    pk: UUID,
    *,
    kind: str,
    target: UUID,
    level: str = Level.READ,
    title: str = "",
    until: dt.date | None = None,
    reason: str = "",
) -> Share:
    """Open a record to somebody, or change how it is open to them: read or write, until the end of a day.

    Raises Missing, Refused (not the actor's to share, or not for writing), Invalid with the keys of the arguments.
    """
    _require(actor, entity, pk, level)
    errors = _errors(entity, pk, kind=kind, target=target, level=level, title=title, until=until, reason=reason)
    if errors:
        raise Invalid([{key: [Wrong(text)] for key, text in errors.items()}])
    found = Share.objects.select_for_update().filter(entity=entity.key, record=pk, kind=kind, target=target).first()
    is_new = found is None
    made = found or Share(entity=entity.key, record=pk, kind=kind, target=target)
    if not is_new and made.level == Level.WRITE:
        _require(actor, entity, pk, Level.WRITE)  # who may not change the record does not decide who may
    made.level, made.title, made.until, made.reason, made.by = level, title.strip(), until, reason.strip(), actor.hand
    history.acting(actor, "share")
    made.save()
    history.note(actor, "share", entity=entity.key, record=pk, details=_details(made))
    if is_new and kind == Kind.USER:
        _tell(actor, entity, made, SHARED, "shared")
    return made


def _errors(
    entity: AnyEntity,
    pk: UUID,
    *,
    kind: str,
    target: UUID,
    level: str,
    title: str,
    until: dt.date | None,
    reason: str,
) -> dict[str, str]:
    errors: dict[str, str] = {}
    owned = entity.rows("whose it is; the actor reads it")
    if kind not in Kind.values:
        return {"kind": _("Choose a person, a department or a role.")}
    people = {"is_active": True} if kind == Kind.USER else {}
    if not MODELS[kind].objects.filter(pk=target, deleted_at=None, **people).exists():
        errors["target"] = _("Choose with whom to share from the list.")
    elif kind == Kind.USER and owned.filter(pk=pk, owner=target).exists():
        errors["target"] = _("This person owns the record.")
    if level not in Level.values:
        errors["level"] = _("Choose what is opened: to see or to change.")
    if len(title.strip()) > 40:
        errors["title"] = _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(title.strip()), "max": 40}
    if len(reason.strip()) > 200:
        errors["reason"] = _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(reason.strip()), "max": 200}
    today = timezone.localdate()
    if until and not today <= until <= today + LONGEST:
        errors["until"] = _("Choose a day from today on, within three years.")
    return errors


def _details(made: Share) -> dict[str, Any]:
    return {
        "with": made.kind,
        "target": made.target,
        "level": made.level,
        "title": made.title,
        "until": made.until,
        "reason": made.reason,
    }


def _tell(actor: Actor, entity: AnyEntity, made: Share, text: str, cause: str) -> None:
    if made.target != actor.hand.pk:
        params = {"by": actor.user.name, "entity": entity.key}
        url = f"/{entity.key}/{made.record}" if text == SHARED else ""
        notices.tell(made.target, text, params, url, f"{cause}:{made.pk}", kind="shared")


@transaction.atomic
def unshare(actor: Actor, entity: AnyEntity, pk: UUID, share: UUID) -> None:
    """Take a share back; a person with whom a record is shared may also leave it. Raises Missing, Refused."""
    if not query.visible(actor, entity, "read").filter(pk=pk).exists():
        raise Missing
    found = Share.objects.select_for_update().filter(pk=share, entity=entity.key, record=pk).first()
    if found is None:
        raise Missing
    leaves = found.kind == Kind.USER and found.target == actor.user.pk and not actor.by and not actor.limit
    if not leaves and not may_share(actor, entity, pk, found.level):
        raise Refused(f"share {entity.key}")
    details = _details(found)
    history.acting(actor, "unshare")
    found.delete()
    history.note(actor, "unshare", entity=entity.key, record=pk, details=details)
    if found.kind == Kind.USER:
        found.pk = share
        _tell(actor, entity, found, ENDED, "unshared")


def of(actor: Actor, entity: AnyEntity, pk: UUID) -> Sequence[Member]:
    """With whom a record is shared, team first, for whoever may read it; ended shares too. Raises Missing."""
    if not query.visible(actor, entity, "read").filter(pk=pk).exists():
        raise Missing
    rows = list(Share.objects.filter(entity=entity.key, record=pk).select_related("by").order_by("-title", "at"))
    named = names(rows)
    today = timezone.localdate()
    return [
        Member(share=s, name=named[s.target], by=s.by.name, over=bool(s.until and s.until < today))
        for s in rows
        if s.target in named
    ]


def names(rows: Iterable[Share]) -> dict[UUID, str]:
    """The names of those with whom records are shared: one query for each kind; who is gone is left out."""
    found: dict[UUID, str] = {}
    wanted: dict[str, set[UUID]] = {}
    for s in rows:
        wanted.setdefault(s.kind, set()).add(s.target)
    for kind, ids in wanted.items():
        found |= dict(MODELS[kind].objects.filter(pk__in=ids, deleted_at=None).values_list("pk", "name"))
    return found


def count(entity: AnyEntity, ids: Iterable[UUID]) -> int:
    """How many shares in force records have: said when they are handed over, because shares stay."""
    rows = Share.objects.filter(entity=entity.key, record__in=list(ids))
    return rows.exclude(until__lt=timezone.localdate()).count()
