"""The hostile corpus: made on the spot from seeds, nothing of it lies in the repository. No live malware anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

ALERT = "alert('stolen')"
OUTSIDE = "https://evil.example"
MARK = b"HOSTILE-MARK"  # what must not be left of a picture that was drawn anew


@dataclass(frozen=True)
class Item:
    """One hostile file: under what name it is sent, what is in it, and how it must end.

    `end` is kept, refused or "" where both are right; `ending` is what the kept name must end in.
    """

    family: str
    title: str
    name: str
    make: Callable[[], bytes]
    end: str = ""
    ending: str = ""
    clean: bool = False  # MARK and script must be gone from the bytes

    def __str__(self) -> str:
        return f"{self.family}-{self.title}"


def sampled(items: Sequence[Any], count: int) -> list[Any]:
    """All items as parameters of a test: `count` of them, evenly spread, for every change, the rest in the long run."""
    step = max(len(items) / count, 1.0)
    chosen = {int(n * step) for n in range(count)}
    long = pytest.mark.long
    return [
        pytest.param(item, id=f"{n}-{item}"[:60].replace("\x00", "0"), marks=() if n in chosen else (long,))
        for n, item in enumerate(items)
    ]
