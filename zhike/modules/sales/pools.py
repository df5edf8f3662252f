"""What deals mean for pools: customers with a deal under way, or who have bought, may stay with their owners."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from zhike.engine import guard
from zhike.engine.entity import get
from zhike.engine.pools import settling
from zhike.engine.pools.clocks import Clock, Exemption, register
from zhike.engine.pools.document import Counts
from zhike.engine.records import Change

from .models import Deal

WHY = "deals of a customer whose pool is asked for"


def won(entity: str, _counts: Counts) -> tuple[QuerySet[Deal], str, str] | None:
    """Deals that were won, of customers."""
    if entity != "account":
        return None
    return guard.rows(Deal, WHY).filter(status="won", deleted_at=None), "account", "closed_at"


def begun(entity: str, _counts: Counts) -> tuple[QuerySet[Deal], str, str] | None:
    """Deals that were begun, of customers."""
    return (guard.rows(Deal, WHY).filter(deleted_at=None), "account", "created_at") if entity == "account" else None


def under_way() -> Q:
    """Customers with an open deal."""
    return Q(Exists(guard.rows(Deal, WHY).filter(account=OuterRef("pk"), status="open", deleted_at=None)))


def bought() -> Q:
    """Customers who have bought."""
    return Q(first_won_on__isnull=False)


def follow(changes: Sequence[Change[Deal]]) -> None:
    """Customers whose deals were written."""
    _settle({pk for c in changes for pk in (c.record.account_id, c.was("account")) if pk})


def follow_removal(ids: Sequence[UUID]) -> None:
    """Customers whose deals were deleted or restored."""
    _settle(set(guard.rows(Deal, WHY).filter(pk__in=ids, account__isnull=False).values_list("account_id", flat=True)))


def follow_move(key: str, ids: Sequence[UUID], _rows: Sequence[UUID], _back: bool) -> None:
    """Customers who got or lost deals by merging."""
    if key == "account":
        _settle(set(ids))


def _settle(accounts: set[UUID]) -> None:
    if accounts:
        settling.settle(get("account"), accounts)


register(
    Clock("won", _("Deal won"), won, _("a deal that is won")),
    Clock("deal", _("New deal"), begun, _("a new deal")),
    Exemption("open_deal", _("Has an open deal"), {"account": under_way}),
    Exemption("bought", _("Has bought"), {"account": bought}),
)
