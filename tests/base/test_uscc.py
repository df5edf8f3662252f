"""Registration numbers: the vectors of the standards and 595 real and damaged codes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from zhike.base import uscc


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("91350100M000100Y43", None),
        ("11320000MB151840XJ", None),
        ("91110000802100433B", None),
        ("914403001922038216", None),
        ("91350100M000100Y4Z", "alphabet"),
        ("91350100M000100Y44", "check_digit"),
        ("91350100M000100Y4", "length"),
        ("81350100M000100Y4" + uscc.check_digit("81350100M000100Y4"), None),
        ("B1350100M000100Y4" + uscc.check_digit("B1350100M000100Y4"), "department"),
        ("91350100M000100Y5" + uscc.check_digit("91350100M000100Y5"), "organisation"),
        ("", "length"),
        (" 9135 0100-m000 100y43 ", None),
        ("９１３５０１００Ｍ０００１００Ｙ４３", None),
    ],
)
def test_problem(code: str, problem: str | None) -> None:
    assert uscc.problem(code) == problem


def test_real_and_damaged_codes(shared: Callable[[str], Path]) -> None:
    with shared("chinese/stdnum_cn/uscc_valid_and_mutated.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    judged = [(uscc.problem(row["code"]) is None, row["valid"] == "1") for row in rows]
    assert judged.count((True, True)) == 200
    assert judged.count((False, False)) == 395
    assert len(judged) == 595


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("123456789012345", None),
        ("12345678901234567", None),
        ("12345678901234567890", None),
        ("91350100M000100Y43", None),
        ("91350100M000100Y44", "check_digit"),
        ("11010519491231002X", None),  # the example of GB 11643
        ("110105194912310021", "check_digit"),
        ("12345678901234", "length"),
        ("123456789012345678901", "length"),
        ("12345678901234é", "alphabet"),
    ],
)
def test_tax_id(code: str, problem: str | None) -> None:
    assert uscc.tax_id_problem(code) == problem


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("22099131", None),
        ("04595257", None),
        ("12345676", None),  # the seventh digit is 7: ten may count as one
        ("12345678", "check_digit"),
        ("1234567", "length"),
        ("A2345678", "alphabet"),
    ],
)
def test_taiwan_number(code: str, problem: str | None) -> None:
    assert uscc.tw_problem(code) == problem


def test_hong_kong_number() -> None:
    assert uscc.hk_br_problem("1234 5678") is None
    assert uscc.hk_br_problem("1234567") == "length"
    assert uscc.hk_br_problem("1234567A") == "alphabet"
