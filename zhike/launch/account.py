"""Which operating-system account PostgreSQL runs as: it refuses root."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import IO, Any

from zhike.launch.errors import LaunchError
from zhike.launch.lifeline import quit_with_parent

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An operating-system account; `drop` tells whether it is another than the current one."""

    name: str
    uid: int
    gid: int
    drop: bool

    def process_options(self) -> dict[str, Any]:
        """Arguments for subprocess that make the child run as this account, in a neutral folder."""
        options: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, "env": environment()}
        if self.drop:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a command as this account and gives its result, output captured."""
        return subprocess.run(
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            **self.process_options(),
        )

    def popen(self, command: Sequence[str | Path], log: IO[bytes], *, tied: bool = False) -> subprocess.Popen[bytes]:
        """Starts a command as this account, apart from the terminal, its output going to `log`.

        When `tied`, it ends together with this process, even if that is killed.
        """
        return subprocess.Popen(
            [str(part) for part in command],
            stdout=log,
            stderr=log,
            start_new_session=True,
            # Only tests tie their server, and start it before any thread.
            preexec_fn=quit_with_parent if tied else None,  # noqa: PLW1509
            **self.process_options(),
        )

    def enters(self, folder: Path) -> bool:
        """True when this account can reach a folder with the permissions as they are."""
        return not self.drop or self.run("test", "-x", folder).returncode == 0

    def reads(self, file: Path) -> bool:
        """True when this account can read a file with the permissions as they are."""
        return not self.drop or self.run("test", "-r", file).returncode == 0


def environment() -> dict[str, str]:
    """What the server sees of our environment: nothing that could change its meaning."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def account_for(data: Path) -> Account:
    """The account that runs the cluster in `data`: the owner of it or of the folder around it, never root."""
    uid = os.geteuid()
    owner = (data if data.exists() else data.parent).stat().st_uid
    if uid != 0:
        if owner != uid:
            raise LaunchError(
                _("The database in %(data)s belongs to the account %(owner)s. Start Zhike as root or as that account.")
                % {"data": data, "owner": _name(owner)}
            )
        return Account(_name(uid), uid, os.getegid(), drop=False)
    if owner != 0:
        return _dropped(_name(owner))
    for name in CANDIDATES:
        try:
            return _dropped(name)
        except KeyError:
            continue
    raise LaunchError(
        _(
            "PostgreSQL does not run as root, and this machine has neither an account postgres nor nobody. "
            "Start Zhike as a normal user, or make one: useradd --system postgres"
        )
    )


def _dropped(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid, drop=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise LaunchError(
            _("PostgreSQL needs a name for the account number %(uid)d, and /etc/passwd has none.") % {"uid": uid}
        ) from None
