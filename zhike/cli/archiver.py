"""The process that archives the log of the embedded database: `python -m zhike.cli.archiver`, run by the supervisor."""

import os
import signal
import threading
from pathlib import Path

from zhike.backup.pitr import Archiver, Wish
from zhike.cli import texts
from zhike.cli.moments import URL
from zhike.launch.lifeline import end_with_supervisor


def main() -> None:
    """Archives until told to stop."""
    texts.install()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    end_with_supervisor()
    # Here, because they read the environment that the supervisor gives.
    from config import settings

    wish = Wish(
        days=settings.PITR_DAYS or 1,
        recipient=settings.BACKUP_RECIPIENT,
        hour=2 if settings.BACKUP_HOUR is None else settings.BACKUP_HOUR,
        every=settings.PITR_SECONDS,
    )
    Archiver(os.environ[URL], Path(settings.HOME), settings.BACKUPS, wish).run(stop)


if __name__ == "__main__":
    main()
