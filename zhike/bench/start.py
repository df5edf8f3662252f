"""How soon a second start serves its first page, beside the smallest Django site on the same server program.

Both are whole processes, from their start to the first answer of status 200, on the same machine in the same run. Ours
starts its database too: the data folder is one that a first start has filled.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from zhike.launch import ports

from . import Figure, Options, within

RUNS = 3
GOAL = 5.0  # seconds
PATIENCE = 180.0
BARE = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(SECRET_KEY="bench", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
urlpatterns = [path("login", lambda request: HttpResponse("ok"))]
application = get_wsgi_application()
"""


def run(options: Options) -> list[Figure]:
    """Seconds until the first page of a second start, the median of three."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "bare.py").write_text(BARE, "utf-8")
        plain = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
        ours = {**plain, "ZHIKE_HOME": str(place / "home")}
        serve = [sys.executable, "-m", "zhike", "serve"]
        granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "bare:application"]
        _until_served(serve, ours)
        times = [
            (_until_served(serve, ours), _until_served(granian, {**plain, "PYTHONPATH": folder}))
            for _n in range(options.get("rounds", RUNS))
        ]
    second, bare = (statistics.median(column) for column in zip(*times, strict=True))
    return [within("second start to first page", second, "s", bare, GOAL)]


def _until_served(command: Sequence[str], variables: Mapping[str, str]) -> float:
    """Seconds from the start of a process to its first page; the process is ended afterwards."""
    port = ports.free("127.0.0.1", 18_700)
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=dict(variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                raise RuntimeError(f"{' '.join(command[1:4])}: {process.poll()}")
            time.sleep(0.02)
        return time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
