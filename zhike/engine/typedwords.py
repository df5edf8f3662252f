"""Words that people type into the filter line, folded: what they mean. Simplified stands for Traditional too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from zhike.base import amount

OWNERS: Mapping[str, tuple[str, str, str]] = {
    **dict.fromkeys(("我的", "我负责的", "我", "mine", "my", "me"), ("owner", "eq", "me")),
    **dict.fromkeys(
        ("我部门", "我的部门", "我们部门", "本部门", "部门的", "my department", "my dept"), ("department", "eq", "mine")
    ),
    **dict.fromkeys(
        (
            "我部门及以下", "本部门及以下", "我部门及下属", "本部门及下属", "我的团队", "我团队", "团队的",
            "my department and below", "my team", "team",
        ),
        ("department", "under", "mine"),
    ),
    **dict.fromkeys(("无主", "无负责人", "未分配", "没有负责人", "unassigned", "no owner"), ("owner", "empty", "1")),
}  # fmt: skip

PERIODS: Mapping[str, str] = {
    **dict.fromkeys(("今天", "今日", "当天", "today"), "today"),
    **dict.fromkeys(("昨天", "昨日", "yesterday"), "yesterday"),
    **dict.fromkeys(("明天", "明日", "tomorrow"), "tomorrow"),
    **dict.fromkeys(("本周", "这周", "本星期", "这星期", "this week"), "this_week"),
    **dict.fromkeys(("上周", "上星期", "last week"), "last_week"),
    **dict.fromkeys(("下周", "下星期", "next week"), "next_week"),
    **dict.fromkeys(("本月", "这个月", "当月", "this month"), "this_month"),
    **dict.fromkeys(("上月", "上个月", "last month"), "last_month"),
    **dict.fromkeys(("下月", "下个月", "next month"), "next_month"),
    **dict.fromkeys(("本季度", "本季", "这个季度", "this quarter"), "this_quarter"),
    **dict.fromkeys(("上季度", "上季", "上个季度", "last quarter"), "last_quarter"),
    **dict.fromkeys(("下季度", "下季", "下个季度", "next quarter"), "next_quarter"),
    **dict.fromkeys(("今年", "本年", "本年度", "this year"), "this_year"),
    **dict.fromkeys(("去年", "上年", "上年度", "last year"), "last_year"),
    **dict.fromkeys(("明年", "下年", "next year"), "next_year"),
    **dict.fromkeys(("本财年", "这个财年", "当前财年", "this fiscal year", "this fy"), "this_fiscal_year"),
    **dict.fromkeys(("上财年", "上个财年", "last fiscal year", "last fy"), "last_fiscal_year"),
    **dict.fromkeys(("下财年", "下个财年", "next fiscal year", "next fy"), "next_fiscal_year"),
    **dict.fromkeys(("本财季", "本财年季度", "this fiscal quarter"), "this_fiscal_quarter"),
    **dict.fromkeys(("上财季", "last fiscal quarter"), "last_fiscal_quarter"),
    **dict.fromkeys(("下财季", "next fiscal quarter"), "next_fiscal_quarter"),
    **dict.fromkeys(("逾期", "过期", "已过期", "overdue"), "overdue"),
}

NO_CONTACT = frozenset(("无联系", "未联系", "没联系", "没有联系", "从未联系", "no contact", "never contacted"))
NO_NEXT = frozenset(("无下一步", "没有下一步", "无跟进计划", "没有跟进计划", "no next step", "no follow-up"))
NOT = ("不含", "不包含", "不是", "排除", "非", "without ", "except ", "not ")
EMPTY = frozenset(("空", "为空", "无", "没有", "empty", "none", "blank"))
FILLED = frozenset(("有", "非空", "不为空", "filled", "any", "*"))
LONGEST_PHRASE = 6  # words of an English phrase

_NUMBERS = dict(zip("一二三四五六七八九十", range(1, 11), strict=True)) | {"两": 2}
_LENGTH = "(天|日|周|个星期|星期|个月|月|年|days?|weeks?|months?|years?)(?:内|里)?"
_N = r"(\d{1,3}|[一二三四五六七八九十两])"
_LAST = re.compile(
    rf"(?:最近|近|过去|last |past ){_N} ?(天|日|周|个星期|星期|个月|月|年|days?|weeks?|months?|years?)(?:内|里)?"
)
_NEXT = re.compile(
    rf"(?:未来|接下来|今后|next ){_N} ?(天|日|周|个星期|星期|个月|月|年|days?|weeks?|months?|years?)(?:内|里)?"
)
_HALF = re.compile(r"(?:最近|近|过去)半年")
_MONTH = re.compile(r"(?:([12]\d{3})(?:年|[-/.]))?(0?[1-9]|1[0-2])月份?|([12]\d{3})[-/.](0[1-9]|1[0-2])")
_QUARTER = re.compile(r"(?:([12]\d{3})[年-]?)?(?:第?([1-4一二三四])季度|q([1-4]))|q([1-4]) ?([12]\d{3})")
_YEAR = re.compile(r"([12]\d{3})年度?|([12]\d{3})")
_DAY = re.compile(r"[12]\d{3}[-/.年]\d{1,2}[-/.月]\d{1,2}日?")
_ENGLISH = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_IDLE = re.compile(
    rf"(?:超过|已)?{_N} ?(天|日|周|个月)(?:以上)?(?:未|没|没有|无)(?:联系|跟进|联络)"
    rf"|(?:无|未|没有?)(?:联系|跟进) ?(?:超过)?{_N} ?(天|日|周|个月)"
    rf"|(?:no contact|not contacted) (?:for |in )?{_N} ?(days?|weeks?|months?)"
)
_UNITS = {"天": "days", "日": "days", "周": "weeks", "个": "weeks", "星": "weeks", "月": "months", "年": "years"}
_ABOVE = re.compile(r"(?:>=|≥|>|＞|大于等于|不少于|不低于|至少|大于|超过|高于|at least |over |above |more than )(.+)")
_BELOW = re.compile(r"(?:<=|≤|<|＜|小于等于|不超过|不高于|至多|小于|低于|少于|at most |under |below |less than )(.+)")
_STRICT = re.compile(
    r"(?:>(?!=)|＞|大于(?!等于)|超过|高于|<(?!=)|＜|小于(?!等于)|低于|少于|over|above|more|under|below|less)"
)
_EXACT = re.compile(r"(?:=|＝|等于)(.+)")
_BETWEEN = re.compile(r"([^-~到至—–]+?)(?:-|~|到|至|—|–)([^-~到至—–]+)")
_PLAIN = re.compile(r"[\d.]+[-—–][\d.]+")  # a phone number or a code rather than two amounts
_UPWARDS, _DOWNWARDS = ("以上", "及以上", "起"), ("以下", "及以下", "以内", "之内")


def number(text: str) -> int:
    """A count as it is written, in digits or Chinese."""
    return int(text) if text.isdecimal() else _NUMBERS[text]


def unit(text: str) -> str:
    """days, weeks, months or years."""
    if text.startswith("个"):
        return "months" if "月" in text else "weeks"
    return _UNITS.get(text[0]) or f"{text.rstrip('s')}s"


def period(word: str, year: int) -> str | None:
    """The name of the period that a word means (query.period), months without a year being those of `year`."""
    if word in PERIODS:
        return PERIODS[word]
    if _HALF.fullmatch(word):
        return "last_6_months"
    for pattern, kind in ((_LAST, "last"), (_NEXT, "next")):
        if found := pattern.fullmatch(word):
            n, length = number(found[1]), unit(found[2])
            return f"{kind}_{n * 12}_months" if length == "years" else f"{kind}_{n}_{length}"
    return _calendar(word, year)


def _calendar(word: str, year: int) -> str | None:
    if found := _MONTH.fullmatch(word):
        return f"{found[1] or found[3] or year}-{int(found[2] or found[4]):02}"
    if found := _QUARTER.fullmatch(word):
        said = found[2] or found[3] or found[4]
        return f"{found[1] or found[5] or year}-Q{number(said)}"
    if found := _YEAR.fullmatch(word):
        return found[1] or None  # a bare 2026 is a number like any other
    name, _gap, rest = word.partition(" ")
    plain = not rest and name not in ("may", "march")  # words that mean something else, too
    if plain or re.fullmatch(r"[12]\d{3}", rest):
        months = [n for n, month in enumerate(_ENGLISH, 1) if month == name or (rest and month[:3] == name)]
        return f"{rest or year}-{months[0]:02}" if months else None
    return None


def is_day(word: str) -> bool:
    """Whether it looks like a day of the calendar."""
    return bool(_DAY.fullmatch(word))


def idle_days(word: str) -> int | None:
    """Without contact for how many days; 0 for never at all."""
    if word in NO_CONTACT:
        return 0
    if not (found := _IDLE.fullmatch(word)):
        return None
    n, said = (part for part in found.groups() if part)
    return number(n) * {"days": 1, "weeks": 7, "months": 30}[unit(said)]


Bound = tuple[str, Decimal]  # gte, lte, ne or eq, and the amount


def amounts(word: str) -> list[Bound] | None:
    """What a word asks of an amount: >10万, ≥50,000, 10万-50万, 10万以上."""
    return next((found for found in _readings(word) if found is not None), None)


def _readings(word: str) -> Iterator[list[Bound] | None]:
    for op, pattern in (("gte", _ABOVE), ("lte", _BELOW), ("eq", _EXACT)):
        if found := pattern.fullmatch(word):
            value = money(found[1])
            strict = op != "eq" and _STRICT.match(word)
            yield None if value is None else [(op, value), *([("ne", value)] if strict else [])]
    for op, endings in (("gte", _UPWARDS), ("lte", _DOWNWARDS)):
        for ending in endings:
            if word.endswith(ending) and (value := money(word.removesuffix(ending))) is not None:
                yield [(op, value)]
    if (found := _BETWEEN.fullmatch(word)) and not _PLAIN.fullmatch(word):
        low, high = money(found[1]), money(found[2])
        if low is not None and high is not None:
            yield [("gte", min(low, high)), ("lte", max(low, high))]


def money(text: str) -> Decimal | None:
    """An amount as people type it; what has no digit is none."""
    if not any(char.isdecimal() for char in text) or len(text) > 40:
        return None
    return amount.parse(text.strip())


def pieces(word: str, known: frozenset[str]) -> list[str]:
    """A run of Chinese words taken apart into known ones, longest first; [] where something is left over."""
    found: list[str] = []
    while word:
        head = next((word[:n] for n in range(min(len(word), 8), 0, -1) if word[:n] in known), "")
        if not head:
            return []
        found.append(head)
        word = word[len(head) :]
    return found
