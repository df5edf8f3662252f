"""How long a second start takes until it serves its first page, against a bare Django on the same server program.

Both are whole processes from their start to the first answer of status 200, on the same machine in the same run.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from zhike import demo
from zhike.launch import ports

from . import Figure, Options, figure, scratch

RUNS = 3
GOAL = 4.0
LIMIT = 5.0
BARE = """
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
settings.configure(SECRET_KEY="bench", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
urlpatterns = [path("login", lambda request: HttpResponse("ok"))]
application = get_wsgi_application()
"""


def run(options: Options) -> list[Figure]:
    """Seconds until the first page of a second start; the goal of five seconds is a figure of its own."""
    with scratch.database(options["server"], "start") as url, tempfile.TemporaryDirectory() as folder:
        demo.load(scale=0.02)
        place = Path(folder)
        (place / "bare.py").write_text(BARE, "utf-8")
        env = {**os.environ, "DATABASE_URL": url, "ZHIKE_HOME": str(place / "home")}
        ours, bare = [], []
        for _n in range(RUNS + 1):
            ours.append(_until_served([sys.executable, "-m", "zhike", "serve"], env))
            granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "bare:application"]
            bare.append(_until_served(granian, {**env, "PYTHONPATH": str(place)}, bare=True))
    again, by_hand = statistics.median(ours[1:]), statistics.median(bare[1:])
    return [
        figure("second start to first page", again, "s", by_hand, GOAL),
        figure("second start to first page, against five seconds", again, "s", LIMIT, 1.0),
    ]


def _until_served(command: list[str], env: dict[str, str], *, bare: bool = False) -> float:
    """Seconds from the start of a process to its first page; the process is ended again."""
    port = ports.free("127.0.0.1", 18_700)
    end = ["--host", "127.0.0.1", "--port", str(port)] if bare else ["--port", str(port)]
    begun = time.perf_counter()
    process = subprocess.Popen([*command, *end], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while True:
            if process.poll() is not None:
                said = process.stderr.read() if process.stderr else ""
                raise RuntimeError(json.dumps({"command": command, "said": said[-500:]}))
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=1) as answer:
                    answer.read()
                    return time.perf_counter() - begun
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
