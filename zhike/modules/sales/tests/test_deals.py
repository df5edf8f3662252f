"""Deals: what a stage asks for, winning, losing, reopening, and what a win means for the customer."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import StageEvent
from zhike.modules.customers.models import Account
from zhike.modules.sales import services
from zhike.modules.sales.models import Deal, DealContact
from zhike.modules.tests.helpers import Firm, act, create, refused, reload, stage, update


def customer(actor: Actor, **values: Any) -> Account:
    """A customer."""
    found: Account = create(actor, "account", **{"name": "宝钢集团", **values})
    return found


def deal(actor: Actor, **values: Any) -> Deal:
    """A deal with an amount, in the first stage unless said otherwise."""
    found: Deal = create(actor, "deal", **{"name": "热轧项目", "amount": "120,000", **values})
    return found


def test_a_new_deal_has_number_stage_and_the_win_percent_of_the_stage(firm: Firm) -> None:
    made = deal(firm.seller)
    assert re.fullmatch(r"D\d{6}", made.number)
    assert (made.stage_id, made.probability, made.started_on) == (
        stage("deal", "contact"),
        Decimal(10),
        timezone.localdate(),
    )


def test_a_stage_asks_for_what_it_needs(firm: Firm) -> None:
    made = deal(firm.seller, amount=None)
    wanted = {"account": ["needed"], "amount": ["needed"]}
    assert refused(update, firm.seller, "deal", made.pk, stage=stage("deal", "proposal")) == wanted
    account = customer(firm.seller)
    moved = update(firm.seller, "deal", made.pk, stage=stage("deal", "proposal"), amount="9.8万", account=account.pk)
    assert (moved.amount, moved.probability) == (Decimal("98000.00"), 50)
    assert refused(update, firm.seller, "deal", made.pk, stage=stage("deal", "negotiation")) == {
        "expected_on": ["needed"]
    }
    assert reload("deal", made.pk).stage_id == stage("deal", "proposal")


def test_another_win_percent_needs_a_reason_until_the_stage_changes(firm: Firm) -> None:
    account = customer(firm.seller)
    made = deal(firm.seller, account=account.pk)
    assert refused(update, firm.seller, "deal", made.pk, probability=60) == {"probability_reason": ["needed"]}
    changed = update(firm.seller, "deal", made.pk, probability=60, probability_reason="老客户")
    assert changed.probability == 60
    moved = update(firm.seller, "deal", made.pk, stage=stage("deal", "need"), probability=60)
    assert (moved.probability, moved.probability_reason) == (30, "")
    assert update(firm.seller, "deal", made.pk, probability=None).probability == 30


def test_weighted_amounts_add_up_to_their_sum(firm: Firm) -> None:
    for amount in ("100.01", "200.03", "0.07"):
        deal(firm.seller, amount=amount)
    view = query.parse("sort=-weighted").but(columns=("name", "weighted", "days_in_stage"))
    rows = query.page(firm.seller, get("deal"), view).rows
    assert [r.values["weighted"] for r in rows] == [Decimal("20.00"), Decimal("10.00"), Decimal("0.01")]
    assert query.sums(firm.seller, get("deal"), view)["weighted"] == Decimal("30.01")
    assert {r.values["days_in_stage"] for r in rows} == {0}


def test_winning_closes_the_deal_and_makes_a_customer(firm: Firm) -> None:
    account = customer(firm.colleague)
    made = deal(firm.manager, account=account.pk)
    won = act(firm.manager, "deal", made.pk, "win", closed_on="2026-03-05", won_reason="price")
    assert (won.status, won.stage_id, won.probability, won.closed_on, won.expected_on) == (
        "won",
        stage("deal", "won"),
        100,
        dt.date(2026, 3, 5),
        dt.date(2026, 3, 5),
    )
    stored = reload("account", account.pk)
    assert (stored.status, stored.first_won_on) == ("customer", dt.date(2026, 3, 5))
    second = deal(firm.manager, account=account.pk)
    act(firm.manager, "deal", second.pk, "win", closed_on="2026-02-01")
    stored = reload("account", account.pk)
    assert (stored.status, stored.first_won_on) == ("repeat", dt.date(2026, 2, 1))


def test_winning_asks_for_the_amount(firm: Firm) -> None:
    made = deal(firm.seller, amount=None, account=customer(firm.seller).pk)
    assert refused(act, firm.seller, "deal", made.pk, "win") == {"amount": ["needed"]}
    assert act(firm.seller, "deal", made.pk, "win", amount=0).status == "won"


def test_moving_to_the_won_column_is_winning(firm: Firm) -> None:
    account = customer(firm.seller)
    made = deal(firm.seller, account=account.pk)
    update(firm.seller, "deal", made.pk, stage=stage("deal", "won"))
    assert reload("account", account.pk).first_won_on == timezone.localdate()


def test_losing_asks_for_a_reason(firm: Firm) -> None:
    made = deal(firm.seller)
    assert refused(act, firm.seller, "deal", made.pk, "lose") == {"lost_reason": ["needed"]}
    lost = act(firm.seller, "deal", made.pk, "lose", lost_reason="price", lost_note="贵两成")
    assert (lost.status, lost.probability, lost.closed_on) == ("lost", 0, timezone.localdate())
    assert refused(act, firm.seller, "deal", made.pk, "win") == {"": ["closed"]}


def test_reopening_goes_back_to_the_stage_it_was_closed_from_and_takes_the_win_back(firm: Firm) -> None:
    account = customer(firm.seller)
    made = deal(firm.seller, account=account.pk, stage=stage("deal", "proposal"))
    act(firm.seller, "deal", made.pk, "win", won_reason="brand")
    back = act(firm.seller, "deal", made.pk, "reopen")
    assert (back.status, back.stage_id, back.closed_on, back.closed_at, back.won_reason) == (
        "open",
        stage("deal", "proposal"),
        None,
        None,
        "",
    )
    stored = reload("account", account.pk)
    assert (stored.status, stored.first_won_on) == ("intent", None)
    steps = StageEvent.objects.filter(record=made.pk).order_by("at", "id").values_list("to_stage__key", flat=True)
    assert list(steps) == ["proposal", "won", "proposal"]
    assert refused(act, firm.seller, "deal", made.pk, "reopen") == {"": ["open"]}


def test_what_was_bought_before_counts_and_a_blacklisted_customer_stays_so(firm: Firm) -> None:
    old = customer(firm.seller, prior_sales="5236.924")
    assert old.prior_sales == Decimal("5236.9240")
    act(firm.seller, "deal", deal(firm.seller, account=old.pk).pk, "win")
    assert reload("account", old.pk).status == "repeat"
    bad = customer(firm.seller, name="失信公司", status="blacklist")
    act(firm.seller, "deal", deal(firm.seller, account=bad.pk).pk, "win")
    assert reload("account", bad.pk).status == "blacklist"


def test_a_won_deal_that_changes_hands_or_goes_takes_its_purchase_along(firm: Firm) -> None:
    first, second = customer(firm.seller), customer(firm.seller, name="宝信")
    made = deal(firm.seller, account=first.pk)
    act(firm.seller, "deal", made.pk, "win")
    update(firm.seller, "deal", made.pk, account=second.pk)
    assert (reload("account", first.pk).status, reload("account", second.pk).status) == ("intent", "customer")
    records.delete_many(firm.seller, get("deal"), [made.pk])
    assert reload("account", second.pk).first_won_on is None
    records.restore_many(firm.seller, get("deal"), [made.pk])
    assert reload("account", second.pk).status == "customer"


def test_only_a_closed_deal_has_a_closing_day(firm: Firm) -> None:
    made = deal(firm.seller)
    assert refused(update, firm.seller, "deal", made.pk, closed_on="2026-01-01") == {"closed_on": ["open"]}
    act(firm.seller, "deal", made.pk, "lose", lost_reason="other")
    assert update(firm.seller, "deal", made.pk, closed_on="2026-01-01").closed_on == dt.date(2026, 1, 1)


def test_history_is_loaded_closed_and_in_bulk(firm: Firm) -> None:
    importer = Actor(firm.manager.user, "import")
    accounts = records.create_many(importer, get("account"), [{"name": f"客户{n}"} for n in range(20)])
    counts = []
    for size in (2, 1, 60):  # the first also begins the counter of numbers
        rows = [
            {
                "name": f"单{size}-{n}",
                "account": accounts[n % 20].pk,
                "amount": 100 + n,
                "stage": stage("deal", "won"),
                "closed_on": "2017-03-01",
                "external_id": f"X{size}-{n}",
                "started_on": "2017-01-01",
            }
            for n in range(size)
        ]
        with CaptureQueriesContext(connection) as captured:
            made = records.create_many(importer, get("deal"), rows)
        counts.append(len(captured))
    assert counts[1] == counts[2]
    assert {(d.status, d.closed_on, d.started_on) for d in made} == {("won", dt.date(2017, 3, 1), dt.date(2017, 1, 1))}
    assert set(Account._base_manager.values_list("status", "first_won_on")) == {("repeat", dt.date(2017, 3, 1))}
    again = refused(records.create_many, importer, get("deal"), [{"name": "再来", "external_id": "X1-0"}])
    assert again == {"external_id": ["unique"]}


def test_a_customer_with_deals_is_not_deleted(firm: Firm) -> None:
    account = customer(firm.seller)
    made = deal(firm.seller, account=account.pk)
    assert refused(records.delete_many, firm.seller, get("account"), [account.pk]) == {"": ["needed"]}
    records.delete_many(firm.seller, get("deal"), [made.pk])
    assert records.delete_many(firm.seller, get("account"), [account.pk]) == 1


def test_the_parts_of_a_deal_are_seen_with_it(firm: Firm) -> None:
    made = deal(firm.seller)
    contact = create(firm.seller, "contact", name="张伟")
    part = create(firm.seller, "dealcontact", deal=made.pk, contact=contact.pk, role="decider", attitude="supports")
    rival = create(firm.stranger, "competitor", name="对手公司")
    create(firm.seller, "dealcompetitor", deal=made.pk, competitor=rival.pk, position="ahead")
    assert refused(create, firm.seller, "dealcontact", deal=made.pk, contact=contact.pk) == {"deal": ["unique"]}
    assert query.record(firm.manager, get("dealcontact"), part.pk).total == 1
    with pytest.raises(Missing):
        query.record(firm.stranger, get("dealcontact"), part.pk)


def test_products_are_everybodys_to_read_and_the_managers_to_keep(firm: Firm) -> None:
    product = create(firm.admin, "product", name="GTX Pro", code="GTX-P", list_price=4821)
    assert query.record(firm.stranger, get("product"), product.pk).total == 1
    assert update(firm.manager, "product", product.pk, list_price=4999).list_price == 4999
    with pytest.raises(Refused):
        update(firm.seller, "product", product.pk, list_price=1)


def test_converting_a_lead_opens_the_deal_or_does_nothing(firm: Firm) -> None:
    lead = create(firm.seller, "lead", name="张伟", company="宝钢集团", contact_name="张伟", phone="13800138000")
    assert refused(services.convert, firm.seller, lead.pk, deal_name="热轧项目", amount=Decimal(-1)) == {
        "amount": ["invalid"]
    }
    assert reload("lead", lead.pk).converted_at is None
    done = services.convert(firm.seller, lead.pk, deal_name="热轧项目", amount=Decimal(120000))
    assert done.deal is not None
    stored = reload("deal", done.deal.pk)
    assert (stored.account_id, stored.lead_id, stored.amount) == (done.account, lead.pk, Decimal("120000.00"))
    assert DealContact.objects.get(deal=stored).contact_id == done.contact
