"""Data folders that the database's account can reach, under a name that breaks careless quoting."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhike.launch.cluster import Cluster


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder; whatever server is left on it at the end is stopped."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("ZHIKE_ACCEPT_DATA_LOSS", raising=False)
    top = Path(tempfile.mkdtemp(prefix="zhike-home-"))
    top.chmod(0o711)
    place = top / "我的 项目 'x\" $HOME" / "数据"
    place.mkdir(parents=True)
    yield place
    base = place / "postgres"
    if (base / "data").is_dir():
        cluster = Cluster(base, place / "log", {})
        cluster.stop()
        cluster.remove()
    shutil.rmtree(top)
