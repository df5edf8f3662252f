"""Rules of consents and of what persons ask: grounds, withdrawal, days to answer, reminders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base import calendar_cn
from zhike.base.models import CalendarDay, Role, User
from zhike.engine import guard, notices
from zhike.engine.models import Erasure
from zhike.engine.records import Change

from .models import Consent, Contact, ContactPoint, PersonRequest

ANSWER_DAYS = 15  # working days, domain rule 3.19
Purpose, Basis, Status = Consent.Purpose, Consent.Basis, PersonRequest.Status
SEPARATE = (Purpose.SENSITIVE, Purpose.SHARING, Purpose.ABROAD)  # PIPL art. 29, 23, 39
LEGAL = (Basis.CONTRACT, Basis.DUTY, Basis.EMERGENCY, Basis.LAW)
GROUNDS: dict[str, Collection[str]] = {
    Purpose.SERVICE: (Basis.CONSENT, *LEGAL, Basis.PUBLIC),
    Purpose.MARKETING: (Basis.CONSENT,),  # commercial messages: consent alone, order 31 of the MIIT
    Purpose.PROFILING: (Basis.CONSENT, *LEGAL),
    **dict.fromkeys(SEPARATE, (Basis.CONSENT, *LEGAL)),
}
OPEN = (Status.RECEIVED, Status.WORKING)
FIXED = ("contact", "purpose", "basis", "given_at", "until_on", "text_version", "channel", "is_separate")
SOON = gettext_noop("%(what)s: to be answered by %(day)s")
LATE = gettext_noop("%(what)s: was to be answered by %(day)s")


def check_consent(change: Change[Consent]) -> None:
    """A consent says what was agreed to and when; afterwards only its withdrawal is added."""
    consent = change.record
    if not change.is_new:
        if any(change.changed(key) for key in FIXED):
            change.fail("", _("A consent is never rewritten. Withdraw it and enter the new one."), "fixed")
        return
    if consent.given_at > timezone.now() + dt.timedelta(minutes=5):
        change.fail("given_at", _("This lies in the future."))
    if consent.until_on and consent.until_on < timezone.localdate(consent.given_at):
        change.fail("until_on", _("This day lies before the beginning."))
    if consent.purpose and consent.basis not in GROUNDS[consent.purpose]:
        change.fail("basis", _("This purpose cannot stand on that ground."), "ground")
    if consent.basis == Basis.CONSENT:
        if not consent.text_version:
            change.fail("text_version", _("Say which wording the person agreed to."), "required")
        if consent.purpose in SEPARATE and not consent.is_separate:
            change.fail("is_separate", _("The law asks for a separate consent to this purpose."), "separate")


def withdraw(change: Change[Consent]) -> None:
    """The action `withdraw`: from now on the ground is gone; what was done before stays lawful (PIPL art. 15)."""
    if change.record.withdrawn_at is not None:
        change.fail("", _("This is withdrawn already."), "done")
    else:
        change.record.withdrawn_at = max(timezone.now(), change.record.given_at)


def allowed(people: Iterable[UUID], purpose: str, at: dt.datetime | None = None) -> set[UUID]:
    """Those of the contacts whose data may be used for a purpose (Consent.Purpose), now or at a moment.

    There is a ground in force that carries the purpose; a consent counts when no later withdrawal stands against it.
    Erased, locked and deleted persons are never in it; nor, for marketing, those who refused at all their numbers.
    """
    ids, when = set(people), at or timezone.now()
    rows = guard.rows(Contact, "ids in, ids out: who may be used is a rule, not a reading")
    found = set(rows.filter(pk__in=ids, deleted_at=None, locked_at=None).values_list("pk", flat=True))
    found -= set(Erasure.objects.filter(entity="contact", record__in=ids).values_list("record", flat=True))
    if purpose == Purpose.MARKETING:
        found -= _refusing(found)
    said = Consent.objects.filter(contact__in=found, purpose=purpose, given_at__lte=when, deleted_at=None)
    ended = said.filter(withdrawn_at__lte=when, basis=Basis.CONSENT).values_list("contact", "withdrawn_at")
    last: dict[UUID, dt.datetime] = {}
    for pk, moment in ended:
        if moment is not None:
            last[pk] = max(moment, last.get(pk, moment))
    live = said.filter(Q(withdrawn_at=None) | Q(withdrawn_at__gt=when)).filter(
        Q(until_on=None) | Q(until_on__gte=timezone.localdate(when)), basis__in=GROUNDS[purpose]
    )
    return {c.contact_id for c in live if _carries(c, last.get(c.contact_id))}


def _carries(consent: Consent, withdrawn: dt.datetime | None) -> bool:
    if consent.basis != Basis.CONSENT:
        return True
    if consent.purpose in SEPARATE and not consent.is_separate:
        return False
    return withdrawn is None or consent.given_at > withdrawn


def _refusing(people: Collection[UUID]) -> set[UUID]:
    """Who has numbers and asked at each of them not to be contacted."""
    rows = ContactPoint.objects.filter(contact__in=people, deleted_at=None).values_list("contact", "opted_out")
    said: dict[UUID, bool] = {}
    for pk, out in rows:
        said[pk] = said.get(pk, True) and out
    return {pk for pk, out in said.items() if out}


def may_contact(person: UUID, purpose: str, at: dt.datetime | None = None) -> bool:
    """Whether one person's data may be used for a purpose (Consent.Purpose); what is not said is not allowed."""
    return person in allowed([person], purpose, at)


