"""Entering for somebody else: only what was lent, only while it holds, with both names kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.access.world import digest, record
from zhike.base.models import User
from zhike.engine import access, delegation, query, records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Delegation, History

ACCOUNT = get("account")
TODAY = timezone.localdate()
SCOPES = ("account:list", "account:read", "account:update")


def lend(firm: Any, *scopes: str, by: str = "seller", days: int = 7) -> Delegation:
    """The seller lets the stranger enter."""
    return delegation.create(
        firm.actor(by),
        principal=firm.seller,
        assistant=firm.stranger,
        scopes=scopes or SCOPES,
        from_on=TODAY,
        until_on=TODAY + dt.timedelta(days=days),
    )


def test_an_assistant_does_what_was_lent_and_both_names_are_kept(firm: Any) -> None:
    one = record(firm, "seller")
    made = lend(firm)
    found = delegation.actor_for(firm.stranger, made.pk)
    assert found is not None
    actor = found[0]
    assert query.visible(actor, ACCOUNT, "read").filter(pk=one.pk).exists()
    records.update(actor, ACCOUNT, one.pk, {"name": "由助理改名"})
    step = History.objects.filter(record=one.pk, action="update").get()
    assert (step.actor, step.behalf) == (firm.stranger.pk, firm.seller.pk)
    before = digest()
    with pytest.raises(Refused):
        records.delete_many(actor, ACCOUNT, [one.pk])
    with pytest.raises(Refused):
        records.create(actor, ACCOUNT, {"name": "新"})
    with pytest.raises(Refused):
        access.require(actor, get("deal"), "list")
    assert digest() == before
    assert actor.office == ""


def test_it_ends_with_its_day_its_revocation_and_the_people(firm: Any) -> None:
    made = lend(firm)
    assert delegation.actor_for(firm.stranger, made.pk)
    assert delegation.actor_for(firm.colleague, made.pk) is None
    for change in ({"until_on": TODAY - dt.timedelta(days=1), "from_on": TODAY - dt.timedelta(days=9)},):
        Delegation.objects.filter(pk=made.pk).update(**change)
        assert delegation.actor_for(firm.stranger, made.pk) is None
    Delegation.objects.filter(pk=made.pk).update(from_on=TODAY, until_on=TODAY)
    for person in (firm.seller, firm.stranger):
        User.objects.filter(pk=person.pk).update(is_active=False)
        assert delegation.actor_for(firm.stranger, made.pk) is None
        User.objects.filter(pk=person.pk).update(is_active=True)
    before = digest()
    with pytest.raises(Missing):
        delegation.revoke(firm.actor("colleague"), made.pk)
    assert digest() == before
    delegation.revoke(firm.actor("seller"), made.pk)
    assert delegation.actor_for(firm.stranger, made.pk) is None


def test_who_may_lend(firm: Any) -> None:
    before = digest()
    for by in ("colleague", "manager", "executive", "stranger"):
        with pytest.raises(Refused):
            lend(firm, by=by)
    assert digest() == before
    made = lend(firm, by="admin")
    assert made.by == firm.admin
    acting = delegation.actor_for(firm.stranger, made.pk)
    assert acting
    before = digest()
    with pytest.raises(Refused):  # what is lent is not lent on
        delegation.create(
            acting[0],
            principal=firm.seller,
            assistant=firm.colleague,
            scopes=SCOPES,
            from_on=TODAY,
            until_on=TODAY,
        )
    with pytest.raises(Refused):  # an administrator does not lend themselves another's rights
        delegation.create(
            firm.actor("admin"),
            principal=firm.seller,
            assistant=firm.admin,
            scopes=SCOPES,
            from_on=TODAY,
            until_on=TODAY,
        )
    assert digest() == before


@pytest.mark.parametrize("scopes", [("*:*",), ("role:update",), ("user:update",), ("account:*",), ("account:fly",)])
def test_the_firm_itself_is_not_lent(firm: Any, scopes: tuple[str, ...]) -> None:
    before = digest()
    with pytest.raises(Invalid):
        lend(firm, *scopes)
    assert digest() == before
    made = lend(firm)
    Delegation.objects.filter(pk=made.pk).update(scopes=[*scopes, "account:list"])  # as if somebody had written it
    found = delegation.actor_for(firm.stranger, made.pk)
    assert found
    limit = found[0].limit
    assert limit
    assert limit.scopes == {"account:list"}
