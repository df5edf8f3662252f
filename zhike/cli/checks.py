"""zhike check: is this installation fit to be relied on?"""

import argparse
import shutil
from collections.abc import Iterator
from gettext import gettext as _
from pathlib import Path

from zhike.cli import schema
from zhike.cli.running import django_ready
from zhike.cli.show import result
from zhike.launch import postgres, rights
from zhike.launch.postgres import Server

FULL_PERCENT = 95
Finding = dict[str, object]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    check = commands.add_parser("check", help=_("look whether everything is in order"))
    check.add_argument("--json", action="store_true", help=_("findings as a list of JSON objects"))
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints each finding; ends with 1 when one is bad."""
    with django_ready() as (home, server):
        findings = list(look(home, server))
    if options.json:
        result(findings, as_json=True)
    else:
        for finding in findings:
            result(f"{_('ok') if finding['ok'] else _('BAD')}  {finding['name']}: {finding['detail']}", as_json=False)
    return 0 if all(finding["ok"] for finding in findings) else 1


def look(home: Path, server: Server) -> Iterator[Finding]:
    """The findings, each with name, ok and detail; needs Django set up."""
    # Here, because they need Django set up.
    from django.core import checks

    yield _finding("database", _("PostgreSQL %(version)s, durable") % {"version": postgres.verify(server.url)})
    yield _finding("database role", _role(server))
    yield _finding("data folder", str(home))
    disk = shutil.disk_usage(home)
    used = 100 - disk.free * 100 // disk.total
    yield _finding("disk", _("%(used)d %% in use") % {"used": used}, ok=used < FULL_PERCENT)
    with schema.owner(server):
        missing = schema.pending()
    yield _finding("migrations", ", ".join(missing) or _("none pending"), ok=not missing)
    problems = [str(problem) for problem in checks.run_checks() if problem.is_serious()]
    yield _finding("settings and declarations", "; ".join(problems) or _("nothing found"), ok=not problems)


def _role(server: Server) -> str:
    if rights.role_of(server.url) != rights.role_of(server.app):
        return _("the application is not the owner of the tables")
    return _(
        "warning: the application owns the tables, so only triggers guard the history. Make a second role and set "
        "ZHIKE_OWNER_URL to the owner's address, DATABASE_URL to the other one's; then run `zhike migrate`."
    )


def _finding(name: str, detail: str, *, ok: bool = True) -> Finding:
    return {"name": name, "ok": ok, "detail": detail}
