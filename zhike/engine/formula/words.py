"""The functions of the language as an administrator reads about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import AnyEntity, entities

from .tree import OF_KIND, PUBLIC


@dataclass(frozen=True)
class Function:
    """How a function is written, what it gives, and an example."""

    call: str
    gives: Any
    example: str


FUNCTIONS: Sequence[Function] = (
    Function("if(condition, a, b)", _("a where the condition holds, else b"), 'if(amount >= 10万, "A", "B")'),
    Function(
        "case(condition, a, condition, b, …, else)",
        _("the value of the first condition that holds"),
        'case(amount >= 100万, "S", amount >= 10万, "A", "B")',
    ),
    Function("coalesce(a, b, …)", _("the first value that is not blank"), "coalesce(amount, 0)"),
    Function("isblank(a)", _("whether there is no value"), "isblank(expected_on)"),
    Function("oneof(a, b, c, …)", _("whether a is one of the others"), 'oneof(account.tier, "S", "A")'),
    Function("round(number, places)", _("rounded half up; places 0 where not said"), "round(amount / 12, 2)"),
    Function("floor(number)", _("the next lower whole number"), "floor(amount / 10000)"),
    Function("ceil(number)", _("the next higher whole number"), "ceil(amount / 10000)"),
    Function("abs(number)", _("without its sign"), "abs(amount)"),
    Function("min(a, b, …)", _("the smallest that is not blank"), "min(amount, 500000)"),
    Function("max(a, b, …)", _("the greatest that is not blank"), "max(amount, 0)"),
    Function("today()", _("the day of reading"), "today()"),
    Function('date("2026-11-21")', _("a fixed day"), 'date("2026-11-21")'),
    Function("days(from, to)", _("how many days lie between"), "days(today(), expected_on)"),
    Function("workdays(from, to)", _("how many working days lie between"), "workdays(today(), expected_on)"),
    Function("adddays(day, n)", _("the day n days later"), "adddays(expected_on, 30)"),
    Function("addmonths(day, n)", _("n months later, at most the last of that month"), "addmonths(expected_on, 12)"),
    Function("year(day), quarter(day), month(day), day(day)", _("a part of the date"), "quarter(expected_on)"),
    Function("text(a)", _("a number or a day as text"), 'text(year(today())) & "-" & name'),
    Function("join(separator, a, b, …)", _("the texts that are not blank, joined"), 'join(" / ", name, account.name)'),
    Function("left(text, n), right(text, n)", _("the first or last n characters"), "left(name, 4)"),
    Function("upper(text), lower(text)", _("Latin letters in capitals or small"), "upper(name)"),
    Function("trim(text)", _("without spaces at either end"), "trim(name)"),
    Function("len(text)", _("how many characters"), "len(name)"),
    Function("contains(text, part)", _("whether the part occurs"), 'contains(name, "续约")'),
    Function("startswith(text, part)", _("whether it begins so"), 'startswith(name, "宝钢")'),
)


def functions() -> Sequence[Function]:
    """All of them, in the order in which they are best read."""
    return FUNCTIONS


def names(entity: AnyEntity) -> Iterator[str]:
    """Every name that a formula of this entity may use."""
    for a in entity.attributes.values():
        if not a.unseen and a.kind.key in OF_KIND:
            yield a.key
            target = entities().get(a.target) if OF_KIND[a.kind.key] == "link" else None
            known = PUBLIC.get(a.target) or (target.attributes if target else ())
            for b in (target.attributes[k] for k in known) if target else ():
                if not b.unseen and b.kind.key in OF_KIND:
                    yield f"{a.key}.{b.key}"
