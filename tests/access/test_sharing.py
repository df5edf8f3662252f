"""Sharing one record: who may, how far it opens, when it ends, and that a refusal changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.access.world import digest, give, record, role, sees
from zhike.engine import records, sharing
from zhike.engine.access import LOOK_ONLY, Limit
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import History, Notice, Share

ACCOUNT = get("account")
TODAY = timezone.localdate()


def open_to(firm: Any, one: Any, who: str, by: str = "seller", **more: Any) -> Share:
    """Share with a person."""
    return sharing.share(firm.actor(by), ACCOUNT, one.pk, kind="user", target=getattr(firm, who).pk, **more)


def test_a_person_sees_what_is_shared_and_writes_only_what_is_shared_so(firm: Any) -> None:
    one = record(firm, "seller")
    assert not sees(firm.stranger, one)
    made = open_to(firm, one, "stranger", reason="一起投标")
    assert sees(firm.stranger, one)
    assert sees(firm.stranger, one, "list")
    assert not sees(firm.stranger, one, "update")
    open_to(firm, one, "stranger", level="write", title="售前")
    assert sees(firm.stranger, one, "update")
    for action in ("delete", "transfer", "export", "reveal", "merge"):
        assert not sees(firm.stranger, one, action)
    sharing.unshare(firm.actor("seller"), ACCOUNT, one.pk, made.pk)
    assert not sees(firm.stranger, one)
    steps = History.objects.filter(record=one.pk, action__in=("share", "unshare")).order_by("id")
    assert [s.action for s in steps] == ["share", "share", "unshare"]
    assert {s.actor for s in steps} == {firm.seller.pk}
    assert [n.user_id for n in Notice.objects.order_by("at")] == [firm.stranger.pk, firm.stranger.pk]


def test_a_department_with_all_below_and_a_role(firm: Any) -> None:
    one = record(firm, "seller")
    actor = firm.actor("seller")
    made = sharing.share(actor, ACCOUNT, one.pk, kind="department", target=firm.south.pk)
    assert sees(firm.stranger, one)
    sharing.unshare(actor, ACCOUNT, one.pk, made.pk)
    sharing.share(actor, ACCOUNT, one.pk, kind="department", target=firm.head_office.pk)
    assert sees(firm.stranger, one)
    assert sees(firm.colleague, one)
    Share.objects.all().delete()
    extra = role("presales", ("account", "list", "own"))
    sharing.share(actor, ACCOUNT, one.pk, kind="role", target=extra.pk)
    assert not sees(firm.stranger, one)
    give(firm.stranger, extra)
    assert sees(firm.stranger, one)


def test_it_holds_through_its_last_day(firm: Any) -> None:
    one = record(firm, "seller")
    made = open_to(firm, one, "stranger", until=TODAY)
    assert sees(firm.stranger, one)
    Share.objects.filter(pk=made.pk).update(until=TODAY - dt.timedelta(days=1))
    assert not sees(firm.stranger, one)
    assert [m.over for m in sharing.of(firm.actor("seller"), ACCOUNT, one.pk)] == [True]
    assert sharing.count(ACCOUNT, [one.pk]) == 0


@pytest.mark.parametrize("by", ["colleague", "stranger", "executive"])
def test_only_the_owner_or_who_may_hand_over_shares(firm: Any, by: str) -> None:
    one = record(firm, "seller")
    before = digest()
    with pytest.raises((Missing, Refused)):
        open_to(firm, one, "stranger", by)
    assert digest() == before
    open_to(firm, one, "stranger", "manager")  # the manager may hand it over


def test_a_share_does_not_let_one_share_on(firm: Any) -> None:
    one = record(firm, "seller")
    open_to(firm, one, "stranger", level="write")
    before = digest()
    with pytest.raises(Refused):
        sharing.share(firm.actor("stranger"), ACCOUNT, one.pk, kind="user", target=firm.colleague.pk)
    assert digest() == before


def test_nobody_gives_more_than_they_have(firm: Any) -> None:
    one = record(firm, "seller")
    give(firm.seller, role("reader", ("account", "list", "own"), ("account", "read", "own")))
    open_to(firm, one, "stranger")
    before = digest()
    with pytest.raises(Refused):
        open_to(firm, one, "stranger", level="write")
    with pytest.raises(Refused):
        open_to(firm, one, "colleague", level="write")
    assert digest() == before


def test_an_assistant_shares_only_where_handing_over_is_lent(firm: Any) -> None:
    one = record(firm, "seller")
    for limit in (LOOK_ONLY, Limit.of(("account:*",))):
        actor = firm.actor("seller").within(limit, by=firm.colleague)
        target = {"kind": "user", "target": firm.stranger.pk}
        if limit is LOOK_ONLY:
            before = digest()
            with pytest.raises(Refused):
                sharing.share(actor, ACCOUNT, one.pk, **target)
            assert digest() == before
        else:
            made = sharing.share(actor, ACCOUNT, one.pk, **target)
            assert made.by == firm.colleague
    step = History.objects.filter(record=one.pk, action="share").get()
    assert (step.actor, step.behalf) == (firm.colleague.pk, firm.seller.pk)


def test_what_is_wrong_is_said_by_field(firm: Any) -> None:
    one = record(firm, "seller")
    actor, before = firm.actor("seller"), digest()
    cases = [
        ({"kind": "user", "target": firm.seller.pk}, "target"),
        ({"kind": "user", "target": firm.south.pk}, "target"),
        ({"kind": "team", "target": firm.stranger.pk}, "kind"),
        ({"kind": "user", "target": firm.stranger.pk, "until": TODAY - dt.timedelta(days=1)}, "until"),
        ({"kind": "user", "target": firm.stranger.pk, "title": "长" * 41}, "title"),
    ]
    for values, key in cases:
        with pytest.raises(Invalid) as error:
            sharing.share(actor, ACCOUNT, one.pk, **values)
        assert list(error.value.first) == [key]
    assert digest() == before


def test_a_share_stays_when_the_record_is_handed_over(firm: Any) -> None:
    one = record(firm, "seller")
    open_to(firm, one, "stranger")
    records.update_many(firm.actor("manager"), ACCOUNT, {one.pk: {"owner": firm.colleague.pk}}, action="transfer")
    assert sees(firm.stranger, one)
    assert not sees(firm.seller, one)
    assert sharing.count(ACCOUNT, [one.pk]) == 1


def test_one_may_leave_what_was_shared_with_one(firm: Any) -> None:
    one = record(firm, "seller")
    made = open_to(firm, one, "stranger")
    before = digest()
    with pytest.raises(Missing):
        sharing.unshare(firm.actor("colleague"), ACCOUNT, one.pk, made.pk)
    assert digest() == before
    sharing.unshare(firm.actor("stranger"), ACCOUNT, one.pk, made.pk)
    assert not sees(firm.stranger, one)
