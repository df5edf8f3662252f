"""Rules of activities, and the last contact and next follow-up that they leave on customers, contacts, leads, deals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.i18n import listed
from zhike.engine import guard, notices, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.pools import settling
from zhike.engine.records import Change
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal

from .models import Activity

Kind, Status, Result = Activity.Kind, Activity.Status, Activity.Result
TARGETS: Mapping[str, type[Account | Contact | Lead | Deal]] = {
    "account": Account,
    "contact": Contact,
    "lead": Lead,
    "deal": Deal,
}
CONTACT_KINDS = (Kind.CALL, Kind.MEETING, Kind.VISIT, Kind.MESSAGE, Kind.MAIL)
ALONE = (Kind.TASK, Kind.NOTE)
TALK = (Result.INTERESTED, Result.NOT_INTERESTED)  # whoever says so was there
RESULTS: Mapping[str, tuple[Activity.Result, ...]] = {
    Kind.TASK: (Result.COMPLETED, Result.NOT_COMPLETED),
    Kind.CALL: (
        Result.CONNECTED,
        Result.INTERESTED,
        Result.CALL_BACK,
        Result.NO_ANSWER,
        Result.BUSY,
        Result.NOT_INTERESTED,
        Result.REFUSED,
        Result.WRONG_NUMBER,
    ),
    Kind.MEETING: (Result.HELD, *TALK, Result.ABSENT, Result.REFUSED),
    Kind.VISIT: (Result.HELD, *TALK, Result.ABSENT, Result.REFUSED),
    Kind.MESSAGE: (Result.REPLIED, *TALK, Result.NO_REPLY, Result.REFUSED),
    Kind.MAIL: (Result.REPLIED, *TALK, Result.NO_REPLY, Result.REFUSED),
    Kind.NOTE: (),
}
SUBJECT = 60
MOST_STEPS = 366  # days, weeks or months between two of a series
LONGEST_NOTICE = 1_440  # minutes: a day
REMINDED = ("reminder",)  # the kinds of notices that ask for something planned


def tidy_activity(change: Change[Activity]) -> None:
    """Planned and done are one thing in two states; a result fits the kind; something is said or linked."""
    activity = change.record
    activity.kind = activity.kind or Kind.TASK
    if not activity.status:
        done = activity.done_at is not None or activity.kind == Kind.NOTE
        activity.status = Status.DONE if done else Status.PLANNED
    if activity.status == Status.DONE:
        activity.done_at = activity.done_at or change.at
    else:
        activity.done_at = None
    if (activity.remind_minutes or 0) > LONGEST_NOTICE:
        change.fail("remind_minutes", _("Enter a number from 0 to %(max)s.") % {"max": LONGEST_NOTICE})
    _tidy_repeat(change)
    if activity.result and activity.result not in (fitting := results(activity.kind, retired=True)):
        shown = listed(fitting.values()) or "—"
        change.fail("result", _("This kind of activity can have: %(results)s.") % {"results": shown})
    if activity.kind not in ALONE and not any(getattr(activity, f"{key}_id") for key in TARGETS):
        change.fail("account", _("Say with whom: choose a customer, a contact, a lead or a deal."), "required")
    if not activity.subject:
        first = next(iter(activity.body.strip().splitlines()), "").strip()
        activity.subject = first[:SUBJECT] or str(Kind(activity.kind).label)


def results(kind: str, *, retired: bool = False) -> dict[str, str]:
    """The results that a kind can have, in the firm's order and words: key -> label.

    What the firm has added of its own fits every kind that has results at all; retired ones are offered no more.
    """
    a = get("activity").attributes["result"]
    own = {key for key, _label in a.choices if key not in Result.values} if RESULTS[kind] else set()
    fits = {*RESULTS[kind], *own}
    return {key: str(label) for key, label in a.choices if key in fits and (retired or key not in a.retired)}


def _tidy_repeat(change: Change[Activity]) -> None:
    """What repeats has a day to count from, a step, and an end that is not before it."""
    activity = change.record
    if not activity.repeat:
        activity.repeat_every = activity.repeat_until = None
        return
    activity.repeat_every = activity.repeat_every or 1
    if activity.repeat_every > MOST_STEPS:
        change.fail("repeat_every", _("Enter a number from 0 to %(max)s.") % {"max": MOST_STEPS})
    if activity.due_at is None:
        change.fail("due_at", _("Say when it is due first: what repeats is counted from there."), "required")
    elif activity.repeat_until and activity.repeat_until < timezone.localdate(activity.due_at):
        change.fail("repeat_until", _("This day is before the first time."))


def fill_links(changes: Sequence[Change[Activity]]) -> None:
    """A deal names its customer, and so do a contact and a converted lead: one query each for the whole batch."""
    for key in ("deal", "contact", "lead"):
        lacking = [c.record for c in changes if getattr(c.record, f"{key}_id") and not c.record.account_id]
        if not lacking:
            continue
        rows = guard.rows(TARGETS[key], "the customer behind a link that is checked apart")
        accounts = dict(rows.filter(pk__in={getattr(a, f"{key}_id") for a in lacking}).values_list("pk", "account_id"))
        for activity in lacking:
            activity.account_id = accounts.get(getattr(activity, f"{key}_id"))


def follow(changes: Sequence[Change[Activity]]) -> None:
    """Bring everything that these activities touch, or touched before, in step; what is done is no more reminded of."""
    asked = ("status", "due_at", "owner")
    if over := [c.record.pk for c in changes if not c.is_new and any(c.was(key) != c.get(key) for key in asked)]:
        notices.settle(REMINDED, over)
    touched: dict[str, set[UUID]] = {key: set() for key in TARGETS}
    for c in changes:
        for key, ids in touched.items():
            ids |= {pk for pk in (c.get(key), c.was(key)) if pk}
    materialise(touched)


def follow_removal(ids: Sequence[UUID]) -> None:
    """What is deleted no longer counts and is no more reminded of; what is restored counts again."""
    notices.settle(REMINDED, ids)
    rows = guard.rows(Activity, "links of activities just removed").filter(pk__in=ids)
    materialise({key: set(rows.exclude(**{key: None}).values_list(key, flat=True)) for key in TARGETS})


def materialise(touched: Mapping[str, Collection[UUID]]) -> None:
    """Write last contact and next follow-up: from all live activities, so that it is right whatever happened before.

    Last contact is the end of the latest call, meeting, visit, message or mail that was done; next follow-up the day
    of the earliest thing planned. Leads also get their first response: the first of these that came from
    us, not from them.
    """
    for key, ids in touched.items():
        if ids:
            _materialise(key, ids)
            settling.settle(get(key), ids)


def _materialise(key: str, ids: Collection[UUID]) -> None:
    fields = ["last_contact_at", "next_follow_up_on", *(["first_response_at"] if key == "lead" else [])]
    targets = guard.rows(TARGETS[key], "last contact and next follow-up follow activities")
    # locked before counting, so that two activities logged at the same moment both count
    locked = targets.filter(pk__in=ids).order_by("pk").select_for_update()
    before = {r["pk"]: r for r in locked.values("pk", *fields)}
    contact = Q(status=Status.DONE, kind__in=CONTACT_KINDS)
    rows = guard.rows(Activity, "only times").filter(**{f"{key}__in": list(before)}, deleted_at=None)
    found = (
        rows.order_by()
        .values(key)
        .annotate(
            last=Max("done_at", filter=contact),
            next=Min("due_at", filter=Q(status=Status.PLANNED)),
            first=Min("done_at", filter=contact & ~Q(direction=Activity.Direction.IN)),
        )
    )
    times = {r[key]: (r["last"], timezone.localdate(r["next"]) if r["next"] else None, r["first"]) for r in found}
    data: dict[UUID, dict[str, Any]] = {}
    for pk, row in before.items():
        now = dict(zip(fields, times.get(pk, (None, None, None)), strict=False))
        if any(row[name] != value for name, value in now.items()):
            data[pk] = now
    if data:
        records.maintain(get(key), data, "last contact and next follow-up follow activities")


def follow_move(key: str, ids: Sequence[UUID], _rows: Sequence[UUID], _back: bool) -> None:
    """Records that activities came to, or went from, have another last contact and next follow-up."""
    if key in TARGETS:
        materialise({key: ids})


def complete(change: Change[Activity]) -> None:
    """The action `complete`: done, now unless a time is given."""
    if change.record.status == Status.DONE:
        change.fail("", _("This is done already."), "done")
    change.record.status = Status.DONE


def cancel(change: Change[Activity]) -> None:
    """The action `cancel`: will not be done."""
    if change.record.status != Status.PLANNED:
        change.fail("", _("Only what is planned can be cancelled."), "closed")
    change.record.status = Status.CANCELLED


def reopen(change: Change[Activity]) -> None:
    """The action `reopen`: planned again."""
    change.record.status, change.record.result = Status.PLANNED, ""


def log(
    actor: Actor,
    *,
    entity: str,
    pk: UUID,
    kind: str,
    body: str = "",
    result: str = "",
    subject: str = "",
    done_at: dt.datetime | None = None,
    duration_minutes: int | None = None,
    direction: str = "",
    next_on: dt.date | dt.datetime | None = None,
    next_kind: str = "",
    next_subject: str = "",
    completes: UUID | None = None,
    key: str = "",
) -> tuple[Activity, Activity | None]:
    """What the composer writes: the activity done, and the next one planned, both or neither.

    `entity` and `pk` say on which record: account, contact, lead or deal. `completes` is a planned activity that this
    is the doing of; what was written there before stays above the text. Without `next_kind` the next one is of the
    same kind, or a task after a note or mail. `key` makes a repeated call give back what the first one wrote. Raises
    Missing, Refused or Invalid.
    """
    if entity not in TARGETS and completes is None:
        raise KeyError(entity)
    query.record(actor, get(entity), pk)
    done = {
        "kind": kind,
        "status": Status.DONE,
        "body": body,
        "result": result,
        "subject": subject,
        "done_at": done_at,
        "duration_minutes": duration_minutes,
        "direction": direction,
    }
    with transaction.atomic():
        if completes is None:
            first = records.create(actor, get("activity"), {**done, entity: pk}, key=key)
        else:
            first = _finish(actor, completes, {name: v for name, v in done.items() if v not in ("", None)})
        if next_on is None:
            return first, None
        follows = kind if kind in (Kind.CALL, Kind.MEETING, Kind.VISIT, Kind.MESSAGE) else Kind.TASK
        planned = {
            "kind": next_kind or follows,
            "status": Status.PLANNED,
            "due_at": next_on,
            "subject": next_subject or subject or (first.subject if completes else ""),
            **_links(actor, first, entity, pk),
        }
        return first, records.create(actor, get("activity"), planned, key=f"{key}:next" if key else "")


def _finish(actor: Actor, pk: UUID, said: dict[str, Any]) -> Activity:
    """Something planned is done. What is done already with the same words was sent twice, and stays as it is."""
    now = query.visible(actor, get("activity"), "update").filter(pk=pk).select_for_update(of=("self",)).first()
    if now is None:
        raise Missing
    body = said.get("body", "")
    if now.status == Status.DONE and now.result == said.get("result", "") and now.body.endswith(body):
        return cast("Activity", now)
    if now.status != Status.PLANNED:
        raise Invalid([{"": [Wrong(_("This is done already."), "done")]}])
    if body and now.body:
        said["body"] = f"{now.body}\n\n{body}"
    return cast("Activity", records.update(actor, get("activity"), pk, said))


def _links(actor: Actor, first: Activity, entity: str, pk: UUID) -> dict[str, UUID]:
    """With whom the next one is: the record it was written on and the contact, or all that a task was about."""
    if entity in TARGETS:
        contact = {"contact": first.contact_id} if entity != "contact" and first.contact_id else {}
        return {entity: pk, **contact}
    linked = {key: getattr(first, f"{key}_id") for key in TARGETS if getattr(first, f"{key}_id")}
    return {k: v for k, v in linked.items() if query.visible(actor, get(k)).filter(pk=v).exists()}


def due(actor: Actor) -> dict[str, query.View]:
    """Today's work of the actor, as lists that add up: overdue, today, and the seven days after."""
    mine = f"owner__eq={actor.user.pk}&status__eq=planned&sort=due_at"
    return {
        "overdue": query.parse(f"{mine}&due_at__within=overdue"),
        "today": query.parse(f"{mine}&due_at__within=today"),
        "upcoming": query.parse(f"{mine}&due_at__between={_day(1)},{_day(7)}"),
    }


def _day(ahead: int) -> str:
    return (timezone.localdate() + dt.timedelta(days=ahead)).isoformat()


def keep_follow_ups(leads: Sequence[UUID]) -> None:
    """What was done with a lead is part of the story of the customer that it became."""
    rows = guard.rows(Lead, "links of converted leads").filter(pk__in=leads, account__isnull=False)
    touched: dict[str, set[UUID]] = {"account": set(), "contact": set()}
    for lead, account, contact in rows.values_list("pk", "account_id", "contact_id"):
        with guard.unguarded("the follow-ups of a lead come along, whoever wrote them"):
            of_lead = Activity.objects.filter(lead=lead)
            of_lead.filter(account=None).update(account=account)
            if contact:
                of_lead.filter(contact=None).update(contact=contact)
                touched["contact"].add(contact)
        touched["account"].add(account)
    materialise(touched)
