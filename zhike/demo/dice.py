"""Chance that repeats itself, and the working days on which things happen."""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from zhike.base.calendar_cn import is_working_day

T = TypeVar("T")
ZONE = ZoneInfo("Asia/Shanghai")
YEARS = 2
AHEAD = 60
# How much is sold in each month: little around the Spring Festival, much before the half-year and the year end.
SEASON = (0.8, 0.5, 1.15, 1.05, 1.0, 1.1, 0.95, 0.9, 1.15, 0.95, 1.1, 1.2)
GROWTH = 0.7  # a day at the end counts for this much more than one at the beginning


class Dice(random.Random):
    """Random choices that depend on a seed and a name alone, so that one part can change without the others."""

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(f"{seed}/{name}")

    def chance(self, probability: float) -> bool:
        """True in `probability` (0 to 1) of all cases."""
        return self.random() < probability

    def weighted(self, items: Sequence[T], weights: Sequence[float]) -> T:
        """One of the items, by weight."""
        return self.choices(items, weights)[0]

    def size(self, median: float, sigma: float, low: float, high: float) -> float:
        """A log-normal value with this median, kept within the limits."""
        return min(max(median * self.lognormvariate(0.0, sigma), low), high)

    def money(self, median: float, sigma: float = 0.7) -> Decimal:
        """A log-normal amount as people quote it: in hundreds, large ones in thousands."""
        value = self.size(median, sigma, median / 12, median * 14)
        step = 1000 if value > 50_000 else 100
        return Decimal(max(1, round(value / step)) * step)


class Days:
    """The working days of the history, which ends the day before `today`, and those of the weeks to come."""

    def __init__(self, today: dt.date) -> None:
        self.today = today
        self.start = today - dt.timedelta(days=365 * YEARS)
        span = 365 * YEARS + AHEAD
        every = (self.start + dt.timedelta(days=n) for n in range(span))
        self.working = [day for day in every if is_working_day(day)]
        self.past = self.working[: bisect_left(self.working, today)]
        total = len(self.past)
        weights = [SEASON[d.month - 1] * (1 + GROWTH * n / total) for n, d in enumerate(self.past)]
        self._sums = list(accumulate(weights, initial=0.0))

    @property
    def last(self) -> dt.date:
        """The last working day that is over."""
        return self.past[-1]

    def any(self, dice: Dice, *, since: dt.date | None = None, until: dt.date | None = None) -> dt.date:
        """A past working day within the limits, busy seasons more often; the last day if there is none."""
        low = bisect_left(self.past, since) if since else 0
        high = bisect_right(self.past, until) if until else len(self.past)
        if low >= high:
            return self.past[min(low, len(self.past) - 1)]
        point = dice.uniform(self._sums[low], self._sums[high])
        return self.past[min(max(bisect_right(self._sums, point) - 1, low), high - 1)]

    def after(self, day: dt.date, count: int) -> dt.date | None:
        """The working day `count` working days after `day`, or None where it is not over yet."""
        place = bisect_right(self.past, day) - 1 + count
        return self.past[place] if 0 <= place < len(self.past) else None

    def ahead(self, count: int) -> dt.date:
        """The working day `count` after today; 0 gives today, whatever day it is."""
        if count == 0:
            return self.today
        return self.working[bisect_right(self.working, self.today) + count - 1]

    def ago(self, count: int) -> dt.date:
        """The working day `count` before today."""
        return self.past[-min(count, len(self.past))]

    def between(self, start: dt.date, end: dt.date) -> int:
        """How many working days after `start`, up to `end`."""
        return bisect_right(self.past, end) - bisect_right(self.past, start)


def rounded(amount: Decimal, factor: float, step: int) -> Decimal:
    """The amount times a factor, in whole steps."""
    return Decimal(max(1, round(float(amount) * factor / step)) * step)


def moment(dice: Dice, day: dt.date, *, after: dt.datetime | None = None) -> dt.datetime:
    """A minute of working time on that day, later than `after` where that is the same day."""
    minute = dice.choice((dice.randint(530, 710), dice.randint(800, 1060)))
    found = dt.datetime.combine(day, dt.time(minute // 60, minute % 60), ZONE)
    if after is not None and found <= after:
        return after + dt.timedelta(minutes=dice.randint(4, 25))
    return found


def at(day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    """A time of day in China."""
    return dt.datetime.combine(day, dt.time(hour, minute), ZONE)


def fill(dice: Dice, pattern: str, **slots: Any) -> str:
    """A pattern with its slots filled; numbers come from the dice."""
    numbers = {"n": dice.randint(3, 28), "n2": dice.randint(2, 8), "y": dice.randint(2, 7)}
    return pattern.format(**{**numbers, **slots})
