"""A process of its own for foreign files: bounded memory, time and output, and nothing of our secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

if sys.platform != "win32":  # there only the time limit of the parent holds
    import resource

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH")


class Died(Exception):
    """The child ended without an answer; `code` is too_slow, too_much_memory, disk_full or reader_died."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def confine(*, seconds: int, output: int, memory: int, ceiling: int) -> None:
    """Called by the child before it opens anything: processor seconds, and bytes of output and of memory."""
    if sys.platform == "win32":
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_AS, (memory, ceiling))


def environment() -> dict[str, str]:
    """Nothing of the parent's environment but what an interpreter needs to start."""
    kept = {key: os.environ[key] for key in _KEPT_ENVIRONMENT if key in os.environ}
    return kept | {
        "PYTHONPATH": str(_PACKAGE_ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "MALLOC_ARENA_MAX": "1",
    }


def run(module: str, argument: str, *, folder: Path, seconds: float) -> None:
    """Run `python -m module argument` and wait at most `seconds`; raises Died."""
    process = subprocess.Popen(
        [sys.executable, "-s", "-m", module, argument],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, complaint = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Died("too_slow") from None
    if process.returncode:
        raise Died(_cause(process.returncode, complaint))


def _cause(code: int, complaint: bytes) -> str:
    text = complaint[-2000:].decode("utf-8", "replace")
    if code in (-signal.SIGXCPU, -signal.SIGKILL) and "memory" not in text:
        return "too_slow"
    if "memory" in text or "MemoryError" in text or code in (-signal.SIGABRT, -signal.SIGXFSZ):
        return "too_much_memory"
    return "disk_full" if "No space left" in text else "reader_died"
