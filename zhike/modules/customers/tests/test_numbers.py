"""Phone numbers and mails: rows and fields stay in step, whichever is changed."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.customers.models import ContactPoint
from zhike.modules.tests.helpers import Firm, create, refused, reload, update

A, B, C = "+8613800138000", "+8613900139000", "+862162770334"


def points(owner: UUID, kind: str = "phone") -> list[tuple[str, bool]]:
    """Live rows of an account or contact as (value, primary), oldest first."""
    rows = ContactPoint.objects.filter(kind=kind, deleted_at=None)
    found = rows.filter(account=owner) | rows.filter(contact=owner)
    return list(found.order_by("created_at", "pk").values_list("value", "is_primary"))


@pytest.mark.parametrize("entity", ["account", "contact"])
def test_the_field_makes_the_row_and_the_row_makes_the_field(firm: Firm, entity: str) -> None:
    owner = create(firm.seller, entity, name="甲", phone="138 0013 8000", email="a@example.com")
    assert points(owner.pk) == [(A, True)]
    assert points(owner.pk, "email") == [("a@example.com", True)]
    update(firm.seller, entity, owner.pk, phone="13900139000")
    assert points(owner.pk) == [(A, False), (B, True)]
    row = ContactPoint.objects.get(digits="13800138000")
    update(firm.seller, "contactpoint", row.pk, is_primary=True)
    assert reload(entity, owner.pk).phone == A
    assert points(owner.pk) == [(A, True), (B, False)]
    update(firm.seller, "contactpoint", row.pk, value="021-62770334")
    assert reload(entity, owner.pk).phone == C


def test_a_cell_with_several_numbers_becomes_several_rows(firm: Firm) -> None:
    importer = Actor(firm.seller.user, "import")
    account = create(importer, "account", name="甲", phone="13800138000 / 021-62770334、不详", email="a@b.cn; c@d.cn")
    assert account.phone == A
    rows = ContactPoint.objects.filter(account=account).order_by("created_at", "pk")
    assert [(r.value, r.is_primary, r.is_valid) for r in rows] == [
        (A, True, True),
        ("a@b.cn", True, True),
        (C, False, True),
        ("不详", False, False),
        ("c@d.cn", False, True),
    ]
    found = query.page(firm.seller, get("account"), query.View(search="770334"))
    assert [row.id for row in found.rows] == [account.pk]


def test_a_landline_is_a_row_of_the_contact_but_not_its_mobile(firm: Firm) -> None:
    contact = create(firm.seller, "contact", name="张伟", phone="13800138000", landline="021-62770334")
    assert points(contact.pk) == [(A, True), (C, False)]


def test_clearing_the_field_removes_the_primary_row_alone(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲", phone="13800138000/13900139000")
    cleared = update(firm.seller, "account", account.pk, phone="")
    assert (cleared.phone, cleared.numbers) == ("", "13900139000")
    assert points(account.pk) == [(B, False)]


def test_when_the_primary_row_goes_the_oldest_valid_one_steps_in(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲", phone="13800138000/不详/13900139000")
    primary = ContactPoint.objects.get(digits="13800138000")
    records.delete_many(firm.seller, get("contactpoint"), [primary.pk])
    assert reload("account", account.pk).phone == B
    records.restore_many(firm.seller, get("contactpoint"), [primary.pk])
    assert reload("account", account.pk).phone == A
    assert points(account.pk) == [(A, True), ("不详", False), (B, False)]


def test_the_first_row_of_a_customer_without_number_becomes_primary(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    create(firm.seller, "contactpoint", account=account.pk, kind="phone", value="13800138000")
    create(firm.seller, "contactpoint", account=account.pk, kind="phone", value="13900139000")
    assert points(account.pk) == [(A, True), (B, False)]
    assert reload("account", account.pk).phone == A


def test_who_refused_to_be_called_stays_refused(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲", phone="13800138000")
    row = ContactPoint.objects.get(account=account)
    update(firm.seller, "contactpoint", row.pk, opted_out=True)
    update(firm.seller, "account", account.pk, phone="13900139000")
    update(firm.seller, "account", account.pk, phone="")
    update(firm.seller, "account", account.pk, phone="13800138000")
    assert ContactPoint.objects.get(account=account, digits="13800138000", deleted_at=None).opted_out
    records.delete_many(firm.seller, get("contactpoint"), [row.pk])
    again = create(firm.seller, "contactpoint", account=account.pk, kind="phone", value="138-0013-8000")
    assert again.opted_out


def test_a_row_has_one_owner_and_a_value_of_its_kind(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲", phone="13800138000")
    contact = create(firm.seller, "contact", name="张伟")
    assert refused(create, firm.seller, "contactpoint", value="13800138001") == {"": ["invalid"]}
    both = {"account": account.pk, "contact": contact.pk, "value": "13800138001"}
    assert refused(create, firm.seller, "contactpoint", **both) == {"": ["invalid"]}
    mail = {"account": account.pk, "kind": "email", "value": "13800138001"}
    assert refused(create, firm.seller, "contactpoint", **mail) == {"value": ["invalid"]}
    same = {"account": account.pk, "kind": "phone", "value": "+86 138 0013 8000"}
    assert refused(create, firm.seller, "contactpoint", **same) == {"account": ["unique"]}


STEPS = st.lists(
    st.tuples(st.sampled_from(["field", "clear", "row", "primary", "demote", "delete", "restore"]), st.integers(0, 5)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_field_and_rows_agree_after_any_sequence(firm: Firm, steps: list[tuple[str, int]]) -> None:
    account = create(firm.seller, "account", name="甲")
    for step, n in steps:
        _do(firm, account.pk, step, n)
        live = ContactPoint.objects.filter(account=account, kind="phone", deleted_at=None)
        primary = list(live.filter(is_primary=True).values_list("value", flat=True))
        stored = reload("account", account.pk)
        assert [stored.phone] == (primary or [""])
        assert sorted(stored.numbers.split()) == sorted(live.values_list("digits", flat=True))


def _do(firm: Firm, account: UUID, step: str, n: int) -> None:
    rows = list(ContactPoint.objects.filter(account=account).order_by("created_at", "pk"))
    number = f"1380013800{n}"
    if step in ("field", "clear"):
        update(firm.seller, "account", account, phone=number if step == "field" else "")
    elif step == "row":
        if not any(r.digits == number for r in rows):
            create(firm.seller, "contactpoint", account=account, kind="phone", value=number)
    elif some := [r.pk for r in rows if (r.deleted_at is None) != (step == "restore")]:
        _change(firm, some[n % len(some)], step)


def _change(firm: Firm, row: UUID, step: str) -> None:
    if step == "delete":
        records.delete_many(firm.seller, get("contactpoint"), [row])
    elif step == "restore":
        records.restore_many(firm.seller, get("contactpoint"), [row])
    else:
        update(firm.seller, "contactpoint", row, is_primary=step == "primary")
