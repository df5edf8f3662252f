"""Programs restart when they die, and end when the supervisor does, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from zhike.launch import ports
from zhike.launch.paths import CODE

# A program that leaves its number in a file, with a child of its own that does the same.
PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
from zhike.launch.lifeline import PARENT, end_with, end_with_supervisor
end_with_supervisor()
os.environ[PARENT] = str(os.getpid())
if os.fork() == 0:
    end_with(int(os.environ[PARENT]), signal.SIGKILL)
    Path(sys.argv[1] + ".child").write_text(str(os.getpid()))
    time.sleep(60)
Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
SUPERVISOR = f"""
import os, sys
from zhike.launch.postgres import Server
from zhike.launch.supervisor import Program, Supervisor
program = Program("trial", [sys.executable, "-c", {PROGRAM!r}, sys.argv[1]], dict(os.environ))
Supervisor(Server("postgres:///none"), [program], print).run(ready=lambda: True, announce=lambda: None)
"""


class Trial:
    """A supervisor in a process of its own with one program."""

    def __init__(self, folder: Path) -> None:
        self.note = folder / "number"
        environment = {**os.environ, "PYTHONPATH": str(CODE)}
        self.process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(self.note)], env=environment)
        self.pids = self.started()

    def started(self, before: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Numbers of the program and its child, once they differ from an earlier pair."""

        def numbers() -> tuple[int, ...]:
            files = (self.note, self.note.with_suffix(".child"))
            # A file is empty for a moment while its program writes its number anew.
            return tuple(int(text) for file in files if file.exists() and (text := file.read_text()))

        wait_for(lambda: len(set(numbers()) - set(before)) == 2)
        return numbers()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_of_stopping_ends_everything(trial: Trial, number: signal.Signals) -> None:
    trial.process.send_signal(number)
    assert trial.process.wait(15) == 0
    wait_for(lambda: all(gone(pid) for pid in trial.pids))


def test_a_killed_supervisor_takes_everything_with_it(trial: Trial) -> None:
    trial.process.kill()
    trial.process.wait()
    wait_for(lambda: all(gone(pid) for pid in trial.pids))


def test_a_killed_program_is_swept_and_starts_again(trial: Trial) -> None:
    os.kill(trial.pids[0], signal.SIGKILL)
    again = trial.started(trial.pids)
    assert all(gone(pid) for pid in trial.pids)
    trial.process.terminate()
    assert trial.process.wait(15) == 0
    wait_for(lambda: all(gone(pid) for pid in again))


def test_a_port_that_is_taken_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < ports.free("127.0.0.1", port) < port + ports.TRIES
    assert ports.free("127.0.0.1", port) == port
