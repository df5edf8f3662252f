"""What somebody still has when they leave: records that are not over, which go to others before the account closes.

Of an entity whose records have an owner, all count, unless it is said here (or by their stage) when one is over: so an
entity that comes later, or that the firm makes itself, cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.i18n import listed
from zhike.base.models import User

from .entity import AnyEntity, entities
from .errors import Invalid, Wrong
from .records import Change

WHY = "what must not stay with somebody who leaves"
NOTHING = Q(pk__in=())
OPEN: dict[str, Q] = {}  # entity -> which records are not over; NOTHING for what stays with who it is about
PLANS: list[Callable[[UUID], bool]] = []  # whether a hand-over of all that somebody has is running, as modules know


def open_rows(entity: AnyEntity) -> Q:
    """The records of an entity that are not over."""
    found = OPEN.get(entity.key)
    if found is not None:
        return found
    return Q(status="open") if entity.is_staged else Q()


def rows(entity: AnyEntity, person: UUID) -> QuerySet[Any]:
    """What somebody still has of an entity, without the recycle bin."""
    return entity.rows(WHY).filter(open_rows(entity), owner=person, deleted_at=None).order_by()


def owned() -> list[AnyEntity]:
    """The entities whose records have owners, objects of the firm included."""
    return [e for e in entities().values() if e.has_owner and OPEN.get(e.key) is not NOTHING]


def counts(person: UUID) -> dict[str, int]:
    """How much somebody still has: entity -> number, without those of which there is none."""
    found = {e.key: rows(e, person).count() for e in owned()}
    return {key: n for key, n in found.items() if n}


def said(found: dict[str, int]) -> str:
    """120 customers, 30 deals and 4 activities."""
    known = entities()
    return listed(
        _("%(n)s × %(what)s") % {"n": n, "what": known[key].label if n == 1 else known[key].plural}
        for key, n in found.items()
    )


def keep_records(change: Change[User]) -> None:
    """No account is closed while its person has open records, unless they are being handed over (before_save)."""
    if change.is_new or not change.was("is_active") or change.record.is_active or change.back is not None:
        return
    if text := _left([change.record]):
        change.fail("is_active", text, "handover")


def keep_records_left(ids: Sequence[UUID]) -> None:
    """The same for people who are deleted. Raises Invalid."""
    gone = User.objects.filter(pk__in=ids, deleted_at__isnull=False)
    if text := _left(gone):
        raise Invalid([{"": [Wrong(text, "handover")]}])


def _left(people: Any) -> str:
    for person in people:
        found = counts(person.pk)
        if found and not any(plan(person.pk) for plan in PLANS):
            return ngettext(
                "%(name)s still has %(what)s. Hand it over first: “Hand over” on the page of the person.",
                "%(name)s still has %(what)s. Hand them over first: “Hand over” on the page of the person.",
                sum(found.values()),
            ) % {"name": person.name, "what": said(found)}
    return ""
