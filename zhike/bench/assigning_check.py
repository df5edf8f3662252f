"""Who should have got what, worked out again from the text of rules: plain Python over plain data.

Written apart from the code that decides, from docs/assignment.md alone, and imports nothing of it. Rules, people and
records are dictionaries:

    rule    key, and document: the JSON as it is stored; those in use, in their order
    person  id, among (ids of themself, of their departments with all above, of their roles), receiving, daily,
            open_limit, territories, skills, hours [["09:00", "18:00"]], away (first, last), hired_on,
            today (given since midnight), open (open records)
    record  id, region, interest, and what conditions ask for

Nothing has been given by a rule before.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Person = dict[str, Any]
IsWorkday = Callable[[dt.date], bool]
Stated = tuple[Any, str, Any]  # key of the rule, how it ends, id of who gets it; (None, "", None) where no rule is met


def replay(
    rules: Sequence[Mapping[str, Any]],
    people: Iterable[Mapping[str, Any]],
    records: Iterable[Mapping[str, Any]],
    local: dt.datetime,
    is_workday: IsWorkday,
) -> dict[Any, Stated]:
    """record id -> what should become of it: the records in their order, at one local moment."""
    crowd: list[Person] = [dict(p, last=Counter()) for p in people]
    tickets: Counter[Any] = Counter()
    result: dict[Any, Stated] = {}
    for record in records:
        rule = next((r for r in rules if _all(r["document"].get("conditions", []), record)), None)
        if rule is None:
            result[record["id"]] = (None, "", None)
        elif rule["document"].get("mode") == "hand":
            result[record["id"]] = (rule["key"], "hand", None)
        elif winner := _winner(rule, crowd, record, local, is_workday):
            tickets[rule["key"]] += 1
            winner["last"][rule["key"]] = tickets[rule["key"]]
            winner["open"] += 1
            winner["today"] += 1
            result[record["id"]] = (rule["key"], "given", winner["id"])
        else:
            result[record["id"]] = (rule["key"], "nobody", None)
    return result


def _winner(
    rule: Mapping[str, Any], crowd: Sequence[Person], record: Mapping[str, Any], local: dt.datetime,
    is_workday: IsWorkday,
) -> Person | None:  # fmt: skip
    said = rule["document"]
    fit = [p for p in crowd if set(map(str, p["among"])) & set(said["who"]) and _can(p, local)]
    for wish in said.get("must", []):
        fit = [p for p in fit if _meets(p, wish, record, said, local, is_workday)]
    for wish in said.get("prefer", []):
        happy = [p for p in fit if _meets(p, wish, record, said, local, is_workday)]
        fit = happy or fit
    if said.get("mode") == "load" and fit:
        fewest = min(p["open"] for p in fit)
        fit = [p for p in fit if p["open"] == fewest]
    longest = min((p["last"][rule["key"]] for p in fit), default=0)
    return min((p for p in fit if p["last"][rule["key"]] == longest), key=lambda p: str(p["id"]), default=None)


def _all(conditions: Iterable[Any], record: Mapping[str, Any]) -> bool:
    return all(_holds(c, record) for c in conditions)


def _holds(condition: Sequence[Any], record: Mapping[str, Any]) -> bool:
    if condition[0] == "any":
        return any(_holds(c, record) for c in condition[1:])
    key, how, wanted = condition
    value = record[key]
    match how:
        case "eq":
            return bool(value == wanted)
        case "in":
            return value in wanted
        case "contains":
            return wanted.lower() in value.lower()
        case "under":
            return _inside(value, wanted)
        case "gte":
            return value is not None and value >= wanted
    raise ValueError(how)


def _can(p: Person, local: dt.datetime) -> bool:
    if not p["receiving"]:
        return False
    if p["away"]:
        first, last = p["away"]
        gone = (not first or local.date() >= first) and (not last or local.date() <= last)
        if gone:
            return False
    has_day = p["daily"] is None or p["today"] < p["daily"]
    has_room = p["open_limit"] is None or p["open"] < p["open_limit"]
    return has_day and has_room


def _meets(
    p: Person, wish: Mapping[str, Any], record: Mapping[str, Any], said: Mapping[str, Any], local: dt.datetime,
    is_workday: IsWorkday,
) -> bool:  # fmt: skip
    match wish["what"]:
        case "territory":
            return any(_inside(record["region"], code) for code in p["territories"])
        case "skill":
            return any(word.lower() in record["interest"].lower() for word in p["skills"])
        case "on_duty":
            clock = f"{local:%H:%M}"
            spans = p["hours"] or said["hours"]
            return is_workday(local.date()) and any(a[:5] <= clock < b[:5] for a, b in spans)
        case "tenure_least" | "tenure_most" as which:
            if not p["hired_on"]:
                return False
            days: int = (local.date() - p["hired_on"]).days
            wanted: int = wish["days"]
            return days >= wanted if which == "tenure_least" else 0 <= days <= wanted
    raise ValueError(wish["what"])


def _inside(region: str, code: str) -> bool:
    """Six digits: the first two name the province, four the city, all six the county (GB/T 2260)."""
    if not region:
        return False
    if code[2:] == "0000":
        return region[:2] == code[:2]
    if code[4:] == "00":
        return region[:4] == code[:4]
    return region == code


def spread(winners: Iterable[Any], people: Sequence[Any]) -> int:
    """How much more who got most has than who got least."""
    counts = Counter(winners)
    got = [counts[p] for p in people]
    return max(got, default=0) - min(got, default=0)
