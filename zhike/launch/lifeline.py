"""Ends a process together with the one that started it, even when that one is killed outright."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
PARENT = "ZHIKE_PARENT"


def ask_kernel(number: signal.Signals) -> None:
    """On Linux: lets the kernel send this process a signal when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def quit_with_parent() -> None:
    """What a throw-away server runs between fork and exec: it goes at once when its starter goes."""
    ask_kernel(signal.SIGQUIT)


def end_with(parent: int, number: signal.Signals) -> None:
    """Sends this process a signal as soon as its parent is no longer the process `parent`."""
    ask_kernel(number)
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(parent, number), daemon=True).start()
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), number)


def end_with_supervisor() -> None:
    """Ties this process to the supervisor that started it; nothing happens when there is none."""
    parent = os.environ.get(PARENT, "")
    if parent.isdigit():
        end_with(int(parent), signal.SIGTERM)


def _watch(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), number)
