"""What the operating system says about the processes of a cluster."""

import os
import signal
import time
from pathlib import Path

PROC = Path("/proc")


def of_cluster(data: Path) -> list[int]:
    """Live processes of the server in `data`: every one of them works inside that folder.

    A number in postmaster.pid alone proves nothing: after a crash it may be a zombie that nobody buries,
    or may have gone to another program. Without /proc (macOS) that number is all there is.
    """
    if not (PROC / "self" / "stat").exists():
        pid = recorded(data)
        return [pid] if pid and exists(pid) else []
    found = []
    inside = str(data.resolve())
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if str((entry / "cwd").readlink()) == inside:
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, a zombie, or of another account
    return found


def recorded(data: Path) -> int | None:
    """The process number that the server wrote down when it started, if it did."""
    lines = pid_file(data)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def pid_file(data: Path) -> list[str]:
    """The lines of the server's own state file; empty when there is none."""
    try:
        return (data / "postmaster.pid").read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def exists(pid: int) -> bool:
    """True when a process of that number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Signals a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end_orphans(data: Path, *, patience: float = 3.0, limit: float = 30.0) -> bool:
    """Waits until the children of a dead server have gone, pressing harder with time; True when they have.

    They end by themselves as soon as they notice, except those in the middle of a long query.
    """
    started = time.monotonic()
    while orphans := of_cluster(data):
        waited = time.monotonic() - started
        if waited > limit:
            return False
        if waited > patience:
            harder = signal.SIGKILL if waited > 3 * patience else signal.SIGQUIT
            for pid in orphans:
                send(pid, harder)
        time.sleep(0.05)
    return True
