"""The API as it is served: granian with two processes on a port and a database of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zhike.launch.lifeline import PARENT
from zhike.launch.supervisor import answers

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    """Where it is, the keys by person, and what it logged."""

    url: str
    keys: dict[str, str]
    log: Path


@pytest.fixture(scope="session")
def served(postgres: Any) -> Iterator[Served]:
    """A running server with a small firm."""
    home = Path(tempfile.mkdtemp(prefix="zhike-contract-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("ZHIKE_", "LC_", "LANG"))},
        "DATABASE_URL": postgres.scratch("contract"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT),
        "ZHIKE_ACCEPT_DATA_LOSS": "1",
        "ZHIKE_API_PER_MINUTE": "1000000",
        "ZHIKE_HOME": str(home),
        "ZHIKE_SECRET_KEY": "of-the-contract-" * 4,
        PARENT: str(os.getpid()),
    }
    command = [sys.executable, "-m", "tests.api.prepare"]
    filled = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert filled.returncode == 0, filled.stderr[-4000:]
    log = home / "log"
    with log.open("wb") as out:
        server = [sys.executable, "-m", "zhike.cli.web", "127.0.0.1", str(port), "2"]
        process = subprocess.Popen(server, cwd=ROOT, env=variables, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not answers("127.0.0.1", port):
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.1)
        yield Served(f"http://127.0.0.1:{port}/api/v1", json.loads(filled.stdout), log)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(home)
