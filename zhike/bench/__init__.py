"""Measurements that anyone can run: `zhike bench NAME`.

Every figure stands beside a baseline, what the same work costs by hand, measured in the same run; goals are ratios to
it, because machines differ and ratios stay. Figures that must come out exactly have what was expected as their goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from gettext import gettext as _
from importlib import import_module
from typing import Any

from zhike.launch.errors import LaunchError

Figure = dict[str, Any]
Options = Mapping[str, Any]
NAMES = (
    "pages", "start", "real", "access", "bulk", "load", "lists", "search", "backup", "import", "export", "formats",
    "duplicates", "pools", "reminders", "assigning",
)  # fmt: skip
MODULES = {"import": "importing"}  # a word of the language is no name of a module

LONG = ("growth",)  # not among all


class UnknownBench(LaunchError):
    """There is no bench of that name, or it lacks what it needs."""


def figure(name: str, value: float, unit: str, baseline: float, goal: float | None = None) -> Figure:
    """One figure: its goal is the largest ratio to the baseline that is good enough; without one it is only told."""
    ratio = value / baseline if baseline else float("inf")
    return {
        "name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3), "ratio": round(ratio, 2),
        "goal": goal, "met": goal is None or ratio <= goal,
    }  # fmt: skip


def within(name: str, value: float, unit: str, baseline: float, goal: float) -> Figure:
    """One figure whose goal is the largest value, in its own unit, that is good enough."""
    return figure(name, value, unit, baseline) | {"goal": goal, "met": value <= goal}


def at_least(name: str, value: float, unit: str, baseline: float, goal: float) -> Figure:
    """One figure whose goal is the smallest value, in its own unit, that is good enough."""
    return figure(name, value, unit, baseline) | {"goal": goal, "met": value >= goal}


def exact(name: str, got: Any, expected: Any, unit: str = "", *, by_hand: Any = None) -> Figure:
    """One figure that must come out as its goal says; `by_hand` is what raw SQL gives, which must be the same."""
    hand = expected if by_hand is None else by_hand
    same = got == expected == hand
    return {
        "name": name, "value": got, "unit": unit, "baseline": hand, "ratio": 1.0 if got == hand else 0.0,
        "goal": expected, "met": same,
    }  # fmt: skip


def run(name: str, options: Options) -> list[Figure]:
    """The figures of one bench, or of all; UnknownBench for another name.

    `options` holds `server`, a running PostgreSQL with `scratch(name)`; `data`, the folder of real data sets, without
    which the bench `real` is left out of all and `formats` measures speed alone; `rows`, how many customers the benches
    `access`, `load`, `lists`, `search` and `formats` make; `keep`, to leave the loaded firm to the next of them; and
    `progress(done, total, text)`.
    """
    if name not in ("all", *NAMES, *LONG):
        known = ", ".join((*NAMES, *LONG))
        raise UnknownBench(_("There is no bench %(name)s; there are: %(known)s.") % {"name": name, "known": known})
    if name == "real" and not options.get("data"):
        raise UnknownBench(_("The bench real needs the folder of data sets: --data DIR."))
    all_of_them = [n for n in NAMES if n != "real" or options.get("data")]
    if name != "all":
        return _bench(name, options)
    found = [f for each in all_of_them for f in _bench(each, {**options, "keep": True})]
    if not options.get("keep"):
        import_module("zhike.bench.load").forget(options)
    return found


def _bench(name: str, options: Options) -> list[Figure]:
    bench: Callable[[Options], list[Figure]] = import_module(f"zhike.bench.{MODULES.get(name, name)}").run
    return bench(options)
