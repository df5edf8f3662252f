"""Who should have got what, worked out again from the text of a rule: plain Python over plain data.

Written apart from the code that decides, from docs/assignment.md alone, and imports nothing of it. A rule is the JSON
document as it is stored, people and records are dictionaries:

    person  id, receiving, daily, open_limit, territories, skills, hours [["09:00", "18:00"]], away (first, last),
            hired_on, today (given since midnight), open (open records), last (0, or when this rule gave last)
    record  id, region, interest
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Person = dict[str, Any]
IsWorkday = Callable[[dt.date], bool]


def replay(
    rule: Mapping[str, Any],
    people: Iterable[Mapping[str, Any]],
    records: Iterable[Mapping[str, Any]],
    local: dt.datetime,
    is_workday: IsWorkday,
) -> dict[Any, Any]:
    """record id -> the id of who should get it, None for nobody: the records in their order, at one local moment."""
    crowd: list[Person] = [dict(p) for p in people]
    ticket = max((p["last"] for p in crowd), default=0)
    result: dict[Any, Any] = {}
    for record in records:
        fit = [p for p in crowd if _can(p, local) and all(_meets(p, w, record, rule, local, is_workday)
               for w in rule.get("must", []))]  # fmt: skip
        for wish in rule.get("prefer", []):
            happy = [p for p in fit if _meets(p, wish, record, rule, local, is_workday)]
            fit = happy or fit
        if not fit:
            result[record["id"]] = None
            continue
        if rule.get("mode") == "load":
            fewest = min(p["open"] for p in fit)
            fit = [p for p in fit if p["open"] == fewest]
        longest = min(p["last"] for p in fit)
        winner = min((p for p in fit if p["last"] == longest), key=lambda p: str(p["id"]))
        ticket += 1
        winner["last"], winner["open"], winner["today"] = ticket, winner["open"] + 1, winner["today"] + 1
        result[record["id"]] = winner["id"]
    return result


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
    p: Person, wish: Mapping[str, Any], record: Mapping[str, Any], rule: Mapping[str, Any], local: dt.datetime,
    is_workday: IsWorkday,
) -> bool:  # fmt: skip
    match wish["what"]:
        case "territory":
            return any(_inside(record["region"], code) for code in p["territories"])
        case "skill":
            return any(word.lower() in record["interest"].lower() for word in p["skills"])
        case "on_duty":
            clock = f"{local:%H:%M}"
            spans = p["hours"] or rule["hours"]
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
