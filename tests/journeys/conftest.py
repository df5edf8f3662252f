"""The journeys run against the real thing: granian, the worker and PostgreSQL, driven by a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.desk import PHONE, WIDE, Desk, Device, Site
from zhike.launch.lifeline import PARENT
from zhike.launch.supervisor import answers

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
START_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def site(postgres: Any) -> Iterator[Site]:
    """Zhike with the demo firm in small, on a port and a database of its own."""
    if not (ROOT / "zhike/web/static/build/app.js").is_file():
        pytest.fail("The front end is not built: run `make frontend`.")
    home = Path(tempfile.mkdtemp(prefix="zhike-journeys-"))
    (home / "demo.json").write_text("{}")  # as a demo, which has the page of components
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("ZHIKE_", "LC_", "LANG"))},
        "DATABASE_URL": postgres.scratch("journeys"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT),
        "ZHIKE_ACCEPT_DATA_LOSS": "1",
        "ZHIKE_BACKUP_HOUR": "off",
        "ZHIKE_FIGURE_SECONDS": "0",  # what somebody did a moment ago is asked for
        "ZHIKE_HOME": str(home),
        "ZHIKE_PATIENCE": "5",  # of searches; the machine has other tests to run
        "ZHIKE_SECRET_KEY": "of-the-journeys-" * 4,
        PARENT: str(os.getpid()),
    }
    filled = _run("tests.journeys.prepare", variables)
    log = (home / "log").open("wb")
    commands = (("zhike.cli.web", "127.0.0.1", str(port), "1"), ("zhike", "worker"))
    running = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=variables, stdout=log, stderr=log)
        for command in commands
    ]
    try:
        _wait(port, running[0], home / "log")
        yield Site(f"http://127.0.0.1:{port}", json.loads(filled), variables["DATABASE_URL"], home / "log")
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)
        log.close()
        shutil.rmtree(home)


def _run(module: str, variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{module} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers("127.0.0.1", port):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The web server did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser; every test gets contexts of its own in it."""
    path = os.environ.get("ZHIKE_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


Visit = Callable[..., Desk]


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Visit]:
    """Opens a browser of a person: `visit("seller")`; afterwards nothing may have gone wrong in any of them."""
    desks: list[Desk] = []
    logged = site.log.stat().st_size

    def begin(person: str = "", device: Device = WIDE, **more: Any) -> Desk:
        desk = Desk.open(site, chromium, person, device, **more)
        desks.append(desk)
        return desk

    yield begin
    problems = [problem for desk in desks for problem in desk.problems]
    for desk in desks:
        desk.close()
    if any(problem.startswith("5") for problem in problems):
        problems.append(site.log.read_bytes()[logged:][-4000:].decode())
    assert not problems, "\n".join(problems)


@pytest.fixture(params=[WIDE, PHONE], ids=["wide", "phone"])
def device(request: pytest.FixtureRequest) -> Device:
    """The desktop and the phone."""
    found: Device = request.param
    return found
