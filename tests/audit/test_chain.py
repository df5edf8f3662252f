"""The chain names what was done to old rows, whoever did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zhike.engine import chain


def test_smoke(log: Any, fill: Callable[[int], list[Any]]) -> None:
    fill(5)
    assert chain.seal() >= 5
    report = chain.verify()
    assert (report.findings, report.ok, report.seals) == ([], True, 1)
    assert report.rows >= 5
