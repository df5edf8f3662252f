"""Data that leave the firm in a file: counted, marked with who and when, kept in the history, told and approved.

How many rows a day, from how many on a manager is told and a second person asked, says the firm's `Policy`. The numbers
of its defaults follow 法释〔2017〕10号 art. 5 (docs/security.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base.models import Department, Policy, Role, User
from zhike.engine import access, history, notices, people
from zhike.engine.access import Actor, Limit
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Limited, Missing, Refused, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.models import History, Job

ACTION = "export"
LEFT = gettext_noop("%(by)s exported contact data: %(n)s rows of %(what)s")
ASKED = gettext_noop("%(by)s asks to export %(n)s rows of %(what)s")
APPROVED = gettext_noop("%(by)s approved your export of %(n)s rows of %(what)s")
REFUSED = gettext_noop("%(by)s refused your export of %(n)s rows of %(what)s")
SLACK = 20  # an approved list may have grown by one row in so many


def needs_approval(rows: int) -> bool:
    """Whether so many rows leave only with a second person's approval."""
    return rows > Policy.current().export_ask_rows


@contextmanager
def counted(actor: Actor, *, approved: int = 0, console: bool = False) -> Iterator[Callable[[int], None]]:
    """Around the writing of a file; gives what refuses so many rows: beyond the day's number, or that nobody approved.

    That raises Limited or Refused. What an approved export holds is not counted for the day: a second person answers
    for it. Whoever runs the machine (`console`) is only noted.
    """

    def allow(rows: int) -> None:
        if not console and rows > approved + approved // SLACK:
            if needs_approval(rows):
                raise Refused("export without approval")
            _require_quota(actor, rows)

    with transaction.atomic():
        with connection.cursor() as cursor:  # two exports of one person must not both find the day's last rows free
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"export:{actor.hand.pk}"])
        yield allow


def purposes() -> list[tuple[str, str]]:
    """What exports are for, to choose from: (key, text)."""
    return [
        ("report", _("Report to management")),
        ("work", _("Work without the network, visits")),
        ("contact", _("Mailing, calls, campaign")),
        ("clean", _("Correct the data and import them again")),
        ("partner", _("Hand over to a partner or supplier")),
        ("move", _("Move to another program, backup")),
    ]


def purpose_text(purpose: str) -> str:
    """A purpose in words: one of the list, or as somebody put it."""
    return dict(purposes()).get(purpose, purpose)


def require_purpose(purpose: str) -> str:
    """The purpose of an export, trimmed; Invalid where none is said: what leaves is told apart by what it is for."""
    found = " ".join(purpose.split())[:200]
    if not found:
        raise Invalid([{"purpose": [Wrong(_("Say what the export is for."))]}])
    return found


def _require_quota(actor: Actor, rows: int) -> None:
    limit = Policy.current().export_rows_per_day
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    steps = History.objects.filter(actor=actor.hand.pk, action=ACTION, at__gte=start)
    done = sum(d.get("rows", 0) for d in steps.values_list("details", flat=True) if not d.get("approved_by"))
    if done + rows > limit:
        text = _(
            "You have exported %(n)s rows today; with these %(rows)s it would be more than %(limit)s. Export less."
        )
        after = int((start + dt.timedelta(days=1) - timezone.now()).total_seconds())
        raise Limited(text % {"n": done, "rows": rows, "limit": limit}, max(1, after))


def note(
    actor: Actor,
    entity: AnyEntity,
    shown: Sequence[Attribute],
    path: Path,
    *,
    rows: int,
    query: str,
    kind: str,
    approved_by: str = "",
    purpose: str = "",
) -> None:
    """Keep what left, with the digest of the file, and tell the exporter's manager of contact data."""
    details: dict[str, Any] = {
        "rows": rows,
        "fields": [a.key for a in shown],
        "filter": query[:500],
        "format": kind,
        "digest": digest(path),
    }
    details |= {k: v for k, v in (("approved_by", approved_by), ("purpose", purpose)) if v}
    history.note(actor, ACTION, entity=entity.key, details=details)
    contact = any(a.masks for a in shown) and (access.may(actor, entity, "reveal") or not access.masked(actor, entity))
    manager = manager_of(actor.hand) if contact and rows > Policy.current().export_tell_rows else None
    if manager:
        params = {"by": actor.hand.name, "n": str(rows), "entity": entity.key}
        notices.tell(manager, LEFT, params, "", f"export:{actor.hand.pk}:{timezone.now().isoformat()}", kind="export")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def marks(actor: Actor, entity: AnyEntity, rows: int, query: str, purpose: str = "") -> list[tuple[str, str]]:
    """The watermark: who took what along, and when."""
    name = f"{actor.hand.name} ({actor.hand.username})"
    if actor.by:
        name = _("%(name)s for %(principal)s") % {"name": name, "principal": actor.user.name}
    return [
        (_("Exported by"), name),
        (_("At"), timezone.localtime().strftime("%Y-%m-%d %H:%M:%S")),
        (_("Records"), str(entity.plural)),
        (_("Rows"), str(rows)),
        (_("Filter"), query[:500]),
        *([(_("Purpose"), purpose_text(purpose))] if purpose else []),
    ]


