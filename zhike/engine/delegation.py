"""Delegation: an assistant enters for somebody else, within bounds and until a day; both names are kept.

What is lent lies within what the principal has, because the principal's own rights answer, only narrowed. An office is
never lent, nor is what runs the firm itself (people, roles, pipelines), and what is lent is not lent on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base.models import User

from . import access, history, notices
from .access import Actor, Limit
from .entity import AnyEntity, entities
from .errors import Invalid, Missing, Refused, Wrong
from .models import Delegation
from .query import DIRECTORY

OFFICES = ("all", "security")
LONGEST = 366
GIVEN = gettext_noop("%(principal)s lets you enter for them until %(until)s")
SAID = gettext_noop("%(by)s lets %(assistant)s enter for you until %(until)s")
ENDED = gettext_noop("Entering for %(principal)s has ended")


def lendable() -> dict[str, AnyEntity]:
    """The entities whose actions may be lent: the firm's business, not the firm itself."""
    return {k: e for k, e in entities().items() if k not in DIRECTORY and k != "calendarday"}


def actions(entity: AnyEntity) -> tuple[str, ...]:
    """The actions of an entity that may be lent."""
    return (*access.ACTIONS, *entity.actions)


def limit_of(scopes: Iterable[str]) -> Limit:
    """The bounds of stored scopes; what may not be lent is left out, whoever wrote it."""
    known = lendable()
    kept = []
    for text in scopes:
        key, _sep, action = str(text).partition(":")
        if key in known and action in actions(known[key]):
            kept.append(f"{key}:{action}")
    return Limit.of(kept)


@transaction.atomic
def create(
    actor: Actor,
    *,
    principal: User,
    assistant: User,
    scopes: Sequence[str],
    from_on: dt.date,
    until_on: dt.date,
    reason: str = "",
) -> Delegation:
    """Let an assistant enter for a principal. The principal does that, or an administrator of rights.

    Raises Refused for anybody else, for somebody who acts by another's hand, and for an administrator who would lend
    another's rights to themselves; Invalid with the keys of the arguments.
    """
    _require(actor, principal)
    if assistant.pk == actor.user.pk:
        raise Refused("delegation to oneself")
    errors = _errors(principal, assistant, scopes, from_on, until_on, reason)
    if errors:
        raise Invalid([{key: [Wrong(text)] for key, text in errors.items()}])
    history.acting(actor, "delegate")
    made = Delegation.objects.create(
        principal=principal,
        assistant=assistant,
        scopes=sorted(limit_of(scopes).scopes),
        from_on=from_on,
        until_on=until_on,
        reason=reason.strip(),
        by=actor.user,
    )
    history.note(actor, "delegate", entity="user", record=principal.pk, details=_details(made))
    params = {"principal": principal.name, "until": until_on.isoformat()}
    notices.tell(assistant.pk, GIVEN, params, "/me/delegations", f"delegated:{made.pk}", kind="rights")
    if principal.pk != actor.user.pk:
        params = {"by": actor.user.name, "assistant": assistant.name, "until": until_on.isoformat()}
        notices.tell(principal.pk, SAID, params, "/me/delegations", f"delegated:{made.pk}:p", kind="rights")
    return made


def _require(actor: Actor, principal: User) -> None:
    if actor.by or actor.limit or (principal.pk != actor.user.pk and actor.office not in OFFICES):
        raise Refused("delegation")


def _errors(
    principal: User, assistant: User, scopes: Sequence[str], from_on: dt.date, until_on: dt.date, reason: str
) -> dict[str, str]:
    errors: dict[str, str] = {}
    if principal.pk == assistant.pk:
        errors["assistant"] = _("Choose somebody else.")
    for key, person in (("principal", principal), ("assistant", assistant)):
        if not person.is_active or person.deleted_at:
            errors[key] = _("%(name)s no longer works here.") % {"name": person.name}
    wanted = {str(s) for s in scopes}
    if not wanted or limit_of(wanted).scopes != wanted:
        errors["scopes"] = _("Choose what may be done, from the list.")
    today = timezone.localdate()
    if until_on < max(from_on, today) or until_on > today + dt.timedelta(days=LONGEST):
        errors["until_on"] = _("Choose a day from today on, within a year, not before the first day.")
    if len(reason.strip()) > 200:
        errors["reason"] = _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(reason.strip()), "max": 200}
    return errors


def _details(made: Delegation) -> Mapping[str, Any]:
    return {
        "delegation": made.pk,
        "assistant": made.assistant_id,
        "scopes": made.scopes,
        "from": made.from_on,
        "until": made.until_on,
        "reason": made.reason,
    }


@transaction.atomic
def revoke(actor: Actor, pk: UUID) -> None:
    """End a delegation: principal, assistant, or an administrator of rights. Raises Missing, also for a stranger's."""
    found = Delegation.objects.select_for_update().filter(pk=pk, revoked_at=None).first()
    concerned = found and actor.user.pk in (found.principal_id, found.assistant_id)
    if found is None or actor.by or actor.limit or not (concerned or actor.office in OFFICES):
        raise Missing
    history.acting(actor, "undelegate")
    found.revoked_at = timezone.now()
    found.save(update_fields=["revoked_at"])
    history.note(actor, "undelegate", entity="user", record=found.principal_id, details=_details(found))
    if found.assistant_id != actor.user.pk:
        params = {"principal": found.principal.name}
        notices.tell(found.assistant_id, ENDED, params, "/me/delegations", f"undelegated:{found.pk}", kind="rights")


def in_force(day: dt.date | None = None) -> QuerySet[Delegation]:
    """The delegations that hold on a day: not revoked, within their dates, both people at work."""
    today = day or timezone.localdate()
    people = Q(principal__is_active=True, principal__deleted_at=None)
    people &= Q(assistant__is_active=True, assistant__deleted_at=None)
    rows = Delegation.objects.filter(people, revoked_at=None, from_on__lte=today, until_on__gte=today)
    return rows.select_related("principal", "principal__department", "assistant")


def actor_for(assistant: User, pk: UUID, channel: str = "web") -> tuple[Actor, Delegation] | None:
    """The principal as the assistant may act for them now, and the delegation; None when it no longer holds."""
    found = in_force().filter(pk=pk, assistant=assistant.pk).first()
    if found is None:
        return None
    return Actor(found.principal, channel, by=assistant, limit=limit_of(found.scopes)), found
