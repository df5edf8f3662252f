"""Figures of first pages may be a minute old: never those of other rights, and never what their reader has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from zhike.base.models import Role
from zhike.engine import operations, query, records, sharing
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Operation, Share
from zhike.engine.query import lately
from zhike.modules.sales import figures
from zhike.modules.sales.models import Deal
from zhike.modules.tests.helpers import Firm, create

OPEN = "status__eq=open"


@pytest.fixture(autouse=True)
def slow(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything takes long enough to be kept."""
    settings.FIGURE_SECONDS = 60
    monkeypatch.setattr(lately, "SLOW", -1.0)
    lately._kept.clear()
    yield
    lately._kept.clear()


def request(actor: Actor, *, allowed: bool = True) -> Actor:
    """The same person with another request."""
    made = replace(actor)
    if allowed:
        query.allow_lately(made)
    return made


def total(actor: Actor) -> Decimal:
    return Decimal(figures.deals(actor, OPEN, figures.AMOUNT)["amount"])


def sell(actor: Actor, amount: int) -> Deal:
    """A deal of so much."""
    account = create(actor, "account", name=f"公司{amount}")
    made: Deal = create(actor, "deal", name=f"单{amount}", account=account.pk, amount=amount)
    return made


@pytest.mark.django_db
def test_a_figure_is_kept_for_a_minute_and_says_so(firm: Firm, settings: Any) -> None:
    sell(firm.seller, 100)
    first = request(firm.manager)
    assert total(first) == 100
    assert query.as_of(first) is None
    sell(firm.colleague, 10)
    again = request(firm.manager)
    assert total(again) == 100
    told = query.as_of(again)
    assert told is not None
    assert total(request(firm.manager, allowed=False)) == 110, "lists and reports of other channels are of this moment"
    settings.FIGURE_SECONDS = 0
    assert total(request(firm.manager)) == 110
    settings.FIGURE_SECONDS = 60
    for figure in lately._kept.values():
        figure.until = 0
    assert total(request(firm.manager)) == 110


@pytest.mark.django_db
def test_who_reaches_other_rows_gets_other_figures(firm: Firm) -> None:
    sell(firm.seller, 100)
    sell(firm.stranger, 1_000)
    people = (firm.executive, firm.manager, firm.seller, firm.colleague)
    assert [total(request(actor)) for actor in people] == [1_100, 100, 100, 0]
    firm.manager.user.roles = [Role.objects.get(key="seller").pk]
    assert total(request(firm.manager)) == 0, "a role that is taken away counts at once"
    firm.manager.user.roles = [Role.objects.get(key="executive").pk]
    assert total(request(firm.manager)) == 1_100


@pytest.mark.django_db
def test_what_the_reader_has_changed_is_in_it(firm: Firm) -> None:
    deal = sell(firm.seller, 100)
    assert total(request(firm.seller)) == 100
    with operations.recording(firm.seller, get("deal"), "update", keys=["amount"], record=deal.pk):
        records.update(firm.seller, get("deal"), deal.pk, {"amount": 70})
    assert Operation.objects.filter(user=firm.seller.user).exists()
    assert total(request(firm.seller)) == 70


@pytest.mark.django_db
def test_a_share_that_ends_ends_at_once(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhike.engine.access.FEW", 0)  # so that shares are looked up by the database
    deals = [sell(firm.stranger, amount) for amount in (1_000, 10)]
    for deal in deals:
        sharing.share(firm.stranger, get("deal"), deal.pk, kind=Share.Kind.USER, target=firm.seller.user.pk)
    assert total(request(firm.seller)) == 1_010
    Share.objects.filter(record=deals[0].pk).delete()
    assert total(request(firm.seller)) == 10


@pytest.mark.django_db
def test_it_costs_one_statement_for_all_figures(firm: Firm) -> None:
    sell(firm.seller, 100)
    asked = request(firm.executive)
    total(asked)
    asked = request(firm.executive)
    with CaptureQueriesContext(connection) as sent:
        total(asked)
        total(asked)
    assert len([s for s in sent.captured_queries if "sales_deal" in s["sql"]]) == 0
    assert len([s for s in sent.captured_queries if "engine_operation" in s["sql"]]) == 1
