"""The benches themselves: that they run, that a wrong figure is seen, that real data give the published figures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhike import bench
from zhike.bench import exact, figure

NAMES = {"name", "value", "unit", "baseline", "ratio", "goal", "met"}


@pytest.fixture
def unblocked(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Benches make databases of their own and leave that of the tests alone."""
    with django_db_blocker.unblock():
        yield


def test_a_figure_meets_its_goal_or_not() -> None:
    assert figure("x", 6.0, "ms", 2.0, 3.0) == {
        "name": "x", "value": 6.0, "unit": "ms", "baseline": 2.0, "ratio": 3.0, "goal": 3.0, "met": True,
    }  # fmt: skip
    assert figure("x", 6.1, "ms", 2.0, 3.0)["met"] is False
    assert figure("x", 6.1, "ms", 2.0)["met"] is True
    assert exact("x", 1, 1)["met"] is True
    assert exact("x", 1, 2)["met"] is False
    assert exact("x", 1, 1, by_hand=2)["met"] is False


def test_there_must_be_such_a_bench(postgres: Any) -> None:
    with pytest.raises(bench.UnknownBench):
        bench.run("nothing", {"server": postgres})
    with pytest.raises(bench.UnknownBench):
        bench.run("real", {"server": postgres})


def test_every_page_of_every_role_is_measured(postgres: Any, unblocked: None) -> None:
    found = bench.run("pages", {"server": postgres, "scale": 0.03, "rounds": 2})
    assert len(found) == 4 * 5 * 2
    assert all(set(one) == NAMES for one in found)
    assert {one["unit"] for one in found} == {"ms"}
    assert all(one["value"] > one["baseline"] > 0 for one in found)


def test_access_is_measured_for_each_person(postgres: Any, unblocked: None) -> None:
    found = {one["name"]: one for one in bench.run("access", {"server": postgres, "rows": 3_000, "rounds": 2})}
    people = [f"seller, {n} shared" for n in (0, 20, 500, 5_000)] + [f"manager, level {n}" for n in (5, 4, 3, 2, 1)]
    people += ["manager, level 3, by status", "executive"]
    assert {name.partition(":")[0] for name in found} == set(people)
    assert len(found) == len(people) * (9 * 2 + 2 * (1 + 2 + 2 + 1))
    assert all(set(one) == NAMES and one["value"] >= 0 and one["baseline"] > 0 for one in found.values())
    assert [name for name, one in found.items() if one["goal"]] == [f"{p}: account, newest 50, p95" for p in people]
    reached = {name: one["value"] for name, one in found.items() if name.endswith(": account, reached")}
    levels = [reached[f"manager, level {n}: account, reached"] for n in range(1, 6)]
    assert levels == sorted(levels, reverse=True)
    assert 0 < levels[4] < levels[1] < 1_500
    assert reached["executive: account, reached"] == 3_000
    assert reached["seller, 5000 shared: account, reached"] > reached["seller, 500 shared: account, reached"]
    assert {one["value"] for name, one in found.items() if name.endswith("statements of the page")} <= {6, 7, 8, 9}


def test_real_data_give_the_published_figures(postgres: Any, unblocked: None) -> None:
    root = os.environ.get("ZHIKE_SHARED_DATA")
    data = Path(root) if root else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not (data / "expected.json").is_file():
        pytest.skip("shared data absent: set ZHIKE_SHARED_DATA to its folder")
    found = bench.run("real", {"server": postgres, "data": data})
    assert [(one["name"], one["value"], one["goal"]) for one in found if not one["met"]] == []
    assert len(found) > 80


@pytest.mark.long
def test_a_second_start_is_measured(postgres: Any) -> None:
    (found,) = bench.run("start", {"server": postgres, "rounds": 1})
    assert set(found) == NAMES
    assert found["value"] > found["baseline"] > 0
    assert found["goal"] == 5.0
