"""Rules of promises: who may say what became of one, when it is over, and whom it counts for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base import calendar_cn
from zhike.base.models import CalendarDay, User
from zhike.engine import access, guard, notices, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.records import Change
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Contact
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal

from .models import Promise

Status, Answer = Promise.Status, Promise.Answer
LOCKED = ("text", "account", "made_on", "due_on", "kept_on", "asked_of")  # of what is closed
LINKS: Mapping[str, type[Model]] = {"deal": Deal, "contact": Contact, "lead": Lead, "activity": Activity}
ASKED = gettext_noop("%(by)s asks you whether a promise to a customer can be kept")
ANSWERED = {
    Answer.FEASIBLE: gettext_noop("%(by)s confirms that your promise can be kept"),
    Answer.CONDITIONS: gettext_noop("%(by)s says that your promise can be kept under conditions"),
    Answer.NOT: gettext_noop("%(by)s says that your promise cannot be kept"),
}
UNANSWERED = gettext_noop("A promise has not been confirmed for more than a working day: %(name)s was asked")


# ---- on every write


def tidy_promise(change: Change[Promise]) -> None:
    """Only actions close a promise or answer for it; what is closed stays; a day that is over is not put off."""
    if change.back is not None:
        return
    if change.is_new:
        _begin(change)
    elif change.action not in change.entity.actions:
        _refuse(change)
    _check_days(change)
    _ask(change)
    _count(change)


def _owner(change: Change[Promise]) -> UUID | None:
    """Who will have it: the write path gives a new record to its author where nobody is named."""
    if change.is_new and "owner" not in change.values:
        return UUID(str(change.actor.user.pk))
    return change.record.owner_id


def _today(change: Change[Promise]) -> dt.date:
    return timezone.localdate(change.at)


def _begin(change: Change[Promise]) -> None:
    promise = change.record
    promise.made_by_id = promise.made_by_id or _owner(change)
    due: dt.date | None = change.get("due_on")  # none yet where the form lacks it
    if promise.made_on is None and due is not None:
        promise.made_on = min(_today(change), due)
    if promise.status == Status.OPEN and not promise.answer:
        return
    if change.actor.channel != "import" and not change.dated:
        key = "answer" if promise.status == Status.OPEN else "status"
        change.fail(key, _("A new promise is open and not confirmed yet."), "action")
        return
    if promise.status in (Status.KEPT, Status.LATE):
        promise.kept_on = promise.kept_on or due
        promise.status = Status.KEPT if due and (promise.kept_on or due) <= due else Status.LATE
    if promise.status != Status.OPEN:
        promise.closed_at = _noon(promise.kept_on) if promise.kept_on else change.at


def _noon(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time(12)))


def _refuse(change: Change[Promise]) -> None:
    """What a plain change may not do."""
    for key in ("status", "answer", "answer_note"):
        if change.changed(key):
            change.fail(key, _("This is changed by the actions of the promise."), "action")
    if change.was("status") != Status.OPEN:
        for key in LOCKED:
            if change.changed(key):
                change.fail(key, _("This promise is closed. Reopen it first."), "closed")
        return
    if change.changed("kept_on"):
        change.fail("kept_on", _("This is changed by the actions of the promise."), "action")
    late = change.was("due_on") < timezone.localdate()
    if change.changed("due_on") and late and not _may_reopen(change.actor, change.record.pk):
        change.fail("due_on", _("This day is over. Say what became of the promise instead."), "over")


def _may_reopen(actor: Actor, pk: UUID) -> bool:
    entity = get("promise")
    return access.may(actor, entity, "reopen") and query.visible(actor, entity, "reopen").filter(pk=pk).exists()


def _check_days(change: Change[Promise]) -> None:
    promise = change.record
    if promise.made_on is None or promise.due_on is None:
        return
    if promise.due_on < promise.made_on:
        change.fail("due_on", _("This day is before the day of the promise."), "order")
    if promise.made_on > timezone.localdate():
        change.fail("made_on", _("This day is still to come."), "future")


def _ask(change: Change[Promise]) -> None:
    """Somebody else than who promised is asked, and has a working day to answer."""
    promise = change.record
    if not change.is_new and promise.asked_of_id == _owner(change) and not promise.answer and change.changed("owner"):
        promise.asked_of_id = None  # who was asked has it now
    if not change.changed("asked_of"):
        return
    if promise.asked_of_id and promise.asked_of_id in (promise.made_by_id, _owner(change)):
        change.fail("asked_of", _("Who promised does not confirm it. Ask somebody else."), "same")
    if not change.is_new:
        promise.answer, promise.answer_note = "", ""
        promise.answered_by_id, promise.answered_at = None, None
    promise.asked_at = change.at if promise.asked_of_id else None
    promise.answer_due_at = answer_due(change.at) if promise.asked_of_id else None
    if promise.asked_of_id and promise.answer:  # as it was loaded
        promise.answered_by_id, promise.answered_at = promise.asked_of_id, change.at


def answer_due(asked: dt.datetime) -> dt.datetime:
    """24 hours later, of which hours on days off do not count: who is asked on a Friday has until Monday."""
    own = dict(CalendarDay.objects.filter(deleted_at=None).values_list("day", "is_working"))
    local = timezone.localtime(asked)
    first = calendar_cn.add_working_days(local.date(), 0, overrides=own)
    time = local.time() if first == local.date() else dt.time()
    return timezone.make_aware(dt.datetime.combine(calendar_cn.add_working_days(first, 1, overrides=own), time))


def _count(change: Change[Promise]) -> None:
    """It counts for who has it when it falls due: what is overdue does not weigh on who takes it over."""
    promise = change.record
    due: dt.date | None = change.get("due_on")
    running = promise.status == Status.OPEN and due is not None and due >= timezone.localdate()
    if change.is_new or (running and change.changed("owner")):
        promise.counts_for_id = _owner(change)


def fill_account(changes: Sequence[Change[Promise]]) -> None:
    """A deal, contact, lead or activity names its customer: one query each for the whole batch."""
    for key, model in LINKS.items():
        lacking = [c for c in changes if c.get(key) and not c.get("account")]
        if not lacking:
            continue
        rows = guard.rows(model, "the customer behind a link that is checked apart")
        found: dict[Any, Any] = dict(rows.filter(pk__in={c.get(key) for c in lacking}).values_list("pk", "account_id"))
        for c in lacking:
            c.set("account", found.get(c.get(key)))


def tell(changes: Sequence[Change[Promise]]) -> None:
    """Who is asked, and who waits for the answer, are told; history that is loaded is no news."""
    for c in changes:
        promise = c.record
        if c.dated or c.back is not None or c.actor.channel == "import":
            continue
        params, url = {"by": c.actor.user.name, "entity": "promise"}, f"/promise/{promise.pk}"
        if promise.asked_of_id and c.changed("asked_of") and promise.asked_of_id != c.actor.user.pk:
            notices.tell(promise.asked_of_id, ASKED, params, url, f"promise-asked:{promise.pk}:{promise.asked_at}")
        if promise.owner_id and c.changed("answered_at") and promise.answered_at:
            cause = f"promise-answered:{promise.pk}:{promise.answered_at}"
            notices.tell(promise.owner_id, ANSWERED[Answer(promise.answer)], params, url, cause)


# ---- actions


def _close(change: Change[Promise], status: str) -> bool:
    promise = change.record
    if promise.status != Status.OPEN:
        change.fail("", _("This promise is closed already."), "closed")
        return False
    promise.status, promise.closed_at = status, change.at
    return True


def keep(change: Change[Promise]) -> None:
    """The action `keep`: done, today or on the day given; after the day that was promised it is kept late."""
    promise = change.record
    day = promise.kept_on or _today(change)
    if not _close(change, Status.KEPT if day <= promise.due_on else Status.LATE):
        return
    promise.kept_on = day
    if day > _today(change):
        change.fail("kept_on", _("This day is still to come."), "future")
    if promise.made_on and day < promise.made_on:
        change.fail("kept_on", _("This day is before the day of the promise."), "order")


def break_it(change: Change[Promise]) -> None:
    """The action `break`: it was not kept, for a reason; what made good for it may be said now or later."""
    if _close(change, Status.BROKEN):
        _need(change, "reason", _("Say why it was not kept."))


def withdraw(change: Change[Promise]) -> None:
    """The action `withdraw`: the customer agreed that we need not keep it; it counts for nothing."""
    if _close(change, Status.WITHDRAWN):
        _need(change, "reason", _("Say who at the customer agreed, and when."))


def _need(change: Change[Promise], key: str, text: str) -> None:
    if not str(change.get(key) or "").strip():
        change.fail(key, text, "required")


def reopen(change: Change[Promise]) -> None:
    """The action `reopen`, a right of its own: nothing has become of it yet."""
    promise = change.record
    if promise.status == Status.OPEN:
        change.fail("", _("This promise is open."), "open")
    promise.status, promise.kept_on, promise.closed_at, promise.reason = Status.OPEN, None, None, ""


def confirm(change: Change[Promise]) -> None:
    """The action `confirm`: it can be done, or under conditions that the remark says."""
    promise = change.record
    _answer(change, promise.answer if "answer" in change.values and promise.answer else Answer.FEASIBLE)
    if promise.answer == Answer.CONDITIONS:
        _need(change, "answer_note", _("Say under which conditions."))
    if promise.answer == Answer.NOT:
        _need(change, "answer_note", _("Say why it cannot be done."))


def refuse(change: Change[Promise]) -> None:
    """The action `refuse`: it cannot be done, for the reason in the remark."""
    _answer(change, Answer.NOT)
    _need(change, "answer_note", _("Say why it cannot be done."))


def _answer(change: Change[Promise], answer: str) -> None:
    promise, actor = change.record, change.actor
    if promise.status != Status.OPEN:
        change.fail("", _("This promise is closed already."), "closed")
    if {actor.user.pk, actor.hand.pk} & {promise.made_by_id, promise.owner_id}:
        change.fail("", _("Who promised does not confirm it. Ask somebody else."), "same")
        return
    promise.answer, promise.answered_by_id, promise.answered_at = answer, actor.user.pk, change.at
    if promise.asked_of_id is None:
        promise.asked_of_id, promise.asked_at, promise.answer_due_at = actor.user.pk, change.at, answer_due(change.at)


# ---- what is told


def remind(now: dt.datetime | None = None) -> int:
    """Tell who was asked, who waits and their manager of promises that nobody has confirmed for a working day.

    Gives how many promises it concerns; doing it again tells nobody twice.
    """
    rows = guard.rows(Promise, "who is told of what nobody answered").filter(
        status=Status.OPEN, answer="", deleted_at=None, answer_due_at__lt=now or timezone.now()
    )
    found = list(rows.values("pk", "owner", "owner__manager", "asked_of", "asked_of__name", "asked_at"))
    active = set(User.objects.filter(is_active=True, deleted_at=None).values_list("pk", flat=True)) if found else set()
    for row in found:
        params: dict[str, Any] = {"entity": "promise", "name": row["asked_of__name"] or ""}
        for pk in {row["owner"], row["owner__manager"], row["asked_of"]} & active:
            cause = f"promise-unanswered:{row['pk']}:{row['asked_at']:%Y%m%d%H%M}:{pk}"
            notices.tell(pk, UNANSWERED, params, f"/promise/{row['pk']}", cause)
    return len(found)
