"""A database like another one: from a backup, or straight from the database at work."""

from __future__ import annotations

import subprocess
from gettext import gettext as _

import psycopg

from .model import BackupError
from .programs import address, environment, program, tail
from .restore import fill

__all__ = ["copy", "fill"]


def copy(source: str, target: str) -> None:
    """Fill the empty database `target` with all that `source` holds at one moment, past the disk.

    Raises BackupError with the words of the program that failed.
    """
    with psycopg.connect(source) as connection:
        major = connection.info.server_version // 10_000
    options = ["--no-owner", "--no-privileges"]
    dump = subprocess.Popen(
        [str(program("pg_dump", major)), "--format=custom", "--compress=0", *options, *address(source)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(source),
    )  # fmt: skip
    try:
        done = subprocess.run(
            [str(program("pg_restore", major)), "--single-transaction", "--exit-on-error", *options, *address(target)],
            stdin=dump.stdout, capture_output=True, text=True, errors="replace", check=False, env=environment(target),
        )  # fmt: skip
    finally:
        if dump.stdout:
            dump.stdout.close()
        dump.kill() if dump.poll() is None else None
        code = dump.wait()
    if code or done.returncode:
        raise BackupError(_("The database could not be copied: %(said)s") % {"said": tail([done.stderr])})
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("ANALYZE")
