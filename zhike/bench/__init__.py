"""Measurements that anyone can run: `zhike bench NAME`.

Every figure stands beside a baseline, what the same work costs by hand, measured in the same run; goals are ratios to
it, because machines differ and ratios stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Figure = dict[str, Any]
Options = Mapping[str, Any]
NAMES = ("pages", "start", "real")


class UnknownBench(ValueError):
    """There is no bench of that name."""


def figure(name: str, value: float, unit: str, baseline: float, goal: float) -> Figure:
    """One figure: its goal is the largest ratio to the baseline that is good enough."""
    ratio = value / baseline if baseline else float("inf")
    return {
        "name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3), "ratio": round(ratio, 2),
        "goal": goal, "met": ratio <= goal,
    }


def exact(name: str, got: Any, expected: Any, unit: str = "") -> Figure:
    """One figure that must come out exactly; the baseline is what was expected."""
    same = got == expected
    return {
        "name": name, "value": got, "unit": unit, "baseline": expected, "ratio": 1.0 if same else 0.0, "goal": 1.0,
        "met": same,
    }


def run(name: str, options: Options) -> list[Figure]:
    """The figures of one bench, or of all; UnknownBench for another name.

    `options` holds `server`, a running PostgreSQL with `scratch(name)`, and `data`, the folder of real data sets.
    """
    if name != "all" and name not in NAMES:
        raise UnknownBench(name)
    found: list[Figure] = []
    for each in NAMES if name == "all" else (name,):
        bench: Callable[[Options], list[Figure]] = import_module(f"zhike.bench.{each}").run
        found += bench(options)
    return found
