from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from zhike.engine import transfer
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.tabular import read


@pytest.fixture(scope="session")
def native() -> Path:
    """The folder of files as other programs wrote them."""
    root = os.environ.get("ZHIKE_SHARED_DATA")
    data = Path(root) if root else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = data / "native"
    if not folder.is_dir():
        pytest.skip("shared data absent: set ZHIKE_SHARED_DATA to its folder")
    return folder


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., Path]:
    """Makes a small csv file from rows of texts, headings first."""
    from zhike.engine.tabular.write import write_csv

    def make(*rows: Sequence[Any], name: str = "rows.csv") -> Path:
        path = tmp_path / name
        write_csv(path, [str(cell) for cell in rows[0]], rows[1:])
        return path

    return make


@contextmanager
def planned(actor: Actor, entity: str, path: Path, mapping: Any = None) -> Iterator[tuple[Any, transfer.Plan]]:
    with read(path) as table:
        yield table, transfer.plan(actor, get(entity), table, mapping)


def load(actor: Actor, entity: str, path: Path, mapping: Any = None, *, dry: bool = False) -> transfer.Result:
    """Plan and run one file."""
    with planned(actor, entity, path, mapping) as (table, plan):
        return transfer.run(actor, get(entity), table, plan, dry=dry)
