"""zhike config export, diff and apply."""

import argparse
import sys
from contextlib import ExitStack
from gettext import gettext as _
from pathlib import Path
from types import TracebackType
from typing import Any

from zhike.cli.running import django_ready
from zhike.cli.show import result, say
from zhike.launch.errors import LaunchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    config = commands.add_parser("config", help=_("fields, objects, layouts, pipelines and roles as one file"))
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    give = actions.add_parser("export", help=_("write the configuration in force to a file"))
    give.add_argument("file", metavar="FILE", type=Path, help=_("file to write; - for the terminal"))
    give.set_defaults(run=run_export)
    for name, run, text in (
        ("diff", run_diff, _("say what a file would change; ends with 1 where it would change anything")),
        ("apply", run_apply, _("show what a file would change, ask, and publish it as a whole")),
    ):
        command = actions.add_parser(name, help=text)
        command.add_argument("file", metavar="FILE", type=Path, help=_("a file that “zhike config export” wrote"))
        command.add_argument("--json", action="store_true", help=_("the changes as JSON"))
        command.set_defaults(run=run)
        if name == "apply":
            command.add_argument("--yes", action="store_true", help=_("do not ask"))
            person = _("login name of the person whose rights count (the first administrator)")
            command.add_argument("--as", "--user", dest="user", default="", metavar="USER", help=person)


def run_export(options: argparse.Namespace) -> int:
    """Writes the file."""
    with ExitStack() as stack:
        text = _ready(stack).export()
    if str(options.file) == "-":
        sys.stdout.write(text)
    else:
        options.file.write_text(text, "utf-8")
        say(_("Written to %(file)s.") % {"file": options.file})
    return 0


def run_diff(options: argparse.Namespace) -> int:
    """Prints what is different."""
    text = _text(options.file)
    with ExitStack() as stack:
        textfile = _ready(stack)
        changes = textfile.diff(textfile.read(text))
        _show(changes, as_json=options.json)
    return 1 if changes else 0


def run_apply(options: argparse.Namespace) -> int:
    """Publishes the file after a yes."""
    text = _text(options.file)
    with ExitStack() as stack:
        textfile = _ready(stack)
        file = textfile.read(text)
        changes = textfile.diff(file)
        _show(changes, as_json=options.json)
        for problem in textfile.warnings(file):
            say(f"{problem.path}: {problem.text}")
        if not changes:
            return 0
        if not options.yes and not _sure():
            say(_("Nothing was changed."))
            return 1
        # Here, because it needs Django set up.
        from zhike.engine.config.persons import administrator

        number = textfile.apply(administrator(options.user), file, options.file.name)
        say(_("In force as version %(n)s.") % {"n": number})
    return 0


def _sure() -> bool:
    if not sys.stdin.isatty():
        raise LaunchError(_("Nobody is there to say yes: use --yes."))
    say(_("Publish this? [y/N]"))
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def _show(changes: Any, *, as_json: bool) -> None:
    if as_json:
        found = [{"path": c.where, "kind": c.kind, "what": c.what, "text": c.text} for c in changes]
        result(found, as_json=True)
        return
    for c in changes:
        sign = {"added": "+", "removed": "-", "changed": "~"}[c.kind]
        print(f"{sign} {c.what}" + (f" ({c.text})" if c.text else ""))
    if not changes:
        say(_("Nothing is different."))


def _text(file: Path) -> str:
    if not file.is_file():
        raise LaunchError(_("There is no file %(file)s.") % {"file": file})
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise LaunchError(_("%(file)s is not UTF-8 text.") % {"file": file}) from error


class Said:
    """Turns what the engine refuses into a sentence for the terminal."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """LaunchError with the lines and paths."""
        # Here, because they need Django set up.
        from zhike.engine.config.lifecycle import Unfit
        from zhike.engine.errors import Conflict, Invalid, Refused

        if isinstance(error, Unfit):
            lines = "\n".join(f"  {p.path or _('file')}: {p.text}" for p in error.problems)
            raise LaunchError(_("Nothing was changed:") + "\n" + lines) from error
        if isinstance(error, Invalid):
            lines = "\n".join(f"  {k}: {w.text}" for row in error.rows for k, found in row.items() for w in found)
            raise LaunchError(_("Nothing was changed:") + "\n" + lines) from error
        if isinstance(error, Refused | Conflict):
            raise LaunchError(error.text) from error


def _ready(stack: ExitStack) -> Any:
    stack.enter_context(django_ready())
    # Here, because they need Django set up.
    from django.utils import translation

    from zhike.cli.texts import language
    from zhike.engine.config import textfile

    stack.enter_context(translation.override(language().replace("_", "-").lower()))
    stack.enter_context(Said())
    return textfile