def manager_of(user: User) -> UUID | None:
    """The head of the nearest department above somebody that another heads, else whom they report to."""
    if user.department:
        heads = dict(Department.objects.filter(pk__in=user.department.ancestors).values_list("pk", "head"))
        for place in reversed(user.department.ancestors):
            if heads.get(place) not in (None, user.pk):
                return heads[place]
    return user.manager_id


def ask(actor: Actor, job: Job) -> None:
    """Let an export wait for a second person; everybody who may approve it is told."""
    job.options = {**job.options, "phase": "ask"}
    job.save(update_fields=["options"])
    details = {"job": job.pk, "rows": job.total, "filter": job.options.get("query", "")[:500]}
    details["purpose"] = job.options.get("purpose", "")
    history.note(actor, "export_ask", entity=job.entity, details=details)
    params = {"by": actor.hand.name, "n": str(job.total), "entity": job.entity}
    for pk in approvers(job):
        notices.tell(pk, ASKED, params, f"/exports/{job.pk}", f"export_ask:{job.pk}:{pk}", kind="export")


def _heads(job: Job) -> set[UUID]:
    places = job.user.department.ancestors if job.user.department else []
    rows = User.objects.filter(heads__in=places, heads__deleted_at=None, is_active=True, deleted_at=None)
    return set(rows.values_list("pk", flat=True))


def _own(job: Job) -> set[str]:
    return {str(job.user_id), str(job.options.get("by", ""))}


def approvers(job: Job) -> set[UUID]:
    """Who may approve an export: heads of the departments above, administrators of rights; never who exports."""
    roles = Role.objects.filter(office__in=people.GIVING, deleted_at=None).values_list("pk", flat=True)
    offices = User.objects.filter(is_active=True, deleted_at=None, roles__overlap=list(roles))
    found = _heads(job) | set(offices.values_list("pk", flat=True))
    return {pk for pk in found if str(pk) not in _own(job)}


def may_decide(actor: Actor, job: Job) -> bool:
    """Whether the actor may approve an export, in their own name."""
    if actor.by or actor.limit or str(actor.user.pk) in _own(job):
        return False
    return actor.office in people.GIVING or (bool(actor.held) and actor.user.pk in _heads(job))


@transaction.atomic
def decide(actor: Actor, pk: UUID, *, approve: bool) -> Job:
    """Approve or refuse an export that waits; once. Raises Missing where it does not wait or is not the actor's."""
    job = Job.objects.select_for_update(of=("self",)).filter(pk=pk, kind="export", deleted_at=None).first()
    if job is None or job.options.get("phase") != "ask" or job.state != Job.State.READY or not may_decide(actor, job):
        raise Missing
    if approve:
        job.options = {
            **job.options,
            "phase": "run",
            "approved_by": str(actor.user.pk),
            "approved_rows": job.total,
        }
    else:
        job.options = {**job.options, "phase": "refused", "approved_by": ""}
        job.state = Job.State.CANCELLED
    job.save(update_fields=["options", "state"])
    history.note(
        actor,
        "export_approve" if approve else "export_refuse",
        entity=job.entity,
        details={"job": job.pk, "rows": job.total, "user": job.user_id},
    )
    params = {"by": actor.user.name, "n": str(job.total), "entity": job.entity}
    told = UUID(job.options["by"]) if job.options.get("by") else job.user_id
    notices.tell(
        told, APPROVED if approve else REFUSED, params, f"/job/{job.pk}", f"export_said:{job.pk}", kind="export"
    )
    return job


def acting(actor: Actor) -> dict[str, Any]:
    """Who is at work and within which bounds, as a job remembers it."""
    found: dict[str, Any] = {"by": str(actor.by.pk)} if actor.by else {}
    return {**found, "scopes": sorted(actor.limit.scopes)} if actor.limit else found


def actor_of(job: Job, channel: str) -> Actor:
    """The actor of a job, by the same hand and within the bounds in which it was begun."""
    by = User.objects.filter(pk=job.options["by"]).first() if job.options.get("by") else None
    scopes = job.options.get("scopes")
    return Actor(job.user, channel, by=by, limit=None if scopes is None else Limit.of(scopes))
