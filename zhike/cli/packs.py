"""zhike pack list and apply: what an installation of a trade begins with."""

import argparse
from contextlib import ExitStack
from gettext import gettext as _
from typing import Any

from zhike.cli.config import Said
from zhike.cli.running import django_ready
from zhike.cli.show import say
from zhike.launch.errors import LaunchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    pack = commands.add_parser("pack", help=_("fields, objects, pipelines, views and samples of a trade"))
    actions = pack.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help=_("the packs there are"))
    listing.set_defaults(run=run_list)
    apply = actions.add_parser("apply", help=_("put a pack in force; a second time changes nothing"))
    apply.add_argument("name", metavar="NAME", help=_("name of the pack, as “zhike pack list” says"))
    apply.add_argument("--no-samples", action="store_true", help=_("without sample records"))
    apply.add_argument("--remove-samples", action="store_true", help=_("take the sample records of the pack away"))
    person = _("login name of the person whose rights count (the first administrator)")
    apply.add_argument("--as", "--user", dest="user", default="", metavar="USER", help=person)
    apply.set_defaults(run=run_apply)


def run_list(options: argparse.Namespace) -> int:
    """Prints the packs."""
    with ExitStack() as stack:
        packs = _ready(stack)
        # Here, because it needs Django set up.
        from zhike.engine.labels import localized

        for name in packs.names():
            pack = packs.read(name)
            print(f"{name}\t{localized(pack.labels)}\t{localized(pack.help)}")
    return 0


def run_apply(options: argparse.Namespace) -> int:
    """Puts a pack in force, or takes its samples away."""
    with ExitStack() as stack:
        packs = _ready(stack)
        # Here, because it needs Django set up.
        from zhike.engine.config.persons import administrator

        if options.name not in packs.names():
            known = ", ".join(packs.names())
            raise LaunchError(_("There is no pack “%(name)s”: %(known)s.") % {"name": options.name, "known": known})
        actor = administrator(options.user)
        if options.remove_samples:
            say(_("Sample records removed: %(n)s.") % {"n": packs.remove_samples(actor, options.name)})
            return 0
        done = packs.apply(actor, options.name, samples=not options.no_samples)
        for step in done.steps:
            say(f"+ {step.what}")
        if done.number:
            say(_("In force as version %(n)s.") % {"n": done.number})
        say(_("Sample records added: %(n)s.") % {"n": done.samples})
    return 0


def _ready(stack: ExitStack) -> Any:
    """The packs, with Django set up; what is wrong is told in words."""
    stack.enter_context(django_ready())
    # Here, because they need Django set up.
    from django.utils import translation

    from zhike.cli.texts import language
    from zhike.engine.config import packs

    stack.enter_context(translation.override(language().replace("_", "-").lower()))
    stack.enter_context(Said())
    return packs
