"""A formula worked out in Python, from plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import chinese_calendar
from django.utils import timezone

from zhike.base.models import CalendarDay

from . import ops
from .check import Formula
from .ops import Calendar
from .tree import Expr


def evaluate(
    formula: Formula, values: Mapping[str, Any], *, today: dt.date | None = None, calendar: Calendar | None = None
) -> Any:
    """The value: a Decimal, a text, yes or no, a date, or None.

    `values` are those of the fields by path ("amount", "account.tier"); what is not there is blank. Never raises.
    """
    told = _Told(values, today or timezone.localdate(), calendar)
    return told.of(formula.tree)


class _Told:
    def __init__(self, values: Mapping[str, Any], today: dt.date, calendar: Calendar | None) -> None:
        self.values, self.today, self.calendar = values, today, calendar

    def of(self, part: Expr) -> Any:
        if part.op in ("number", "text", "boolean", "date"):
            return part.value
        if part.op == "null":
            return None
        if part.op == "today":
            return self.today
        if part.op == "field":
            return plain(part.type, self.values.get(part.value.path))
        args = [self.of(arg) for arg in part.args]
        if part.op == "workdays":
            self.calendar = self.calendar or calendar_now()
            return ops.OPS[part.op].run(*args, self.calendar)
        return ops.OPS[part.op].run(*args) if part.value is None else ops.OPS[part.op].run(*args, part.value)


def plain(type_: str, value: Any) -> Any:
    """The value of a field as the language knows it."""
    if type_ == "text":
        return "" if value is None else str(value)
    if type_ == "boolean":
        return bool(value)
    if value is None or value == "":
        return None
    if type_ == "number":
        return ops.number(Decimal(str(value)))
    if type_ == "date":
        return ops.day(timezone.localtime(value).date() if isinstance(value, dt.datetime) else value)
    return value


def calendar_now() -> Calendar:
    """Working days as the State Council and the firm say."""
    said = CalendarDay.objects.filter(deleted_at=None).values_list("day", "is_working").order_by("day")
    return _calendar(tuple(said))


@lru_cache(maxsize=8)
def _calendar(said: tuple[tuple[dt.date, bool], ...]) -> Calendar:
    works: dict[dt.date, bool] = dict.fromkeys(chinese_calendar.holidays, False)
    works |= dict.fromkeys(chinese_calendar.workdays, True)
    works |= dict(said)
    return Calendar(
        tuple(sorted(d for d, working in works.items() if working and d.weekday() >= 5)),
        tuple(sorted(d for d, working in works.items() if not working and d.weekday() < 5)),
    )
