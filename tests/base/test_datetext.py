"""Dates as people type them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.base import datetext

DAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21", "2026/11/21", "2026.11.21", "20261121", "2026年11月21日", "2026年11月21号", "26年11月21日",
        "11/21/2026", "21/11/2026", "46347", "46347.0", "Nov 21, 2026", "21 Nov 2026", "21-Nov-2026",
        "二〇二六年十一月二十一日", "民国115年11月21日", "2026-11-21 星期六", "2026年11月21日（周六）",
        "２０２６－１１－２１", " 2026 年 11 月 21 日 ",
    ],
)  # fmt: skip
def test_one_day_in_many_forms(text: str) -> None:
    assert datetext.parse(text) == DAY


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2026-11-21 15:30", (15, 30, 0)), ("2026-11-21T15:30:20", (15, 30, 20)), ("46347.5", (12, 0, 0)),
        ("2026年11月21日 下午3:30", (15, 30, 0)), ("2026年11月21日15时30分", (15, 30, 0)),
        ("2026年11月21日15点", (15, 0, 0)), ("2026/11/21 3:30 PM", (15, 30, 0)), ("2026/11/21 12:05 am", (0, 5, 0)),
        ("20261121153000", (15, 30, 0)), ("11/21/2026 08:00", (8, 0, 0)), ("2026-11-21 0:00", (0, 0, 0)),
    ],
)  # fmt: skip
def test_date_times(text: str, clock: tuple[int, int, int]) -> None:
    assert datetext.parse(text) == datetime(2026, 11, 21, *clock)  # noqa: DTZ001 - as typed, without a zone


def test_zone_is_kept() -> None:
    china = timezone(timedelta(hours=8))
    assert datetext.parse("2026-11-21T15:30:20Z") == datetime(2026, 11, 21, 15, 30, 20, tzinfo=UTC)
    assert datetext.parse("2026-11-21 15:30+08:00") == datetime(2026, 11, 21, 15, 30, tzinfo=china)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"), ("abc", "format"), ("2026-02-30", "no_such_day"), ("20260230", "no_such_day"),
        ("2026-13-01", "no_such_day"), ("2025-02-29", "no_such_day"), ("30/02/2026", "no_such_day"),
        ("2026-11", "no_day"), ("2026年5月", "no_day"), ("2026", "no_day"), ("03/04/2026", "ambiguous"),
        ("2026-11-21 25:00", "no_such_time"), ("0000-01-01", "year"), ("21/11/26", "format"), ("1.5", "format"),
        ("2026-11-21 15", "format"), ("01234", "format"),
    ],
)  # fmt: skip
def test_refused_with_a_reason(text: str, problem: str) -> None:
    assert datetext.read(text) == datetext.DateText(problem=problem)


def test_order() -> None:
    assert datetext.parse("03/04/2026", order="mdy") == date(2026, 3, 4)
    assert datetext.parse("03/04/2026", order="dmy") == date(2026, 4, 3)
    assert datetext.read("13/04/2026", order="mdy").problem == "no_such_day"
    assert datetext.guess_order(["03/04/2026", "21/11/2026", "n/a"]) == "dmy"
    assert datetext.guess_order(["03/04/2026", "11/21/2026 10:00"]) == "mdy"
    assert datetext.guess_order(["03/04/2026", "05-06-2026"]) == "ambiguous"
    assert datetext.guess_order(["11/21/2026", "21/11/2026"]) == "ambiguous"
    assert datetext.guess_order(["2026-11-21", "46347"]) is None


@given(st.dates(date(1930, 1, 1), date(2170, 12, 31)))
def test_every_day_round_trips(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    forms = [day.isoformat(), f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", f"{day.year}年{day.month}月{day.day}日", str(serial)]
    assert [datetext.parse(form) for form in forms] == [day] * len(forms)


@given(st.text(max_size=40) | st.from_regex(r"[0-9/\-.: 年月日TZ+]{1,25}", fullmatch=True))
def test_never_raises(text: str) -> None:
    found = datetext.read(text)
    assert (found.value is None) == (found.problem is not None)
