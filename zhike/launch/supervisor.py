"""Keeps the processes of Zhike running, and ends them together."""

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from gettext import gettext as _

from zhike.launch.errors import LaunchError
from zhike.launch.lifeline import PARENT
from zhike.launch.postgres import Server

POLL_SECONDS = 0.2
STOP_SECONDS = 15.0
STEADY_SECONDS = 60.0
LONGEST_WAIT = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Program:
    """A child process that is started again whenever it ends, after a wait that grows with each failure."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    failures: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _since: float = 0.0
    _not_before: float = 0.0

    def start(self) -> None:
        """Starts the process in a session of its own: Ctrl-C reaches the supervisor alone."""
        environment = {**self.environment, PARENT: str(os.getpid())}
        self._process = subprocess.Popen(
            self.command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._since = time.monotonic()

    def look(self, say: Callable[[str], None]) -> None:
        """Starts the process again when it has ended and its wait is over."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._not_before:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self.kill()
        self.failures = 1 if now - self._since > STEADY_SECONDS else self.failures + 1
        wait = min(0.5 * 2 ** (self.failures - 1), LONGEST_WAIT)
        self._not_before = now + wait
        say(
            _("%(name)s ended (code %(code)d); it starts again in %(wait).1f s.")
            % {"name": self.name, "code": code, "wait": wait}
        )

    def ask_to_end(self) -> None:
        """Asks the process to finish what it is doing and end."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """True when the process is gone."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Ends the process with everything that it started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # the whole group may have gone
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


class Supervisor:
    """Runs programs beside a database server until it is told to stop."""

    def __init__(self, server: Server, programs: Sequence[Program], say: Callable[[str], None]) -> None:
        self._server = server
        self._programs = programs
        self._say = say
        self._stop = threading.Event()
        self._signals = 0

    def run(self, ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Starts everything, calls `announce` once `ready` says yes, and returns when all has ended."""
        with self._listening():
            try:
                for program in self._programs:
                    program.start()
                announced = False
                while not self._stop.wait(POLL_SECONDS if announced else POLL_SECONDS / 4):
                    self._look()
                    if not announced and ready():
                        announce()
                        announced = True
            finally:
                self._end()

    def _look(self) -> None:
        if not self._server.alive():
            self._say(_("The database server has ended; starting it again."))
            try:
                self._server.revive()
            except LaunchError as error:
                self._say(str(error))
                self._stop.wait(2)
                return
            self._say(_("The database server is back."))
        for program in self._programs:
            program.look(self._say)

    def _end(self) -> None:
        for program in self._programs:
            program.ask_to_end()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and self._signals < 2:
            if all(program.ended() for program in self._programs):
                break
            time.sleep(0.02)
        for program in self._programs:
            program.kill()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Ctrl-C, termination and a closed terminal all stop; a second time, at once."""
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number, handler in before.items():
            # `nohup` asks us to survive the terminal; a shell's background job must still take a kill -INT.
            if number != signal.SIGHUP or handler != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        self._stop.set()


def answers(host: str, port: int) -> bool:
    """True when a web server at that address answers a request for its first page, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": f"127.0.0.1:{port}"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
