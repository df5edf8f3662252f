"""Which backups are kept: every one of the last days, one a week for a while, one a month for longer."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from .model import PART, Backup


@dataclass(frozen=True)
class Keeping:
    """How long backups are kept. The newest always is, and so is the newest that a drill found good."""

    days: int = 7
    weeks: int = 4
    months: int = 6

    @classmethod
    def read(cls, text: str) -> Keeping:
        """From "days,weeks,months"; what is left out is as usual. Raises ValueError."""
        return cls(*(max(0, int(part)) for part in text.split(",")[:3] if part.strip()))


def spare(backups: Iterable[Backup], keeping: Keeping, now: dt.datetime) -> list[Backup]:
    """Those that need not be kept any more, the oldest first."""
    newest_first = sorted(backups, key=lambda b: b.made_at, reverse=True)
    kept = {b.name for b in newest_first[:1]}
    kept |= {b.name for b in [b for b in newest_first if b.drilled().get("ok")][:1]}
    weeks: dict[tuple[int, int], str] = {}
    months: dict[tuple[int, int], str] = {}
    for b in newest_first:  # the newest of each week and month stands for it
        age = now - b.made_at
        if age <= dt.timedelta(days=keeping.days):
            kept.add(b.name)
        if age <= dt.timedelta(weeks=keeping.weeks):
            weeks.setdefault(b.made_at.isocalendar()[:2], b.name)
        if age <= dt.timedelta(days=31 * keeping.months):
            months.setdefault((b.made_at.year, b.made_at.month), b.name)
    kept |= {*weeks.values(), *months.values()}
    return [b for b in reversed(newest_first) if b.name not in kept]


def prune(backups: Iterable[Backup], keeping: Keeping, now: dt.datetime) -> list[Backup]:
    """Remove what need not be kept; those removed."""
    gone = spare(backups, keeping, now)
    for b in gone:
        part = b.place.with_name(b.name + PART)  # so that half of a removed one is never taken for a whole one
        b.place.rename(part)
        shutil.rmtree(part)
    return gone
