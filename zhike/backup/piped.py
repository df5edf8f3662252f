"""A program at work beside us: what it gives goes into a new file, compressed and, with a public key, encrypted."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import IO, Self, cast

from . import streams
from .model import BackupError, Piece
from .programs import tail


class Piped:
    """Begins at once; `done` waits for its end, and leaving the block ends it."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], place: Path, recipient: str) -> None:
        self.said: list[str] = []
        self._name = Path(command[0]).name
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables
        )
        self._piece: list[Piece] = []
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._store, args=(place, recipient), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of: object) -> None:
        """It does not outlive whoever waited for it."""
        self.end()
        for thread in self._threads:
            thread.join()
        self._process.wait()

    def end(self) -> None:
        """End it where it is still at work."""
        if self._process.poll() is None:
            self._process.kill()

    def _store(self, place: Path, recipient: str) -> None:
        try:
            self._piece.append(streams.store(cast("IO[bytes]", self._process.stdout), place, recipient))
        except BaseException as error:  # told by done()
            self._failed.append(error)
            self._process.kill()

    def _listen(self) -> None:
        for line in cast("IO[bytes]", self._process.stderr):
            self.said.append(line.decode("utf-8", "replace"))

    def done(self) -> Piece:
        """Waits for its end. Raises BackupError with its own words."""
        for thread in self._threads:
            thread.join()
        code = self._process.wait()
        if self._failed:
            raise self._failed[0]
        if code:
            raise BackupError(
                _("%(program)s ended with code %(code)d: %(said)s")
                % {"program": self._name, "code": code, "said": tail(self.said)}
            )
        return self._piece[0]
