"""What the command shows: sentences and progress for people on stderr, results on stdout."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

QUIET_SECONDS = 5.0


def say(text: str) -> None:
    """A sentence for the person at the terminal; a terminal that has gone away is no error."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        return


def result(value: Any, *, as_json: bool) -> None:
    """The answer of a command: JSON for programs, else one line per object."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
        return
    rows: Sequence[Any] = value if isinstance(value, list) else [value]
    for row in rows:
        if isinstance(row, Mapping):
            print("  ".join(f"{name}: {content}" for name, content in row.items()))
        else:
            print(row)


class Progress:
    """Shows how far long work has come: one line that is rewritten on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._text = ""
        self._last = 0.0
        self._open = False

    def __call__(self, done: int, total: int, text: str) -> None:
        """Tells that `done` of `total` steps of the work called `text` are done; total 0 means unknown."""
        now = time.monotonic()
        finished = total > 0 and done >= total
        pause = 0.1 if self._terminal else QUIET_SECONDS
        if text == self._text and not finished and now - self._last < pause:
            return
        self._text, self._last = text, now
        amount = f"{done:,} / {total:,}  {done * 100 // total} %" if total else f"{done:,}"
        if self._terminal:
            sys.stderr.write(f"\r\033[K{text}  {amount}")
            self._open = True
        else:
            sys.stderr.write(f"{text}  {amount}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Ends the line that was being rewritten."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False
