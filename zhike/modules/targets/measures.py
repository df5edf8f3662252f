"""What a target can be of. A module adds a measure of its own records by `register` when it is loaded.

A measure says which records count (`asked`, in the filter language), on which `day` they count, whose they are
(`person`, with `place` for the person's department), and which field is summed; without a `sum` records are counted.
`ahead` is what may still come: the open records expected by a day of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from zhike.modules.customers.choices import Currency

MONEY, COUNT = "money", "count"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Records that count, as every figure and the list behind it asks for them."""

    entity: str
    asked: str
    day: str
    person: str
    place: str
    sum: str = ""
    product: str = ""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure: `statement` tells people what counts."""

    key: str
    label: Any
    unit: str
    statement: Any
    done: Source
    ahead: Source | None = None


MEASURES: dict[str, Measure] = {}


def register(measure: Measure) -> None:
    """Offer a measure; ValueError when its key is taken."""
    if measure.key in MEASURES:
        raise ValueError(f"measure {measure.key!r} is declared twice")
    MEASURES[measure.key] = measure


def choices() -> Iterator[tuple[str, Any]]:
    """Keys and labels, for the field of a target."""
    return ((m.key, m.label) for m in MEASURES.values())


_PLACES = {"person": "won_by", "place": "won_in", "product": "product"}
_OPEN = {"day": "expected_on", "person": "owner", "place": "department", "product": "product"}
register(
    Measure(
        key="won_amount",
        label=_("Amount won"),
        unit=MONEY,
        statement=_("Amounts of deals won, in the firm's currency, by the day of closing, for who won them."),
        done=Source(
            entity="deal", asked=f"status__eq=won&currency__eq={Currency.CNY}", day="closed_on", sum="amount", **_PLACES
        ),
        ahead=Source(entity="deal", asked=f"status__eq=open&currency__eq={Currency.CNY}", sum="weighted", **_OPEN),
    )
)
register(
    Measure(
        key="won_count",
        label=_("Number of deals won"),
        unit=COUNT,
        statement=_("Deals won, by the day of closing, for who won them."),
        done=Source(entity="deal", asked="status__eq=won", day="closed_on", **_PLACES),
        ahead=Source(entity="deal", asked="status__eq=open", **_OPEN),
    )
)
