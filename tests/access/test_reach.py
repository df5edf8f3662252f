"""Who can see this record: the answer for everybody is the answer for each, and costs no query for each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.access.world import give, record, role
from tests.registry.factory import make
from zhike.base.models import Department, Grant, User
from zhike.engine import access, delegation, reach, records, sharing
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing

ACCOUNT, CONTACT = get("account"), get("contact")
ACTIONS = ("read", "list", "update", "delete", "transfer", "export")


def told(parts: Any) -> list[tuple[Any, ...]]:
    """Parts without their rows."""
    return sorted((p.reason, str(p.role), str(p.detail)) for p in parts)


def test_it_says_for_everybody_what_the_gate_says_for_each(firm: Any) -> None:
    one = record(firm, "seller")
    contact = make(firm.actor("seller"), CONTACT)
    mine = role("mine", ("account", "read", "all"), ("account", "list", "all"))
    Grant.objects.filter(role=mine).update(conditions=[["created_by", "eq", "me"]])
    apart = User.objects.create_user("apart", name="旁人", department=firm.south, roles=[mine.pk])
    second = User.objects.create_user("second", name="乙", department=firm.south, roles=[mine.pk])
    sharing.share(firm.actor("seller"), ACCOUNT, one.pk, kind="user", target=firm.stranger.pk)
    sharing.share(firm.actor("seller"), ACCOUNT, one.pk, kind="department", target=firm.south.pk)
    User.objects.create_user("gone", name="离职", department=firm.north, roles=firm.manager.roles, is_active=False)
    records.update_many(firm.actor("manager"), ACCOUNT, {one.pk: {"owner": firm.colleague.pk}}, action="transfer")
    for entity, pk in ((ACCOUNT, one.pk), (CONTACT, contact.pk)):
        for action in ACTIONS:
            found = {r.user.pk: told(r.parts) for r in reach.everybody(firm.actor("admin"), entity, pk, action)}
            want = {
                u.pk: told(parts) for u in User.objects.all() if (parts := access.why(Actor(u), entity, pk, action))
            }
            assert found == want
    assert apart.pk in found or second.pk not in found


def test_a_condition_on_oneself_is_asked_for_that_person(firm: Any) -> None:
    one = record(firm, "seller")
    mine = role("mine", ("account", "read", "all"), ("account", "list", "all"))
    Grant.objects.filter(role=mine).update(conditions=[["created_by", "eq", "me"]])
    give(firm.stranger, mine)
    give(firm.seller, mine)
    User.objects.filter(pk=firm.seller.pk).update(department=firm.south)
    names = {r.user.username for r in reach.everybody(firm.actor("admin"), ACCOUNT, one.pk)}
    assert names == {"seller", "manager", "executive", "admin"}  # the record stays where it was filed


def test_helpers_are_named(firm: Any) -> None:
    one = record(firm, "seller")
    today = timezone.localdate()
    delegation.create(
        firm.actor("seller"),
        principal=firm.seller,
        assistant=firm.stranger,
        scopes=["account:read"],
        from_on=today,
        until_on=today + dt.timedelta(days=3),
    )
    for action, want in (("read", ["陈静"]), ("delete", [])):
        found = {r.user.pk: r for r in reach.everybody(firm.actor("admin"), ACCOUNT, one.pk, action)}
        assert [d.assistant.name for d in found[firm.seller.pk].helpers] == want


def test_only_for_those_who_see_the_record(firm: Any) -> None:
    one = record(firm, "seller")
    with pytest.raises(Missing):
        reach.everybody(firm.actor("stranger"), ACCOUNT, one.pk)
    with pytest.raises(Missing):
        reach.of_person(firm.actor("stranger"), ACCOUNT, one.pk, firm.seller)


def test_two_thousand_people_in_two_hundred_departments_cost_some_tens_of_queries(firm: Any) -> None:
    one = record(firm, "seller")
    places = []
    for n in range(200):
        place = Department(name=f"部门{n}", parent=firm.north)
        place.ancestors = [*firm.north.ancestors, place.pk]
        places.append(place)
    Department.objects.bulk_create(places)
    roles = [list(p.roles) for p in (firm.seller, firm.manager, firm.executive)]
    User.objects.bulk_create(
        User(username=f"p{n}", name=f"人{n}", department=places[n % 200], roles=roles[n % 3]) for n in range(2_000)
    )
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = reach.everybody(firm.actor("admin"), ACCOUNT, one.pk)
    assert len(found) == 4 + len(range(2, 2_000, 3))
    assert len(asked) <= 60
