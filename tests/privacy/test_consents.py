"""Grounds, withdrawal, requests and their days: against rules written down here once more, not taken from the code."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from zhike.base.models import CalendarDay
from zhike.engine import guard, records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Erasure, Notice
from zhike.modules.customers import consents
from zhike.modules.customers.models import Consent, Contact, ContactPoint

PURPOSES = ("service", "marketing", "profiling", "sensitive", "sharing", "abroad")
BASES = ("consent", "contract", "duty", "emergency", "news", "public", "law")
NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
# PIPL art. 13, 14-16, 23, 29, 39 and the order on commercial messages, in words of the law
CARRIES = {
    "service": {"consent", "contract", "duty", "emergency", "public", "law"},
    "marketing": {"consent"},
    "profiling": {"consent", "contract", "duty", "emergency", "law"},
    "sensitive": {"consent", "contract", "duty", "emergency", "law"},
    "sharing": {"consent", "contract", "duty", "emergency", "law"},
    "abroad": {"consent", "contract", "duty", "emergency", "law"},
}
OWN_CONSENT = {"sensitive", "sharing", "abroad"}


@dataclass
class Said:
    """One ground: days before now when it was given, withdrawn, ends."""

    basis: str
    given: int
    withdrawn: int | None = None
    ends: int | None = None
    separate: bool = False


@dataclass
class Person:
    grounds: dict[str, list[Said]] = field(default_factory=dict)
    gone: str = ""
    numbers: tuple[bool, ...] = ()


def allowed(person: Person, purpose: str) -> bool:
    """The oracle."""
    if person.gone:
        return False
    if purpose == "marketing" and person.numbers and all(person.numbers):
        return False
    said = [s for s in person.grounds.get(purpose, []) if s.given >= 0]
    ends = [s.withdrawn for s in said if s.basis == "consent" and s.withdrawn is not None and s.withdrawn >= 0]
    for s in said:
        over = s.withdrawn is not None and s.withdrawn >= 0
        expired = s.ends is not None and s.ends > 0
        if over or expired or s.basis not in CARRIES[purpose]:
            continue
        if s.basis != "consent":
            return True
        if purpose in OWN_CONSENT and not s.separate:
            continue
        if all(s.given < day for day in ends):
            return True
    return False


def somebody(dice: random.Random) -> Person:
    person = Person(gone=dice.choice(("", "", "", "", "", "deleted", "locked", "erased")))
    person.numbers = tuple(dice.random() < 0.5 for _n in range(dice.choice((0, 1, 2))))
    for purpose in PURPOSES:
        for _n in range(dice.choice((0, 1, 1, 2, 3))):
            given = dice.choice((-5, 1, 10, 30, 90, 400))
            later = [d for d in (-3, 0, 5, 20, 60, 200) if d < given]
            withdrawn = dice.choice(later) if later and dice.random() < 0.4 else None
            ends = dice.choice((None, None, -10, 0, 3)) if given > 3 else None
            basis = dice.choice(("consent", "consent", "consent", *BASES))
            found = person.grounds.setdefault(purpose, [])
            found.append(Said(basis, given, withdrawn, ends, dice.random() < 0.5))
    return person


def keep(person: Person, n: int) -> UUID:
    contact = Contact(name=f"张{n}", deleted_at=NOW if person.gone == "deleted" else None)
    contact.locked_at = NOW if person.gone == "locked" else None
    guard.rows(Contact, "test").bulk_create([contact])
    if person.gone == "erased":
        Erasure.objects.create(entity="contact", record=contact.pk, token="[AAAA-AAAA]")
    ContactPoint.objects.bulk_create(
        ContactPoint(contact_id=contact.pk, value=f"1390000{n:04d}", digits=f"{n}-{i}", opted_out=out)
        for i, out in enumerate(person.numbers)
    )
    day = dt.timedelta(days=1)
    Consent.objects.bulk_create(
        Consent(
            contact_id=contact.pk, purpose=purpose, basis=s.basis, is_separate=s.separate, given_at=NOW - s.given * day,
            withdrawn_at=None if s.withdrawn is None else NOW - s.withdrawn * day,
            until_on=None if s.ends is None else (NOW - s.ends * day).date(),
        )
        for purpose, found in person.grounds.items()
        for s in found
    )  # fmt: skip
    return contact.pk


@pytest.mark.django_db
def test_two_hundred_persons_and_six_purposes() -> None:
    dice = random.Random(6)
    people = [somebody(dice) for _n in range(200)]
    ids = [keep(person, n) for n, person in enumerate(people)]
    expected = {purpose: {pk for pk, p in zip(ids, people, strict=True) if allowed(p, purpose)} for purpose in PURPOSES}
    found = {purpose: consents.allowed(ids, purpose, NOW) for purpose in PURPOSES}
    assert found == expected
    assert all(8 < len(some) < 150 for some in expected.values())
    for pk in ids[:40]:
        for purpose in PURPOSES:
            assert consents.may_contact(pk, purpose, NOW) is (pk in expected[purpose])


@pytest.fixture
def contact(firm: Any) -> Any:
    return records.create(firm.actor("seller"), get("contact"), {"name": "孙悦", "phone": "13812345678"})


def give(firm: Any, contact: Any, **values: Any) -> Any:
    base = {"contact": contact.pk, "purpose": "marketing", "basis": "consent", "text_version": "2026-01"}
    return records.create(firm.actor("seller"), get("consent"), {**base, **values})


def test_withdrawn_is_kept_and_takes_effect_at_once(firm: Any, contact: Any) -> None:
    first, second = give(firm, contact), give(firm, contact, channel="paper")
    assert consents.may_contact(contact.pk, "marketing") is True
    client = firm.client("seller")
    assert client.get(f"/contact/{contact.pk}/consents").status_code == 200
    assert client.post(f"/contact/{contact.pk}/consents/{first.pk}/withdraw").status_code == 303
    assert consents.may_contact(contact.pk, "marketing") is False
    rows = dict(Consent.objects.values_list("pk", "withdrawn_at"))
    assert rows[first.pk] is not None
    assert rows[second.pk] is None
    assert client.post(f"/contact/{contact.pk}/consents/{first.pk}/withdraw").status_code == 422
    give(firm, contact)
    assert consents.may_contact(contact.pk, "marketing") is True
    strangers = firm.client("stranger").post(f"/contact/{contact.pk}/consents/{second.pk}/withdraw")
    assert strangers.status_code == 404
    assert Consent.objects.get(pk=second.pk).withdrawn_at is None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"basis": "contract"}, "ground"),
        ({"basis": "public"}, "ground"),
        ({"text_version": ""}, "required"),
        ({"purpose": "abroad"}, "separate"),
        ({"purpose": "sensitive"}, "separate"),
        ({"purpose": "sharing"}, "separate"),
        ({"purpose": "service", "basis": "news"}, "ground"),
        ({"given_at": "2099-01-01 10:00"}, "invalid"),
        ({"given_at": "2026-01-02 10:00", "until_on": "2026-01-01"}, "invalid"),
    ],
)
def test_what_is_no_ground(firm: Any, contact: Any, values: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        give(firm, contact, **values)
    assert [w.code for found in caught.value.first.values() for w in found] == [code]


def test_a_consent_is_never_rewritten(firm: Any, contact: Any) -> None:
    said = give(firm, contact)
    for values in (
        {"purpose": "service"},
        {"text_version": "2025-01"},
        {"is_separate": True},
        {"until_on": "2030-01-01"},
    ):
        with pytest.raises(Invalid):
            records.update(firm.actor("admin"), get("consent"), said.pk, values)
    records.update(firm.actor("seller"), get("consent"), said.pk, {"evidence": "录音 12"})
    assert Consent.objects.get().evidence == "录音 12"


def test_locked_is_kept_and_not_used(firm: Any, contact: Any) -> None:
    give(firm, contact)
    admin, entity = firm.actor("admin"), get("contact")
    records.act(admin, entity, contact.pk, "lock")
    assert consents.may_contact(contact.pk, "marketing") is False
    with pytest.raises(Invalid):
        records.update(admin, entity, contact.pk, {"name": "别人"})
    records.act(admin, entity, contact.pk, "unlock")
    assert consents.may_contact(contact.pk, "marketing") is True


# ---- requests ----


def ask(firm: Any, contact: Any, **values: Any) -> Any:
    return records.create(firm.actor("seller"), get("personrequest"), {"contact": contact.pk, "kind": "copy", **values})


def test_fifteen_working_days_by_the_calendar_of_the_firm(firm: Any, contact: Any) -> None:
    asked = ask(firm, contact, received_on="2026-11-02")  # a Monday; no public holiday in November
    assert asked.due_on == dt.date(2026, 11, 23)
    CalendarDay.objects.create(name="厂休", day=dt.date(2026, 11, 11), is_working=False)
    assert ask(firm, contact, received_on="2026-11-02").due_on == dt.date(2026, 11, 24)
    over = ask(firm, contact, received_on="2026-09-28")  # off from 1 to 7 October, Saturday the 10th is worked
    assert over.due_on == dt.date(2026, 10, 23)


def test_reminders_at_two_thirds_and_when_late(firm: Any, contact: Any) -> None:
    ask(firm, contact, received_on="2026-11-02")
    days = {day: consents.remind(dt.date(2026, 11, day)) for day in (3, 13, 16, 17, 23, 24, 25)}
    assert days == {3: 0, 13: 0, 16: 2, 17: 0, 23: 0, 24: 2, 25: 0}  # the owner and the administrator
    assert {n.user_id for n in Notice.objects.all()} == {firm.seller.pk, firm.admin.pk}
    assert not any("孙悦" in str(n.params) for n in Notice.objects.all())


def test_an_answered_request_is_not_reminded_of(firm: Any, contact: Any) -> None:
    asked = ask(firm, contact, received_on="2026-11-02")
    records.act(firm.actor("seller"), get("personrequest"), asked.pk, "start")
    records.act(firm.actor("seller"), get("personrequest"), asked.pk, "grant", {"answer": "已寄出"})
    assert consents.remind(dt.date(2026, 12, 24)) == 0


def test_a_refusal_gives_its_reason(firm: Any, contact: Any) -> None:
    asked, entity, seller = ask(firm, contact), get("personrequest"), firm.actor("seller")
    with pytest.raises(Invalid) as caught:
        records.act(seller, entity, asked.pk, "refuse", {"refusal_reason": "  "})
    assert list(caught.value.first) == ["refusal_reason"]
    done = records.act(seller, entity, asked.pk, "refuse", {"refusal_reason": "合同未结"})
    assert (done.status, done.closed_on) == ("refused", timezone.localdate())
    with pytest.raises(Invalid):
        records.act(seller, entity, asked.pk, "grant")
