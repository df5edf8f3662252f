"""What repeats: the next of a series is made when one is done, cancelled or past, and never twice.

Days are counted from the first of the series, so that "every month from the 31st" is the last of February and the 31st
of March again. Those that nobody was there to make (the worker stood still) are left out: the next to come is made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from zhike.base import calendar_cn
from zhike.engine import guard, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.notices.quiet import own_days
from zhike.engine.query.periods import plus_months

from .models import Activity, Occurrence

Repeat, Status = Activity.Repeat, Activity.Status
Days = Mapping[dt.date, bool]
TOGETHER = 500
FAR = 5_000  # occurrences that are looked through for the next to come
COPIED = (
    "kind", "subject", "body", "priority", "duration_minutes", "remind_minutes", "place", "direction", "repeat",
    "repeat_every", "repeat_until", "repeat_working", "account", "contact", "lead", "deal", "owner",
)  # fmt: skip


def day_of(anchor: dt.date, unit: str, step: int, number: int, *, working: bool, days: Days) -> dt.date:
    """The day of an occurrence; with `working` moved to the next working day."""
    ahead = step * number
    if unit == Repeat.WORKDAY:
        return calendar_cn.add_working_days(anchor, ahead, overrides=days)
    if unit == Repeat.MONTH:
        found = plus_months(anchor, ahead)
    else:
        found = anchor + dt.timedelta(days=ahead * (7 if unit == Repeat.WEEK else 1))
    return calendar_cn.add_working_days(found, 0, overrides=days) if working else found


def go_on(now: dt.datetime | None = None) -> int:
    """Make the next one of every series that waits for it; how many. Each is a transaction of its own."""
    now, days = now or timezone.now(), own_days()
    over = Occurrence.objects.filter(activity=OuterRef("pk"), continued=True)
    rows = guard.rows(Activity, "series go on by themselves").filter(deleted_at=None, due_at__isnull=False)
    rows = rows.exclude(repeat="").filter(~Q(status=Status.PLANNED) | Q(due_at__lt=now)).filter(~Exists(over))
    return sum(_one(pk, now, days) for pk in rows.order_by("due_at").values_list("pk", flat=True)[:TOGETHER])


@transaction.atomic
def _one(pk: UUID, now: dt.datetime, days: Days) -> int:
    rows = guard.rows(Activity, "series go on by themselves").filter(pk=pk, deleted_at=None).exclude(repeat="")
    last = rows.select_for_update(of=("self",)).select_related("owner").first()
    if last is None or last.due_at is None:
        return 0
    place = _place(last)
    if place.continued:
        return 0
    found = _next(last, place, now, days)
    made = _copy(last, *found) if found else None
    if made and found:
        values = {"series": place.series, "number": found[0], "anchor": place.anchor, "rule": place.rule}
        Occurrence.objects.create(activity_id=made, **values)
    Occurrence.objects.filter(pk=place.pk).update(continued=True)
    return int(made is not None)


def _place(last: Activity) -> Occurrence:
    """Where an activity stands in its series; one whose rule was changed begins another."""
    rule = f"{last.repeat} {last.repeat_every}"
    first = {"anchor": timezone.localdate(last.due_at), "rule": rule}
    place, _new = Occurrence.objects.get_or_create(activity=last, defaults=first)
    if place.rule != rule:
        place.delete()
        place = Occurrence.objects.create(activity=last, **first)
    return place


def _next(last: Activity, place: Occurrence, now: dt.datetime, days: Days) -> tuple[int, dt.datetime] | None:
    """Number and time of the first occurrence that is still to come; None where the series is over."""
    local = timezone.localtime(last.due_at)
    for number in range(place.number + 1, place.number + FAR):
        day = day_of(place.anchor, last.repeat, last.repeat_every or 1, number, working=last.repeat_working, days=days)
        if last.repeat_until and day > last.repeat_until:
            return None
        at = timezone.make_aware(dt.datetime.combine(day, local.time().replace(tzinfo=None)))
        if at > now or day >= timezone.localdate(now):
            return number, at
    return None


def _copy(last: Activity, number: int, due: dt.datetime) -> UUID | None:
    """The same once more, made by its owner; None where they have left, or may not any more."""
    owner = last.owner
    if owner is None or not owner.is_active or owner.deleted_at:
        return None
    entity = get("activity")
    values = {key: entity.attributes[key].read(last) for key in COPIED}
    values |= {"due_at": due, "status": Status.PLANNED}
    try:
        with transaction.atomic():
            made: UUID = records.create(Actor(owner, "job"), entity, values).pk
            return made
    except (Invalid, Refused, Missing):
        return None
