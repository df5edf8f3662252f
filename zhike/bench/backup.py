"""Saving and restoring an installation, each beside PostgreSQL's own program doing the same to a plain file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from django.conf import settings

from zhike import backup
from zhike.backup.programs import address, environment, program
from zhike.engine.models import StoredFile
from zhike.launch.postgres import Server

from . import Figure, Options, exact, figure, load

ROWS = 100_000
GOAL = 1.5  # times the plain program
BY_HAND = "plain"


def run(options: Options) -> list[Figure]:
    """Seconds of a backup, with digests, packing and encryption, and of a restore that compares every table."""
    options = {**options, "rows": options.get("rows") or ROWS}
    server: Server = options["server"]
    with load.database(options, light=True) as made, tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        place, url = Path(folder), str(made["url"])
        saved = Server(url)
        _files(place / "home" / "files")
        secret, public = backup.streams.new_key()
        dumped = _seconds("pg_dump", url, ["--format=custom", "--compress=0", f"--file={place / 'plain'}"])
        whole = backup.make(place / "home", saved, place / "backups", recipient=public)
        empty = Server(server.url)  # its scratch databases begin empty
        by_hand = empty.scratch(BY_HAND)
        try:
            restored = _seconds("pg_restore", by_hand, ["--no-owner", "--no-privileges", str(place / "plain")])
        finally:
            empty.drop(BY_HAND)
        (place / "plain").unlink()
        begun = perf_counter()
        problems = backup.drill(empty, whole, identity=secret)
        tried = perf_counter() - begun
        return [
            figure(f"backup of {whole.rows:,} rows", whole.seconds, "s", dumped, GOAL),
            figure("restore, and every table compared", tried, "s", restored, GOAL),
            figure("size", round(whole.size / 2**20, 1), "MB", 0),
            exact("tables and files that are not as they were", len(problems), 0),
        ]


def _files(folder: Path) -> None:
    """The uploads that the database speaks of: an import into a kept one leaves some."""
    folder.mkdir(parents=True)
    for name in StoredFile.objects.values_list("blob", flat=True):
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings.MEDIA_ROOT / name, to)


def _seconds(name: str, url: str, options: Sequence[str]) -> float:
    """Seconds of one of PostgreSQL's programs."""
    begun = perf_counter()
    command = [str(program(name, 0)), *options, *address(url)]
    subprocess.run(command, check=True, env=environment(url), stdout=subprocess.DEVNULL)
    return perf_counter() - begun
