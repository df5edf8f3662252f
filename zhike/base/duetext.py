"""Days that people name in a sentence when they promise something: 明天, 下周三前, 3天内, 月底前, by Friday.

`find` looks through a whole sentence and takes the first such word; `sentence` finds the part of a note that holds a
promise. A week begins on Monday; 周三 without more is the next one to come, today included; 本周内 ends on Friday,
a month or a year on its last day. Nothing is put off to a working day: what was said to the customer counts.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from . import calendar_cn, datetext


@dataclass(frozen=True, slots=True)
class Due:
    """A day, and the words that named it."""

    day: date
    words: str


_HAN = dict(zip("一二三四五六七八九十", range(1, 11), strict=True)) | {"两": 2, "兩": 2, "几": 3, "幾": 3}
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_ENGLISH_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ENGLISH_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}
_WEEK = "(?:周|週|星期|礼拜|禮拜)"
_N = r"(\d{1,3}|[一二两兩三四五六七八九十几幾])"
_EN = r"(\d{1,3}|a|one|two|three|four|five|six|ten)"
_WITHIN = "(?:之?[内內]|以[内內]|里|裡|[后後]|之前|前)"

Reader = Callable[[re.Match[str], date, "Mapping[date, bool] | None"], "date | None"]


def find(text: str, today: date, *, overrides: Mapping[date, bool] | None = None) -> Due | None:
    """The first day that a text names, counted from `today`; None where it names none.

    `overrides` are the firm's own working days and days off, for 3个工作日内.
    """
    flat = unicodedata.normalize("NFKC", text)
    found: list[tuple[int, int, date]] = []
    for pattern, read in _readers():
        for match in pattern.finditer(flat):
            day = read(match, today, overrides)
            if day is not None:
                found.append((match.start(), -len(match.group()), day))
                break
    if not found:
        return None
    start, length, day = min(found)
    return Due(day, flat[start : start - length].strip())


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else _HAN.get(text) or _ENGLISH_NUMBERS[text.lower()]


def _month(year: int, month: int, day: int = 0) -> date | None:
    """A day of a month, its last one without `day`; None for one that it does not have."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return date(year, month, day or last) if day <= last else None


def _coming(today: date, month: int, day: int) -> date | None:
    """A day of a month without its year: of this year, of the next one where it is long gone."""
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    found = _month(today.year, month, day)
    return _month(today.year + 1, month, day) if found is not None and (today - found).days > 60 else found


