"""PostgreSQL's own programs for dumping and restoring."""

from __future__ import annotations

import os
from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from zhike.launch import binaries
from zhike.launch.errors import LaunchError

from .model import BackupError

TOLD = 600  # characters of what a program said


def program(name: str, major: int) -> Path:
    """A program of the server's version, else of the newest that is here. Raises BackupError where there is none."""
    for wanted in (major, None):
        try:
            place = binaries.choose(wanted).folder / name
        except LaunchError:
            continue
        if place.is_file():
            return place
    raise BackupError(
        _("%(name)s of PostgreSQL %(major)d is not on this machine. Install it, or name its folder in ZHIKE_PG_BIN.")
        % {"name": name, "major": major}
    )


def address(url: str) -> list[str]:
    """The options that name a database: without its password, which others would read in the list of processes."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value and name != "password"}
    return [f"--dbname={make_conninfo('', **parts)}"]


def environment(url: str) -> dict[str, str]:
    """The environment of a program that signs in to a database."""
    password = conninfo_to_dict(url).get("password")
    return {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": str(password)} if password else {})}


def tail(lines: Sequence[str]) -> str:
    """The end of what a program said."""
    return "".join(lines)[-TOLD:].strip()
