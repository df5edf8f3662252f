"""zhike tokens revoke-all."""

import argparse
from gettext import gettext as _

from zhike.cli.running import django_ready
from zhike.cli.show import say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    tokens = commands.add_parser("tokens", help=_("keys of programs"))
    actions = tokens.add_subparsers(dest="action", required=True, metavar="ACTION")
    end = actions.add_parser("revoke-all", help=_("end every key of everybody at once"))
    end.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """The kill switch, for the console of the machine."""
    with django_ready():
        # Here, because it needs Django set up.
        from zhike.engine import tokens

        ended = tokens.revoke_all()
    say(_("%(count)d keys have ended.") % {"count": ended})
    return 0
