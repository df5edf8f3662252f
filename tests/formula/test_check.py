"""What is wrong with a formula is said at its place, in the language of its writer, before it is saved."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.translation import override

from zhike.engine import catalog, formula
from zhike.engine.entity import get
from zhike.engine.formula.parse import MAX_DEPTH, MAX_NODES, MAX_TEXT

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("amount +", 9),
        ("amount + nothing", 10),
        ("amount + name", 8),
        ("amount & ", 10),
        ("amount = ", 10),
        ("if(amount > 1, 2, name)", 19),
        ("if(amount, 1, 2)", 4),
        ("round(amount, 11)", 15),
        ("round(amount, amount)", 15),
        ("sum(amount)", 1),
        ("round()", 1),
        ("1 < 2 < 3", 7),
        ("name < 'a'", 6),
        ('forecast = "宇宙"', 12),
        ("account", 1),
        ("account = account", 9),
        ("account.parent.name", 1),
        ("account.search_text", 1),
        ("owner.phone", 1),
        ("tags", 1),
        ("null", 1),
        ("amount = null = true", 15),
        ("date('2026-02-30')", 1),
        ("amount ; 1", 8),
        ("__import__('os')", 1),
        ("name.__class__", 1),
        ("amount @ 1", 8),
        ("1234567890123456", 1),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), MAX_DEPTH + 1),
        ("not " * (MAX_DEPTH + 1) + "true", 4 * MAX_DEPTH + 1),
        ("-" * (MAX_DEPTH + 1) + "1", MAX_DEPTH + 1),
        (" + ".join(["1"] * MAX_NODES), 2 * MAX_NODES - 1),
        ("1" + " " * MAX_TEXT, MAX_TEXT),
    ],
)
def test_the_place_of_an_error(text: str, at: int) -> None:
    with pytest.raises(formula.Problem) as raised:
        formula.check(get("deal"), text)
    assert raised.value.at == at, raised.value.text


def test_errors_are_in_the_language_of_the_reader() -> None:
    with override("en"), pytest.raises(formula.Problem) as raised:
        formula.check(get("deal"), "amount + nothing")
    assert raised.value.text == "Character 10: There is no field “nothing”."


def test_the_type_fits_the_field() -> None:
    assert formula.check(get("deal"), "amount * 2", kind="money").type == "number"
    with pytest.raises(formula.Problem):
        formula.check(get("deal"), "name", kind="money")


def test_choices_may_be_called_by_their_names() -> None:
    found = formula.check(get("deal"), 'if(account.tier = "A", 1, 0)')
    assert formula.evaluate(found, {"account.tier": "A"}) == 1
    named = formula.check(get("deal"), 'forecast = "承诺"')
    assert formula.evaluate(named, {"forecast": "commit"}) is True


def fields(**formulas: str) -> dict[str, Any]:
    made = {key: {"kind": "decimal", "labels": {"en": key}, "formula": text} for key, text in formulas.items()}
    return {"fields": {"deal": made}}


def test_a_formula_is_not_made_of_itself() -> None:
    with catalog.preview(fields(x_a="x_b + 1", x_b="x_a + 1")), pytest.raises(formula.Problem):
        formula.check(get("deal"), "x_b * 2", key="x_a")
    with catalog.preview(fields(x_a="amount + 1", x_b="x_a + 1")):
        found = formula.check(get("deal"), "x_b * 2", key="x_c")
        assert found.parts == frozenset({("deal", "amount")})
        assert formula.evaluate(found, {"amount": 1}) == 6


def test_what_a_formula_is_made_of() -> None:
    found = formula.check(get("deal"), "if(isblank(account), amount, account.prior_sales)")
    assert found.parts == {("deal", "account"), ("deal", "amount"), ("account", "prior_sales")}
    assert formula.check(get("deal"), "days(today(), expected_on)").is_dated


def test_every_name_and_function_that_is_offered_works() -> None:
    for name in formula.names(get("deal")):
        assert formula.check(get("deal"), f"isblank({name}) or true" if "is_" not in name else name).type == "boolean"
    for offered in formula.functions():
        assert formula.check(get("deal"), offered.example).tree.type in ("number", "text", "boolean", "date")
