"""The bench of duplicates: what it counts, and that the finder finds what the bench plants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from zhike.bench import duplicates
from zhike.bench.duplicates import planted, rivals
from zhike.bench.duplicates.sets import Labelled


@pytest.fixture
def unblocked(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Benches make databases of their own and leave that of the tests alone."""
    with django_db_blocker.unblock():
        yield


def test_pairs_are_counted() -> None:
    assert duplicates.scores({(0, 1), (2, 3)}, {(0, 1), (1, 2)}) == (0.5, 0.5, 0.5)
    assert duplicates.scores(set(), {(0, 1)}) == (0.0, 0.0, 0.0)


def test_within_one_list_groups_count_between_two_each_row_once() -> None:
    rows = [["华为技术有限公司"], ["华为技术"], ["華為技術股份有限公司"], ["宝钢集团"]]
    alone = Labelled("alone", ("firm",), rows, None, set())
    assert duplicates.ours(alone) == {(0, 1), (0, 2), (1, 2)}
    assert rivals.exact(Labelled("two", ("firm",), rows, [["宝钢集团"], ["宝钢集团"]], set())) == [{(3, 0)}]
    judged = Labelled("judged", ("firm",), rows[:2], rows[1:3], set(), judged=True)
    assert duplicates.ours(judged) == {(0, 0), (1, 1)}


def test_the_finder_finds_what_is_planted(postgres: Any, unblocked: None) -> None:
    found = {f["name"]: f for f in planted.run({"server": postgres, "rows": 4_000})}
    assert found["recall of what the rules define"]["value"] >= 0.95
    assert all(f["value"] >= 0.8 for name, f in found.items() if name.startswith("recall of all planted"))
