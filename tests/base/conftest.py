from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A file of the open data sets; skips the test where they are not on this machine."""
    root = os.environ.get("ZHIKE_SHARED_DATA")
    folder = Path(root) if root else Path(__file__).resolve().parents[2].parent / "shared" / "data"

    def find(relative: str) -> Path:
        if not (folder / relative).exists():
            pytest.skip(f"shared data absent: set ZHIKE_SHARED_DATA to the folder that holds {relative}")
        return folder / relative

    return find