def _of_month(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    day = int(match[2])
    months = 1 if match[1] else 0
    if not 1 <= day <= 31:
        return None
    if not match[1] and day < today.day:
        months = 1
    return _month(today.year, today.month + months, day)


def _weekday(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date:
    lead, day = match[1] or "", _WEEKDAYS[match[2]]
    monday = today - timedelta(days=today.weekday())
    if lead:
        return monday + timedelta(days=day + 7 * sum(char == "下" for char in lead))
    return today + timedelta(days=(day - today.weekday()) % 7)


def _english_weekday(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date:
    day = next(n for n, name in enumerate(_ENGLISH_DAYS) if name.startswith(match[2].lower()[:3]))
    if (match[1] or "").lower() == "next":
        return today - timedelta(days=today.weekday()) + timedelta(days=7 + day)
    return today + timedelta(days=(day - today.weekday()) % 7)


def _week_end(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date:
    weeks = match[1].count("下") + match[1].lower().count("next")
    return today + timedelta(days=4 - today.weekday() + 7 * weeks)


def _month_end(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    lead = (match[1] or "").lower()
    return _month(today.year, today.month + (1 if "下" in lead or "next" in lead else 0))


def _quarter_end(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    lead = (match[1] or "").lower()
    last = (today.month - 1) // 3 * 3 + 3
    return _month(today.year, last + (3 if "下" in lead or "next" in lead else 0))


def _year_end(_match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date:
    return date(today.year, 12, 31)


def _working(match: re.Match[str], today: date, own: Mapping[date, bool] | None) -> date:
    return calendar_cn.add_working_days(today, _number(match[1]), overrides=own)


def _span(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    unit, count = match[2].lower(), _number(match[1])
    if unit.startswith(("个月", "個月", "month")):
        month = today.month + count
        return _month(today.year, month, today.day) or _month(today.year, month)
    return today + timedelta(days=count * (1 if unit.startswith(("天", "日", "day")) else 7))


def _whole(match: re.Match[str], _today: date, _own: Mapping[date, bool] | None) -> date | None:
    found = datetext.parse(match.group(1))
    return found if type(found) is date else None


def _named(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    month = next((n for n, name in enumerate(_ENGLISH_MONTHS, 1) if name == (match[1] or match[4])[:3].lower()), 0)
    return _coming(today, month, int(match[2] or match[3])) if month else None


def _near(days: int) -> Reader:
    return lambda _match, today, _own: today + timedelta(days=days)


@cache
def _readers() -> tuple[tuple[re.Pattern[str], Reader], ...]:
    """Patterns with what they mean; where several fit, the first word of the sentence counts, and the longest of it."""
    week, months = f"(?:个|個)?{_WEEK}", "|".join(_ENGLISH_MONTHS)
    listed: tuple[tuple[str, Reader], ...] = (
        (r"(\d{4}\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}\s?[日号號]?)", _whole),
        (r"(?<![\d年])(\d{1,2})月(\d{1,2})[日号號]?", lambda m, today, _own: _coming(today, int(m[1]), int(m[2]))),
        (r"(?:(下(?:个|個)?月)|(?<![\d月.]))(\d{1,2})[号號]", _of_month),
        ("今天|今日|今晚|当天|當天|(?i:\\btoday\\b|\\btonight\\b)", _near(0)),
        ("(?<!声)明天|明日|明早|明晚|明儿|(?i:\\btomorrow\\b)", _near(1)),
        ("(?<!大)[后後]天|(?i:day after tomorrow)", _near(2)),
        ("大[后後]天", _near(3)),
        (f"((?:下下|下|本|这|這)(?:个|個)?)?{_WEEK}([一二三四五六日天])", _weekday),
        (rf"(?i:\b(?:(next|this)|by|before|until|on)\s+({_names()}))\b", _english_weekday),
        (f"((?:下下|下|本|这|這)){week}(?![一二三四五六日天])(?:[内內末]|之?前|底)?", _week_end),
        (r"(?i:(?:by |before |until )?(?:the )?end of (the|this|next) week|(?:by )?(next) week)", _week_or_next),
        (f"{_N}\\s?个?個?工作日{_WITHIN}?", _working),
        (rf"(?i:(?:in|within)\s+{_EN}\s+(?:working|business)\s+days?)", _working),
        (f"{_N}\\s?(天|日|个?個?{_WEEK}|个月|個月){_WITHIN}", _span),
        (rf"(?i:(?:in|within)\s+{_EN}\s+(days?|weeks?|months?))", _span),
        ("半个?個?月[内內后後]", _near(15)),
        ("((?:下|本|这|這)(?:个|個)?)?月(?:底|末)|((?:下|本|这|這)(?:个|個)?)月[内內]", _month_any),
        (r"(?i:end of (the |this |next )?month)", _month_end),
        ("(下|本|这|這)?(?:个|個)?季度?(?:末|底)", _quarter_end),
        (r"(?i:end of (the |this |next )?quarter)", _quarter_end),
        ("年底|年末|年内|年內|(?i:end of (?:the |this )?year)", _year_end),
        (rf"(?i:\b({months})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b|\b(\d{{1,2}})\s+({months})[a-z]*)", _named),
    )
    return tuple((re.compile(pattern), read) for pattern, read in listed)


def _names() -> str:
    return "|".join(f"{name}|{name[:3]}" for name in _ENGLISH_DAYS)


def _week_or_next(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date:
    following = "next" in ((match[1] or "") + (match[2] or "")).lower()
    return today + timedelta(days=4 - today.weekday() + (7 if following else 0))


def _month_any(match: re.Match[str], today: date, _own: Mapping[date, bool] | None) -> date | None:
    lead = match[1] or match[2] or ""
    return _month(today.year, today.month + (1 if "下" in lead else 0))


# ---- which sentence it is

_PROMISING = re.compile(
    "答应|答應|承诺|承諾|保证|保證|约定|約定|我们会|我們會|我会|我會|负责|負責|给(?:他|她|客户|对方)|給(?:他|她|客戶|對方)"
    "|(?i:\\bpromised?\\b|\\bwe will\\b|\\bwe'll\\b|\\bI will\\b|\\bI'll\\b|\\bagreed to\\b|\\bcommit)"
)
_ENDS = re.compile(r"(?<=[。！？!?；;\n])|(?<=\.)\s+")


def several(text: str) -> bool:
    """Whether a text has more than one sentence."""
    return sum(bool(part.strip()) for part in _ENDS.split(text)) > 1


def sentence(text: str, today: date) -> str:
    """The sentence of a note that most likely holds a promise: one that promises and names a day before others.

    Without any such sentence it is the first one; "" for an empty text.
    """
    parts = [part.strip() for part in _ENDS.split(text) if part.strip()]
    if not parts:
        return ""
    weight = [(bool(_PROMISING.search(part)) + bool(find(part, today))) for part in parts]
    return parts[weight.index(max(weight))].rstrip("。；;")
