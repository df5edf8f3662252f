"""zhike mcp."""

import argparse
import os
import sys
from gettext import gettext as _

from zhike.cli.running import django_ready
from zhike.cli.show import say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    found = commands.add_parser("mcp", help=_("Zhike for an assistant on this machine (MCP over stdio)"))
    found.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """Answers the messages of standard input; the key is in ZHIKE_KEY."""
    secret = os.environ.get("ZHIKE_KEY", "")
    if not secret:
        say(_("Put a key into ZHIKE_KEY: Zhike, your account, keys."))
        return 2
    with django_ready():
        # Here, because it needs Django set up.
        from django.db import close_old_connections

        from zhike.mcp import stdio

        stdio.serve(secret, sys.stdin, sys.stdout, after=close_old_connections)
    return 0
