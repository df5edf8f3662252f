"""Data folders that the database's account can reach, under a name that breaks careless quoting."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhike.launch import postgres
from zhike.launch.cluster import Cluster

AWKWARD = Path("我的 项目 'x\" $HOME") / "数据"


def reachable_folder() -> Path:
    top = Path(tempfile.mkdtemp(prefix="zhike-home-"))
    top.chmod(0o711)
    return top


@pytest.fixture
def empty_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder without a cluster; whatever server is left on it at the end is stopped."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("ZHIKE_ACCEPT_DATA_LOSS", raising=False)
    top = reachable_folder()
    place = top / AWKWARD
    place.mkdir(parents=True)
    yield place
    base = place / "postgres"
    if (base / "data").is_dir():
        Cluster(base, place / "log", {}).stop()
    shutil.rmtree(top)


@pytest.fixture(scope="session")
def seed() -> Iterator[Path]:
    """A stopped cluster that was made once: copying it is quicker than making one for every test."""
    top = reachable_folder()
    postgres.ensure(top).stop()
    yield top / "postgres"
    shutil.rmtree(top)


@pytest.fixture
def home(empty_home: Path, seed: Path) -> Path:
    """A data folder with a fresh, stopped cluster."""
    subprocess.run(["cp", "-a", str(seed), str(empty_home / "postgres")], check=True)
    return empty_home
