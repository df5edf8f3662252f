"""zhike privacy reapply: after a backup was restored, erase again whom it brought back."""

import argparse
from gettext import gettext as _

from zhike.cli import schema
from zhike.cli.running import django_ready
from zhike.cli.show import result


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    privacy = commands.add_parser("privacy", help=_("personal data"))
    actions = privacy.add_subparsers(dest="action", required=True, metavar="ACTION")
    again = actions.add_parser("reapply", help=_("after restoring a backup: erase again whom it brought back"))
    again.add_argument("--json", action="store_true", help=_("the counts as JSON"))
    again.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Applies the list of the erased once more; prints how many are on it and how many were erased now."""
    with django_ready() as (home, server):
        schema.migrate(home, server)
        # Here, because it needs Django set up.
        from zhike.engine import privacy

        result(privacy.reapply(), as_json=options.json)
    return 0
