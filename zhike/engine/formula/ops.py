"""Every operation of the language once in Python and once in SQL, side by side, so that they cannot drift apart.

All are total: nothing raises. Blank is None for numbers and dates, "" for texts; booleans are never blank.
Numbers are exact, at most 10 places, rounded half away from zero, and blank from 10^18 on. Dates lie between the years
1 and 9999. In SQL the bounds are written as NULLIF(LEAST(GREATEST(…))), which names its operand once and keeps NULL: a
CASE would name it twice, and a formula of twenty levels would become a million times as long.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from .tree import Expr

LIMIT = Decimal(10) ** 18
DAYS = 1_500_000  # added to a date at most
MONTHS = 48_000
FIRST, LAST = dt.date.min, dt.date.max
NOT_EMPTY = "NULLIF({}, '')"
MAX_RESULT = 1_000  # characters of a text
_EXACT = Context(prec=120)


@dataclass(frozen=True)
class Calendar:
    """Days that break the rule of Monday to Friday, each list in order."""

    worked: Sequence[dt.date]  # days of weekends on which people work
    free: Sequence[dt.date]  # other days on which they do not


@dataclass(frozen=True)
class Op:
    """`run` takes the values of the parts; `sql` is a text with {0}, {1} … for them, made for the part at hand."""

    run: Callable[..., Any]
    sql: Callable[[Expr], str]


def number(value: Decimal | None, places: int = 10, limit: Decimal = LIMIT) -> Decimal | None:
    """A number as the language keeps it."""
    if value is None:
        return None
    exact = _EXACT.add(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT), Decimal(0))
    return exact if abs(exact) < limit else None


def day(value: dt.date | None) -> dt.date | None:
    """A date as the language keeps it."""
    return value if value is not None and FIRST < value < LAST else None


def bounded(sql: str, low: str, high: str) -> str:
    """`sql`, or NULL where it is not between the two."""
    return f"NULLIF(NULLIF(LEAST(GREATEST({sql}, {low}), {high}), {low}), {high})"


def sql_number(sql: str, places: int = 10, limit: int = int(LIMIT)) -> str:
    """A number as the language keeps it, in SQL."""
    return bounded(f"round({sql}, {places})", f"-{limit}::numeric", f"{limit}::numeric")


def sql_day(sql: str) -> str:
    """A date as the language keeps it, in SQL."""
    return bounded(sql, "DATE '0001-01-01'", "DATE '9999-12-31'")


def _whole(sql: str, limit: int) -> str:
    return f"({bounded(f'trunc({sql})', f'-{limit}::numeric', f'{limit}::numeric')})::int"


def _steps(n: Decimal | None, limit: int) -> int | None:
    return None if n is None or abs(int(n)) >= limit else int(n)


def _filled(run: Callable[..., Any]) -> Callable[..., Any]:
    """Blank where any part is."""
    return lambda *values: None if any(v is None for v in values) else run(*values)


def _divide(a: Decimal, b: Decimal) -> Decimal | None:
    if b == 0:
        return None
    return number(_EXACT.divide_int(a.scaleb(11, _EXACT), b).scaleb(-11, _EXACT))


def _add_days(start: dt.date, n: Decimal) -> dt.date | None:
    steps = _steps(n, DAYS)
    found = None if steps is None else start.toordinal() + steps
    return None if found is None or not 1 < found < LAST.toordinal() else dt.date.fromordinal(found)


def _add_months(start: dt.date, n: Decimal) -> dt.date | None:
    steps = _steps(n, MONTHS)
    if steps is None:
        return None
    year, month = divmod(start.year * 12 + start.month - 1 + steps, 12)
    if not 1 <= year <= 9999:
        return None
    return day(dt.date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])))


def worked_until(calendar: Calendar, until: dt.date) -> int:
    """How many working days there are from the first day of the calendar to this one."""
    n = until.toordinal()  # 1 January of the year 1 is a Monday
    return 5 * (n // 7) + min(n % 7, 5) + bisect_right(calendar.worked, until) - bisect_right(calendar.free, until)


def _sql_worked_until(place: int) -> str:
    n = f"({{{place}}} - DATE '0001-01-01' + 1)"
    found = f"5 * ({n} / 7) + LEAST(mod({n}, 7), 5)"
    return f"({found} + width_bucket({{{place}}}, {{2}}) - width_bucket({{{place}}}, {{3}}))"


def _workdays(start: dt.date, end: dt.date, calendar: Calendar) -> Decimal:
    return Decimal(worked_until(calendar, end) - worked_until(calendar, start))


ABC, CBA = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UPPER, _LOWER = str.maketrans(ABC, CBA), str.maketrans(CBA, ABC)


def plain(value: Decimal | dt.date | None) -> str:
    """A number without needless zeros, a date as 2026-11-21."""
    if value is None:
        return ""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value.isoformat()


def _case(*values: Any) -> Any:
    for n in range(0, len(values) - 1, 2):
        if values[n]:
            return values[n + 1]
    return values[-1]


def _sql_case(part: Expr) -> str:
    when = "".join(f" WHEN {{{n}}} THEN {{{n + 1}}}" for n in range(0, len(part.args) - 1, 2))
    return f"CASE{when} ELSE {{{len(part.args) - 1}}} END"


def _each(part: Expr, template: str = "{}", joiner: str = ", ", start: int = 0) -> str:
    return joiner.join(template.format(f"{{{n}}}") for n in range(start, len(part.args)))


def _say(template: str) -> Callable[[Expr], str]:
    return lambda _part: template


def _compare(sign: str, run: Callable[[Any, Any], bool]) -> Op:
    return Op(lambda a, b: a is not None and b is not None and run(a, b), _say(f"COALESCE({{0}} {sign} {{1}}, FALSE)"))


def _part_of_date(name: str, run: Callable[[dt.date], int]) -> Op:
    return Op(_filled(lambda d: Decimal(run(d))), _say(f"EXTRACT({name} FROM {{0}})::numeric"))


OPS: Mapping[str, Op] = {
    "add": Op(_filled(lambda a, b: number(_EXACT.add(a, b))), _say(sql_number("{0} + {1}"))),
    "subtract": Op(_filled(lambda a, b: number(_EXACT.subtract(a, b))), _say(sql_number("{0} - {1}"))),
    "multiply": Op(_filled(lambda a, b: number(_EXACT.multiply(a, b))), _say(sql_number("{0} * {1}"))),
    "divide": Op(
        _filled(_divide), _say(sql_number("div({0} * 100000000000, NULLIF({1}, 0)) * 0.00000000001::numeric"))
    ),
    "negative": Op(_filled(lambda a: _EXACT.subtract(Decimal(0), a)), _say("(- {0})")),
    "abs": Op(_filled(abs), _say("abs({0})")),
    "floor": Op(_filled(lambda a: number(a.to_integral_value(ROUND_FLOOR))), _say(sql_number("floor({0})"))),
    "ceil": Op(_filled(lambda a: number(a.to_integral_value(ROUND_CEILING))), _say(sql_number("ceil({0})"))),
    "round": Op(number, lambda part: sql_number("{0}", int(part.value))),
    "fit": Op(lambda a, said: number(a, said[0], Decimal(said[1])), lambda part: sql_number("{0}", *part.value)),
    "min": Op(lambda *v: min((x for x in v if x is not None), default=None), lambda part: f"LEAST({_each(part)})"),
    "max": Op(lambda *v: max((x for x in v if x is not None), default=None), lambda part: f"GREATEST({_each(part)})"),
    "coalesce": Op(lambda *v: next((x for x in v if x is not None), None), lambda part: f"COALESCE({_each(part)})"),
    "first_text": Op(lambda *v: next(filter(None, v), ""), lambda part: f"COALESCE({_each(part, NOT_EMPTY)}, '')"),
    "case": Op(_case, _sql_case),
    "eq": Op(lambda a, b: a == b, _say("({0} IS NOT DISTINCT FROM {1})")),
    "ne": Op(lambda a, b: a != b, _say("({0} IS DISTINCT FROM {1})")),
    "lt": _compare("<", lambda a, b: a < b),
    "le": _compare("<=", lambda a, b: a <= b),
    "gt": _compare(">", lambda a, b: a > b),
    "ge": _compare(">=", lambda a, b: a >= b),
    "and": Op(lambda *v: all(v), lambda part: f"({_each(part, joiner=' AND ')})"),
    "or": Op(lambda *v: any(v), lambda part: f"({_each(part, joiner=' OR ')})"),
    "not": Op(lambda a: not a, _say("(NOT {0})")),
    "isnull": Op(lambda a: a is None, _say("({0} IS NULL)")),
    "isempty": Op(lambda a: a == "", _say("({0} = '')")),
    "concat": Op(lambda a, b: a + b, _say("({0} || {1})")),
    "join": Op(
        lambda sep, *v: sep.join(filter(None, v)),
        lambda part: f"concat_ws({{0}}, {_each(part, NOT_EMPTY, start=1)})",
    ),
    "upper": Op(lambda a: a.translate(_UPPER), _say(f"translate({{0}}, '{ABC}', '{CBA}')")),
    "lower": Op(lambda a: a.translate(_LOWER), _say(f"translate({{0}}, '{CBA}', '{ABC}')")),
    "trim": Op(lambda a: a.strip(" "), _say("btrim({0}, ' ')")),
    "left": Op(lambda a, n: a[:n], lambda part: f"left({{0}}, {int(part.value)})"),
    "right": Op(lambda a, n: a[-n:] if n else "", lambda part: f"right({{0}}, {int(part.value)})"),
    "len": Op(lambda a: Decimal(len(a)), _say("char_length({0})::numeric")),
    "contains": Op(lambda a, b: b in a, _say("(strpos({0}, {1}) > 0)")),
    "startswith": Op(lambda a, b: a.startswith(b), _say("starts_with({0}, {1})")),
    "text_number": Op(plain, _say("COALESCE(trim_scale({0})::text, '')")),
    "text_date": Op(plain, _say("COALESCE(to_char({0}, 'YYYY-MM-DD'), '')")),
    "days": Op(_filled(lambda a, b: Decimal((b - a).days)), _say("({1} - {0})::numeric")),
    "workdays": Op(
        lambda a, b, calendar: None if a is None or b is None else _workdays(a, b, calendar),
        _say(f"({_sql_worked_until(1)} - {_sql_worked_until(0)})::numeric"),
    ),
    "adddays": Op(_filled(_add_days), _say(sql_day(f"({{0}} + {_whole('{1}', DAYS)})"))),
    "takedays": Op(_filled(lambda d, n: _add_days(d, -n)), _say(sql_day(f"({{0}} - {_whole('{1}', DAYS)})"))),
    "addmonths": Op(
        _filled(_add_months), _say(sql_day(f"({{0}} + make_interval(months => {_whole('{1}', MONTHS)}))::date"))
    ),
    "year": _part_of_date("YEAR", lambda d: d.year),
    "quarter": _part_of_date("QUARTER", lambda d: (d.month + 2) // 3),
    "month": _part_of_date("MONTH", lambda d: d.month),
    "day": _part_of_date("DAY", lambda d: d.day),
}
