"""Reads the command line and runs one command."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from gettext import gettext as _
from types import FrameType

from zhike import __version__
from zhike.cli import (
    accounts,
    backups,
    benches,
    checks,
    config,
    history,
    keys,
    mcp,
    packs,
    privacy,
    serving,
    texts,
    transfers,
    upgrade,
)
from zhike.cli.show import say
from zhike.launch.errors import LaunchError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `zhike` with the given arguments; gives the exit code: 0 well, 1 not, 2 misused, 130 interrupted."""
    texts.install()
    options = _parser().parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _unwind)
    try:
        return int(options.run(options))
    except LaunchError as error:
        say(_("Error: %(text)s") % {"text": error})
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has left; nothing is to be said to it any more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            say(_("Error: %(text)s") % {"text": f"{error.filename or ''} {error.strerror or error}".strip()})
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="zhike",
        description=_("Zhike, the CRM: run it, fill it, measure it."),
        epilog=_("Data lies in ZHIKE_HOME; DATABASE_URL names a PostgreSQL server of your own."),
    )
    parser.add_argument("--version", action="version", version=f"zhike {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (
        serving,
        accounts,
        transfers,
        backups,
        config,
        packs,
        benches,
        history,
        checks,
        keys,
        mcp,
        privacy,
        upgrade,
    ):
        module.add(commands)
    return parser


def _unwind(number: int, _frame: FrameType | None) -> None:
    """Leaves every `with` block in order, so that a database started here is stopped."""
    raise SystemExit(128 + number)
