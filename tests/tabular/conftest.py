from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def native() -> Path:
    """The folder of files as other programs wrote them."""
    root = os.environ.get("ZHIKE_SHARED_DATA")
    data = Path(root) if root else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = data / "native"
    if not folder.is_dir():
        pytest.skip("shared data absent: set ZHIKE_SHARED_DATA to its folder")
    return folder
