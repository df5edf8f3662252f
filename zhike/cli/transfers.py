"""zhike import and zhike export."""

import argparse
from gettext import gettext as _
from pathlib import Path

from zhike.cli.running import django_ready
from zhike.cli.show import Progress, result
from zhike.launch.errors import LaunchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    take = commands.add_parser("import", help=_("take records in from a file"))
    take.add_argument("entity", metavar="ENTITY", help=_("what the rows are, such as account, contact, lead or deal"))
    take.add_argument("file", metavar="FILE", type=Path, help=_("xlsx, xls, csv, tsv or vcf"))
    take.add_argument("--user", required=True, help=_("login name of the person who imports"))
    take.add_argument("--mode", choices=("create", "update", "both"), default="both", help=_("what may happen to rows"))
    take.add_argument("--match", help=_("attributes that tell whether a record is there already, with commas"))
    take.add_argument("--map", action="append", default=[], metavar="COLUMN=ATTRIBUTE", help=_("how a column is read"))
    take.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    take.add_argument("--errors", type=Path, help=_("where to write the rows that were refused, with the reasons"))
    take.add_argument("--json", action="store_true", help=_("counts as JSON"))
    take.set_defaults(run=run_import)

    give = commands.add_parser("export", help=_("write records to a file"))
    give.add_argument("entity", metavar="ENTITY", help=_("which records, such as account, contact, lead or deal"))
    give.add_argument("--user", required=True, help=_("login name of the person who exports"))
    give.add_argument("--query", default="", help=_("filter, as after the question mark of a list's address"))
    give.add_argument("--output", type=Path, help=_("file to write: .xlsx or .csv (ENTITY.xlsx)"))
    give.add_argument("--json", action="store_true", help=_("counts as JSON"))
    give.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> int:
    """Imports a file through the same door as the page; ends with 1 when rows were refused."""
    if not options.file.is_file():
        raise LaunchError(_("There is no file %(file)s.") % {"file": options.file})
    columns = {}
    for pair in options.map:
        column, sign, attribute = pair.partition("=")
        if not sign:
            raise LaunchError(_("--map needs COLUMN=ATTRIBUTE, not %(text)s.") % {"text": pair})
        columns[column] = attribute
    progress = Progress()
    with django_ready():
        # Here, because it needs Django set up.
        from zhike.engine import transfer

        try:
            counts = transfer.import_file(
                options.entity,
                options.file,
                username=options.user,
                mode=options.mode,
                match=tuple(filter(None, (options.match or "").split(","))),
                columns=columns,
                dry_run=options.dry_run,
                errors=options.errors,
                progress=progress,
            )
        finally:
            progress.close()
    result(counts, as_json=options.json)
    return 1 if counts.get("errors") else 0


def run_export(options: argparse.Namespace) -> int:
    """Exports what the person may read."""
    progress = Progress()
    with django_ready():
        # Here, because it needs Django set up.
        from zhike.engine import transfer

        try:
            counts = transfer.export_file(
                options.entity,
                options.output or Path(f"{options.entity}.xlsx"),
                username=options.user,
                query=options.query,
                progress=progress,
            )
        finally:
            progress.close()
    result(counts, as_json=options.json)
    return 0