# ---- requests ----


def check_request(change: Change[PersonRequest]) -> None:
    """The day of the answer follows from the day of receipt, by the calendar of the firm; who refuses says why."""
    asked = change.record
    if change.is_new and asked.received_on > timezone.localdate(change.at):
        change.fail("received_on", _("This lies in the future."))
    if change.is_new or change.changed("received_on"):
        asked.due_on = calendar_cn.add_working_days(asked.received_on, ANSWER_DAYS, overrides=own_days())
    if asked.status == Status.REFUSED and not asked.refusal_reason.strip():
        change.fail("refusal_reason", _("Say why: the person is told the reason (PIPL art. 50)."), "required")


def own_days() -> dict[dt.date, bool]:
    """The days that the firm itself declared working or off."""
    return dict(CalendarDay.objects.filter(deleted_at=None).values_list("day", "is_working"))


def _close(change: Change[PersonRequest], status: str) -> None:
    if change.record.status not in OPEN:
        change.fail("", _("This is answered already."), "closed")
    change.record.status, change.record.closed_on = status, timezone.localdate(change.at)


def start(change: Change[PersonRequest]) -> None:
    """The action `start`: somebody takes it in hand."""
    if change.record.status != Status.RECEIVED:
        change.fail("", _("This is in hand already."), "done")
    change.record.status = Status.WORKING
    change.record.handler_id = change.record.handler_id or change.actor.user.pk


def grant(change: Change[PersonRequest]) -> None:
    """The action `grant`: done as asked."""
    _close(change, Status.DONE)


def refuse(change: Change[PersonRequest]) -> None:
    """The action `refuse`; the reason is required by `check_request`."""
    _close(change, Status.REFUSED)


def remind(today: dt.date | None = None) -> int:
    """Tell who handles a request, or owns the contact, and the security administrators when two thirds of the time
    are over and when all of it is; gives how many notices were made. Doing it again tells nobody twice."""
    day, own, made = today or timezone.localdate(), own_days(), 0
    rows = PersonRequest.objects.filter(status__in=OPEN, deleted_at=None, contact__deleted_at=None)
    for asked in rows.select_related("contact"):
        soon = calendar_cn.add_working_days(asked.received_on, ANSWER_DAYS * 2 // 3, overrides=own)
        if asked.due_on is None or day < soon:
            continue
        made += _tell(asked, "late" if day > asked.due_on else "soon")
    return made


def _tell(asked: PersonRequest, stage: str) -> int:
    office = Role.objects.filter(office__in=("all", "security"), deleted_at=None).values_list("pk", flat=True)
    admins = User.objects.filter(roles__overlap=list(office), is_active=True, deleted_at=None)
    first = asked.handler_id or asked.contact.owner_id
    causes = {f"request-{stage}:{asked.pk}:{pk}": pk for pk in {*admins.values_list("pk", flat=True), first} if pk}
    params = {"entity": "personrequest", "day": f"{asked.due_on}"}
    text, url = LATE if stage == "late" else SOON, f"/personrequest/{asked.pk}"
    return sum(notices.tell(pk, text, params, url, cause, kind="request") for cause, pk in causes.items())


# ---- storage only ----


def lock(change: Change[Contact]) -> None:
    """The action `lock`: kept, and used for nothing else, where erasing is not possible (PIPL art. 47)."""
    if change.record.locked_at is not None:
        change.fail("", _("This is locked already."), "done")
    change.record.locked_at = change.at


def unlock(change: Change[Contact]) -> None:
    """The action `unlock`."""
    change.record.locked_at = None


def keep_locked(changes: Sequence[Change[Contact]]) -> None:
    """What is locked for storage only is not changed by anybody."""
    for change in changes:
        if not change.is_new and change.was("locked_at") and change.action not in ("unlock", "erase"):
            change.fail("", _("This person is locked for storage only. Unlock first."), "locked")
