"""A formula gives the same in Python and in PostgreSQL, for every row, and nothing in it can fail."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.base.models import CalendarDay, Role, User
from zhike.engine import catalog, formula, guard
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.formula.check import cost
from zhike.engine.formula.values import calendar_now
from zhike.modules.sales.models import Deal

from . import writing

pytestmark = pytest.mark.django_db
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
TODAY = dt.date(2026, 2, 27)


@pytest.fixture(scope="module")
def firm_of_odd_values(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        admin = User.objects.create_user("odd", name="odd", roles=[Role.objects.get(key="administrator").pk])
        CalendarDay.objects.create(day=dt.date(2026, 12, 25), is_working=False, name="厂庆")
        CalendarDay.objects.create(day=dt.date(2040, 1, 1), is_working=True, name="加班")
        with catalog.preview(writing.DOCUMENT):
            writing.deals(Actor(admin), random.Random(3), 24)
            yield
        transaction.set_rollback(True)


def several(texts: Sequence[str], kind: str = "") -> list[tuple[str, list[Any], list[Any]]]:
    """Formulas with what Python and what PostgreSQL make of each, deal by deal; too costly ones are left out."""
    made = []
    for text in texts:
        try:
            made.append((text, formula.check(get("deal"), text, kind=kind)))
        except formula.Problem as problem:
            if problem.code != "cost":
                raise AssertionError(f"{text}: {problem.text}") from None
    rows = guard.rows(Deal, "all odd values").order_by("pk")
    calendar = calendar_now()
    told: list[tuple[str, list[Any], list[Any]]] = [(text, [], []) for text, _found in made]
    for row in rows:
        for (_text, found), (_same, python, _sql) in zip(made, told, strict=True):
            values = {leaf.path: value(row, leaf.path) for leaf in found.leaves}
            python.append(formula.evaluate(found, values, today=TODAY, calendar=calendar))
    asked = {f"f{n}": formula.expression(found, kind=kind, today=TODAY) for n, (_t, found) in enumerate(made)}
    for answer in rows.annotate(**asked).values_list(*asked):
        for given_, (_same, _python, sql) in zip(answer, told, strict=True):
            sql.append(given_)
    return told


def both(text: str, kind: str = "") -> tuple[list[Any], list[Any]]:
    """The same for one."""
    _text, python, sql = several([text], kind)[0]
    return python, sql


def value(row: Any, path: str) -> Any:
    """What a record, or the one it links to, has in a field."""
    link, _dot, key = path.rpartition(".")
    known = get("deal").attributes
    if not link:
        return known[key].read(row)
    pk = known[link].read(row)
    target = get(known[link].target)
    other = target.rows("of the test").filter(pk=pk).first() if pk else None
    return target.attributes[key].read(other) if other else None


def agree(data: st.DataObject, depth: int) -> None:
    kinds = writing.formulas(depth)
    for text, python, sql in several([data.draw(kinds[name]) for name in kinds for _n in range(3)]):
        assert python == sql, text


@settings(QUIET, max_examples=25)
@given(data=st.data())
def test_python_and_postgres_agree(firm_of_odd_values: None, data: st.DataObject) -> None:
    agree(data, 3)


@pytest.mark.long
@settings(QUIET, max_examples=1_000)
@given(data=st.data())
def test_python_and_postgres_agree_at_length(firm_of_odd_values: None, data: st.DataObject) -> None:
    agree(data, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 / 3", Decimal("0.6667")),
        ("-2 / 3", Decimal("-0.6667")),
        ("round(2.5)", Decimal(3)),
        ("round(-2.5)", Decimal(-3)),
        ("round(1.005, 2)", Decimal("1.01")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("1 / 0", None),
        ("999999999999999 * 999999", None),
        ("coalesce(1 / 0, 5)", Decimal(5)),
        ("days(date('2026-02-01'), date('2026-03-01'))", Decimal(28)),
        ("workdays(date('2026-09-30'), date('2026-10-10'))", Decimal(3)),
        ("month(today())", Decimal(2)),
        ("quarter(date('2026-12-31'))", Decimal(4)),
        ("len('𠮷野家')", Decimal(3)),
        ("1.5万", Decimal(15000)),
        ("（１２．５ ＋ １）", Decimal("13.5")),
    ],
)
def test_numbers(text: str, expected: Decimal | None, firm_of_odd_values: None) -> None:
    python, sql = both(text)
    assert (python[0], sql[0]) == (expected, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("addmonths(date('2026-01-31'), 1)", dt.date(2026, 2, 28)),
        ("addmonths(date('2024-02-29'), 12)", dt.date(2025, 2, 28)),
        ("addmonths(date('2026-03-31'), -1)", dt.date(2026, 2, 28)),
        ("date('2026-12-31') + 1", dt.date(2027, 1, 1)),
        ("date('9999-12-30') + 1", None),
        ("adddays(today(), 1.9)", dt.date(2026, 2, 28)),
        ("today() - 1500000", None),
    ],
)
def test_dates(text: str, expected: dt.date | None, firm_of_odd_values: None) -> None:
    python, sql = both(text)
    assert (python[0], sql[0]) == (expected, expected)


def test_text_does_not_depend_on_collation(firm_of_odd_values: None) -> None:
    python, sql = both("upper('straße İ é')")
    assert (python[0], sql[0]) == ("STRAßE İ é", "STRAßE İ é")
    python, sql = both("left('宝' & 'x', 1) & text(1 / 4) & text(date('0005-01-01'))")
    assert (python[0], sql[0]) == ("宝0.250005-01-01", "宝0.250005-01-01")


def test_the_longest_formulas_are_worked_out(firm_of_odd_values: None) -> None:
    for text in (" + ".join(["amount"] * 100), "not " * 20 + "isblank(amount)", "(" * 20 + "amount" + ")" * 20):
        python, sql = both(text)
        assert python == sql
    long = " & ".join(["name"] * 100)
    assert len(max(both(long)[1])) <= 1_000


def test_whole_numbers_come_whole(firm_of_odd_values: None) -> None:
    python, sql = both("amount / 3", "integer")
    assert [None if v is None else int(v) for v in python] == sql
    assert {type(v) for v in sql} <= {int, type(None)}


def test_the_cost_counts_what_the_database_is_told(firm_of_odd_values: None) -> None:
    text = "workdays(expected_on, expected_on)"
    for _n in range(4):
        text = f"workdays(expected_on, expected_on + {text})"
    with pytest.raises(formula.Problem):
        formula.check(get("deal"), text)
    found = formula.check(get("deal"), "workdays(expected_on, closed_on)")
    sql = str(guard.rows(Deal, "its text").annotate(found=formula.expression(found, today=TODAY)).query)
    assert 1 < sql.count('"sales_deal"."expected_on"') <= cost(found.tree)
