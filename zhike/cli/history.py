"""zhike history: verify the log of who did what, and hand it to an auditor."""

import argparse
import datetime as dt
from gettext import gettext as _
from pathlib import Path

from zhike.cli.running import django_ready
from zhike.cli.show import result
from zhike.launch.errors import LaunchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    history = commands.add_parser("history", help=_("the log of who did what"))
    actions = history.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help=_("look whether anything in it was changed, removed or added"))
    verify.add_argument("--against", type=Path, metavar="FILE", help=_("a copy of the seals, as in ZHIKE_AUDIT_LOG"))
    verify.add_argument("--json", action="store_true", help=_("the report as JSON"))
    verify.set_defaults(run=run_verify)
    export = actions.add_parser("export", help=_("write it to a file for an auditor, with a manifest beside it"))
    export.add_argument("--from", dest="start", required=True, metavar="DAY", help=_("first day, such as 2026-01-01"))
    export.add_argument("--to", dest="end", required=True, metavar="DAY", help=_("last day"))
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help=_("file to write (.jsonl)"))
    export.add_argument("--values", action="store_true", help=_("with the values before and after"))
    export.add_argument("--json", action="store_true", help=_("the manifest as JSON"))
    export.set_defaults(run=run_export)


def run_verify(options: argparse.Namespace) -> int:
    """Prints what is not as it was sealed; ends with 1 when there is anything."""
    with django_ready():
        # Here, because they need Django set up.
        from zhike.engine import chain, offbox

        if options.against and not options.against.is_file():
            raise LaunchError(_("There is no file %(file)s.") % {"file": options.against})
        chain.seal()
        report = chain.verify(against=offbox.seals(options.against) if options.against else None)
        chain.verified(report, channel="console")
    counts = {
        "ok": report.ok,
        "rows": report.rows,
        "seals": report.seals,
        "not_sealed": report.unsealed,
        "redacted": report.redacted,
        "expired": report.expired,
        "head": report.head,
        "problems": report.count,
    }
    if options.json:
        result({**counts, "notes": report.notes, "findings": [str(one) for one in report.findings]}, as_json=True)
    else:
        for text in (*report.notes, *report.findings):
            result(str(text), as_json=False)
        result(counts, as_json=False)
    return 0 if report.ok else 1


def run_export(options: argparse.Namespace) -> int:
    """Writes the steps of whole days, in the firm's time zone."""
    with django_ready():
        # Here, because they need Django set up.
        from django.utils import timezone

        from zhike.engine import archive

        first, last = _day(options.start), _day(options.end) + dt.timedelta(days=1)
        start, end = (timezone.make_aware(dt.datetime.combine(day, dt.time())) for day in (first, last))
        if options.out.exists():
            raise LaunchError(_("The file %(file)s is there already.") % {"file": options.out})
        manifest = archive.export(options.out, start, end, values=options.values)
    result(manifest, as_json=options.json)
    return 0


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise LaunchError(_("%(text)s is not a day; write it as 2026-01-31.") % {"text": text}) from error
