"""Dates as people type them and Chinese spreadsheets carry them.

Year first is certain; a day and a month before the year are read by `order` only ("mdy" or "dmy"),
which `guess_order` finds from a whole column. Nothing is guessed for a single value: 03/04/2026 without
an order is refused as ambiguous, 21/11/2026 is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal

Order = Literal["mdy", "dmy"]

_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zone
_EXCEL = re.compile(r"(\d{5})(?:\.\d+)?")
_COMPACT = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?")
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?")
_SHORT_YEAR = re.compile(r"(\d{2})年(\d{1,2})月(\d{1,2})[日号]?")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")
_MINGUO = re.compile(r"(?:中华)?(?:中華)?民[国國](\d{1,3}|元)年(\d{1,2})月(\d{1,2})[日号]?")
_NO_DAY = re.compile(r"\d{4}\s*[-/.年]\s*\d{1,2}\s*月?|\d{4}年?")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ENGLISH = re.compile(
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<month>[a-z]{3,9})\.?"
    r"|(?P<month2>[a-z]{3,9})\.?\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?)[\s,-]+(?P<year>\d{4})"
)
_WEEKDAY = re.compile(r"\s*[(,]?\s*(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]\s*\)?|^[a-z]{3,9}day,?\s+", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:[\sT]|(?<=[日号]))\s*(?P<half>上午|下午|中午|晚上|凌晨|早上|am|pm)?\s*"
    r"(?P<hour>\d{1,2})(?:[:时時点點](?P<minute>\d{1,2})?分?(?:(?::|(?<=分))(?P<second>\d{1,2})秒?)?"
    r"(?:\.\d+)?)?\s*(?P<half2>am|pm)?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
_NUMERALS = str.maketrans("〇零一二三四五六七八九", "00123456789")


@dataclass(frozen=True, slots=True)
class DateText:
    """What was read; else `problem`: "empty", "format", "ambiguous", "no_day" (year and month only),
    "no_such_day" (30 February), "no_such_time", "year" (before 1 or after 9999)."""

    value: date | datetime | None = None
    problem: str | None = None


def parse(text: str, *, order: Order | None = None) -> date | datetime | None:
    """Read a date (or a date-time where a clock time stands with it), None when it is none."""
    return read(text, order=order).value


def read(text: str, *, order: Order | None = None) -> DateText:
    """Read a date or date-time and say why when it cannot be read; a zone in the text is kept."""
    text = _WEEKDAY.sub("", unicodedata.normalize("NFKC", text).strip())
    if not text:
        return DateText(problem="empty")
    if serial := _EXCEL.fullmatch(text):
        return _from_serial(serial)
    if compact := _COMPACT.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in compact.groups())
        clock = (hour, minute, second) if compact.group(4) else None
        return _build((year, month, day), clock)
    clock_match = _CLOCK.search(text)
    if clock_match and clock_match.start():
        found = _date_part(text[: clock_match.start()].strip(" ,T"), order)
        if not isinstance(found, str):
            return _with_clock(found, clock_match)
    found = _date_part(text, order)
    return DateText(problem=found) if isinstance(found, str) else _build(found, None)


def _date_part(text: str, order: Order | None) -> tuple[int, int, int] | str:
    """Return year, month, day, or the code of the problem."""
    text = _arabic(text)
    if match := _YEAR_FIRST.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _MINGUO.fullmatch(text):
        return (1 if match[1] == "元" else int(match[1])) + 1911, int(match[2]), int(match[3])
    if match := _SHORT_YEAR.fullmatch(text):
        return 2000 + int(match[1]), int(match[2]), int(match[3])
    if match := _YEAR_LAST.fullmatch(text):
        return _ordered(int(match[1]), int(match[2]), int(match[3]), order)
    if match := _ENGLISH.fullmatch(text.lower()):
        month = _MONTHS.get((match["month"] or match["month2"])[:3], 0)
        return (int(match["year"]), month, int(match["day"] or match["day2"])) if month else "format"
    return "no_day" if _NO_DAY.fullmatch(text) else "format"


def _ordered(first: int, second: int, year: int, order: Order | None) -> tuple[int, int, int] | str:
    if order == "mdy" or (order is None and second > 12):
        return year, first, second
    if order == "dmy" or first > 12:
        return year, second, first
    return (year, first, second) if first == second else "ambiguous"


def _arabic(text: str) -> str:
    """Turn 二〇二六年十一月二十一日 into digits."""
    if "年" not in text or not re.search("[〇一二三四五六七八九十]", text):
        return text
    text = re.sub(r"(?<![一二三四五六七八九])十(?=[一二三四五六七八九])", "1", text)
    text = re.sub(r"(?<![一二三四五六七八九])十", "10", text)
    text = re.sub(r"(?<=[一二三四五六七八九])十(?=[一二三四五六七八九])", "", text)
    text = re.sub(r"(?<=[一二三四五六七八九])十", "0", text)
    return text.translate(_NUMERALS)


def _from_serial(match: re.Match[str]) -> DateText:
    """Read a spreadsheet serial of the 1900 date system (5 digits: 1927 to 2173)."""
    if match.group().startswith("0"):
        return DateText(problem="format")
    seconds = round(float(match.group()) * 86400)
    moment = _EXCEL_EPOCH + timedelta(seconds=seconds)
    return DateText(moment if moment.time() != time() else moment.date())


def _build(parts: tuple[int, int, int], clock: tuple[int, int, int] | None) -> DateText:
    try:
        day = date(*parts)
    except ValueError:
        return DateText(problem="year" if not 1 <= parts[0] <= 9999 else "no_such_day")
    if clock is None:
        return DateText(day)
    try:
        return DateText(datetime.combine(day, time(*clock)))
    except ValueError:
        return DateText(problem="no_such_time")


def _with_clock(parts: tuple[int, int, int], match: re.Match[str]) -> DateText:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    half = (match["half"] or match["half2"] or "").lower()
    if half in ("下午", "晚上", "pm") and hour < 12:
        hour += 12
    elif half in ("上午", "凌晨", "早上", "am") and hour == 12:
        hour = 0
    built = _build(parts, (hour, minute, second))
    if not match["minute"] and not half and ":" not in match.group() and not re.search("[时時点點]", match.group()):
        return DateText(problem="format")
    if match["zone"] and isinstance(built.value, datetime):
        return DateText(built.value.replace(tzinfo=_zone(match["zone"])))
    return built


def _zone(text: str) -> timezone:
    if text[:1] not in "+-":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=min(hours, 23), minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def guess_order(samples: Iterable[str]) -> Order | Literal["ambiguous"] | None:
    """Find whether a column writes month or day first.

    Returns None when no value has the year last, "ambiguous" when every value could be either, or when
    the values contradict each other.
    """
    seen: set[str] = set()
    for sample in samples:
        text = unicodedata.normalize("NFKC", sample).strip()
        match = _YEAR_LAST.match(text)
        if not match:
            continue
        first, second = int(match[1]), int(match[2])
        seen.add("dmy" if first > 12 else "mdy" if second > 12 else "either")
    certain = seen - {"either"}
    if not seen:
        return None
    if certain == {"dmy"}:
        return "dmy"
    return "mdy" if certain == {"mdy"} else "ambiguous"
