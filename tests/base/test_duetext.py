"""Days in sentences: what people say when they promise something."""

from __future__ import annotations

import datetime as dt

import pytest

from zhike.base import duetext

WEDNESDAY = dt.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("明天把报价发过去", "2026-11-26"),
        ("后天上午送样", "2026-11-27"),
        ("大后天给答复", "2026-11-28"),
        ("今天下班前回电", "2026-11-25"),
        ("下周三前把图纸改好", "2026-12-02"),
        ("下個禮拜五之前寄出", "2026-12-04"),
        ("下下周一到现场", "2026-12-07"),
        ("周五前给方案", "2026-11-27"),
        ("星期三到", "2026-11-25"),
        ("周二给结果", "2026-12-01"),
        ("本周内答复", "2026-11-27"),
        ("下周给报价", "2026-12-04"),
        ("3天内到货", "2026-11-28"),
        ("三日內回覆", "2026-11-28"),
        ("两周内完成安装", "2026-12-09"),
        ("一个月内验收", "2026-12-25"),
        ("3个工作日内出检测报告", "2026-11-30"),
        ("半个月内补齐", "2026-12-10"),
        ("月底前开票", "2026-11-30"),
        ("下月底交货", "2026-12-31"),
        ("下个月5号付款", "2026-12-05"),
        ("28号上门", "2026-11-28"),
        ("5号前寄发票", "2026-12-05"),
        ("12月8日发货", "2026-12-08"),
        ("1月10号前到货", "2027-01-10"),
        ("2026年12月20日前完工", "2026-12-20"),
        ("2027-01-15 交付", "2027-01-15"),
        ("季度末前续约", "2026-12-31"),
        ("年底前调价", "2026-12-31"),
        ("I will send the quote by Friday", "2026-11-27"),
        ("before next Tuesday", "2026-12-01"),
        ("we will deliver within 3 days", "2026-11-28"),
        ("in two weeks", "2026-12-09"),
        ("by the end of the month", "2026-11-30"),
        ("end of next week", "2026-12-04"),
        ("ready tomorrow", "2026-11-26"),
        ("on December 5th", "2026-12-05"),
        ("within 2 working days", "2026-11-27"),
    ],
)
def test_days(text: str, day: str) -> None:
    found = duetext.find(text, WEDNESDAY)
    assert found is not None
    assert (text, found.day.isoformat()) == (text, day)


@pytest.mark.parametrize(
    "text", ["", "谈了价格", "规格 3x5，一共 12 台", "声明天下", "月季花", "monday.com is a tool", "99月99日"]
)
def test_no_day(text: str) -> None:
    assert duetext.find(text, WEDNESDAY) is None


def test_the_first_day_of_a_sentence_counts() -> None:
    found = duetext.find("周五前发样品，下月底前报价", WEDNESDAY)
    assert (found and found.day, found and found.words) == (dt.date(2026, 11, 27), "周五")


def test_own_working_days_count() -> None:
    off = {dt.date(2026, 11, 26): False}
    found = duetext.find("1个工作日内", WEDNESDAY, overrides=off)
    assert found is not None
    assert found.day == dt.date(2026, 11, 27)


def test_the_promising_sentence_is_taken() -> None:
    text = "今天拜访了张总，谈了价格。答应他下周三前把样品寄过去。他对交期有顾虑！"
    assert duetext.sentence(text, WEDNESDAY) == "答应他下周三前把样品寄过去"
    assert duetext.sentence("We met. I will send the drawing by Friday. They liked it.", WEDNESDAY) == (
        "I will send the drawing by Friday."
    )
    assert duetext.sentence("只说了一句", WEDNESDAY) == "只说了一句"
    assert duetext.sentence("  ", WEDNESDAY) == ""
    assert [duetext.several(t) for t in ("一句。", "一句。两句", "One. Two.", "")] == [False, True, True, False]
