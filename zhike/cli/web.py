"""The web server process: `python -m zhike.cli.web HOST PORT WORKERS`, started by the supervisor."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from zhike.launch.lifeline import PARENT, end_with, end_with_supervisor

THREADS = 4


def load() -> Callable[..., Any]:
    """Runs in each worker: ties it to the server process, then loads the application."""
    end_with(int(os.environ[PARENT]), signal.SIGKILL)
    # Here, because loading it before the fork would share database connections between the workers.
    from config.wsgi import application

    return application


def main() -> None:
    """Serves until told to stop."""
    end_with_supervisor()
    os.environ[PARENT] = str(os.getpid())
    os.environ["ZHIKE_WEB"] = "1"  # pages have a time limit for each statement of the database
    host, port, workers = sys.argv[1:]
    Granian(
        "config.wsgi:application",
        address=host,
        port=int(port),
        interface=Interfaces.WSGI,
        workers=int(workers),
        blocking_threads=THREADS,
        backpressure=64,
        respawn_failed_workers=True,
        respawn_interval=1,
        workers_kill_timeout=5,
        log_level=LogLevels.warning,
    ).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main()
